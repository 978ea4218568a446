"""How settings reach a service: environment variables named ``TELEKOL_...``.

Owns the base class, the two addresses most services share, and the answer to a wrong
variable. Each service's own settings stand in its room's ``settings.py``; every field is
described once, there, and docs/settings.md is made from those descriptions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from telekol.errors import SettingsError

ENV_PREFIX: Final = "TELEKOL_"


def _broker_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "mqtt" or not parts.hostname:
        raise ValueError(f"expected mqtt://HOST:PORT, found {url!r}")
    return url


BrokerUrl = Annotated[str, AfterValidator(_broker_url)]


class TelekolSettings(BaseSettings):
    """Base of every service's settings."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    log_level: str = Field(
        default="INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="How much is logged: DEBUG, INFO, WARNING or ERROR.",
    )


class DatabaseSettings(TelekolSettings):
    """For services that reach the database."""

    database_url: SecretStr = Field(
        description="PostgreSQL or TimescaleDB, as postgresql://USER:PASSWORD@HOST:PORT/NAME."
    )


class BrokerSettings(TelekolSettings):
    """For services that reach the MQTT broker."""

    broker_url: BrokerUrl = Field(
        default="mqtt://127.0.0.1:1883", description="The MQTT broker, as mqtt://HOST:PORT."
    )

    @property
    def broker_host(self) -> str:
        """Host part of the broker's address."""
        return urlsplit(self.broker_url).hostname or ""

    @property
    def broker_port(self) -> int:
        """Port of the broker, 1883 when the address names none."""
        return urlsplit(self.broker_url).port or 1883


class HeartbeatSettings(TelekolSettings):
    """For services without a port, whose health a file shows."""

    heartbeat_file: Path | None = Field(
        default=None,
        description="File that is touched while the service gets on; "
        "`python -m telekol.heartbeat` exits with 1 when it is older than a minute.",
    )


SettingsT = TypeVar("SettingsT", bound=TelekolSettings)


def load(kind: type[SettingsT], **given: Any) -> SettingsT:
    """Read a service's settings from the environment; `given` values win over it.

    Raises
    ------
    SettingsError
        Naming each wrong variable, what was expected and what was found. A secret's value
        is never repeated.
    """
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [_say(kind, item) for item in error.errors(include_url=False)]
        raise SettingsError("\n".join(lines)) from None


def variable_name(field: str) -> str:
    """Give the environment variable of a settings field."""
    return f"{ENV_PREFIX}{field.upper()}"


def _say(kind: type[TelekolSettings], item: Any) -> str:
    field = str(item["loc"][0]) if item["loc"] else "settings"
    info = kind.model_fields.get(field)
    meaning = (info.description or "") if info else ""
    name = variable_name(field)
    if item["type"] == "missing":
        return f"{name} is not set. {meaning}"
    secret = info is not None and info.annotation is SecretStr
    found = "" if secret else f" (found {str(item['input'])[:80]!r})"
    return f"{name} is wrong{found}: {item['msg']}. {meaning}"
