"""Control charts: EWMA and two-sided CUSUM, for small shifts that last.

    z      = (v - centre) / spread
    EWMA   : e_i = w z_i + (1 - w) e_(i-1),   flagged beyond  L sqrt(w / (2 - w))
    CUSUM  : high_i = max(0, high_(i-1) + z_i - k),  low_i = max(0, low_(i-1) - z_i - k),
             flagged beyond h

over the readings of the window, the one under test included, from 0 at its first. Centre and
spread are the patient's own usual level (`baseline.usual_level`, or what a physician approved).
Roberts, Technometrics 1959; 1:239; Page, Biometrika 1954; 41:100; Lucas and Saccucci,
Technometrics 1990; 32:1.

Charts are named by their in-control run length: how many readings of a patient who is well, on
average, until the chart flags without cause. `cusum-465` on daily readings is one false flag in
465 days. It holds for independent normal readings and a centre and spread that are known; with
a baseline of 14 readings, whole per cents and days that resemble each other it is far shorter.

Units: everything in the patient's standard deviations.

Invariants
----------
1. A chart counts readings, not days: a missed week is no news. After the longest gap it begins
   again from 0.
2. The answer is that of the recursion above; it is written as sums from the right, so that no
   loop runs over readings.
3. A chart looks at one window. A CUSUM that was driven by more than the window's readings forgets
   the oldest; the tests hold the run lengths as used against the published ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.rules import judging
from alerts.rules.judging import Judgement, Need
from alerts.window import Window

EWMA_NAME: Final = "ewma"
CUSUM_NAME: Final = "cusum"
VERSION: Final = 1

NEED: Final = Need(least_count=1, longest_gap_days=28.0, longest_age_days=120.0)
"""A chart may flag at its first reading. Gap and age are our own template, as for the baseline."""

BLOCK_ROWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class EwmaChart:
    """Weight of the newest reading, limit in SDs of the EWMA, in-control run length."""

    weight: float
    limit_sd: float
    run_length: float


@dataclass(frozen=True, slots=True)
class CusumChart:
    """Allowance k and limit h in SDs of a reading, two-sided in-control run length."""

    k: float
    h: float
    run_length: float


EWMA_CHARTS: Final = {
    "ewma-500-slow": EwmaChart(0.1, 2.814, 499.5),
    "ewma-500-quick": EwmaChart(0.2, 2.962, 499.7),
}
"""Run lengths by Markov chain; a shift of half an SD is seen after 31 and 42 readings."""

CUSUM_CHARTS: Final = {
    "cusum-168": CusumChart(0.5, 4.0, 167.7),
    "cusum-369": CusumChart(0.5, 4.77, 368.6),
    "cusum-465": CusumChart(0.5, 5.0, 465.4),
}
"""Run lengths by Markov chain; k = 0.5 is best for a shift of one SD, seen after 8 to 10."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What a chart holds readings against, one number a row, shape (n,).

    Parameters
    ----------
    centre, spread
        float64, in the quantity's unit; NaN where not known, which is insufficient data.
    direction
        int8: judging.LOW, HIGH or EITHER: on which side a chart flags.
    flagged_as
        int8: judging.YELLOW or RED.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    direction: NDArray[np.int8]
    flagged_as: NDArray[np.int8]


def judge_ewma(window: Window, usual: Usual, chart: EwmaChart, need: Need = NEED) -> Judgement:
    """Chart the exponentially weighted mean.

    Returns
    -------
    Judgement
        Score is the EWMA towards harm over its limit, flagged above 1. Evidence: `ewma`
        (signed), `limit`, `n`.

    Raises
    ------
    ValueError
        If a parameter is not one number per row.
    """
    limit = chart.limit_sd * (chart.weight / (2 - chart.weight)) ** 0.5
    ewma, n = np.full(len(window.values), np.nan), np.zeros(len(window.values), dtype=np.intp)
    judging.check_rows(usual, len(ewma))
    for part in judging.blocks(len(ewma), BLOCK_ROWS):
        z, fine = _standardised(judging.cut(window, part), usual, part, need)
        # How many readings came after each; what is not there weighs nothing, for its z is 0.
        after: NDArray[np.intp] = np.cumsum(fine[:, ::-1], axis=1)[:, ::-1] - fine
        ewma[part] = judging.row_sums(chart.weight * (1 - chart.weight) ** after * z)
        n[part] = fine.sum(axis=1)
    ewma[~_known(window, usual, n, need)] = np.nan
    score = judging.towards_harm(ewma, usual.direction) / limit
    return _judgement(score, usual, {"ewma": ewma, "limit": np.full(len(ewma), limit), "n": n})


def judge_cusum(window: Window, usual: Usual, chart: CusumChart, need: Need = NEED) -> Judgement:
    """Chart the cumulative sums of what lies above and below the usual.

    Returns
    -------
    Judgement
        Score is the sum on the side of harm over h, flagged above 1. Evidence: `high`, `low`
        (both from 0 up), `h`, `n`.

    Raises
    ------
    ValueError
        If a parameter is not one number per row.

    Examples
    --------
    >>> spo2, days = np.array([[91, 90, 90, 90]]), np.array([[3, 2, 1, 0]])
    >>> window = Window(spo2.astype(np.float32), days.astype(np.float32))
    >>> one = np.ones(1, dtype=np.int8)
    >>> usual = Usual(92.0 * one, 1.0 * one, judging.LOW * one, judging.YELLOW * one)
    >>> found = judge_cusum(window, usual, CUSUM_CHARTS["cusum-168"])
    >>> found.evidence["low"], found.evidence["high"], found.severity
    (array([5.]), array([0.]), array([1], dtype=int8))
    """
    rows = len(window.values)
    judging.check_rows(usual, rows)
    high, low, n = np.full(rows, np.nan), np.full(rows, np.nan), np.zeros(rows, dtype=np.intp)
    for part in judging.blocks(rows, BLOCK_ROWS):
        z, fine = _standardised(judging.cut(window, part), usual, part, need)
        high[part] = _cusum(np.where(fine, z - chart.k, 0))
        low[part] = _cusum(np.where(fine, -z - chart.k, 0))
        n[part] = fine.sum(axis=1)
    unknown = ~_known(window, usual, n, need)
    high[unknown] = low[unknown] = np.nan
    sides = [usual.direction == judging.HIGH, usual.direction == judging.LOW]
    score = np.select(sides, [high, low], np.maximum(high, low)) / chart.h
    return _judgement(score, usual, {"high": high, "low": low, "h": np.full(rows, chart.h), "n": n})


def _cusum(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Last value of max(0, c + step): the largest sum of the newest readings, or 0."""
    sums: NDArray[np.float64] = np.cumsum(steps[:, ::-1], axis=1)
    highest: NDArray[np.float64] = sums.max(axis=1, initial=0)
    return highest


def _standardised(
    window: Window, usual: Usual, part: slice, need: Need
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give readings in SDs from the usual, 0 where there is none, and which there are."""
    fine = judging.usable(window, need)
    spread = np.where(usual.spread[part] > 0, usual.spread[part], np.nan)
    values = np.where(fine, window.values, 0).astype(np.float64)
    z = (values - usual.centre[part, None]) / spread[:, None]
    return np.where(fine, z, 0), fine


def _known(window: Window, usual: Usual, n: NDArray[np.intp], need: Need) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.isfinite(window.under_test) & (n >= need.least_count)
    return known & np.isfinite(usual.centre) & np.isfinite(usual.spread) & (usual.spread > 0)


def _judgement(
    score: NDArray[np.float64], usual: Usual, evidence: dict[str, NDArray[Any]]
) -> Judgement:
    never = np.full(len(score), np.nan)
    flags = judging.grade(score, yellow=np.ones(len(score)), red=never)
    severity = np.where(flags == judging.YELLOW, usual.flagged_as, flags).astype(np.int8)
    return Judgement(severity, score, evidence)
