"""Settings of ``telekol alerts``."""

from __future__ import annotations

from telekol.settings import DatabaseSettings


class AlertsSettings(DatabaseSettings):
    """The database address is all it needs."""
