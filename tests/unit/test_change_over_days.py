"""Each test is named after the clinical sentence it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import change as rule
from alerts.rules import judging
from alerts.rules.judging import Judgement
from tests.support import rule_oracle
from tests.support.windows import Row, daily, rows_of, tables, window_of

WEIGHT = {"direction": judging.HIGH, "yellow": 2.0, "within_days": 3, "reference": rule.FURTHEST}
FEV1 = {"direction": judging.LOW, "yellow": 0.225, "within_days": 14, "reference": rule.MEDIAN}


def _parameters(rows: int, given_values: dict[str, float]) -> rule.Parameters:
    values = {"red": np.nan} | given_values
    arrays = {name: np.full(rows, float(value)) for name, value in values.items()}
    whole = {name: arrays.pop(name).astype(np.int8) for name in ("direction", "reference")}
    return rule.Parameters(**whole, **arrays)


def _judge(rows: list[Row], given_values: dict[str, float]) -> Judgement:
    return rule.judge(window_of(rows), _parameters(len(rows), given_values))


def test_a_weight_up_more_than_2_kg_in_3_days_is_flagged() -> None:
    found = _judge([daily([80.1, 80.4, 81.2, 82.2])], WEIGHT)
    assert found.severity == judging.YELLOW
    assert found.evidence["change"] == pytest.approx(2.1, abs=1e-4)
    assert found.evidence["over_days"] == 3


def test_a_weight_up_exactly_2_kg_is_not_flagged() -> None:
    assert np.float32(64.3) - np.float32(62.3) > 2
    assert _judge([daily([80.1, 80.4, 81.2, 82.1])], WEIGHT).severity == judging.GREEN
    assert _judge([daily([62.3, 64.3])], WEIGHT).severity == judging.GREEN


def test_a_weight_up_2_kg_in_a_fortnight_is_not_flagged() -> None:
    row = daily([80 + 0.2 * day for day in range(14)])
    assert _judge([row], WEIGHT).severity == judging.GREEN


def test_a_late_morning_does_not_make_three_days_four() -> None:
    assert _judge([[(80.0, 3.2), (82.5, 0.0)]], WEIGHT).severity == judging.YELLOW
    assert _judge([[(80.0, 3.8), (82.5, 0.0)]], WEIGHT).severity == judging.INSUFFICIENT


def test_a_weight_that_fell_is_no_rise() -> None:
    row = daily([84, 83, 81.5])
    assert _judge([row], WEIGHT).severity == judging.GREEN
    assert _judge([row], WEIGHT | {"direction": judging.LOW}).severity == judging.YELLOW
    assert _judge([row], WEIGHT | {"direction": judging.EITHER}).severity == judging.YELLOW


def test_a_first_weight_has_nothing_to_be_compared_with() -> None:
    assert _judge([daily([80.0])], WEIGHT).severity == judging.INSUFFICIENT


def test_an_fev1_down_a_quarter_litre_is_flagged_in_litres_at_any_severity() -> None:
    mild, severe = daily([2.6] * 6 + [2.35]), daily([0.9] * 6 + [0.65])
    assert (_judge([mild, severe], FEV1).severity == judging.YELLOW).all()


def test_one_lucky_blow_does_not_make_the_next_fev1_a_fall() -> None:
    row = daily([1.20, 1.22, 1.46, 1.19, 1.21, 1.20])
    assert _judge([row], FEV1).severity == judging.GREEN
    assert _judge([row], FEV1 | {"reference": rule.FURTHEST}).severity == judging.YELLOW


def test_a_reading_that_is_no_number_is_never_green() -> None:
    for value in (np.nan, np.inf, -np.inf):
        for which in (WEIGHT, FEV1):
            assert _judge([daily([80, 80, value])], which).severity == judging.INSUFFICIENT


def test_an_infinite_reading_is_no_reference() -> None:
    assert _judge([daily([80, -np.inf, 80.5])], WEIGHT).evidence["reference"] == 80


@given(
    tables(),
    st.sampled_from([judging.LOW, judging.EITHER, judging.HIGH]),
    st.sampled_from([3, 14]),
    st.sampled_from([rule.FURTHEST, rule.MEDIAN]),
)
def test_the_array_rule_agrees_with_the_slow_reference(
    rows: list[Row], direction: int, days: int, reference: int
) -> None:
    window = window_of(rows)
    given_values = {"direction": direction, "within_days": days, "reference": reference}
    parameters = _parameters(len(rows), {"yellow": 2.0} | given_values)
    found = rule.judge(window, parameters)
    for at, row in enumerate(rows_of(window)):
        expected = rule_oracle.change(row, rule.NEED, direction, days, reference == rule.MEDIAN)
        if direction == judging.EITHER:
            expected = {k: abs(v) for k, v in expected.items() if k != "reference"}
        for key, value in expected.items():
            got = found.evidence[key][at]
            got = abs(got) if direction == judging.EITHER else got
            assert got == pytest.approx(value, abs=3e-5, nan_ok=True), key
