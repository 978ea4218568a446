"""Each test is named after the clinical sentence it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import composite as rule
from alerts.rules import judging
from alerts.rules.judging import Judgement, Need
from tests.support import rule_oracle
from tests.support.windows import Row, daily, rows, rows_of, window_of

NONE = Need(2, np.inf, np.inf)
STEADY_SPO2 = [92, 93, 91, 92, 92, 93, 91, 92, 92, 93, 91, 92, 92, 92]
STEADY_PULSE = [80, 85, 75, 80, 82, 78, 80, 85, 75, 80, 82, 78, 80, 80]


def _parameters(count: int, **given_values: float) -> rule.Parameters:
    values = {"apart_days": 0, "symptoms": rule.NOT_ASKED, "youngest_days": 0}
    limits = {"yellow_with": 1.0, "red_with": 3, "yellow_without": 2, "red_without": np.nan}
    arrays = {k: np.full(count, float(v)) for k, v in (limits | values | given_values).items()}
    return rule.Parameters(symptoms=arrays.pop("symptoms").astype(np.int8), **arrays)


def _judge(spo2: Row, pulse: Row, need: Need = rule.NEED, **given_values: float) -> Judgement:
    return rule.judge(window_of([spo2]), window_of([pulse]), _parameters(1, **given_values), need)


def _session(spo2: float, pulse: float, **given_values: float) -> Judgement:
    spo2_row, pulse_row = daily([*STEADY_SPO2, spo2]), daily([*STEADY_PULSE, pulse])
    return _judge(spo2_row, pulse_row, rule.NEED, **given_values)


def test_a_spo2_fall_with_a_pulse_rise_and_symptoms_is_flagged_and_without_them_is_not() -> None:
    assert _session(90, 86, symptoms=rule.SYMPTOMS).severity == judging.YELLOW
    assert _session(90, 86, symptoms=rule.NO_SYMPTOMS).severity == judging.GREEN
    assert _session(90, 86, symptoms=rule.NOT_ASKED).severity == judging.GREEN


def test_a_great_fall_and_rise_is_flagged_without_symptoms_too() -> None:
    assert _session(87, 95).severity == judging.YELLOW
    assert _session(87, 95, symptoms=rule.SYMPTOMS).severity == judging.RED


def test_a_calm_pulse_outweighs_a_small_fall() -> None:
    found = _session(90, 72, symptoms=rule.SYMPTOMS)
    assert found.evidence["spo2_fall_sd"] > 1
    assert found.severity == judging.GREEN


def test_a_spo2_that_never_varies_has_the_floor_of_one_per_cent() -> None:
    found = _judge(daily([92] * 14 + [90]), daily([80] * 14 + [80]))
    assert found.evidence["spo2_fall_sd"] == 2
    assert found.score == 1


def test_without_a_pulse_there_is_no_composite() -> None:
    assert _session(80, np.nan).severity == judging.INSUFFICIENT
    assert _session(np.nan, 120).severity == judging.INSUFFICIENT
    assert _session(80, np.inf).severity == judging.INSUFFICIENT
    alone = _judge(daily([*STEADY_SPO2, 80]), daily([120]))
    assert alone.severity == judging.INSUFFICIENT


def test_a_morning_spo2_and_an_evening_pulse_are_no_session() -> None:
    for apart in (0.4, -0.4, np.nan):
        assert _session(80, 120, apart_days=apart).severity == judging.INSUFFICIENT
    assert _session(80, 120, apart_days=0.01).severity == judging.YELLOW


def test_thirteen_stable_readings_are_too_few() -> None:
    found = _judge(daily([*STEADY_SPO2[1:], 80]), daily([*STEADY_PULSE[1:], 120]))
    assert found.severity == judging.INSUFFICIENT
    assert found.evidence["spo2_n"] == 13


def test_windows_of_different_patients_are_refused() -> None:
    with pytest.raises(ValueError, match="same patients"):
        rule.judge(window_of([daily([92])]), window_of([]), _parameters(1))


@given(st.lists(st.tuples(rows(), rows()), min_size=1, max_size=3), st.sampled_from([0.0, 3.0]))
def test_the_array_rule_agrees_with_the_slow_reference(
    pairs: list[tuple[Row, Row]], youngest_days: float
) -> None:
    spo2, pulse = (window_of([pair[which] for pair in pairs]) for which in (0, 1))
    for need in (rule.NEED, NONE):
        parameters = _parameters(len(pairs), youngest_days=youngest_days)
        found = rule.judge(spo2, pulse, parameters, need)
        for at, (left, right) in enumerate(zip(rows_of(spo2), rows_of(pulse), strict=True)):
            fall = -rule_oracle.in_own_sds(left, need, 1.0, youngest_days)
            rise = rule_oracle.in_own_sds(right, need, 3.0, youngest_days)
            expected = (fall + rise) / 2
            assert found.score[at] == pytest.approx(expected, abs=1e-9, nan_ok=True)
