"""When a device says again what is known, and when it only seems to.

Owns one question, asked of two readings with one id. Pure. Must not know disks or devices'
bytes.

An id is made from the device's own time. A clock that was never set counts from the day it was
made or from its last switch-on. If it counts from the switch-on, today's reading can have
yesterday's id and, with values as steady as a saturation, yesterday's value. What tells them
apart is when each was measured, as far as both were checked against the gateway's clock.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Final

from gateway.timing.device_clock import EARLIEST
from telekol.observation import Observation, TimeConfidence

APART: Final = timedelta(hours=1)
"""Drift between two comparisons moves one reading's corrected time by minutes in a season; a
switch-on that repeats a stamp within the hour, value and all, tells nobody anything new."""


def is_repetition(known: Observation, new: Observation) -> bool:
    """Say whether `new`, which has the id of `known`, is that reading once more."""
    if known.value != new.value:
        return False
    is_apart = abs(known.measured_at - new.measured_at) > APART
    return not (is_apart and _counts_from_its_start(new) and _is_checked(known, new))


def _counts_from_its_start(item: Observation) -> bool:
    return item.device_time is not None and item.device_time.replace(tzinfo=UTC) < EARLIEST


def _is_checked(*items: Observation) -> bool:
    # A clock that restarts at each switch-on stamps the same time in every era, so that none of
    # its times is certain; that they are hours apart is.
    compared = {TimeConfidence.CLOCK_CHECKED, TimeConfidence.CLOCK_CARRIED}
    return all(item.time_confidence in compared for item in items)
