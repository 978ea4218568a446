"""Settings of ``telekol alerts``."""

from __future__ import annotations

from telekol.settings import DatabaseSettings, HeartbeatSettings


class AlertsSettings(DatabaseSettings, HeartbeatSettings):
    """The database address is all it needs; a supervisor may want its heartbeat too."""


class DatabaseCommandSettings(DatabaseSettings):
    """A command that asks the database once, as ``telekol replay``."""
