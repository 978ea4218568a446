"""Settings of ``telekol migrate``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

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


class LoginSettings(DatabaseSettings):
    """What ``telekol database logins`` needs: an administrator's address, and new passwords."""

    ingest_password: SecretStr | None = Field(
        default=None, description="Password of ingest's login, telekol_ingest_login."
    )
    alerts_password: SecretStr | None = Field(
        default=None, description="Password of alerts' login, telekol_alerts_login."
    )
    api_password: SecretStr | None = Field(
        default=None, description="Password of the api's login, telekol_api_login."
    )
    operator_password: SecretStr | None = Field(
        default=None,
        description="Password of the operators' login, telekol_operator_login, for "
        "`telekol quarantine`, `gaps`, `attribution` and `validity`.",
    )

    def passwords(self) -> dict[str, str]:
        """Give the passwords that are set, by whose they are."""
        given = {
            "ingest": self.ingest_password,
            "alerts": self.alerts_password,
            "api": self.api_password,
            "operator": self.operator_password,
        }
        return {
            who: secret.get_secret_value()
            for who, secret in given.items()
            if secret is not None and secret.get_secret_value()
        }
