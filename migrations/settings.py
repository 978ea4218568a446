"""Settings of ``telekol migrate``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from telekol.settings import DatabaseSettings


class MigrateSettings(DatabaseSettings):
    """The database address is all it needs."""


class BackupSettings(DatabaseSettings):
    """The same address: the database that is backed up, or the empty one that is filled."""


def sqlalchemy_url(settings: DatabaseSettings) -> str:
    """Give the database address in SQLAlchemy's spelling, with psycopg as the driver."""
    url = settings.database_url.get_secret_value()
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


class KeySettings(DatabaseSettings):
    """What ``telekol keys rotate`` needs."""

    civil_registration_keys: Path = Field(
        description="File of the keys of civil registration numbers (TOML, mode 600), as "
        "`telekol keys make` writes it. Never on the database's machine or in its backup."
    )
