"""Each test is named after the clinical sentence it stands for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import judging, normal
from alerts.rules import trend as rule
from alerts.rules.judging import Judgement, Need
from alerts.window import Window
from tests.support import rule_oracle
from tests.support.windows import Row, daily, rows_of, tables, window_of

NONE = Need(2, np.inf, np.inf)


def _parameters(rows: int, direction: int = judging.LOW, **limits: float) -> rule.Parameters:
    values = {"yellow_per_day": 0.1, "red_per_day": 0.4, "p_below": 0.05} | limits
    arrays = {name: np.full(rows, value) for name, value in values.items()}
    return rule.Parameters(np.full(rows, direction, dtype=np.int8), **arrays)


def _judge(rows: list[Row], need: Need = rule.NEED, direction: int = judging.LOW) -> Judgement:
    return rule.judge(window_of(rows), _parameters(len(rows), direction), need)


def test_a_spo2_that_falls_a_quarter_point_a_day_is_yellow() -> None:
    found = _judge([daily([95 - 0.25 * day for day in range(14)])])
    assert found.severity == judging.YELLOW
    assert found.evidence["slope_per_day"] == pytest.approx(-0.25)
    assert [found.evidence[key][0] for key in ("s", "n")] == [-91, 14]
    assert found.evidence["span_days"] == 13


def test_a_weight_that_rises_is_no_fall() -> None:
    row = daily([70 + 0.5 * day for day in range(14)])
    assert _judge([row]).severity == judging.GREEN
    assert _judge([row], direction=judging.HIGH).severity == judging.RED
    assert _judge([row], direction=judging.EITHER).severity == judging.RED


def test_one_wrong_reading_does_not_make_a_trend() -> None:
    row = daily([92.0, 92.1, 91.9, 92.0, 92.1, 91.9, 92.0, 92.1, 91.9, 92.0, 92.0, 70.0])
    assert _judge([row]).severity == judging.GREEN


def test_a_large_slope_that_may_be_chance_is_not_flagged() -> None:
    found = _judge([daily([90, 96, 88, 95, 87, 94, 86, 93, 97, 84, 95, 85])])
    assert abs(found.evidence["slope_per_day"][0]) > 0.1
    assert found.evidence["p"] > 0.05
    assert found.severity == judging.GREEN
    assert found.score == 0


def test_a_patient_who_measures_twice_a_week_has_the_slope_of_one_who_measures_daily() -> None:
    days = np.arange(40)
    every = daily([95 - 0.2 * day for day in days])
    some = [reading for day, reading in enumerate(every) if (39 - day) % 7 in (0, 3)]
    found = _judge([every, some])
    np.testing.assert_allclose(found.evidence["slope_per_day"], -0.2, atol=1e-5)


def test_a_spo2_that_never_changes_has_no_trend() -> None:
    found = _judge([daily([92] * 20)])
    assert found.severity == judging.GREEN
    assert [found.evidence[k][0] for k in ("slope_per_day", "s", "z", "p")] == [0, 0, 0, 1]


def test_nine_readings_are_too_few_for_a_trend() -> None:
    rows = [daily([95 - day for day in range(9)]), daily([95.0])]
    found = _judge(rows)
    assert (found.severity == judging.INSUFFICIENT).all()
    assert np.isnan(found.score).all()
    assert found.evidence["n"].tolist() == [9, 1]


def test_readings_all_of_one_instant_have_no_trend_to_tell() -> None:
    found = _judge([[(90.0 + at, 0.0) for at in range(12)]])
    assert found.severity == judging.INSUFFICIENT


def test_a_trend_does_not_reach_across_months_away() -> None:
    before = [(98.0, 100.0 + day) for day in range(12, 0, -1)]
    after = daily([90.0] * 11)
    found = _judge([[*before, *after], [*before, *after[-3:]]])
    assert found.severity.tolist() == [judging.GREEN, judging.INSUFFICIENT]
    assert found.evidence["span_days"][0] == 10


def test_a_reading_that_is_no_number_is_never_green() -> None:
    for value in (np.nan, np.inf, -np.inf):
        row = daily([95 - 0.25 * day for day in range(14)] + [value])
        assert _judge([row]).severity == judging.INSUFFICIENT


def test_a_doubled_reading_counts_no_pair_with_its_double() -> None:
    row = daily([95 - 0.25 * day for day in range(12)])
    doubled = [*row[:6], (row[5][0] + 3, row[5][1]), *row[6:]]
    assert _judge([doubled]).evidence["n"] == 13
    assert _judge([doubled]).evidence["slope_per_day"] == pytest.approx(-0.25, abs=1e-5)


def test_mann_kendall_as_worked_by_hand_with_ties() -> None:
    # Values 1 2 2 3 3 3 4 5 5 6: pairs 45, tied 1 + 3 + 1, so S = 40. Groups 2, 3, 2:
    # 18 var S = 10*9*25 - (18 + 66 + 18) = 2148.
    found = _judge([daily([1, 2, 2, 3, 3, 3, 4, 5, 5, 6])])
    z = 39 / math.sqrt(2148 / 18)
    assert found.evidence["s"] == 40
    assert found.evidence["z"] == pytest.approx(z)
    assert found.evidence["p"] == pytest.approx(math.erfc(z / math.sqrt(2)))


def test_the_tail_of_the_normal_is_that_of_the_standard_library() -> None:
    z = np.concatenate([np.linspace(-8, 8, 801), [2.828427, 2.828428, 20.0, 37.0]])
    expected = [math.erfc(abs(one) / math.sqrt(2)) for one in z]
    np.testing.assert_allclose(normal.two_sided_p(z), expected, rtol=1e-12)
    assert np.isnan(normal.two_sided_p(np.array([np.nan])))


@given(tables(), st.sampled_from([rule.NEED, NONE]))
def test_the_array_rule_agrees_with_the_slow_reference(rows: list[Row], need: Need) -> None:
    window = window_of(rows)
    found = rule.judge(window, _parameters(len(rows)), need)
    for at, row in enumerate(rows_of(window)):
        expected = rule_oracle.trend(row, need)
        for key, value in expected.items():
            # Readings a minute apart: a float32 age of months is half a second coarse.
            near = pytest.approx(value, rel=1e-3, abs=1e-5, nan_ok=True)
            assert found.evidence[key][at] == near, key


@given(tables())
def test_a_row_does_not_feel_its_neighbours(rows: list[Row]) -> None:
    together = _judge(rows, NONE)
    for at, row in enumerate(rows):
        for key, column in _judge([row], NONE).evidence.items():
            np.testing.assert_array_equal(column[0], together.evidence[key][at], err_msg=key)


def test_blocks_of_any_size_give_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(5).normal(92, 2, (600, 32)).astype(np.float32)
    window = Window(noise, np.tile(np.arange(31, -1, -1, dtype=np.float32), (600, 1)))
    whole = rule.judge(window, _parameters(600)).score
    monkeypatch.setattr(rule, "BLOCK_ROWS", 7)
    np.testing.assert_array_equal(rule.judge(window, _parameters(600)).score, whole)


@pytest.mark.parametrize("readings", [46, 47, 92])
@pytest.mark.parametrize("holes", [0, 7])
def test_a_season_of_readings_has_the_slope_of_all_its_pairs(readings: int, holes: int) -> None:
    # Wide windows take another way to the median than narrow ones, for odd and even numbers.
    rng = np.random.default_rng(readings)
    values = rng.normal(92, 1, (40, readings)).round(1)
    ages = np.tile(np.arange(readings - 1, -1, -1.0), (40, 1))
    values[:20, :holes] = ages[:20, :holes] = np.nan
    window = Window(values, ages)
    found = rule.judge(window, _parameters(40), NONE)
    for at, row in enumerate(rows_of(window)):
        slow = rule_oracle.trend(row, NONE)
        assert found.evidence["slope_per_day"][at] == pytest.approx(
            slow["slope_per_day"], rel=1e-12
        )
        assert found.evidence["s"][at] == slow["s"]
