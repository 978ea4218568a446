"""Each test is named after the clinical sentence it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import judging
from alerts.rules import relative_limits as rule
from alerts.rules.judging import Judgement
from tests.support.windows import daily, window_of

FALL = {"yellow_low": -2.0, "red_low": -4.0}

tenths = st.integers(0, 2000).map(lambda n: n / 10)
offsets = st.none() | st.integers(1, 100).map(lambda n: n / 10)


def _judge(value: float, reference: float, age: float = 30, **offsets: float) -> Judgement:
    names = ("red_low", "yellow_low", "yellow_high", "red_high")
    arrays = {name: np.array([offsets.get(name, np.nan)]) for name in names}
    parameters = rule.Parameters(np.array([reference]), np.array([float(age)]), **arrays)
    return rule.judge(window_of([daily([value])]), parameters)


def test_a_spo2_4_points_under_the_own_reference_is_yellow_and_5_red() -> None:
    assert _judge(84, 88, **FALL).severity == judging.YELLOW
    assert _judge(83, 88, **FALL).severity == judging.RED
    assert _judge(91, 96, **FALL).severity == judging.RED
    assert _judge(86, 88, **FALL).severity == judging.GREEN


def test_a_missing_reference_is_work_for_somebody_and_never_green() -> None:
    found = _judge(92, np.nan, **FALL)
    assert found.severity == judging.INSUFFICIENT
    assert rule.STATES[found.evidence["reference_state"][0]] == "missing"


def test_a_reference_of_years_ago_is_outdated() -> None:
    found = _judge(92, 92, age=800, **FALL)
    assert found.severity == judging.INSUFFICIENT
    assert found.evidence["reference_state"] == rule.OUTDATED


def test_a_reference_set_after_the_reading_is_not_used_for_it() -> None:
    found = _judge(80, 92, age=-1, **FALL)
    assert found.severity == judging.INSUFFICIENT
    assert found.evidence["reference_state"] == rule.NOT_YET


def test_a_reading_that_is_no_number_is_never_green() -> None:
    for value in (np.nan, np.inf, -np.inf):
        assert _judge(value, 92, **FALL).severity == judging.INSUFFICIENT


@given(tenths, tenths, offsets, offsets, offsets, offsets)
def test_the_array_rule_agrees_with_the_slow_reference(
    value: float,
    reference: float,
    red_low: float | None,
    yellow_low: float | None,
    yellow_high: float | None,
    red_high: float | None,
) -> None:
    signed = {"red_low": (red_low, -1), "yellow_low": (yellow_low, -1)}
    signed |= {"yellow_high": (yellow_high, 1), "red_high": (red_high, 1)}
    given_offsets = {name: o * sign for name, (o, sign) in signed.items() if o is not None}
    # In whole tenths, where a comparison is exact.
    off = round((value - reference) * 10)
    passed = [
        name
        for name, o in given_offsets.items()
        if (off < round(o * 10) if name.endswith("low") else off > round(o * 10))
    ]
    red = any(name.startswith("red") for name in passed)
    expected = judging.RED if red else judging.YELLOW if passed else judging.GREEN
    found = _judge(value, reference, **given_offsets)
    assert found.severity == expected
    assert found.evidence["difference"] == pytest.approx(value - reference, abs=3e-5)
