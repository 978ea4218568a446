"""Who hears of the radio's condition: the supervisor's status line and the server.

Owns the translation. Must not know how the condition came about.
"""

from __future__ import annotations

from gateway.recovery import NobodyTold, RadioState
from gateway.systemd_notify import Notifier


class RadioReport(NobodyTold):
    """Tells the supervisor."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._said: RadioState | None = None

    def radio_is(self, state: RadioState) -> None:
        """Say a new state in the status line."""
        if state is not self._said:
            self._said = state
            self._notifier.status(f"radio: {state}")
