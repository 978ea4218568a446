"""Each test is named after the clinical sentence it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import baseline as rule
from alerts.rules import judging
from alerts.rules.judging import Judgement, Need
from alerts.window import Window
from tests.support import rule_oracle
from tests.support.windows import Row, daily, rows_of, tables, window_of

NONE = Need(1, np.inf, np.inf)


def _parameters(rows: int, **given_values: float) -> rule.Parameters:
    values = {"direction": judging.LOW, "yellow": 2, "red": 4, "floor": 1, "youngest_days": 0}
    arrays = {name: np.full(rows, float(v)) for name, v in (values | given_values).items()}
    return rule.Parameters(arrays.pop("direction").astype(np.int8), **arrays)


def _judge(rows: list[Row], need: Need = rule.NEED, **given_values: float) -> Judgement:
    return rule.judge(window_of(rows), _parameters(len(rows), **given_values), need)


def _severity(row: Row, **given_values: float) -> int:
    return int(_judge([row], **given_values).severity[0])


def test_a_spo2_of_87_is_usual_for_one_patient_and_red_for_another() -> None:
    used_to_87 = daily([87, 88, 87, 86, 87, 87, 88, 86, 87])
    used_to_95 = daily([95, 96, 95, 94, 95, 95, 96, 94, 87])
    assert _judge([used_to_87, used_to_95]).severity.tolist() == [judging.GREEN, judging.RED]


def test_one_cold_hand_does_not_change_what_is_usual() -> None:
    found = _judge([daily([92, 93, 92, 71, 92, 91, 92, 92, 92])])
    assert found.evidence["median"] == 92
    assert found.severity == judging.GREEN


def test_the_reading_under_test_is_no_part_of_its_own_baseline() -> None:
    found = _judge([daily([92] * 7 + [60])])
    assert (found.evidence["n"], found.evidence["median"], found.evidence["mad"]) == (7, 92, 0)


def test_a_patient_who_never_varies_is_not_flagged_for_one_per_cent() -> None:
    assert _severity(daily([92] * 10 + [91])) == judging.GREEN


def test_a_reading_exactly_on_the_limit_has_not_passed_it() -> None:
    # 97.3 - 95.3 is not 2 in float32.
    assert _severity(daily([97.3] * 10 + [95.3])) == judging.GREEN
    assert _severity(daily([97.3] * 10 + [95.2])) == judging.YELLOW


def test_a_high_spo2_is_no_harm_where_only_a_fall_is() -> None:
    row = daily([88] * 10 + [98])
    assert _severity(row) == judging.GREEN
    assert _severity(row, direction=judging.HIGH) == judging.RED
    assert _severity(row, direction=judging.EITHER) == judging.RED


def test_the_first_week_of_readings_is_insufficient_not_green() -> None:
    found = _judge([daily([92] * 7), daily([92] * 8), daily([92])])
    assert found.severity.tolist() == [judging.INSUFFICIENT, judging.GREEN, judging.INSUFFICIENT]
    assert np.isnan(found.score[[0, 2]]).all()


def test_after_months_away_the_old_readings_are_not_what_is_usual() -> None:
    away = [(92.0, 60.0 + day) for day in range(10, 0, -1)]
    back = [(85.0, float(day)) for day in range(7, 0, -1)]
    found = _judge([[*away, (85.0, 0.0)], [*away, *back, (85.0, 0.0)]])
    assert found.severity.tolist() == [judging.INSUFFICIENT, judging.GREEN]
    assert found.evidence["n"].tolist() == [0, 7]


def test_the_first_days_of_an_exacerbation_do_not_become_usual() -> None:
    falling = daily([92, 92, 93, 92, 91, 92, 92, 92, 88, 87, 86, 86, 86, 86, 86, 86, 86])
    assert _severity(falling) == judging.GREEN
    assert _severity(falling, youngest_days=9) == judging.RED


def test_days_in_hospital_can_be_left_out_by_a_mask() -> None:
    window = window_of([daily([92] * 8 + [85] * 9 + [85])])
    stable = window.values > 90
    found = rule.judge(window, _parameters(1), stable=stable)
    assert found.evidence["median"] == 92
    assert found.severity == judging.RED


def test_a_reading_that_is_no_number_is_never_green() -> None:
    for value in (np.nan, np.inf, -np.inf):
        assert _severity(daily([92] * 10 + [value])) == judging.INSUFFICIENT


def test_a_reading_of_a_clock_that_ran_ahead_is_not_used() -> None:
    row = [*daily([92] * 9)[:-1], (20.0, -3.0), (92.0, 0.0)]
    assert _judge([row]).evidence["n"] == 8


def test_a_parameter_of_the_wrong_length_is_named() -> None:
    with pytest.raises(ValueError, match="direction must have shape"):
        rule.judge(window_of([daily([92, 92])]), _parameters(3))


def test_no_patients_is_no_error() -> None:
    assert _judge([]).severity.shape == (0,)


@given(tables(), st.sampled_from([rule.NEED, NONE]), st.sampled_from([0.0, 3.0]))
def test_the_array_rule_agrees_with_the_slow_reference(
    rows: list[Row], need: Need, youngest_days: float
) -> None:
    window = window_of(rows)
    found = rule.judge(window, _parameters(len(rows), youngest_days=youngest_days), need)
    for at, row in enumerate(rows_of(window)):
        expected = rule_oracle.baseline(row, need, 1.0, youngest_days)
        for key, value in expected.items():
            # A MAD near 0 of readings near 100 is a difference of float32: 1e-5 of 100.
            assert found.evidence[key][at] == pytest.approx(value, abs=3e-5, nan_ok=True), key


@given(tables())
def test_a_row_does_not_feel_its_neighbours(rows: list[Row]) -> None:
    together = _judge(rows)
    for at, row in enumerate(rows):
        alone = _judge([row])
        assert alone.severity[0] == together.severity[at]
        np.testing.assert_array_equal(alone.score[0], together.score[at])


def test_blocks_of_any_size_give_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(5).normal(92, 2, (500, 32)).astype(np.float32)
    ages = np.tile(np.arange(31, -1, -1, dtype=np.float32), (500, 1))
    window = Window(noise, ages)
    whole = rule.judge(window, _parameters(500))
    monkeypatch.setattr(rule, "BLOCK_ROWS", 7)
    np.testing.assert_array_equal(rule.judge(window, _parameters(500)).score, whole.score)
