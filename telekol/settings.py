"""How settings reach a service: environment variables named ``TELEKOL_...``.

Owns the base class, the two addresses most services share, and the answer to a wrong
variable. Each service's own settings stand in its room's ``settings.py``; every field is
described once, there, and docs/settings.md is made from those descriptions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from telekol.errors import SettingsError
from telekol.tls import TlsFiles

ENV_PREFIX: Final = "TELEKOL_"

DATABASE_PARAMETERS: Final = frozenset((
    "application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname",
    "fallback_application_name", "gssdelegation", "gssencmode", "gsslib", "host", "hostaddr",
    "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname",
    "load_balance_hosts", "max_protocol_version", "min_protocol_version", "oauth_client_id",
    "oauth_client_secret", "oauth_issuer", "oauth_scope", "options", "passfile", "password",
    "port", "replication", "require_auth", "requirepeer", "scram_client_key",
    "scram_server_key", "service", "ssl_max_protocol_version", "ssl_min_protocol_version",
    "sslcert", "sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey",
    "sslkeylogfile", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni",
    "target_session_attrs", "tcp_user_timeout", "user",
))  # fmt: skip
"""What a database address may set. A list of our own, held to libpq's by a test: a gateway has
these settings' base class and must not load a driver."""

_NUMBERS: Final = frozenset({"connect_timeout", "port", "tcp_user_timeout"})
_LONE_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")


def _broker_url(url: str) -> str:
    parts = _split(url, "expected mqtts://HOST:PORT or mqtt://, with a port from 1 to 65535")
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise ValueError("expected mqtts://HOST:PORT, or mqtt://HOST:PORT without TLS")
    return url


def _database_url(secret: SecretStr) -> SecretStr:
    """Refuse what a driver would refuse when it connects; no message repeats a part of it."""
    url = secret.get_secret_value()
    parts = _split(
        url,
        "expected postgresql://USER:PASSWORD@HOST:PORT/NAME with a port from 1 to 65535; "
        "in a password, @ : / ? # [ and ] are written as %40 %3A %2F %3F %23 %5B %5D",
    )
    if parts.scheme != "postgresql" or not url.startswith("postgresql://") or parts.fragment:
        raise ValueError("expected it to begin with postgresql:// and to have no #")
    if _LONE_PERCENT.search(url) or "%00" in url or "\0" in url:
        raise ValueError("expected two hexadecimal digits, not 00, after each %")
    _check_parameters(parts.query)
    return secret


def _check_parameters(query: str) -> None:
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        if not equals or name not in DATABASE_PARAMETERS:
            raise ValueError("expected after ? parameters of PostgreSQL only, as sslmode=require")
        if name in _NUMBERS and not value.isdecimal():
            raise ValueError(f"expected a whole number as {name}")


def _split(url: str, expected: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # urllib's own message repeats parts of the address, and a password may be in one.
        raise ValueError(expected) from None
    if port == 0:
        raise ValueError(expected)
    return parts


BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]


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

    database_url: DatabaseUrl = Field(
        description="PostgreSQL or TimescaleDB, as postgresql://USER:PASSWORD@HOST:PORT/NAME."
    )


class BrokerSettings(TelekolSettings):
    """For services that reach the MQTT broker."""

    broker_url: BrokerUrl = Field(
        default="mqtt://127.0.0.1:1883",
        description="The MQTT broker, as mqtts://HOST:PORT with the three files below, or, on a "
        "closed network only, as mqtt://HOST:PORT.",
    )
    broker_tls_ca: Path | None = Field(
        default=None, description="Certificate of the CA that signed the broker's, PEM."
    )
    broker_tls_certificate: Path | None = Field(
        default=None,
        description="Our certificate, PEM; a gateway's common name is its id. Read anew for each "
        "connection.",
    )
    broker_tls_key: Path | None = Field(
        default=None, description="The key of our certificate, PEM, readable by us alone."
    )

    @model_validator(mode="after")
    def _tls_is_whole_or_not_there(self) -> Self:
        given = [
            name
            for name in ("broker_tls_ca", "broker_tls_certificate", "broker_tls_key")
            if getattr(self, name) is not None
        ]
        wanted = 3 if urlsplit(self.broker_url).scheme == "mqtts" else 0
        if len(given) != wanted:
            found = ", ".join(variable_name(name) for name in given) or "none of them"
            raise ValueError(
                "expected TELEKOL_BROKER_TLS_CA, TELEKOL_BROKER_TLS_CERTIFICATE and "
                "TELEKOL_BROKER_TLS_KEY together with mqtts:// in TELEKOL_BROKER_URL, and none of "
                f"them with mqtt://; found {found} with {self.broker_url[:80]!r}"
            )
        return self

    @property
    def broker_host(self) -> str:
        """Host part of the broker's address."""
        return urlsplit(self.broker_url).hostname or ""

    @property
    def broker_port(self) -> int:
        """Port of the broker; when the address names none, 8883 with TLS and 1883 without."""
        return urlsplit(self.broker_url).port or (1883 if self.broker_tls is None else 8883)

    @property
    def broker_tls(self) -> TlsFiles | None:
        """The files of mutual TLS; None where the broker is reached without."""
        ca, certificate, key = self.broker_tls_ca, self.broker_tls_certificate, self.broker_tls_key
        if ca is None or certificate is None or key is None:
            return None
        return TlsFiles(ca, certificate, key)


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
    if not item["loc"]:
        # About several variables at once; its input is all of them, passwords too.
        return str(item["msg"]).removeprefix("Value error, ")
    field = str(item["loc"][0])
    info = kind.model_fields.get(field)
    meaning = (info.description or "") if info else ""
    name = variable_name(field)
    if item["type"] == "missing":
        return f"{name} is not set. {meaning}"
    secret = info is not None and info.annotation is SecretStr
    found = "" if secret else f" (found {str(item['input'])[:80]!r})"
    problem = str(item["msg"]).removeprefix("Value error, ")
    return f"{name} is wrong{found}: {problem}. {meaning}"
