"""The oracle table: each family of rules beside the slow reference that it has to agree with.

Serves the tests, which compare answers, and `benchmarks.alerts`, which compares times after it
has compared answers. A family that is not in here is neither tested against nor measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.rules import (
    absolute_limits,
    baseline,
    change,
    charts,
    composite,
    judging,
    relative_limits,
    trend,
)
from alerts.window import WIDTH, Window
from tests.support import rule_oracle
from tests.support.rule_oracle import Answer
from tests.support.windows import Row

Found = Mapping[str, NDArray[Any]]

FLOOR: Final = 1.0
CENTRE: Final = 92.0
_EWMA: Final = charts.EWMA_CHARTS["ewma-500-quick"]
_CUSUM: Final = charts.CUSUM_CHARTS["cusum-465"]
_WITHIN_DAYS: Final = 3
_LIMITS: Final = {"red_low": 88.0, "yellow_low": 90.0, "yellow_high": 96.0}

PAUSED: Final = 0.05
"""Part of the patients with a pause that is longer than any rule looks over."""


@dataclass(frozen=True, slots=True)
class Family:
    """A rule with typical parameters, and what it must answer for one row.

    `judge` gives the rule's evidence for all rows; `slow` the same numbers for one, or some of
    them; `within` is how far they may differ, by float32 readings and ages.
    """

    judge: Callable[[Window], Found]
    slow: Callable[[Row], Answer]
    within: float


def population(patients: int, seed: int = 1) -> Window:
    """SpO2 of patients who measure every day or so, miss some, and partly began of late.

    One in twenty was away for one to three months, so that what lies before counts no more; at
    least ten readings came since, for a group without readings is in no table of pandas.

    In steps of 0.1, so that there are ties, but no two readings of one instant: pymannkendall
    knows no times.
    """
    rng = np.random.default_rng(seed)
    usual = rng.normal(CENTRE, 2, (patients, 1))
    values = (usual + rng.normal(0, 1.2, (patients, WIDTH))).round(1).astype(np.float32)
    steps = rng.choice([1, 1, 1, 1, 2, 3, 7], (patients, WIDTH)) + rng.normal(
        0, 0.05, (patients, WIDTH)
    )
    steps[:, 0] = 0
    away = rng.random(patients) < PAUSED
    steps[away, rng.integers(10, WIDTH, away.sum())] += rng.uniform(30, 90, away.sum())
    ages = np.cumsum(steps, axis=1)[:, ::-1].astype(np.float32)
    # A third began less than a window ago.
    missing = rng.integers(0, WIDTH - 12, patients) * (rng.random(patients) < 1 / 3)
    before = np.arange(WIDTH) < missing[:, None]
    values[before] = ages[before] = np.nan
    return Window(values, ages)


def _full(window: Window, value: float) -> NDArray[np.float64]:
    return np.full(len(window.values), float(value))


def _low(window: Window) -> NDArray[np.int8]:
    return np.full(len(window.values), judging.LOW, dtype=np.int8)


def _absolute(window: Window) -> Found:
    names = ("red_low", "yellow_low", "yellow_high", "red_high")
    columns = (_full(window, _LIMITS.get(name, np.nan)) for name in names)
    found = absolute_limits.judge(window, absolute_limits.Limits(*columns))
    return {"severity": found.severity, "passed": found.passed, "score": found.score}


def _baseline(window: Window) -> Found:
    numbers = (_full(window, value) for value in (2, 4, FLOOR, 0))
    return baseline.judge(window, baseline.Parameters(_low(window), *numbers)).evidence


def _trend(window: Window) -> Found:
    numbers = (_full(window, value) for value in (0.1, 0.4, 0.05))
    return trend.judge(window, trend.Parameters(_low(window), *numbers)).evidence


def _change(window: Window) -> Found:
    yellow, red, days = (_full(window, value) for value in (2, 4, _WITHIN_DAYS))
    furthest = np.full(len(window.values), change.FURTHEST, dtype=np.int8)
    return change.judge(
        window, change.Parameters(_low(window), yellow, red, days, furthest)
    ).evidence


def _usual(window: Window) -> charts.Usual:
    yellow = np.full(len(window.values), judging.YELLOW, dtype=np.int8)
    return charts.Usual(_full(window, CENTRE), _full(window, FLOOR), _low(window), yellow)


def _ewma(window: Window) -> Found:
    return charts.judge_ewma(window, _usual(window), _EWMA).evidence


def _cusum(window: Window) -> Found:
    return charts.judge_cusum(window, _usual(window), _CUSUM).evidence


def _composite(window: Window) -> Found:
    numbers = [_full(window, value) for value in (1, 3, 2, 4, 0)]
    asked = np.full(len(window.values), composite.NO_SYMPTOMS, dtype=np.int8)
    parameters = composite.Parameters(_full(window, 0), asked, *numbers)
    # SpO2 stands for the pulse as well: the numbers do not matter, the work does.
    return composite.judge(window, window, parameters).evidence


def _relative(window: Window) -> Found:
    numbers = (_full(window, value) for value in (CENTRE, 30, -4, -2, np.nan, np.nan))
    return relative_limits.judge(window, relative_limits.Parameters(*numbers)).evidence


TABLE: Final[Mapping[str, Family]] = {
    "absolute_limits": Family(_absolute, lambda row: rule_oracle.absolute(row, _LIMITS), 1e-5),
    "baseline": Family(
        _baseline, lambda row: rule_oracle.baseline(row, baseline.NEED, FLOOR), 3e-5
    ),
    "trend": Family(_trend, lambda row: rule_oracle.trend(row, trend.NEED), 1e-5),
    "change": Family(
        _change,
        lambda row: rule_oracle.change(row, change.NEED, judging.LOW, _WITHIN_DAYS, False),
        3e-5,
    ),
    "ewma": Family(
        _ewma,
        lambda row: rule_oracle.ewma(row, charts.NEED, CENTRE, FLOOR, _EWMA.weight),
        1e-9,
    ),
    "cusum": Family(
        _cusum, lambda row: rule_oracle.cusum(row, charts.NEED, CENTRE, FLOOR, _CUSUM.k), 1e-9
    ),
    "composite": Family(
        _composite,
        lambda row: {
            "spo2_fall_sd": -rule_oracle.in_own_sds(row, composite.NEED, 1.0),
            "pulse_rise_sd": rule_oracle.in_own_sds(row, composite.NEED, 3.0),
        },
        1e-9,
    ),
    "relative_limits": Family(_relative, lambda row: rule_oracle.relative(row, CENTRE), 1e-9),
}
