"""Trouble with clocks, the gateway's and its devices', as the home's condition tells it.

Owns which trouble is raised and cleared. Must not know how clocks are judged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway.condition import Condition
from telekol.troubles import TroubleCode


class ClockTroubles:
    """Writes into the condition what is found out about clocks.

    Parameters
    ----------
    now
        Gives a date for the beginning of a trouble.
    """

    def __init__(self, condition: Condition, now: Callable[[], datetime]) -> None:
        self._condition = condition
        self._now = now

    def told(self, *, is_trusted: bool, why: str, is_trouble: bool) -> None:
        """Take in how the gateway's own clock stands."""
        self._condition.set_clock(is_trusted, why)
        code = TroubleCode.GATEWAY_CLOCK_UNTRUSTED
        if is_trouble:
            self._condition.raise_trouble(code, None, why, self._now())
        elif is_trusted:
            self._condition.clear(code)

    def judged(self, address: str, wrong: str | None) -> None:
        """Take in what is wrong with a device's clock; None if nothing is."""
        code = TroubleCode.DEVICE_CLOCK_WRONG
        if wrong is None:
            self._condition.clear(code, address)
        else:
            self._condition.raise_trouble(code, address, wrong, self._now())
