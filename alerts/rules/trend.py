"""Trend: the Theil-Sen slope per day, and the Mann-Kendall test of whether there is one.

    slope = median over pairs i < j of (v_j - v_i) / (t_j - t_i)
    S     = sum over the same pairs of sign(v_j - v_i)
    z     = (S - sign(S)) / sqrt(var S),   p = two-sided normal tail of z

The reading under test is part of the trend. Times are the real ones, so a patient who measures on
Mondays and Thursdays has the slope of one who measures daily. Sen, J Am Stat Assoc 1968; 63:1379;
Mann, Econometrica 1945; 13:245; Kendall, Rank Correlation Methods, ch. 4.

    18 var S = n(n-1)(2n+5) - sum t(t-1)(2t+5) - sum u(u-1)(2u+5) + two terms in t and u

with t readings of one value and u of one instant. Without readings of the same instant this is
the usual tie-corrected variance.

Units: `slope_per_day` and `score` in the quantity's own per day, `span_days` in days.

Invariants
----------
1. Two readings of the same instant are no pair: neither a slope nor an order can be told.
2. A slope is flagged only when p is under its limit, whatever its size; a flat or noisy row has
   score 0.
3. z is continuity-corrected towards 0, and 0 where nothing varies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.rules import judging, normal
from alerts.rules.judging import Judgement, Need
from alerts.window import Floats, Window

NAME: Final = "trend"
VERSION: Final = 1

NEED: Final = Need(least_count=10, longest_gap_days=28.0, longest_age_days=120.0)
"""From 10 readings on the normal tail is a fair one for S (Kendall: n > 10 without ties is good,
8 is near). Gap and age are our own template, as for the own baseline."""

SLOPE_NOISE: Final = 1e-6
"""A slope of 100 mL FEV1 in a year is 2.7e-4 litres a day; rounding must not eat that."""

BLOCK_ROWS: Final = 256
"""Rows at a time: 256 x 496 pairs x 4 bytes are 508 kB, about a second-level cache."""

WIDE_PAIRS: Final = 1_000
"""From about 45 readings on selecting a median beats sorting: at 92 readings 5 microseconds a row
against 14. Below, the vectorised sort is as quick."""

EVIDENCE: Final = ("slope_per_day", "s", "z", "p", "n", "span_days")


@dataclass(frozen=True, slots=True)
class Parameters:
    """One number a row, shape (n,).

    Parameters
    ----------
    direction
        int8: judging.LOW, HIGH or EITHER, where harm lies.
    yellow_per_day, red_per_day
        float64, the quantity's unit per day: slope towards harm beyond which it is flagged; NaN
        for none.
    p_below
        float64: a slope counts only if p is under this.
    """

    direction: NDArray[np.int8]
    yellow_per_day: NDArray[np.float64]
    red_per_day: NDArray[np.float64]
    p_below: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Space:
    """Room for the pairs of one block, used again for each: new pages cost more than the maths."""

    rises: Floats
    days: Floats


def judge(window: Window, parameters: Parameters, need: Need = NEED) -> Judgement:
    """Find the trend that ends in each reading under test.

    Returns
    -------
    Judgement
        Score is the slope towards harm per day where p is under its limit, else 0. Evidence:
        `slope_per_day`, `s`, `z`, `p`, `n`, `span_days`.

    Raises
    ------
    ValueError
        If a parameter is not one number per row.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.arange(9, -1, -1, dtype=np.float32)[None, :]
    >>> kg = (70 + 0.25 * np.arange(10, dtype=np.float32))[None, :]
    >>> one = np.ones(1)
    >>> found = judge(Window(kg, days), Parameters(one.astype(np.int8), 0.1 * one, one, one / 20))
    >>> found.evidence["slope_per_day"], found.evidence["s"], found.severity
    (array([0.25]), array([45.]), array([1], dtype=int8))
    """
    rows = len(window.values)
    judging.check_rows(parameters, rows)
    found = {name: np.full(rows, np.nan) for name in EVIDENCE}
    space = _space(min(rows, BLOCK_ROWS), window)
    for part in judging.blocks(rows, BLOCK_ROWS):
        for name, column in _trend(judging.cut(window, part), need, space).items():
            found[name][part] = column
    enough = (found["n"] >= need.least_count) & np.isfinite(window.under_test)
    for name in ("slope_per_day", "s", "z"):
        found[name][~enough | np.isnan(found["slope_per_day"])] = np.nan
    found["p"] = normal.two_sided_p(found["z"])
    score = judging.towards_harm(found["slope_per_day"], parameters.direction)
    score[found["p"] >= parameters.p_below] = 0.0
    severity = judging.grade(
        score, parameters.yellow_per_day, parameters.red_per_day, noise=SLOPE_NOISE
    )
    return Judgement(severity, score, found)


def _space(rows: int, window: Window) -> _Space:
    width, kind = window.values.shape[1], window.values.dtype
    shape = (rows, width * (width - 1) // 2)
    return _Space(np.empty(shape, dtype=kind), np.empty(shape, dtype=kind))


def _trend(window: Window, need: Need, space: _Space) -> dict[str, NDArray[np.float64]]:
    fine = judging.usable(window, need)
    values = np.where(fine, window.values, np.nan)
    ages = np.where(fine, window.ages_days, np.nan)
    n = fine.sum(axis=1).astype(np.float64)
    s, spread = _mann_kendall(values, ages, n)
    z = np.zeros(len(n))
    np.divide(s - np.sign(s), spread, out=z, where=spread > 0)
    span = np.where(fine, ages, 0).max(axis=1, initial=0).astype(np.float64)
    slope = _slope(values, ages, space)
    return {"slope_per_day": slope, "s": s, "z": z, "n": n, "span_days": span}


def _slope(values: Floats, ages: Floats, space: _Space) -> NDArray[np.float64]:
    """Lay out all pairs, distance by distance: slices of the rows, no index arrays."""
    rows, width = values.shape
    rises, days = space.rises[:rows], space.days[:rows]
    at = 0
    for apart in range(1, width):
        to = at + width - apart
        np.subtract(values[:, apart:], values[:, :-apart], out=rises[:, at:to])
        np.subtract(ages[:, :-apart], ages[:, apart:], out=days[:, at:to])
        at = to
    if _same_instants(ages):
        days[days == 0] = np.nan
    slopes = np.divide(rises, days, out=rises)
    counts = np.count_nonzero(~np.isnan(slopes), axis=1)
    if slopes.shape[1] < WIDE_PAIRS:
        slopes.sort(axis=1)
        return judging.median_of_sorted(slopes, counts)
    return _median_of_many(slopes, counts)


def _median_of_many(slopes: Floats, counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Median of each row by selection where a row is full, by sorting where it is not."""
    pairs = slopes.shape[1]
    median = np.empty(len(slopes))
    full = counts == pairs
    chosen = slopes if full.all() else slopes[full]
    # One place only: NumPy's selection of two is slower than its sort.
    chosen.partition(pairs // 2, axis=1)
    upper = chosen[:, pairs // 2].astype(np.float64)
    lower = upper if pairs % 2 else chosen[:, : pairs // 2].max(axis=1, initial=-np.inf)
    median[full] = (lower + upper) / 2
    if not full.all():
        rest = np.sort(slopes[~full], axis=1)
        median[~full] = judging.median_of_sorted(rest, counts[~full])
    return median


def _same_instants(ages: Floats) -> bool:
    """Whether any row has two readings of one instant: they stand in order, so side by side."""
    in_order = np.sort(ages, axis=1)
    return bool((in_order[:, 1:] == in_order[:, :-1]).any())


def _mann_kendall(
    values: Floats, ages: Floats, n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """S and the root of Kendall's variance, ties in both; 0 where nothing varies.

    Readings lie along the first axis here, so that every slice of them is one stretch of memory.
    """
    by_reading = np.ascontiguousarray(values.T)
    ties = _tie_sums(_equals(by_reading))
    if not _same_instants(ages):
        return _rank_sum(by_reading, None), np.sqrt((_whole(n) - ties[0]) / 18)
    instants = np.ascontiguousarray(ages.T)
    shared = _tie_sums(_equals(instants))
    with np.errstate(divide="ignore", invalid="ignore"):
        second = np.where(n > 1, ties[1] * shared[1] / (2 * n * (n - 1)), 0)
        third = np.where(n > 2, ties[2] * shared[2] / (9 * n * (n - 1) * (n - 2)), 0)
    variance = (_whole(n) - ties[0] - shared[0]) / 18 + second + third
    # A row that is all ties leaves a rounding error where 0 belongs.
    spread = np.sqrt(np.where(variance > 1e-9, variance, 0.0))
    return _rank_sum(by_reading, instants), spread


def _whole(n: NDArray[np.float64]) -> NDArray[np.float64]:
    whole: NDArray[np.float64] = n * (n - 1) * (2 * n + 5)
    return whole


def _rank_sum(values: Floats, instants: Floats | None) -> NDArray[np.float64]:
    total = np.zeros(values.shape, dtype=np.int16)
    for apart in range(1, len(values)):
        later, sooner = values[apart:], values[:-apart]
        sign = (later > sooner).view(np.int8) - (later < sooner).view(np.int8)
        if instants is not None:
            sign *= instants[apart:] != instants[:-apart]
        total[apart:] += sign
    rank_sum: NDArray[np.float64] = total.sum(axis=0).astype(np.float64)
    return rank_sum


def _equals(rows: Floats) -> NDArray[np.int16]:
    """How many others of its row each number equals; what is not there equals nothing."""
    others = np.zeros(rows.shape, dtype=np.int16)
    for apart in range(1, len(rows)):
        same = (rows[apart:] == rows[:-apart]).view(np.int8)
        others[apart:] += same
        others[:-apart] += same
    return others


def _tie_sums(
    others: NDArray[np.int16],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sum t(t-1)(2t+5), t(t-1) and t(t-1)(t-2) over the groups of equals, t in each.

    Summed over readings instead of groups: each of the t gives its group's term over t, and
    equals t - 1 others.
    """
    e = others.astype(np.float64)
    return (e * (2 * e + 7)).sum(axis=0), e.sum(axis=0), (e * (e - 1)).sum(axis=0)
