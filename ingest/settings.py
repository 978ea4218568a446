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
    ingest_session_days: int = Field(
        default=7,
        ge=1,
        le=365,
        description="How many days the broker keeps readings for an ingest that is away.",
    )
    ingest_window: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="Most messages taken and not yet acknowledged; the broker holds the rest.",
    )


class QuarantineSettings(DatabaseSettings):
    """Where the quarantine is, for `telekol quarantine`."""
