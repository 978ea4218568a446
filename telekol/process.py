"""What every long-running service does with its process: stop when asked, and say how it ended.

Touches signals, so it is named for the process.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType


class StopSignal:
    """Set by SIGTERM or SIGINT; the service looks at it between two pieces of work."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def install(self) -> None:
        """Take over SIGTERM and SIGINT; call from the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    def set(self) -> None:
        """Ask the service to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Say whether the service was asked to stop."""
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` seconds; True as soon as the service is asked to stop."""
        return self._event.wait(timeout_s)
