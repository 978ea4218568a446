"""Each test is named after the clinical sentence it stands for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from alerts.rules import charts, judging
from alerts.rules.charts import CUSUM_CHARTS, EWMA_CHARTS, CusumChart, EwmaChart, Usual
from alerts.rules.judging import Judgement, Need
from alerts.window import WIDTH, Window
from tests.support import rule_oracle
from tests.support.windows import Row, daily, rows_of, tables, window_of

NONE = Need(1, np.inf, np.inf)
QUICK = EWMA_CHARTS["ewma-500-quick"]
CUSUM = CUSUM_CHARTS["cusum-465"]


def _usual(rows: int, **given_values: float) -> Usual:
    values = {"centre": 92, "spread": 1, "direction": judging.LOW, "flagged_as": judging.YELLOW}
    arrays = {name: np.full(rows, float(v)) for name, v in (values | given_values).items()}
    whole = {name: arrays.pop(name).astype(np.int8) for name in ("direction", "flagged_as")}
    return Usual(**whole, **arrays)


def _both(row: Row, **given_values: float) -> list[Judgement]:
    window, usual = window_of([row]), _usual(1, **given_values)
    return [charts.judge_ewma(window, usual, QUICK), charts.judge_cusum(window, usual, CUSUM)]


def _severities(row: Row, **given_values: float) -> list[int]:
    return [int(found.severity[0]) for found in _both(row, **given_values)]


def test_a_spo2_a_point_and_a_half_lower_for_a_week_is_flagged() -> None:
    assert _severities(daily([92] * 10 + [90.5] * 7)) == [judging.YELLOW] * 2
    assert _severities(daily([92] * 10 + [90.5] * 7), flagged_as=judging.RED) == [judging.RED] * 2


def test_one_low_reading_is_not_a_shift() -> None:
    assert _severities(daily([92] * 10 + [89])) == [judging.GREEN] * 2


def test_a_shift_to_the_harmless_side_is_not_flagged_unless_either_side_harms() -> None:
    row = daily([92] * 10 + [93.5] * 14)
    assert _severities(row) == [judging.GREEN] * 2
    assert _severities(row, direction=judging.HIGH) == [judging.YELLOW] * 2
    assert _severities(row, direction=judging.EITHER) == [judging.YELLOW] * 2


def test_a_patient_whose_usual_level_is_not_known_cannot_be_charted() -> None:
    row = daily([92] * 10)
    for unknown in ({"centre": np.nan}, {"spread": np.nan}, {"spread": 0.0}, {"spread": np.inf}):
        assert _severities(row, **unknown) == [judging.INSUFFICIENT] * 2


def test_a_reading_that_is_no_number_is_never_green() -> None:
    for value in (np.nan, np.inf, -np.inf):
        assert _severities(daily([92] * 10 + [value])) == [judging.INSUFFICIENT] * 2


def test_a_chart_begins_again_after_months_away() -> None:
    before = [(80.0, 100.0 + day) for day in range(10, 0, -1)]
    for found in _both([*before, (92.0, 0.0)]):
        assert found.severity == judging.GREEN
        assert found.evidence["n"] == 1


def test_a_missed_week_is_no_news() -> None:
    row = daily([91] * 6)
    late = [(value, age * 7) for value, age in row]
    for at_once, spread_out in zip(_both(row), _both(late), strict=True):
        assert at_once.score == spread_out.score


def test_a_sum_exactly_on_its_limit_has_not_passed_it() -> None:
    found = _both(daily([90.5] * 5))[1]
    assert (found.evidence["low"], found.score, found.severity) == (5, 1, judging.GREEN)


@given(tables(), st.sampled_from([charts.NEED, NONE]), st.sampled_from([0.8, 2.5]))
def test_the_array_rules_agree_with_the_slow_reference(
    rows: list[Row], need: Need, spread: float
) -> None:
    window = window_of(rows)
    usual = _usual(len(rows), spread=spread)
    ewma = charts.judge_ewma(window, usual, QUICK, need).evidence
    cusum = charts.judge_cusum(window, usual, CUSUM, need).evidence
    for at, row in enumerate(rows_of(window)):
        for key, value in rule_oracle.ewma(row, need, 92, spread, QUICK.weight).items():
            assert ewma[key][at] == pytest.approx(value, abs=1e-9, nan_ok=True), key
        for key, value in rule_oracle.cusum(row, need, 92, spread, CUSUM.k).items():
            assert cusum[key][at] == pytest.approx(value, abs=1e-9, nan_ok=True), key


def _mean_run_length(
    flags: Callable[[Window], np.ndarray], shift_sd: float, runs: int, seed: int
) -> float:
    """Readings until the first flag, the rule judging each reading in its own window."""
    rng = np.random.default_rng(seed)
    steps, total = 64, 0
    history = np.full((runs, WIDTH - 1), np.nan, dtype=np.float32)
    while len(history):
        new = rng.normal(shift_sd, 1, (len(history), steps)).astype(np.float32)
        series = np.concatenate([history, new], axis=1)
        values = sliding_window_view(series, WIDTH, axis=1).reshape(-1, WIDTH)
        ages = np.where(np.isnan(values), np.nan, np.arange(WIDTH - 1.0, -1, -1))
        flagged = flags(Window(values, ages.astype(np.float32))).reshape(-1, steps)
        ended = flagged.any(axis=1)
        total += int((flagged[ended].argmax(axis=1) + 1).sum()) + steps * int((~ended).sum())
        history = series[~ended, steps:]
    return total / runs


def _flags(chart: CusumChart | EwmaChart, direction: int) -> Callable[[Window], np.ndarray]:
    def flags(window: Window) -> np.ndarray:
        usual = _usual(len(window.values), centre=0, direction=direction)
        if isinstance(chart, EwmaChart):
            return charts.judge_ewma(window, usual, chart).severity == judging.YELLOW
        return charts.judge_cusum(window, usual, chart).severity == judging.YELLOW

    return flags


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [*CUSUM_CHARTS, *EWMA_CHARTS])
def test_a_patient_who_is_well_is_flagged_as_rarely_as_the_chart_is_named(name: str) -> None:
    chart = (CUSUM_CHARTS | EWMA_CHARTS)[name]
    runs = 900
    found = _mean_run_length(_flags(chart, judging.EITHER), 0.0, runs, seed=11)
    # A run length is nearly exponential, so its mean is known to one part in the root of runs.
    assert found == pytest.approx(chart.run_length, rel=3.5 / math.sqrt(runs))


# Published for a shift in the watched direction; CUSUM one-sided, EWMA two-sided.
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "direction", "published"),
    [
        ("cusum-168", judging.HIGH, {0.5: 26.7, 1: 8.38, 2: 3.34}),
        ("cusum-369", judging.HIGH, {0.5: 35.2, 1: 9.92, 2: 3.86}),
        ("cusum-465", judging.HIGH, {0.5: 38.0, 1: 10.38, 2: 4.01}),
        ("ewma-500-slow", judging.EITHER, {0.5: 31.3, 1: 10.33, 2: 4.36}),
        ("ewma-500-quick", judging.EITHER, {0.5: 41.8, 1: 10.54, 2: 3.74}),
    ],
)
def test_a_lasting_shift_is_found_as_soon_as_published(
    name: str, direction: int, published: dict[float, float]
) -> None:
    chart = (CUSUM_CHARTS | EWMA_CHARTS)[name]
    for shift, expected in published.items():
        found = _mean_run_length(_flags(chart, direction), shift, 2500, seed=12)
        # Half an SD drifts for longer than a window holds: its oldest readings are forgotten.
        assert found == pytest.approx(expected, rel=0.07 if shift == 0.5 else 0.04), shift
