"""Windows for tests of rules: from plain lists, and from Hypothesis with all that homes send.

A row of a window is a list of (value, age in days), oldest first, the one under test last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from alerts.window import WIDTH, Window

Row = list[tuple[float, float]]


def window_of(rows: Sequence[Row], width: int = WIDTH) -> Window:
    """Lay rows out right-aligned, as `alerts.window.build` does with stored readings."""
    values = np.full((len(rows), width), np.nan, dtype=np.float32)
    ages = np.full((len(rows), width), np.nan, dtype=np.float32)
    for at, row in enumerate(rows):
        kept = row[-width:]
        values[at, width - len(kept) :] = [value for value, _ in kept]
        ages[at, width - len(kept) :] = [age for _, age in kept]
    return Window(values, ages)


def daily(values: Sequence[float], apart_days: float = 1.0) -> Row:
    """Readings at even distances, the last one under test."""
    return [(value, (len(values) - 1 - at) * apart_days) for at, value in enumerate(values)]


def rows_of(window: Window) -> list[Row]:
    """Give a window back as rows, as the float32 it holds; what is not there is left out."""
    return [
        [
            (float(v), float(a))
            for v, a in zip(values, ages, strict=True)
            if not (math.isnan(v) and math.isnan(a))
        ]
        for values, ages in zip(window.values, window.ages_days, strict=True)
    ]


# Few different values make ties; whole numbers are what oximeters send.
_values = st.one_of(
    st.integers(85, 99).map(float),
    st.integers(850, 990).map(lambda n: n / 10),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
_good_values = st.integers(850, 990).map(lambda n: n / 10)
# In minutes: the same instant, seconds-like, a day, days, and years of gap.
_steps = st.one_of(
    st.just(0),
    st.integers(1, 60),
    st.integers(1300, 1600),
    st.integers(1440, 14 * 1440),
    st.integers(40 * 1440, 3 * 366 * 1440),
)


@st.composite
def rows(draw: st.DrawFn, most: int = WIDTH + 3) -> Row:
    """One row: irregular, tied, holed, and rarely with a clock that jumped ahead of the test."""
    constant = draw(st.booleans() | st.just(False))
    values = _good_values if draw(st.booleans()) else _values
    count = draw(st.integers(1, most))
    same = draw(values)
    found = [(same if constant else draw(values), 0.0)]
    minutes = 0
    steps = draw(st.sampled_from([_steps, st.integers(1300, 4000)]))
    for _ in range(count - 1):
        minutes += draw(steps)
        found.append((same if constant else draw(values), minutes / 1440))
    if count > 2 and draw(st.integers(0, 9)) == 0:
        found[1] = (found[1][0], -2.0)
    return found[::-1]


def tables() -> st.SearchStrategy[list[Row]]:
    """Several rows at once, for a row must not feel its neighbours."""
    return st.lists(rows(), min_size=1, max_size=3)
