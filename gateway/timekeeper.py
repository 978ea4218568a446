"""The gateway's watch over its own time: looks, remembers, tells, and dates what waited.

Owns when these happen. Must not know how time is judged (`gateway.gateway_clock`) nor how a reading
is dated (`gateway.held`).

Invariants
----------
1. A held reading is put into the outbox as soon as it can be dated exactly, in the order in which
   it came.
2. One that cannot be dated for a reason nobody foresaw is set aside and stops no other.
3. While the server can be reached no reading is held for longer than HOLD_ONLINE; while it cannot
   be reached there is nothing to gain by sending it with a doubtful date.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final, Protocol

from gateway.clock_book import ClockBook
from gateway.errors import OutboxCorruptError, OutboxError
from gateway.held import (
    Bounds,
    Dated,
    HeldReading,
    bounds_of,
    date_between,
    date_exactly,
    date_unknown,
)
from gateway.held_readings import HeldReadings
from gateway.intake import Intake
from gateway.redating import Redater
from gateway.trusted_time import TrustedTime

_LOG = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
NOTE_EVERY: Final = timedelta(minutes=10)
"""How often the known time is written down: what a power cut can take from the lower bound of the
next start. Each is one page on a card that bears some 10 000 writes of each of its cells, and
levels them."""

HOLD_ONLINE: Final = timedelta(minutes=15)
"""How long a reading waits for the time while the server can be reached. A time service answers
within a minute of being reached (timesyncd asks every 30 s until then); what can reach the
broker and no time service has a fault that only people mend. A red reading must not wait for
them."""

SAY_AFTER: Final = timedelta(minutes=5)
"""How long after the boot it is normal not to know the time; then support is told."""

_AT_ONCE: Final = 50
"""Readings dated in one go, each a commit of some 10 ms on a card: half a second."""


class Clockwork(Protocol):
    """Where troubles with the gateway's own clock are told."""

    def told(self, *, is_trusted: bool, why: str, is_trouble: bool) -> None:
        """Take in how it stands; the same again changes nothing."""


class Timekeeper:
    """Keeps the time and dates what was held.

    Parameters
    ----------
    is_online
        Says whether the server can be reached.
    tell
        Told, once a second, how the gateway's clock stands.
    redater
        Moves what was dated by a time that has turned out wrong.
    """

    def __init__(
        self,
        time: TrustedTime,
        held: HeldReadings,
        intake: Intake,
        book: ClockBook,
        is_online: Callable[[], bool],
        tell: Clockwork,
        redater: Redater | None = None,
    ) -> None:
        self._time = time
        self._held = held
        self._intake = intake
        self._book = book
        self._is_online = is_online
        self._tell = tell
        self._redater = redater
        self._online_since: timedelta | None = None
        self._noted: timedelta | None = None

    async def run(self) -> None:
        """Keep the time until cancelled.

        Raises
        ------
        OutboxCorruptError
            If the outbox is damaged: a new start of the process begins a new one.
        """
        said = ""
        while True:
            try:
                self.once()
                said = ""
            except OutboxCorruptError:
                raise
            except OutboxError as error:
                # Once: on a full disk this comes every second, and the log may lie on that disk.
                if str(error) != said:
                    _LOG.error("the time is not noted, held readings stay: %s", error)
                said = str(error)
            await asyncio.sleep(LOOK_EVERY_S)

    def once(self) -> None:
        """Look, and do what follows.

        Raises
        ------
        OutboxError
            If something could not be written; it is tried again the next time.
        """
        self._time.refresh()
        passed = self._time.seen.since_boot
        self._see_whether_online(passed)
        is_trusted = self._time.is_trusted
        is_trouble = not is_trusted and passed >= SAY_AFTER
        self._tell.told(is_trusted=is_trusted, why=self._time.why, is_trouble=is_trouble)
        if self._redater is not None and self._redater.once():
            self._noted = None  # what was noted of the time is as wrong
        self._note(passed)
        if self._time.shift is not None or self._is_overdue(timedelta(), passed):
            self._release(passed)

    def _see_whether_online(self, passed: timedelta) -> None:
        if not self._is_online():
            self._online_since = None
        elif self._online_since is None:
            self._online_since = passed

    def _note(self, passed: timedelta) -> None:
        known = self._time.known
        is_due = self._noted is None or passed - self._noted >= NOTE_EVERY
        if known is not None and is_due:
            self._held.note_known(known)
            self._noted = passed

    def _is_overdue(self, since: timedelta, passed: timedelta) -> bool:
        """Say whether what came at `since` has waited long enough while the server was there."""
        online = self._online_since
        return online is not None and passed - max(since, online) >= HOLD_ONLINE

    def _release(self, passed: timedelta) -> None:
        waiting = self._held.all()
        bounds = self._bounds(reading for _, reading in waiting)
        dated = 0
        for number, reading in waiting:
            if dated < _AT_ONCE and self._hand_over(number, reading, bounds, passed):
                dated += 1

    def _hand_over(
        self, number: int, reading: HeldReading, bounds: dict[str, Bounds], passed: timedelta
    ) -> bool:
        """Put a reading into the outbox if it can be dated; says whether."""
        try:
            dated = self._dated(reading, bounds, passed)
            if dated is None:
                return False
            with self._held.taking_out(number):
                self._intake.release(reading, dated)
        except (ValueError, OverflowError) as error:  # pydantic's errors are ValueErrors
            self._held.set_aside(number, f"it cannot be dated: {type(error).__name__}")
            return False
        _LOG.info("%s: a held reading was dated", reading.device.address)
        return True

    def _bounds(self, waiting: Iterable[HeldReading]) -> dict[str, Bounds]:
        """Bound the boots that are over; none while the time of this one is not known."""
        booted_at = self._time.booted_at
        if booted_at is None:
            return {}
        over = [reading for reading in waiting if reading.boot != self._time.boot]
        boots = {reading.boot for reading in over}
        return {
            boot: bounds_of([item for item in over if item.boot == boot], booted_at)
            for boot in boots
        }

    def _dated(
        self, reading: HeldReading, bounds: dict[str, Bounds], passed: timedelta
    ) -> Dated | None:
        shift = self._time.shift
        is_of_this_boot = reading.boot == self._time.boot
        if shift is not None and is_of_this_boot:
            return date_exactly(reading, shift)
        if shift is not None:
            clock = self._book.clock(reading.device.address)
            return date_between(reading, bounds[reading.boot], clock)
        if not self._is_overdue(reading.since_boot if is_of_this_boot else timedelta(), passed):
            return None
        seen = self._time.seen
        return date_unknown(reading, seen.wall - seen.since_boot if is_of_this_boot else None)
