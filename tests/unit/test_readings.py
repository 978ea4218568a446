"""Readings as columns, against the slow and obvious way to cut a window."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.readings import NUMBER_OF, US_PER_DAY, Readings
from telekol.quantities import Quantity
from tests.support.series import populations, readings_of

SPO2, PULSE = Quantity.SPO2, Quantity.PULSE_RATE


def _slow_window(readings: Readings, row: int, width: int) -> list[tuple[float, float]]:
    """Give (value, age in days) of a row's window, by walking back reading by reading."""
    found: list[tuple[float, float]] = []
    for at in range(row, -1, -1):
        same = readings.series[at] == readings.series[row]
        if not same or readings.quantity[at] != readings.quantity[row] or len(found) == width:
            break
        age = int(readings.measured_us[row] - readings.measured_us[at]) / US_PER_DAY
        doubtful = bool(readings.doubtful[at]) and at != row
        found.append((math.nan, math.nan) if doubtful else (float(readings.values[at]), age))
    return found[::-1]


@settings(deadline=None)
@given(populations(), st.sampled_from([1, 2, 5, 32]))
def test_a_window_holds_the_newest_readings_of_its_own_series_and_no_other(
    readings: Readings, width: int
) -> None:
    window = readings.window(readings.all_rows(), width)
    for row in range(len(readings)):
        slow = _slow_window(readings, row, width)
        kept = window.values.shape[1] - len(slow)
        assert np.isnan(window.values[row, :kept]).all()
        np.testing.assert_array_equal(window.values[row, kept:], [value for value, _ in slow])
        np.testing.assert_array_equal(window.ages_days[row, kept:], [age for _, age in slow])


@settings(deadline=None)
@given(populations())
def test_readings_are_sorted_and_say_which_they_were(readings: Readings) -> None:
    keys = list(zip(readings.series, readings.quantity, readings.measured_us, strict=True))
    assert keys == sorted(keys)
    assert sorted(readings.given.tolist()) == list(range(len(readings)))


@settings(deadline=None)
@given(populations())
def test_the_last_rows_are_those_of_the_last_instant(readings: Readings) -> None:
    last = set(readings.last_rows().tolist())
    for row in range(len(readings)):
        group = (readings.series == readings.series[row]) & (
            readings.quantity == readings.quantity[row]
        )
        assert (row in last) == (readings.measured_us[row] == readings.measured_us[group].max())


@settings(deadline=None)
@given(populations(), st.sampled_from([0, 3_600_000_000]))
def test_the_nearest_reading_of_another_quantity_is_of_the_same_series(
    readings: Readings, within_us: int
) -> None:
    rows = np.flatnonzero(readings.quantity == NUMBER_OF[SPO2])
    found = readings.nearest(rows, PULSE, within_us)
    for row, pulse in zip(rows.tolist(), found.tolist(), strict=True):
        near = [
            (abs(int(readings.measured_us[at] - readings.measured_us[row])), at)
            for at in range(len(readings))
            if readings.series[at] == readings.series[row]
            and readings.quantity[at] == NUMBER_OF[PULSE]
            and abs(int(readings.measured_us[at] - readings.measured_us[row])) <= within_us
        ]
        assert pulse == (min(near)[1] if near else -1)


def test_readings_of_one_instant_keep_the_order_in_which_they_were_given() -> None:
    spo2 = NUMBER_OF[SPO2]
    readings = Readings.of(["a"], [0] * 3, [spo2] * 3, [5, 5, 4], [91, 90, 89])
    assert readings.values.tolist() == [89, 91, 90]


def test_an_age_is_right_to_the_microsecond_years_from_1970() -> None:
    readings = readings_of({("a", SPO2): [(0, 92), (400 + 1 / US_PER_DAY, 92)]})
    window = readings.window(readings.last_rows(), width=2)
    assert window.ages_days[0, 0] == 400 + 1 / US_PER_DAY


def test_a_column_of_another_length_is_named() -> None:
    with pytest.raises(ValueError, match="values must be one per reading"):
        Readings.of(["a"], [0, 0], [0, 0], [1, 2], [92])


def test_no_readings_are_no_error() -> None:
    readings = Readings.of([], [], [], [], [])
    assert len(readings.last_rows()) == len(readings.all_rows()) == len(readings) == 0
