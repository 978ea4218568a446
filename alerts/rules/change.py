"""Change over days: how far a reading has moved within a stated number of days.

    change = v - reference,  over the readings of the last `within_days` before it

The reference is one of two, chosen per row:

- FURTHEST, the reading from which the move towards harm is largest ("weight up 2 kg in 3 days":
  from any of the last three days). Swift, and for quantities whose scatter is small beside the
  limit.
- MEDIAN of those readings, for quantities that scatter. Between two sessions FEV1 differs by
  0.106 +- 0.10 L whatever the severity, and by less than 0.225 L in over 90 % (PMC2662942), so
  FEV1 is held in absolute litres, never in per cent, and never against its best blow of a week.

Units: all in the quantity's own; `over_days` in days. Fluid: over 2 kg in 3 days (as heart
failure programmes teach it; the reference folder has no checked source).

Invariants
----------
1. The comparison is strict: a gain of exactly 2 kg has not passed 2 kg.
2. A morning reading of three days ago counts as three days ago at 3.2 days as at 2.8: the reach
   is widened by DAY_SLACK_DAYS.
3. No earlier reading within reach is insufficient data, however many there are before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.rules import judging
from alerts.rules.judging import Judgement, Need
from alerts.window import Floats, Window

NAME: Final = "change-over-days"
VERSION: Final = 1

FURTHEST: Final = 0
MEDIAN: Final = 1

NEED: Final = Need(least_count=1, longest_gap_days=31.0, longest_age_days=31.0)
"""One earlier reading is enough for "since"; a change over more than a month is a trend."""

DAY_SLACK_DAYS: Final = 0.5
"""People measure mornings, some mornings late: half a day keeps neighbouring days apart."""

BLOCK_ROWS: Final = 2_000
"""As for the own baseline: 256 kB of readings at a time."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """One number a row, shape (n,).

    Parameters
    ----------
    direction
        int8: judging.LOW, HIGH or EITHER, where harm lies.
    yellow, red
        float64, in the quantity's unit: change towards harm beyond which it is flagged; NaN for
        none.
    within_days
        float64: how far back the change may have begun.
    reference
        int8: FURTHEST or MEDIAN.
    """

    direction: NDArray[np.int8]
    yellow: NDArray[np.float64]
    red: NDArray[np.float64]
    within_days: NDArray[np.float64]
    reference: NDArray[np.int8]


def judge(window: Window, parameters: Parameters, need: Need = NEED) -> Judgement:
    """Hold each reading under test against those of the days before it.

    Returns
    -------
    Judgement
        Score is the change towards harm. Evidence: `change` (signed), `reference`, `over_days`
        (age of the reading that FURTHEST took, of the oldest for MEDIAN), `n` within reach.

    Raises
    ------
    ValueError
        If a parameter is not one number per row.

    Examples
    --------
    >>> import numpy as np
    >>> kg, days = np.array([[80.0, 80.4, 82.3]]), np.array([[2.0, 1.0, 0.0]])
    >>> one = np.ones(1)
    >>> up = Parameters(one.astype(np.int8), 2 * one, np.nan * one, 3 * one, np.int8([FURTHEST]))
    >>> found = judge(Window(kg.astype(np.float32), days.astype(np.float32)), up)
    >>> found.evidence["change"].round(2), found.evidence["over_days"], found.severity
    (array([2.3]), array([2.]), array([1], dtype=int8))
    """
    rows = len(window.values)
    judging.check_rows(parameters, rows)
    found = {name: np.full(rows, np.nan) for name in ("change", "reference", "over_days", "n")}
    for part in judging.blocks(rows, BLOCK_ROWS):
        columns = _change(
            judging.cut(window, part),
            parameters.direction[part],
            parameters.within_days[part],
            parameters.reference[part],
            need,
        )
        for name, column in columns.items():
            found[name][part] = column
    score = judging.towards_harm(found["change"], parameters.direction)
    return Judgement(judging.grade(score, parameters.yellow, parameters.red), score, found)


def _change(
    window: Window,
    direction: NDArray[np.int8],
    within_days: NDArray[np.float64],
    reference: NDArray[np.int8],
    need: Need,
) -> dict[str, NDArray[np.float64]]:
    ages = window.ages_days[:, :-1]
    near = judging.usable(window, need)[:, :-1]
    near &= ages <= (within_days + DAY_SLACK_DAYS).astype(ages.dtype)[:, None]
    n = near.sum(axis=1)
    values = np.where(near, window.values[:, :-1], np.nan)
    from_value, over_days = _furthest(values, ages, window.under_test, direction)
    median = judging.median_of_sorted(np.sort(values, axis=1), n)
    of_median = reference == MEDIAN
    from_value = np.where(of_median, median, from_value)
    oldest = np.where(near, ages, -1).max(axis=1, initial=-1)
    over_days = np.where(of_median, oldest, over_days)
    value = window.under_test.astype(np.float64)
    enough = (n >= need.least_count) & (n > 0)
    change = np.where(enough & np.isfinite(value), value - from_value, np.nan)
    return {
        "change": change,
        "reference": np.where(n > 0, from_value, np.nan),
        "over_days": np.where(n > 0, over_days, np.nan),
        "n": n.astype(np.float64),
    }


def _furthest(
    values: Floats,
    ages: Floats,
    under_test: Floats,
    direction: NDArray[np.int8],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the reading from which harm has moved furthest, and its age."""
    if values.shape[1] == 0:
        return np.full(len(values), np.nan), np.full(len(values), np.nan)
    with np.errstate(invalid="ignore"):
        moved = under_test[:, None] - values
    towards = np.where(direction[:, None] == judging.EITHER, np.abs(moved), moved)
    towards = np.where(direction[:, None] == judging.LOW, -moved, towards)
    # NaN would win an argmax.
    at = np.where(np.isnan(towards), -np.inf, towards).argmax(axis=1)
    rows = np.arange(len(values))
    return values[rows, at].astype(np.float64), ages[rows, at].astype(np.float64)
