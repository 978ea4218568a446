"""What is known of a device's clock: comparisons with ours, and the eras they show.

Owns the history of one device's clock. Pure: knows no radio and reads no clock. How a time is
corrected by it is in `gateway.timing.clock`.

A device's clock has a history. While nobody sets it, one offset turns its times into UTC,
however wrong it is: a clock that was never set and shows 1970 is as good as a right one. When
it is set, a new *era* begins; readings stored before it belong to the era before. So the
clock is read before it is set, and the eras of a device are kept between connections: if the
link is lost just after the clock was set, the stored readings come in the next connection.

A clock that is found changed (a new battery, a finger on its buttons, summer time) began its era
at an unknown moment between two comparisons. Each era therefore has two stretches, in the
device's own time: where it *can* have stamped a reading, and where it certainly was the clock,
since it was seen on both sides. What the confidence of a time says follows from these.

Invariants
----------
1. A comparison with a gateway that does not know the time yet is an undated era. It corrects
   nothing until it is dated.
2. The newest era comes first; the book is bounded, and forgets the oldest.

What else changes with it: `gateway.timing.clock_book` writes it down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.timing.gateway_clock import DRIFT_PPM, is_dated

EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""No kit was in use before; an earlier time is a clock that was never set (1970, 2000, 2010)."""

GRACE: Final = timedelta(seconds=2)
"""How far whole-second clocks and a slow link can put a true time into the future: one second
for a clock that shows none of its fractions, one for the reply that carries it."""

SAME_ERA_WITHIN: Final = timedelta(minutes=2)
"""Two offsets closer than this are one clock drifting; quartz drifts a minute a month."""

FRESH: Final = timedelta(minutes=15)
"""A reading that was stored this shortly before a comparison has that comparison's clock: nobody
changes a battery between measuring and sending, and a device that was out of reach for longer
has its reading waiting, not fresh."""

_ERAS_KEPT: Final = 64
"""A battery change makes two: the clock that came up, and what it was set to. With six, three
changes before the memory was read dropped the reading's own era, and another corrected it as if
checked. Thirty changes between two readings of a memory are nobody's home; 64 are 10 kB."""


@dataclass(frozen=True, slots=True)
class ClockSample:
    """A device's clock beside the gateway's, at one moment."""

    device_time: datetime
    gateway_time: datetime

    @property
    def offset(self) -> timedelta:
        """What to add to the device's times, read as UTC, to get UTC."""
        return self.gateway_time.astimezone(UTC).replace(tzinfo=None) - self.device_time

    @property
    def is_undated(self) -> bool:
        """Whether the gateway did not know the time."""
        return not is_dated(self.gateway_time)


@dataclass(frozen=True, slots=True)
class Era:
    """A stretch of a device's history with one offset; its moments are in the device's own time.

    Parameters
    ----------
    since, until
        The first and last time it can have stamped; None if there is no such bound.
    steady_from, seen
        Its first and last comparison. In between it was the device's clock. None in notes of an
        older version.
    anchor
        The offset of its first comparison: small changes, each too small to begin an era, must not
        add up.
    is_undated
        Whether the offset leads to the time since the gateway's boot instead of to UTC.
    is_proven
        False after a setting, until a comparison has shown that the device took it.
    """

    offset: timedelta
    since: datetime | None = None
    until: datetime | None = None
    steady_from: datetime | None = None
    seen: datetime | None = None
    anchor: timedelta | None = None
    is_undated: bool = False
    is_proven: bool = True

    def can_have_stamped(self, device_time: datetime) -> bool:
        """Say whether a reading with this stamp can be of this era."""
        began = self.since is None or device_time - self.since >= -timedelta(seconds=1)
        return began and (self.until is None or device_time - self.until <= GRACE)

    def goes_on_at(self, sample: ClockSample) -> bool:
        """Say whether a comparison shows this clock, a little drifted."""
        from_anchor = sample.offset - (self.offset if self.anchor is None else self.anchor)
        lasted = _between(self.steady_from, sample.device_time)
        drift = max(lasted, timedelta()) * (DRIFT_PPM / 1e6)
        is_near = abs(self.offset - sample.offset) <= SAME_ERA_WITHIN
        return is_near and abs(from_anchor) <= SAME_ERA_WITHIN + drift

    def moved_by(self, jump: timedelta) -> Era:
        """Give this era against a gateway's clock that was found wrong by `jump`."""
        anchor = None if self.anchor is None else self.anchor + jump
        return replace(self, offset=self.offset + jump, anchor=anchor)

    def was_steady_at(self, device_time: datetime) -> bool:
        """Say whether nobody can have touched the clock between this time and a comparison."""
        if self.steady_from is None or self.seen is None or _counts_from_its_start(device_time):
            return False
        began, ended = self.steady_from, self.seen
        return device_time - began >= -FRESH and device_time - ended <= FRESH


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """What is known of one device's clock; eras newest first.

    Parameters
    ----------
    ignored_count
        How many settings in a row the device has ignored.
    restart_count
        How many comparisons in a row have found the clock changed by nobody we know.
    """

    eras: tuple[Era, ...] = ()
    ignored_count: int = 0
    restart_count: int = 0

    def compared(self, sample: ClockSample) -> DeviceClock:
        """Take in a comparison, made before the clock was touched."""
        head = self.eras[0] if self.eras else None
        if head is None or head.is_undated != sample.is_undated:
            return _with(self, _begun(sample))
        if head.goes_on_at(sample):
            return self._gone_on(head, sample)
        if not head.is_proven and self._was_ignored(sample):
            before = replace(self.eras[1], until=None)
            rest = DeviceClock((before, *self.eras[2:]), self.ignored_count + 1)
            return rest._gone_on(before, sample)
        return self._found_changed(head, sample)

    def was_set(self, sample: ClockSample) -> DeviceClock:
        """Take in that the clock was set to ``sample.device_time``."""
        era = replace(_begun(sample), since=sample.device_time, is_proven=False)
        if not self.eras or self.eras[0].is_undated != sample.is_undated:
            return _with(self, era)
        head = self.eras[0]
        ended = replace(head, until=moved(sample.device_time, sample.offset - head.offset))
        return _with(replace(self, eras=(ended, *self.eras[1:])), era)

    def dated(self, shift: timedelta) -> DeviceClock:
        """Turn undated eras into dated ones: `shift` leads from the boot's time to UTC."""
        if not any(era.is_undated for era in self.eras):
            return self
        known = replace(self, eras=tuple(era for era in self.eras if not era.is_undated))
        for era in reversed([era for era in self.eras if era.is_undated]):
            for shown in (era.steady_from, era.seen):
                sample = _sample(shown, era.offset + shift)
                known = known if sample is None else known.compared(sample)
        return known

    def without_undated(self) -> DeviceClock:
        """Forget undated eras: of a boot that is over and whose time was never known."""
        return replace(self, eras=tuple(era for era in self.eras if not era.is_undated))

    def found_since(self, moment: datetime) -> tuple[Era, ...]:
        """Give the dated eras that were compared last after `moment`, by their own offset."""
        return tuple(
            era
            for era in self.eras
            if not era.is_undated
            and (at := moved(era.seen, era.offset)) is not None
            and at.replace(tzinfo=UTC) >= moment
        )

    def redated(self, jump: timedelta, since: datetime) -> DeviceClock:
        """Move eras whose comparisons since `since` were made with a gateway's wrong time."""
        wrong = self.found_since(since)
        eras = (era.moved_by(jump) if era in wrong else era for era in self.eras)
        return replace(self, eras=tuple(eras))

    def _gone_on(self, head: Era, sample: ClockSample) -> DeviceClock:
        since_last = _between(head.seen, sample.device_time)
        # Twice in one evening says nothing: it may restart at each switch-on.
        restarts = 0 if since_last > timedelta(hours=1) else self.restart_count
        first = sample.device_time if head.steady_from is None else head.steady_from
        same = replace(
            head,
            offset=sample.offset,
            steady_from=first,
            seen=sample.device_time,
            is_proven=True,
        )
        ignored = self.ignored_count if head.is_proven else 0
        return DeviceClock((same, *self.eras[1:]), ignored, restarts)

    def _was_ignored(self, sample: ClockSample) -> bool:
        if len(self.eras) < 2:
            return False
        before = self.eras[1]
        return before.goes_on_at(sample) and before.is_undated == sample.is_undated

    def _found_changed(self, head: Era, sample: ClockSample) -> DeviceClock:
        """Somebody else set it, or its battery was changed, after it was last seen."""
        jump = sample.offset - head.offset
        ended = replace(head, until=moved(sample.device_time, jump))
        era = replace(_begun(sample), since=moved(head.seen, -jump))
        clock = DeviceClock((ended, *self.eras[1:]), self.ignored_count, self.restart_count + 1)
        return _with(clock, era)


def moved(moment: datetime | None, by: timedelta) -> datetime | None:
    """Add, where the calendar reaches so far."""
    try:
        return None if moment is None else moment + by
    except OverflowError:
        return None


def _counts_from_its_start(device_time: datetime) -> bool:
    """Say whether the clock may have shown this time before, after another start."""
    return device_time.replace(tzinfo=UTC) < EARLIEST


def _with(clock: DeviceClock, era: Era) -> DeviceClock:
    return replace(clock, eras=(era, *clock.eras)[:_ERAS_KEPT])


def _begun(sample: ClockSample) -> Era:
    return Era(
        sample.offset,
        steady_from=sample.device_time,
        seen=sample.device_time,
        anchor=sample.offset,
        is_undated=sample.is_undated,
    )


def _sample(shown: datetime | None, offset: timedelta) -> ClockSample | None:
    at = moved(shown, offset)
    if shown is None or at is None or not is_dated(at.replace(tzinfo=UTC)):
        return None
    return ClockSample(shown, at.replace(tzinfo=UTC))


def _between(earlier: datetime | None, later: datetime) -> timedelta:
    return timedelta() if earlier is None else later - earlier
