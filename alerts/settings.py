"""Settings of ``telekol alerts``."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from telekol.settings import DatabaseSettings, HeartbeatSettings


class AlertsSettings(DatabaseSettings, HeartbeatSettings):
    """The database address is all it needs; a supervisor may want its heartbeat too."""

    alerts_longest_wait_s: float | None = Field(
        default=None,
        ge=0,
        le=7200,
        description="Longest that a doubtful red waits for a second measurement, in seconds, "
        "whatever its rule says; 0: none waits, every red is raised at once.",
    )

    @property
    def longest_wait(self) -> timedelta | None:
        """The same as a duration."""
        seconds = self.alerts_longest_wait_s
        return None if seconds is None else timedelta(seconds=seconds)


class DatabaseCommandSettings(DatabaseSettings):
    """A command that asks the database once, as ``telekol replay``."""
