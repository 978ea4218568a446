"""What a device's clock is worth: correcting the times it stamped.

Owns the arithmetic between a device's naive time and UTC, when a clock is set and what is told
of it. Pure: knows no radio and reads no clock. It never changes a `device_time`; ids are made
from that. The history that it corrects by is in `gateway.timing.device_clock`.

Invariants
----------
1. ``measured_at`` is never later than ``received_at``.
2. ``measured_at == device_time (as if UTC) + clock_offset_s`` whenever there is an offset.
3. A time that cannot be true is not guessed at: the reading counts as measured when it arrived,
   says so in its time confidence, and carries ``device-time-implausible``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from gateway.timing.device_clock import EARLIEST, GRACE, SAME_ERA_WITHIN, DeviceClock, Era, moved
from gateway.timing.gateway_clock import is_dated
from telekol.observation import TimeConfidence

IMPLAUSIBLE: Final = "device-time-implausible"
"""Quality flag of a reading whose device gave a time that cannot be true."""

SET_BEYOND: Final = timedelta(seconds=10)
"""A smaller error is left alone. The offset corrects it anyway, every setting begins a new era,
and setting a clock back makes it show some seconds twice; ten seconds on the display hurt
nobody."""

WRONG_BEYOND: Final = timedelta(minutes=10)
"""A display that is further off, and that the gateway cannot set, is told to support: people read
the time of their own readings from it."""

RESTARTS_TELL: Final = 3
"""A clock found changed so many times in a row loses its time: an empty battery, or none. Summer
time, or one change of batteries, changes it once."""


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
    """Say whether a device that shows `shown` (None: no usable time) should be set.

    Never by a gateway that does not know the time itself.
    """
    if not is_dated(now):
        return False
    return shown is None or abs(shown - local_time(now, zone)) > SET_BEYOND


def wrongness(clock: DeviceClock, zone: tzinfo) -> str | None:
    """Say what is wrong with a device's clock for a support person; None if it is right."""
    if clock.restart_count >= RESTARTS_TELL:
        return f"it lost its time before each of the last {clock.restart_count} connections"
    if clock.ignored_count:
        return "it does not take the time that the gateway sets"
    head = next((era for era in clock.eras if not era.is_undated and era.seen is not None), None)
    true = None if head is None else moved(head.seen, head.offset)
    if head is None or head.seen is None or true is None:
        return None
    # Some count in UTC by their standard, and show nothing to anybody.
    local = local_time(true.replace(tzinfo=UTC), zone)
    error = min(abs(head.seen - local), abs(head.seen - true))
    if error <= WRONG_BEYOND:
        return None
    return f"it is wrong by {_in_words(error)} and cannot be set"


def _in_words(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{round(minutes / 60)} hours" if minutes < 2880 else f"{span.days} days"


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
        When the gateway received the reading; a date.

    Examples
    --------
    A clock that was never set, a reading stored 50 minutes after its battery was put in, and
    a comparison ten minutes later:

    >>> from gateway.timing.device_clock import ClockSample
    >>> sample = ClockSample(datetime(1970, 1, 1, 1), datetime(2025, 3, 14, 9, tzinfo=UTC))
    >>> clock = DeviceClock().compared(sample)
    >>> str(correct(datetime(1970, 1, 1, 0, 50), clock, UTC, sample.gateway_time).measured_at)
    '2025-03-14 08:50:00+00:00'
    """
    if device_time is None:
        return Timing(received_at, TimeConfidence.ARRIVAL)
    eras = _dated_eras(clock)
    possible = (era for era in eras if era.can_have_stamped(device_time))
    fitting = _fitting(possible, device_time, received_at)
    if fitting:
        return _chosen(fitting, device_time)
    begun = (era for era in eras if replace(era, until=None).can_have_stamped(device_time))
    for _, timing in _fitting(begun, device_time, received_at):
        return replace(timing, confidence=TimeConfidence.CLOCK_CARRIED)
    return _uncompared(device_time, zone, received_at)


def _dated_eras(clock: DeviceClock) -> list[Era]:
    """Give the eras that correct; one goes on while nothing shows that the device was set."""
    eras = [era for era in clock.eras if not era.is_undated]
    newer = [None, *eras]
    return [
        era if after is None or after.is_proven else replace(era, until=None)
        for after, era in zip(newer, eras, strict=False)
    ]


def _fitting(
    eras: Iterable[Era], device_time: datetime, received_at: datetime
) -> list[tuple[Era, Timing]]:
    timings = (
        (era, _timed(device_time, era.offset, received_at, TimeConfidence.CLOCK_CHECKED))
        for era in eras
    )
    return [(era, timing) for era, timing in timings if timing is not None]


def _chosen(fitting: list[tuple[Era, Timing]], device_time: datetime) -> Timing:
    """Take the newest era, and be sure of it only if no other one says something else."""
    era, timing = fitting[0]
    is_alone = all(
        abs(other.measured_at - timing.measured_at) <= SAME_ERA_WITHIN for _, other in fitting
    )
    if is_alone and era.was_steady_at(device_time):
        return timing
    return replace(timing, confidence=TimeConfidence.CLOCK_CARRIED)


def _uncompared(device_time: datetime, zone: tzinfo, received_at: datetime) -> Timing:
    """Read the time as local time; in the hour that autumn has twice, as the later that can be."""
    for fold in (1, 0):
        offset = _zone_offset(device_time.replace(fold=fold), zone)
        timing = _timed(device_time, offset, received_at, TimeConfidence.CLOCK_UNCHECKED)
        if timing is not None:
            return timing
    return Timing(received_at, TimeConfidence.ARRIVAL, quality=(IMPLAUSIBLE,))


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
