"""Own baseline: how far a reading lies from what is usual for this patient.

    z = (x - median) / max(1.4826 * MAD, floor)

over a stable stretch of the patient's own earlier readings; MAD is the median of their distances
from their median. The reading under test is never part of it. Median and MAD, because half the
stretch may be wrong (a cold hand, another person's finger) before they give way; a mean moves
with the first (Rousseeuw and Croux, J Am Stat Assoc 1993; 88:1273).

Units: `median` and `mad` in the quantity's own, `z` and `score` in standard deviations.
Al Rajeh and Hurst 2020 took 14 stable days for a patient's usual level.

Invariants
----------
1. The spread is never under the floor: SpO2 comes in whole per cent, so a stable fortnight has a
   MAD of 0 and every other reading would be infinitely far off.
2. The stretch ends `youngest_days` before the reading under test, so that the first days of an
   exacerbation do not become what is usual.
3. Fewer than the least count of readings in the stretch is insufficient data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.rules import judging
from alerts.rules.judging import Judgement, Need
from alerts.window import Floats, Window

NAME: Final = "own-baseline"
VERSION: Final = 1

NEED: Final = Need(least_count=7, longest_gap_days=28.0, longest_age_days=120.0)
"""Our own template, no published figure: a median of 7 readings stands three wrong ones. Programmes
that measure weekly miss a week without losing the baseline at 28 days, and a window of 32 readings
at twice a week spans 112 days."""

MAD_TO_SD: Final = 1.482602218505602
"""1 / the 75th percentile of the standard normal: turns the MAD of normal readings into an SD."""

SPREAD_FLOORS: Final = {"spo2_pct": 1.0, "pulse_per_min": 3.0}
"""Least spread of a stable patient. Hurst 2010 found stable SDs of about 1 % SpO2 and 5 per minute
pulse; the floor of 3 for pulse lets a calmer heart than that be told from its own usual."""

BLOCK_ROWS: Final = 2_000
"""Rows at a time: 2,000 x 32 float32 are 256 kB, which stays in the second-level cache."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """One number a row, shape (n,).

    Parameters
    ----------
    direction
        int8: judging.LOW, HIGH or EITHER, where harm lies.
    yellow, red
        float64: z towards harm beyond which a reading is flagged; NaN for none.
    floor
        float64, in the quantity's unit: least spread.
    youngest_days
        float64: readings younger than this are not part of the stretch; 0 for all before.
    """

    direction: NDArray[np.int8]
    yellow: NDArray[np.float64]
    red: NDArray[np.float64]
    floor: NDArray[np.float64]
    youngest_days: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual for each row, shape (n,): NaN where the stretch is empty."""

    median: NDArray[np.float64]
    mad: NDArray[np.float64]
    n: NDArray[np.intp]


def judge(
    window: Window,
    parameters: Parameters,
    need: Need = NEED,
    stable: NDArray[np.bool_] | None = None,
) -> Judgement:
    """Hold each reading under test against its own patient's stable stretch.

    Parameters
    ----------
    stable
        Shape (n, width): false where a reading is known not to be of a stable time (an episode,
        a hospital stay). Without it every earlier reading counts as stable.

    Returns
    -------
    Judgement
        Score is z towards harm. Evidence: `median`, `mad` (unscaled), `z` (signed), `n`.

    Raises
    ------
    ValueError
        If a parameter is not one number per row.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.arange(9, -1, -1, dtype=np.float32)[None, :]
    >>> spo2 = np.array([[92, 93, 92, 91, 92, 93, 92, 92, 91, 87]], dtype=np.float32)
    >>> one = np.ones(1)
    >>> low = Parameters(-one.astype(np.int8), 2 * one, 4 * one, one, 0 * one)
    >>> found = judge(Window(spo2, days), low)
    >>> found.evidence["median"], found.evidence["z"].round(2), found.severity
    (array([92.]), array([-5.]), array([2], dtype=int8))
    """
    judging.check_rows(parameters, len(window.values))
    usual = usual_level(window, parameters.youngest_days, need, stable)
    spread = np.maximum(MAD_TO_SD * usual.mad, parameters.floor)
    value = window.under_test.astype(np.float64)
    judgeable = (usual.n >= need.least_count) & np.isfinite(value) & (spread > 0)
    z = np.full(len(value), np.nan)
    np.divide(value - usual.median, spread, out=z, where=judgeable)
    score = judging.towards_harm(z, parameters.direction)
    return Judgement(
        judging.grade(score, parameters.yellow, parameters.red),
        score,
        {"median": usual.median, "mad": usual.mad, "z": z, "n": usual.n},
    )


def usual_level(
    window: Window,
    youngest_days: NDArray[np.float64],
    need: Need = NEED,
    stable: NDArray[np.bool_] | None = None,
) -> Usual:
    """Median, MAD and count of each row's stable stretch, without the reading under test."""
    rows = len(window.values)
    usual = Usual(np.empty(rows), np.empty(rows), np.empty(rows, dtype=np.intp))
    for part in judging.blocks(rows, BLOCK_ROWS):
        chosen = _stretch(judging.cut(window, part), youngest_days[part], need)
        if stable is not None:
            chosen &= stable[part]
        found = _median_and_mad(window.values[part], chosen)
        usual.median[part], usual.mad[part], usual.n[part] = found
    return usual


def _stretch(window: Window, youngest_days: NDArray[np.float64], need: Need) -> NDArray[np.bool_]:
    chosen = judging.usable(window, need)
    # All columns stay, for whole rows are one stretch of memory: the one under test drops out here.
    chosen[:, -1] = False
    if youngest_days.any():
        chosen &= window.ages_days >= youngest_days.astype(window.ages_days.dtype)[:, None]
    return chosen


def _median_and_mad(
    values: Floats, chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Two row sorts; NumPy's are vectorised, and beat its partition and its nanmedian."""
    counts = judging.row_counts(chosen)
    # NaN sorts last, so the numbers of a row stand together whatever their count.
    work = np.where(chosen, values, values.dtype.type(np.nan))
    work.sort(axis=1)
    median = judging.median_of_sorted(work, counts)
    work -= median.astype(work.dtype)[:, None]
    np.abs(work, out=work)
    work.sort(axis=1)
    return median, judging.median_of_sorted(work, counts), counts
