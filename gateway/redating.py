"""When a time that was believed turns out wrong: what was dated by it is dated anew.

Owns which readings and which clocks of devices are moved by a step of the gateway's own clock, and
by how much. Must not know how the step was found (`gateway.trusted_time`).

A clock that nobody sets over a network can be believed and be wrong: a battery-backed one that was
set to local time, a PC's that lost a day. When a time service then steps it, readings that wait
since this boot carry the wrong date. They can be moved by the step as a whole, since time since the
boot never jumps.

Invariants
----------
1. An id stays what it is, that of an arrival too: the device's next repetition is still known.
2. What may be on its way to the server is left alone: one number means one reading.
3. A time that does not come from the gateway's clock is not moved: what a display showed, what a
   person said, what an older comparison corrects.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.clock import IMPLAUSIBLE
from gateway.clock_book import ClockBook
from gateway.device_clock import SAME_ERA_WITHIN
from gateway.outbox import Outbox
from telekol.observation import Observation, TimeConfidence

_LOG = logging.getLogger(__name__)

BEYOND: Final = timedelta(minutes=5)
"""A smaller step is within what the best confidence of a time promises (300 s,
`telekol.observation.TimeConfidence.CLOCK_CHECKED`)."""

_COMPARED: Final = frozenset({TimeConfidence.CLOCK_CHECKED, TimeConfidence.CLOCK_CARRIED})
_IN_DOUBT: Final = frozenset(
    {TimeConfidence.GATEWAY_CLOCK_BOUNDED, TimeConfidence.GATEWAY_CLOCK_UNKNOWN}
)
"""These say already that the gateway's time was not known, and within what they hold."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the gateway's time.

    Parameters
    ----------
    jump
        What to add to what was dated before.
    booted_at
        When the kernel booted, by the time that was wrong.
    """

    jump: timedelta
    booted_at: datetime


def redated(item: Observation, step: Step, offsets: frozenset[timedelta]) -> Observation | None:
    """Move a reading that waits; None if it is none that the wrong time dated.

    Parameters
    ----------
    offsets
        Of its device's clock, as they were found while the time was wrong.
    """
    if item.received_at < step.booted_at or item.time_confidence in _IN_DOUBT:
        return None
    received_at = item.received_at + step.jump
    moved: dict[str, Any] = {"received_at": received_at}
    if _is_dated_by_us(item, offsets):
        moved["measured_at"] = item.measured_at + step.jump
        if item.clock_offset_s is not None:
            moved["clock_offset_s"] = item.clock_offset_s + step.jump.total_seconds()
    elif item.measured_at > received_at:
        # It cannot have been measured after it came: known by its arrival, as `gateway.clock` does.
        moved |= {
            "measured_at": received_at,
            "clock_offset_s": None,
            "time_confidence": TimeConfidence.ARRIVAL,
            "quality": (*item.quality, IMPLAUSIBLE),
        }
    # Checked again: what no observation can be is left as it was.
    return Observation.model_validate_json(item.model_copy(update=moved).model_dump_json())


def _is_dated_by_us(item: Observation, offsets: frozenset[timedelta]) -> bool:
    if item.clock_offset_s is None or item.time_confidence not in _COMPARED:
        return item.measured_at == item.received_at
    applied = timedelta(seconds=item.clock_offset_s)
    return any(abs(applied - offset) <= SAME_ERA_WITHIN for offset in offsets)


class Redater:
    """Moves what a wrong time has dated.

    Parameters
    ----------
    is_first
        Whether no other process of this boot has known the time: then what waits already is of
        an earlier boot, whatever its date.
    """

    def __init__(self, outbox: Outbox, book: ClockBook, *, is_first: bool) -> None:
        self._outbox = outbox
        self._book = book
        self._first = outbox.last_seq + 1 if is_first else 1
        self._steps: list[tuple[Step, int]] = []

    def stepped(self, jump: timedelta, booted_at: datetime) -> None:
        """Take in a step, in the moment it is seen: what comes from now on is dated right."""
        if abs(jump) > BEYOND:
            self._steps.append((Step(jump, booted_at), self._outbox.last_seq))

    def once(self) -> bool:
        """Do what has to be done; says whether there was anything.

        Raises
        ------
        OutboxError
            If it could not be written; it is tried again the next time.
        """
        if not self._steps:
            return False
        step, last = self._steps[0]
        with self._outbox.file.transaction():
            offsets = self._book.redated(step.jump, step.booted_at)

            def change(item: Observation) -> Observation | None:
                return redated(item, step, offsets.get(item.device.address, frozenset()))

            count = self._outbox.redate(self._first, last, change)
        self._steps.pop(0)
        _LOG.warning("the time was wrong: %d waiting readings were dated anew", count)
        return True
