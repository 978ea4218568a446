"""The two axes of a chart: what they span and where their ticks stand. Pure.

Invariants
----------
1. Every finite value given to `value_axis` lies on it, also the largest a float can hold.
2. Ticks of the time axis stand at Danish midnight, also across a change of the clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

_LARGEST: Final = 1.7e308
_PADDING: Final = 0.08
"""Air above and below, as a part of the span, so that no mark touches the frame."""

JOIN_AT_LEAST: Final = timedelta(hours=36)
"""Neighbours this near are always joined: a measurement a day, with a morning's slack."""
JOIN_AT_MOST: Final = timedelta(days=10)
"""Neighbours further apart are never joined: the sparsest plan is once a week."""
_RHYTHMS: Final = 2.5
"""A gap is this many of the patient's own usual intervals: one missed is joined, two are not."""


@dataclass(frozen=True, slots=True)
class ValueAxis:
    """A vertical axis from `low` to `high`."""

    low: float
    high: float

    def part(self, value: float) -> float:
        """Give where `value` lies: 0 at the bottom, 1 at the top, clipped to the axis."""
        # Halved, because high - low of the largest floats is infinite.
        span = self.high / 2 - self.low / 2
        return min(1.0, max(0.0, (value / 2 - self.low / 2) / span))

    def ticks(self, most: int = 5) -> list[float]:
        """Give round values on the axis, at most `most` of them."""
        half = self.high / 2 - self.low / 2
        rough = max(half / most * 2, 1e-300)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next((power * n for n in (1, 2, 5, 10) if power * n >= rough), rough)
        if not math.isfinite(step) or step < math.ulp(max(abs(self.low), abs(self.high))):
            return []
        first = math.ceil(self.low / step)
        ticks = [(first + n) * step for n in range(most + 2)]
        return [tick for tick in ticks if self.low <= tick <= self.high]


def value_axis(values: Iterable[float], least_span: float) -> ValueAxis:
    """Span `values` with some air, and at least `least_span`.

    Raises
    ------
    ValueError
        If there is no value, or one is not finite.
    """
    known = list(values)
    if not known or not all(math.isfinite(value) for value in known):
        raise ValueError(f"expected at least one finite value, found {known[:5]}")
    low, high = min(known), max(known)
    half = high / 2 - low / 2
    # A span that floats of this size cannot tell apart would put all marks in one place.
    least = max(least_span, max(abs(low), abs(high)) * 1e-9)
    air = half * 2 * _PADDING if half * 2 > least else (least - half * 2) / 2 + least * _PADDING
    return ValueAxis(max(low - air, -_LARGEST * 1.05), min(high + air, _LARGEST * 1.05))


def day_ticks(start: datetime, end: datetime, zone: ZoneInfo, most: int = 8) -> list[datetime]:
    """Give midnights between `start` and `end`, a day, some days or weeks apart.

    With more than a day between them they stand on Mondays, so that weekly measuring
    lines up with the picture.
    """
    if end - start <= timedelta(days=1):
        return _hour_ticks(start, end, zone)
    days = max(1, (end - start).days)
    step = next((n for n in (1, 7, 14, 28) if days / n <= most), 28)
    if days <= 8:
        step = 1  # a weekday's name is short enough
    return [
        datetime.combine(day, time.min, tzinfo=zone)
        for day in _days(start.astimezone(zone).date(), end.astimezone(zone).date())
        if start < datetime.combine(day, time.min, tzinfo=zone) <= end
        and (step == 1 or (day.toordinal() - 1) % step == 0)
    ]


def _hour_ticks(start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """Give every fourth hour of the wall's clock between `start` and `end`."""
    first = datetime.combine(start.astimezone(zone).date(), time.min, tzinfo=zone)
    # By the wall: aware datetimes of one zone count hours of its clock.
    ticks = (first + timedelta(hours=4 * n) for n in range(14))
    return [tick for tick in ticks if start < tick <= end]


def gap_limit(times: Iterable[datetime]) -> timedelta:
    """Give the longest interval that is drawn as a line, from the patient's own rhythm.

    Plans range from daily to weekly, so no fixed length would do: two days of silence are a
    gap for somebody who measures daily and nothing for somebody who measures on Mondays.
    """
    known = sorted(times)
    intervals = sorted(b - a for a, b in pairwise(known) if b - a > timedelta(hours=3))
    if not intervals:
        return JOIN_AT_LEAST
    usual = intervals[len(intervals) // 2]
    return min(JOIN_AT_MOST, max(JOIN_AT_LEAST, usual * _RHYTHMS))


def _days(first: date, last: date) -> Iterator[date]:
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)
