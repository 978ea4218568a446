"""Settings of ``telekol migrate``."""

from __future__ import annotations

from telekol.settings import DatabaseSettings


class MigrateSettings(DatabaseSettings):
    """The database address is all it needs."""


class BackupSettings(DatabaseSettings):
    """The same address: the database that is backed up, or the empty one that is filled."""


def sqlalchemy_url(settings: DatabaseSettings) -> str:
    """Give the database address in SQLAlchemy's spelling, with psycopg as the driver."""
    url = settings.database_url.get_secret_value()
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
