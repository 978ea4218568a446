"""Settings of ``telekol alerts``."""

from __future__ import annotations

from telekol.settings import DatabaseSettings, HeartbeatSettings


class AlertsSettings(DatabaseSettings, HeartbeatSettings):
    """The database address is all it needs; a supervisor may want its heartbeat too."""
