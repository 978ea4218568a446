"""Reference values: what is proposed of the first period, and what a physician approved."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given, settings

from alerts.readings import US_PER_DAY, Readings
from alerts.reference import (
    FIRST_PERIOD_DAYS,
    LEAST_COUNT,
    MOST_READINGS,
    SPARSE_PERIOD_DAYS,
    FirstPeriods,
    Level,
    References,
    in_force,
    proposed,
)
from telekol.quantities import Quantity
from tests.support.series import (
    DAILY,
    START_US,
    TWICE_WEEKLY,
    WEEKLY,
    every,
    populations,
    readings_of,
)

SPO2 = Quantity.SPO2


def _proposed(readings: Readings) -> Level:
    return proposed(readings, readings.all_rows(), FirstPeriods.of(readings))


def _of(values: list[float], apart_days: float = DAILY) -> Readings:
    return readings_of({("a", SPO2): every(apart_days, values)})


def test_the_level_is_the_median_of_the_first_14_days_and_stays_so_when_the_patient_declines() -> (
    None
):
    declining = [92.0] * 14 + [92 - day * 0.1 for day in range(100)]
    level = _proposed(_of(declining))
    assert set(level.value[14:].tolist()) == {92}
    assert level.n[-1] == 14
    assert level.dated_us[-1] == START_US + 13 * US_PER_DAY


def test_nothing_is_proposed_before_the_seventh_reading() -> None:
    level = _proposed(_of([92.0] * 20))
    assert np.isnan(level.value[:LEAST_COUNT]).all()
    assert np.isfinite(level.value[LEAST_COUNT:]).all()


def test_within_the_first_period_only_earlier_readings_make_the_level() -> None:
    level = _proposed(_of([92.0] * 7 + [80.0] * 7 + [90.0]))
    assert level.value[7] == 92
    assert level.n[7:].tolist() == [7, 8, 9, 10, 11, 12, 13, 14]


@pytest.mark.parametrize(("apart_days", "count"), [(TWICE_WEEKLY, 7), (WEEKLY, 7)])
def test_who_begins_at_a_slower_pace_has_a_level_after_seven_readings(
    apart_days: float, count: int
) -> None:
    level = _proposed(_of([93, 92, 91, 92, 92, 94, 90, 85, 85, 85], apart_days))
    assert np.isnan(level.value[count - 1])
    assert level.value[count:].tolist() == [92, 92, 92]
    assert set(level.n[count:].tolist()) == {7}


def test_who_measures_once_a_month_has_no_level() -> None:
    assert np.isnan(_proposed(_of([92.0] * 10, 30.0)).value).all()


def test_a_patient_who_comes_back_is_measured_anew_from_the_day_of_enrolment() -> None:
    readings = _of([96.0] * 60 + [88.0] * 30)
    enrolled = np.array([START_US + 60 * US_PER_DAY])
    level = proposed(readings, readings.all_rows(), FirstPeriods.of(readings, enrolled))
    assert np.isnan(level.value[:67]).all()
    assert set(level.value[67:].tolist()) == {88}


def test_doubtful_readings_make_no_level() -> None:
    values = np.array([70.0] * 3 + [92.0] * 12)
    readings = Readings.of(
        ["a"],
        [0] * 15,
        [0] * 15,
        START_US + np.arange(15) * US_PER_DAY,
        values,
        values == 70,
    )
    level = _proposed(readings)
    assert (level.value[-1], level.n[-1], level.spread[-1]) == (92, 11, 0)


@settings(deadline=None)
@given(populations())
def test_a_proposal_agrees_with_the_slow_way(readings: Readings) -> None:
    level = _proposed(readings)
    for row in range(len(readings)):
        begin = int(readings.starts[row])
        first = readings.measured_us[begin]
        stretch = []
        for at in range(begin, row):
            days = (readings.measured_us[at] - first) / US_PER_DAY
            early = at - begin < LEAST_COUNT and days < SPARSE_PERIOD_DAYS
            inside = days < FIRST_PERIOD_DAYS or early
            if inside and at - begin < MOST_READINGS and not readings.doubtful[at]:
                stretch.append(float(readings.values[at]))
        if len(stretch) < LEAST_COUNT:
            assert np.isnan(level.value[row])
            assert level.n[row] == 0
            continue
        assert level.value[row] == pytest.approx(statistics.median(stretch), rel=1e-12)
        mad = statistics.median(abs(v - level.value[row]) for v in stretch)
        normal = statistics.NormalDist().inv_cdf(0.75)
        assert level.spread[row] == pytest.approx(mad / normal, rel=1e-12, abs=1e-12)
        assert level.n[row] == len(stretch)


def _given(
    rows: list[tuple[int, float, float, bool]], readings: Readings
) -> tuple[list[float], list[bool]]:
    series, days, values, approved = zip(*rows, strict=True)
    references = References.of(
        series,
        [0] * len(rows),
        [START_US + round(day * US_PER_DAY) for day in days],
        values,
        approved,
    )
    level = in_force(readings, readings.all_rows(), references, FirstPeriods.of(readings))
    return level.value.tolist(), level.approved.tolist()


def test_what_a_physician_approved_counts_from_its_date_on_and_before_that_the_proposal() -> None:
    readings = _of([92.0] * 20)
    values, approved = _given([(0, 15, 95, True), (0, 18, 94, True), (1, 0, 50, True)], readings)
    assert values[8:] == [92] * 7 + [95] * 3 + [94] * 2
    assert approved[8:] == [False] * 7 + [True] * 5


def test_an_approved_value_comes_before_a_newer_stored_proposal() -> None:
    readings = _of([92.0] * 20)
    values, approved = _given([(0, 10, 95, True), (0, 12, 90, False)], readings)
    assert (values[-1], approved[-1]) == (95, True)
    values, approved = _given([(0, 12, 90, False)], readings)
    assert (values[-1], approved[-1]) == (90, False)


def test_a_reference_dated_at_the_instant_of_a_reading_holds_for_it() -> None:
    values, _ = _given([(0, 3, 95, True)], _of([92.0] * 5))
    assert values[3:] == [95, 95]
