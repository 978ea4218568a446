"""Each test is named after the clinical sentence it stands for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import absolute_limits as rule
from alerts.rules.absolute_limits import Limits
from alerts.window import Reading, Window, build

AT = datetime(2026, 11, 2, 8, tzinfo=UTC)

tenths = st.integers(0, 4000).map(lambda n: Decimal(n) / 10)
maybe_tenths = st.none() | tenths


def _judge(value: float, **limits: float) -> tuple[int, int, float]:
    arrays = {
        name: np.array([limits.get(name, np.nan)])
        for name in ("red_low", "yellow_low", "yellow_high", "red_high")
    }
    window = build([[Reading(UUID(int=1), AT, value)]])
    found = rule.judge(window, Limits(**arrays))
    return int(found.severity[0]), int(found.passed[0]), float(found.score[0])


def test_a_spo2_under_the_red_limit_is_red() -> None:
    severity, passed, score = _judge(84, red_low=88, yellow_low=90)
    assert severity == rule.RED
    assert rule.LIMIT_NAMES[passed] == "red_low"
    assert score == 4


def test_a_spo2_on_the_limit_has_not_passed_it() -> None:
    assert _judge(88, red_low=88)[0] == rule.GREEN


def test_a_limit_of_zero_is_a_limit() -> None:
    assert _judge(1, red_high=0)[0] == rule.RED


def test_without_any_limit_nothing_is_flagged() -> None:
    assert _judge(60) == (rule.GREEN, rule.NO_LIMIT, 0.0)


def test_a_weight_of_97_3_is_not_above_a_limit_of_97_3() -> None:
    # 97.3 as float32 is greater than 97.3 as float64.
    assert np.float32(97.3) > np.float64(97.3)
    assert _judge(97.3, yellow_high=97.3)[0] == rule.GREEN


def test_a_reading_that_is_no_number_is_never_green() -> None:
    severity, _, score = _judge(float("nan"), red_low=88)
    assert severity == rule.INSUFFICIENT
    assert np.isnan(score)


@given(tenths, maybe_tenths, maybe_tenths, maybe_tenths, maybe_tenths)
def test_the_array_rule_agrees_with_the_slow_reference(
    value: Decimal,
    red_low: Decimal | None,
    yellow_low: Decimal | None,
    yellow_high: Decimal | None,
    red_high: Decimal | None,
) -> None:
    limits = {
        "red_low": red_low,
        "yellow_low": yellow_low,
        "yellow_high": yellow_high,
        "red_high": red_high,
    }
    given_limits = {name: float(limit) for name, limit in limits.items() if limit is not None}
    assert _judge(float(value), **given_limits)[0] == _reference(value, limits)


def _reference(value: Decimal, limits: dict[str, Decimal | None]) -> int:
    for colour, code in (("red", rule.RED), ("yellow", rule.YELLOW)):
        low, high = limits[f"{colour}_low"], limits[f"{colour}_high"]
        if (low is not None and value < low) or (high is not None and value > high):
            return code
    return rule.GREEN


def test_limits_must_match_the_window_row_by_row() -> None:
    window = build([[Reading(UUID(int=1), AT, 90.0)]])
    two = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="red_low must have shape"):
        rule.judge(window, Limits(two, two, two, two))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_reading_without_end_is_no_reading_and_never_green(value: float) -> None:
    window = Window(np.array([[value]]), np.zeros((1, 1)))
    one = np.ones(1)
    limits = Limits(88 * one, np.nan * one, np.nan * one, np.nan * one)
    found = rule.judge(window, limits)
    assert found.severity.tolist() == [rule.INSUFFICIENT]
    assert np.isnan(found.score).all()


def test_at_float64_a_reading_on_a_decimal_limit_has_not_passed_it() -> None:
    window = Window(np.array([[97.3], [97.2], [97.4]]), np.zeros((3, 1)))
    limit, none = np.full(3, 97.3), np.full(3, np.nan)
    found = rule.judge(window, Limits(limit, none, none, limit))
    assert found.severity.tolist() == [rule.GREEN, rule.RED, rule.RED]
