"""Settings of ``telekol ingest``."""

from __future__ import annotations

from pydantic import Field

from telekol.settings import BrokerSettings, DatabaseSettings, HeartbeatSettings


class IngestSettings(DatabaseSettings, BrokerSettings, HeartbeatSettings):
    """Where the broker and the database are, and how ingest presents itself."""

    ingest_client_id: str = Field(
        default="telekol-ingest-1",
        min_length=1,
        max_length=60,
        description="MQTT client id. Fixed, since the broker keeps undelivered readings under it; "
        "two ingest processes need two.",
    )
    ingest_share: str | None = Field(
        default=None,
        pattern="^[a-z0-9-]{1,40}$",
        description="Name of a group of ingest processes that share the work: the broker gives "
        "each message to one of them. The same name in each, e.g. 'ingest'; unset for one alone.",
    )
    ingest_session_days: int = Field(
        default=7,
        ge=1,
        le=365,
        description="How many days the broker keeps readings for an ingest that is away.",
    )
    ingest_window: int = Field(
        default=1000,
        ge=1,
        le=10_000,
        description="Most messages taken and not yet acknowledged; the broker holds the rest.",
    )
    ingest_ask_every_s: float = Field(
        default=30.0,
        ge=0.5,
        le=86_400,
        description="Seconds between two looks for readings that the server lacks and a home is "
        "asked to send again, as after restoring a backup.",
    )


class OperatorSettings(DatabaseSettings):
    """Where the database is, for the commands of operators: sign in as telekol_operator_login."""
