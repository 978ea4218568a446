"""What a device's clock is worth: comparing it, and correcting the times it stamped.

Owns the arithmetic between a device's naive time and UTC. Pure: knows no radio and reads no
clock. It never changes a `device_time`; ids are made from that.

A device's clock has a history. While nobody sets it, one offset turns its times into UTC,
however wrong it is: a clock that was never set and shows 1970 is as good as a right one. When
it is set, a new *era* begins; readings stored before it belong to the era before. So the
clock is read before it is set, and the eras of a device are kept between connections: if the
link is lost just after the clock was set, the stored readings come in the next connection.

Invariants
----------
1. ``measured_at`` is never later than ``received_at``.
2. ``measured_at == device_time (as if UTC) + clock_offset_s`` whenever there is an offset.
3. A time that cannot be true is not guessed at: the reading counts as measured when it arrived,
   says so in its time confidence, and carries ``device-time-implausible``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from telekol.observation import TimeConfidence

IMPLAUSIBLE: Final = "device-time-implausible"
"""Quality flag of a reading whose device gave a time that cannot be true."""

EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""No kit was in use before; an earlier time is a clock that was never set (1970, 2000, 2010)."""

GRACE: Final = timedelta(seconds=2)
"""How far whole-second clocks and a slow link can put a true time into the future: one second
for a clock that shows none of its fractions, one for the reply that carries it."""

SET_BEYOND: Final = timedelta(seconds=10)
"""A smaller error is left alone. The offset corrects it anyway, every setting begins a new era,
and setting a clock back makes it show some seconds twice; ten seconds on the display hurt
nobody."""

SAME_ERA_WITHIN: Final = timedelta(minutes=2)
"""Two offsets closer than this are one clock drifting; quartz drifts a minute a month."""

_ERAS_KEPT: Final = 6


@dataclass(frozen=True, slots=True)
class ClockSample:
    """A device's clock beside the gateway's, at one moment."""

    device_time: datetime
    gateway_time: datetime

    @property
    def offset(self) -> timedelta:
        """What to add to the device's times, read as UTC, to get UTC."""
        return self.gateway_time.astimezone(UTC).replace(tzinfo=None) - self.device_time


@dataclass(frozen=True, slots=True)
class Era:
    """A stretch of a device's history with one offset; ``since`` is in the device's own time."""

    offset: timedelta
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """What is known of one device's clock; eras newest first."""

    eras: tuple[Era, ...] = ()

    def compared(self, sample: ClockSample) -> DeviceClock:
        """Take in a comparison, made before the clock was touched."""
        if not self.eras or abs(self.eras[0].offset - sample.offset) > SAME_ERA_WITHIN:
            # Somebody else set it, or its battery was changed; since when is not known.
            return self._with(Era(sample.offset))
        drifted = Era(sample.offset, self.eras[0].since)
        return DeviceClock((drifted, *self.eras[1:]))

    def was_set(self, sample: ClockSample) -> DeviceClock:
        """Take in that the clock was set to ``sample.device_time``."""
        return self._with(Era(sample.offset, sample.device_time))

    def _with(self, era: Era) -> DeviceClock:
        return DeviceClock((era, *self.eras)[:_ERAS_KEPT])


@dataclass(frozen=True, slots=True)
class Timing:
    """When something was measured, how sure that is, and how it came about."""

    measured_at: datetime
    confidence: TimeConfidence
    offset_s: float | None = None
    quality: tuple[str, ...] = ()


def local_time(now: datetime, zone: tzinfo) -> datetime:
    """Give what a clock on the patient's wall shows: naive local time."""
    return now.astimezone(zone).replace(tzinfo=None)


def needs_setting(shown: datetime | None, now: datetime, zone: tzinfo) -> bool:
    """Say whether a device that shows `shown` (None: no usable time) should be set."""
    return shown is None or abs(shown - local_time(now, zone)) > SET_BEYOND


def correct(
    device_time: datetime | None, clock: DeviceClock, zone: tzinfo, received_at: datetime
) -> Timing:
    """Turn a device's own time into a time of measurement.

    Parameters
    ----------
    device_time
        Naive and uncorrected; None if the device gave no usable time.
    clock
        What is known of the device's clock, this connection included.
    zone
        Where the device lives: how its time is read when its clock cannot be compared.
    received_at
        When the gateway received the reading.

    Examples
    --------
    A clock that was never set, a reading stored 50 minutes after its battery was put in, and
    a comparison ten minutes later:

    >>> sample = ClockSample(datetime(1970, 1, 1, 1), datetime(2025, 3, 14, 9, tzinfo=UTC))
    >>> clock = DeviceClock().compared(sample)
    >>> str(correct(datetime(1970, 1, 1, 0, 50), clock, UTC, sample.gateway_time).measured_at)
    '2025-03-14 08:50:00+00:00'
    """
    if device_time is None:
        return Timing(received_at, TimeConfidence.ARRIVAL)
    for era in clock.eras:
        begun = era.since is None or device_time >= era.since - timedelta(seconds=1)
        timing = _timed(device_time, era.offset, received_at, TimeConfidence.CLOCK_CHECKED)
        if begun and timing is not None:
            return timing
    unchecked = _zone_offset(device_time, zone)
    timing = _timed(device_time, unchecked, received_at, TimeConfidence.CLOCK_UNCHECKED)
    return timing or Timing(received_at, TimeConfidence.ARRIVAL, quality=(IMPLAUSIBLE,))


def _timed(
    device_time: datetime, offset: timedelta, received_at: datetime, confidence: TimeConfidence
) -> Timing | None:
    """Apply an offset; None if the result cannot be true."""
    try:
        measured_at = device_time.replace(tzinfo=UTC) + offset
    except OverflowError:
        return None
    if not EARLIEST <= measured_at <= received_at + GRACE:
        return None
    measured_at = min(measured_at, received_at.astimezone(UTC))
    applied = measured_at - device_time.replace(tzinfo=UTC)
    return Timing(measured_at, confidence, applied.total_seconds())


def _zone_offset(device_time: datetime, zone: tzinfo) -> timedelta:
    try:
        ahead = device_time.replace(tzinfo=zone).utcoffset()
    except (OverflowError, ValueError):  # the first and last day a datetime can hold
        ahead = None
    return -(ahead or timedelta())
