"""Composite of an SpO2 fall and a pulse rise, each in the patient's own standard deviations.

    score = ((mean SpO2 - SpO2) / SD SpO2  +  (pulse - mean pulse) / SD pulse) / 2

with means and SDs of the patient's own stable stretch. Hurst et al. 2010 (40 patients, 2,705
days, 13 with an exacerbation): AUC 0.832 (0.735-0.929); a score from 1 *together with symptoms*
71 % sensitive and 74 % specific. So there are limits with symptoms and limits without; a patient
who was not asked is held against those without. Al Rajeh and Hurst 2020, 14 stable days: not
better than symptoms alone, and the largest change comes 2 to 3 days after onset.

Units: `score` in standard deviations; means and SDs in per cent and beats per minute.

Invariants
----------
1. The two readings under test belong to one session: further apart than LONGEST_APART_DAYS is
   insufficient data. A morning's SpO2 says nothing about an evening's pulse.
2. Both halves are needed. A missing pulse is insufficient data, never a pulse that is usual.
3. SDs have floors, for SpO2 comes in whole per cent and may not vary at all in a fortnight.
4. Limits are strict, as everywhere; published is "from 1 on", which differs in no real score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.rules import judging
from alerts.rules.baseline import SPREAD_FLOORS
from alerts.rules.judging import Judgement, Need
from alerts.window import Floats, Window

NAME: Final = "spo2-pulse-composite"
VERSION: Final = 1

NEED: Final = Need(least_count=14, longest_gap_days=28.0, longest_age_days=120.0)
"""14 stable readings, as Al Rajeh and Hurst 2020 took; an SD of fewer is off by over a fifth."""

LONGEST_APART_DAYS: Final = 1 / 24
"""One session: an hour. An oximeter gives both values at once."""

BLOCK_ROWS: Final = 2_000

SYMPTOMS: Final = 1
NO_SYMPTOMS: Final = 0
NOT_ASKED: Final = -1


@dataclass(frozen=True, slots=True)
class Parameters:
    """One number a row, shape (n,).

    Parameters
    ----------
    apart_days
        float64: time between the two readings under test, in either direction.
    symptoms
        int8: SYMPTOMS, NO_SYMPTOMS or NOT_ASKED.
    yellow_with, red_with, yellow_without, red_without
        float64: scores beyond which a row is flagged, with and without symptoms; NaN for none.
    youngest_days
        float64: readings younger than this are not part of the stable stretch; 0 for all before.
    """

    apart_days: NDArray[np.float64]
    symptoms: NDArray[np.int8]
    yellow_with: NDArray[np.float64]
    red_with: NDArray[np.float64]
    yellow_without: NDArray[np.float64]
    red_without: NDArray[np.float64]
    youngest_days: NDArray[np.float64]


def judge(spo2: Window, pulse: Window, parameters: Parameters, need: Need = NEED) -> Judgement:
    """Judge SpO2 and pulse of one session together; row i of both is the same patient.

    Returns
    -------
    Judgement
        Score is the composite, positive towards harm. Evidence: `spo2_fall_sd`,
        `pulse_rise_sd`, and for each of `spo2` and `pulse` `_mean`, `_sd` and `_n`.

    Raises
    ------
    ValueError
        If the windows differ in rows, or a parameter is not one number per row.
    """
    rows = len(spo2.values)
    if len(pulse.values) != rows:
        raise ValueError(
            f"both windows must hold the same patients; found {rows} rows of SpO2 "
            f"and {len(pulse.values)} of pulse"
        )
    judging.check_rows(parameters, rows)
    above, of_spo2 = _in_own_sds(spo2, "spo2", "spo2_pct", parameters.youngest_days, need)
    rise, of_pulse = _in_own_sds(pulse, "pulse", "pulse_per_min", parameters.youngest_days, need)
    score = (rise - above) / 2
    # Not a number is in no session either.
    score[~(np.abs(parameters.apart_days) <= LONGEST_APART_DAYS)] = np.nan
    ill = parameters.symptoms == SYMPTOMS
    severity = judging.grade(
        score,
        np.where(ill, parameters.yellow_with, parameters.yellow_without),
        np.where(ill, parameters.red_with, parameters.red_without),
    )
    evidence = {"spo2_fall_sd": -above, "pulse_rise_sd": rise} | of_spo2 | of_pulse
    return Judgement(severity, score, evidence)


def _in_own_sds(
    window: Window, name: str, quantity: str, youngest_days: NDArray[np.float64], need: Need
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Give how far each reading under test lies above its own mean, in its own SDs."""
    rows = len(window.values)
    mean, sd, n = (np.empty(rows) for _ in range(3))
    for part in judging.blocks(rows, BLOCK_ROWS):
        piece = judging.cut(window, part)
        stable = judging.usable(piece, need)[:, :-1]
        stable &= piece.ages_days[:, :-1] >= youngest_days[part, None].astype(piece.ages_days.dtype)
        mean[part], sd[part], n[part] = _mean_and_sd(piece.values[:, :-1], stable)
    value = window.under_test.astype(np.float64)
    value[~np.isfinite(value) | (n < max(need.least_count, 2))] = np.nan
    above = (value - mean) / np.maximum(sd, SPREAD_FLOORS[quantity])
    return above, {f"{name}_mean": mean, f"{name}_sd": sd, f"{name}_n": n}


def _mean_and_sd(
    values: Floats, chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, sample SD and count of what was chosen; NaN where there is too little for one."""
    n = chosen.sum(axis=1).astype(np.float64)
    numbers = np.where(chosen, values, 0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = numbers.sum(axis=1) / n
        apart = np.where(chosen, numbers - mean[:, None], 0)
        sd = np.sqrt((apart * apart).sum(axis=1) / (n - 1))
    return mean, np.where(n > 1, sd, np.nan), n
