"""Readings for tests of the rule engine: from short lists, and from Hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from hypothesis import strategies as st

from alerts.readings import NUMBER_OF, US_PER_DAY, Readings
from telekol.quantities import Quantity

START_US: Final = 1_767_600_000_000_000
"""5 January 2026, 08:00 UTC."""

DAILY: Final = 1.0
TWICE_WEEKLY: Final = 3.5
WEEKLY: Final = 7.0

Measured = Sequence[tuple[float, float]]
"""(day, value) of one series and quantity."""


def readings_of(measured: Mapping[tuple[str, Quantity], Measured]) -> Readings:
    """Lay out readings given by series and quantity."""
    names = sorted({series for series, _ in measured})
    rows = [
        (names.index(series), NUMBER_OF[quantity], START_US + round(day * US_PER_DAY), value)
        for (series, quantity), pairs in measured.items()
        for day, value in pairs
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    return Readings.of(names, *columns)


def every(apart_days: float, values: Sequence[float]) -> Measured:
    """Give readings at even distances from the first day on."""
    return [(at * apart_days, value) for at, value in enumerate(values)]


def only(readings: Readings, row: int) -> tuple[Readings, int]:
    """Give what was known when a reading was judged: its series alone, up to an hour after it."""
    us = readings.measured_us[row]
    kept = np.flatnonzero(
        (readings.series == readings.series[row])
        & (readings.measured_us <= us + US_PER_DAY // 24)
        # Of its own quantity nothing that comes after it.
        & ((readings.quantity != readings.quantity[row]) | (np.arange(len(readings)) <= row))
    )
    alone = Readings.of(
        readings.names,
        readings.series[kept],
        readings.quantity[kept],
        readings.measured_us[kept],
        readings.values[kept],
        readings.doubtful[kept],
    )
    return alone, int(np.flatnonzero(alone.given == np.flatnonzero(kept == row)[0])[0])


_quantities = st.sampled_from([Quantity.SPO2, Quantity.PULSE_RATE, Quantity.BODY_WEIGHT])
# The same instant, minutes of one session, a day, a week, and months away.
_steps_min = st.sampled_from([0, 0, 2, 50, 70, 1440, 1440, 1440, 1500, 10080, 90 * 1440])
_values = st.integers(300, 990).map(lambda n: n / 10)


@st.composite
def populations(draw: st.DrawFn, most: int = 40) -> Readings:
    """Readings of up to three series, irregular, tied, doubtful, in any order."""
    series, quantity, minutes, values, doubtful = [], [], [], [], []
    for number in range(draw(st.integers(1, 3))):
        now = draw(st.integers(0, 1440))
        for _ in range(draw(st.integers(1, most))):
            now += draw(_steps_min)
            series.append(number)
            quantity.append(NUMBER_OF[draw(_quantities)])
            minutes.append(now)
            values.append(draw(_values))
            doubtful.append(draw(st.integers(0, 9)) == 0)
    order = draw(st.permutations(range(len(series))))

    def shuffled(column: list[float]) -> list[float]:
        return [column[at] for at in order]

    return Readings.of(
        ["a", "b", "c"],
        shuffled(series),
        shuffled(quantity),
        [START_US + minute * 60_000_000 for minute in shuffled(minutes)],
        shuffled(values),
        shuffled(doubtful),
    )
