"""Which moment of a streaming oximeter is the reading: one for each finger, never a flood.

Owns the rule. Pure: moments and their times come in, chosen moments go out. Must not know the
bytes of any device, disks or radios.

An oximeter that streams tells some number every second from the moment a finger is put in: the
first ones are guesses, the last ones are of a finger on its way out. One of them is the reading:

1. A moment that the device vouches for (Nonin's SmartPoint), as soon as there is one.
2. Else the end of a *steady stretch*: STEADY_S of usable moments without a gap, over which
   saturation and pulse keep within SPO2_SPAN_PCT and PULSE_SPAN_PER_MIN. A device that vouches is
   given until LONGEST_S to do so, or until the finger is taken out; then the latest stretch counts.
3. Else, when the finger has been in for LONGEST_S, the next usable moment, marked as unsettled:
   the sickest have a value that never rests.

A finger that is taken out before any of these gives no reading. After its reading an *insertion*
gives no other: it ends when the finger has been out for OFF_S, or when nothing was heard for
AWAY_S, also over connections.

Usable means: a finger is in, both numbers are there, and no flag refuses them.

What else changes with it: docs/devices.md.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Generic, TypeVar

T = TypeVar("T")

STEADY_S: Final = 10.0
"""Twice the five seconds without a change that patients are told to wait for before they note a
value (NHS England, pulse oximetry at home, 2021); averaging over 4-8 beats takes up to 8 s at 60
per minute, so the stretch is longer than the average behind each of its moments."""
SPO2_SPAN_PCT: Final = Decimal(2)
"""The accuracy oximeters state: 2 % is one standard deviation (ISO 80601-2-61 allows up to 4)."""
PULSE_SPAN_PER_MIN: Final = Decimal(10)
"""Twice the 5 per minute that a resting pulse scatters by."""
GAP_S: Final = 3.0
"""A stream has a moment every second; with two of them missing nobody knows what was between."""
LONGEST_S: Final = 55.0
"""OpenTele waited 45 s for a vouched value and 10 s more before it took the last one."""
OFF_S: Final = 3.0
"""A finger that slips is back sooner; one that is put in anew takes longer."""
AWAY_S: Final = 120.0
"""Above the longest time between two looks at one device (a minute's wait and a conversation): a
finger that stays in while the gateway looks elsewhere is still the same one."""


@dataclass(frozen=True, slots=True)
class Moment(Generic[T]):
    """One moment of a stream.

    Parameters
    ----------
    at_s
        When it was heard, by a clock that never jumps.
    is_on_finger
        Whether a finger is in.
    is_refused
        Whether a flag says that the numbers are nobody's.
    is_vouched
        Whether the device itself marks it as of high quality.
    what
        Whatever the caller wants back.
    """

    at_s: float
    what: T
    spo2_pct: Decimal | None
    pulse_per_min: Decimal | None
    is_on_finger: bool = True
    is_refused: bool = False
    is_vouched: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether it may be a reading at all."""
        has_both = self.spo2_pct is not None and self.pulse_per_min is not None
        return self.is_on_finger and has_both and not self.is_refused


@dataclass(frozen=True, slots=True)
class Chosen(Generic[T]):
    """The reading of one insertion; `is_settled` is False if it was only the last there was."""

    what: T
    is_settled: bool


class Steady(Generic[T]):
    """The rule, for one device; lives over its connections.

    Parameters
    ----------
    waits_for_vouched
        Whether the device marks moments of high quality, so that it is worth waiting for one.
    """

    def __init__(self, *, waits_for_vouched: bool) -> None:
        self._waits_for_vouched = waits_for_vouched
        self._heard_s: float | None = None
        self._off_s: float | None = None
        self._begun_s: float | None = None
        self._is_read = False
        self._run: deque[Moment[T]] = deque()
        self._steady: Moment[T] | None = None

    def fed(self, moment: Moment[T]) -> tuple[Chosen[T], ...]:
        """Take the next moment in; gives what is now a reading, mostly nothing."""
        late = self._ended_before(moment.at_s)
        self._heard_s = moment.at_s
        if not moment.is_on_finger:
            return late + self._off(moment.at_s)
        self._off_s = None
        if self._begun_s is None:
            self._begun_s = moment.at_s
        return late if self._is_read else late + self._on(moment)

    def ended(self) -> tuple[Chosen[T], ...]:
        """Take in that the link ended; the finger may still be in the next time."""
        self._run.clear()
        return self._latest_stretch()

    @property
    def is_idle(self) -> bool:
        """Whether no finger is in, or was when last heard."""
        return self._begun_s is None

    @property
    def is_read(self) -> bool:
        """Whether the finger that is in has given its reading."""
        return self._is_read

    def _forget(self) -> None:
        """Wait for the next finger."""
        self._begun_s = None
        self._is_read = False
        self._run.clear()
        self._steady = None

    def _ended_before(self, at_s: float) -> tuple[Chosen[T], ...]:
        """End the insertion if it was over before this moment was heard."""
        is_away = self._heard_s is not None and at_s - self._heard_s > AWAY_S
        is_out = self._off_s is not None and at_s - self._off_s >= OFF_S
        if self._begun_s is None or not (is_away or is_out):
            return ()
        last = self._latest_stretch()
        self._forget()
        return last

    def _off(self, at_s: float) -> tuple[Chosen[T], ...]:
        self._run.clear()
        if self._off_s is None:
            self._off_s = at_s
        return ()

    def _on(self, moment: Moment[T]) -> tuple[Chosen[T], ...]:
        if self._joins_steadily(moment):
            self._steady = moment
        if moment.is_usable and moment.is_vouched:
            return self._read(moment, is_settled=True)
        time_is_up = self._begun_s is not None and moment.at_s - self._begun_s >= LONGEST_S
        if self._steady is not None and (time_is_up or not self._waits_for_vouched):
            return self._read(self._steady, is_settled=True)
        if time_is_up and moment.is_usable:
            return self._read(moment, is_settled=False)
        return ()

    def _joins_steadily(self, moment: Moment[T]) -> bool:
        """Add a moment to the run of usable ones; say whether a steady stretch ends with it."""
        run = self._run
        if not moment.is_usable or (run and moment.at_s - run[-1].at_s > GAP_S):
            run.clear()
        if not moment.is_usable:
            return False
        run.append(moment)
        while len(run) > 1 and moment.at_s - run[1].at_s >= STEADY_S:
            run.popleft()
        return moment.at_s - run[0].at_s >= STEADY_S and _is_level(run)

    def _latest_stretch(self) -> tuple[Chosen[T], ...]:
        if self._is_read or self._steady is None:
            return ()
        return self._read(self._steady, is_settled=True)

    def _read(self, moment: Moment[T], *, is_settled: bool) -> tuple[Chosen[T], ...]:
        self._is_read = True
        self._run.clear()
        return (Chosen(moment.what, is_settled),)


def _is_level(run: deque[Moment[T]]) -> bool:
    spo2 = [item.spo2_pct for item in run if item.spo2_pct is not None]
    pulse = [item.pulse_per_min for item in run if item.pulse_per_min is not None]
    return max(spo2) - min(spo2) <= SPO2_SPAN_PCT and max(pulse) - min(pulse) <= PULSE_SPAN_PER_MIN
