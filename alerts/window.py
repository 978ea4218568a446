"""The window: what every rule looks at.

Owns the layout of the arrays, nothing else; it knows no rule and no database.

Invariants
----------
1. One row per (patient, quantity, reading under test); all arrays of a window share rows.
2. Right-aligned: column -1 is the reading under test, column -2 the one before it; before the
   first reading there is NaN, in both arrays.
3. Times never run backwards from left to right; readings of the same instant are ordered by
   id, so that the same readings always give the same window.
4. Both arrays have one precision: float32 where a population is swept, for half the bytes, and
   float64 where findings are made, so that a reader who computes the numbers again from the
   readings finds them to the last digit (decision 0027). A rule computes in what it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 32
"""Readings in a window, the one under test included.

A month of daily readings, or a third of a year at the twice weekly that most programmes
settle on (danish-telekol: daily for 14 days, then once or twice a week).
"""

Floats: TypeAlias = NDArray[np.floating[Any]]
"""Readings or ages: float32 or float64, the same in both arrays of a window."""

_SECONDS_PER_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One stored reading, as rules need it."""

    id: UUID
    measured_at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Window:
    """Readings of n series, side by side.

    Parameters
    ----------
    values
        Shape (n, width), float32 or float64, in each quantity's own unit; NaN before the first
        reading.
    ages_days
        Shape (n, width), the same type: how long before the reading under test each was measured,
        in days; 0 in column -1, NaN where ``values`` is NaN.
    """

    values: Floats
    ages_days: Floats

    @property
    def under_test(self) -> Floats:
        """The readings being judged, shape (n,)."""
        return self.values[:, -1]


def build(series: Sequence[Sequence[Reading]], width: int = WIDTH) -> Window:
    """Lay series of readings out as a window.

    Parameters
    ----------
    series
        One sequence a row, oldest first, the reading under test last; longer ones are cut to
        the newest `width`. None may be empty.

    Raises
    ------
    ValueError
        If a series is empty: there is nothing to test in it.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from uuid import UUID
    >>> at = datetime(2026, 11, 2, 8, tzinfo=UTC)
    >>> build([[Reading(UUID(int=1), at, 92.0)]], width=3).values.tolist()
    [[nan, nan, 92.0]]
    """
    if not all(series):
        raise ValueError("every series must hold the reading under test; found an empty one")
    cut = [readings[-width:] for readings in series]
    lengths = np.fromiter((len(readings) for readings in cut), dtype=np.intp, count=len(cut))
    values = np.full((len(cut), width), np.nan, dtype=np.float32)
    seconds = np.full((len(cut), width), np.nan, dtype=np.float64)
    filled = np.arange(width) >= width - lengths[:, None]
    values[filled] = [reading.value for readings in cut for reading in readings]
    # float64 until the difference is taken: a float32 of a Unix time is two minutes coarse.
    seconds[filled] = [reading.measured_at.timestamp() for readings in cut for reading in readings]
    ages_days = ((seconds[:, -1:] - seconds) / _SECONDS_PER_DAY).astype(np.float32)
    return Window(values, ages_days)
