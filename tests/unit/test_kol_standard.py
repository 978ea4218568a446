"""The standard set, by the clinical sentences it stands for. What it costs is in docs/evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest

from alerts import program, told
from alerts.context import Context
from alerts.readings import Readings
from alerts.reference import References
from alerts.rules import judging
from alerts.rulesets import loading
from telekol.quantities import Quantity
from tests.support.series import (
    DAILY,
    START_US,
    TWICE_WEEKLY,
    WEEKLY,
    Measured,
    every,
    readings_of,
)

STANDARD: Final = loading.load()
SPO2, PULSE, WEIGHT = Quantity.SPO2, Quantity.PULSE_RATE, Quantity.BODY_WEIGHT
WORDS: Final = told.SEVERITIES


def _worst(readings: Readings, context: Context | None = None) -> dict[Quantity, str]:
    """The worst severity of the last reading of each quantity; insufficient counts least."""
    worst: dict[Quantity, int] = {}
    for outcome in program.judge(STANDARD, readings, readings.last_rows(), context):
        quantity = outcome.rule.quantity
        assert quantity is not None
        found = int(outcome.judgement.severity.max())
        worst[quantity] = max(worst.get(quantity, judging.INSUFFICIENT), found)
    return {quantity: WORDS[severity] for quantity, severity in worst.items()}


def _usual(level: float, then: Sequence[float], apart_days: float = DAILY) -> Measured:
    """A stable month around a level, and then."""
    stable = [level + change for change in (0, 1, 0, -1, 0, 0, 1, -1, 0, 0) * 3]
    return every(apart_days, [*stable, *then])


def _spo2(level: float, then: Sequence[float], apart_days: float = DAILY) -> str:
    return _worst(readings_of({("a", SPO2): _usual(level, then, apart_days)}))[SPO2]


@pytest.mark.parametrize("apart_days", [DAILY, TWICE_WEEKLY, WEEKLY])
@pytest.mark.parametrize("usual", [85, 87, 92, 96])
def test_a_patient_at_the_usual_level_is_green_whatever_that_level_is(
    usual: float, apart_days: float
) -> None:
    for value in (usual - 2, usual - 1, usual, usual + 1, usual + 2):
        assert _spo2(usual, [value], apart_days) == "green"


@pytest.mark.parametrize("apart_days", [DAILY, TWICE_WEEKLY, WEEKLY])
@pytest.mark.parametrize("usual", [85, 87, 92, 96])
def test_five_points_under_the_usual_level_is_yellow_and_six_red_at_once(
    usual: float, apart_days: float
) -> None:
    assert _spo2(usual, [usual - 5], apart_days) == ("red" if usual - 5 < 80 else "yellow")
    assert _spo2(usual, [usual - 6], apart_days) == "red"


def test_an_87_is_a_good_day_for_one_patient_and_red_for_another() -> None:
    assert _spo2(87, [87]) == "green"
    assert _spo2(96, [87]) == "red"


def test_a_spo2_of_79_is_red_for_everybody_from_the_first_reading_on() -> None:
    assert _worst(readings_of({("a", SPO2): [(0, 79)]}))[SPO2] == "red"
    assert _spo2(84, [79]) == "red"


def test_a_red_that_stands_alone_is_red_though_other_rules_wait_for_a_second() -> None:
    readings = readings_of({("a", SPO2): _usual(92, [79])})
    found = {
        outcome.rule.id: WORDS[int(outcome.judgement.severity[-1])]
        for outcome in program.judge(STANDARD, readings, readings.last_rows())
    }
    assert found["spo2-floor"] == found["spo2-below-usual"] == "red"
    assert found["spo2-lastingly-low"] == "green"


def test_three_points_less_on_two_days_of_three_is_yellow_and_on_one_it_is_not() -> None:
    assert _spo2(92, [88.5]) == "green"
    assert _spo2(92, [88.5, 92, 88.5]) == "yellow"


def test_the_beginning_of_an_exacerbation_does_not_become_the_usual_level() -> None:
    falling = [92, 91, 91, 90, 90, 89, 89, 88]
    assert _spo2(92, falling) == "yellow"


def test_a_slow_decline_of_half_a_year_is_seen_against_the_level_of_the_first_period() -> None:
    declining = [92 - 5.5 * day / 180 for day in range(180)]
    assert _spo2(92, declining) in ("yellow", "red")


def test_a_new_patient_has_too_little_for_a_level_and_is_told_so() -> None:
    readings = readings_of({("a", SPO2): every(1.0, [92.0] * 5)})
    found = program.judge(STANDARD, readings, readings.last_rows())
    said = {o.rule.id: WORDS[int(o.judgement.severity[0])] for o in found}
    assert said["spo2-below-usual"] == "insufficient"
    assert said["spo2-floor"] == "green"


def test_what_a_physician_approved_holds_before_there_is_a_first_period() -> None:
    context = Context(references=References.of([0], [0], [START_US], [87], [True]))
    for value, severity in ((83, "green"), (82, "yellow"), (81, "red")):
        readings = readings_of({("a", SPO2): [(0, 88), (1, value)]})
        assert _worst(readings, context)[SPO2] == severity


def test_a_pulse_of_25_over_the_usual_is_yellow_and_40_over_red() -> None:
    for then, severity in ((90, "green"), (105, "yellow"), (121, "red"), (40, "red")):
        readings = readings_of({("a", PULSE): _usual(80, [then])})
        assert _worst(readings)[PULSE] == severity


def test_two_and_a_half_kilograms_in_three_days_is_yellow() -> None:
    for then, severity in (
        ([80.5, 81, 82], "green"),
        ([80.8, 81.6, 82.5], "yellow"),
        ([81, 83, 84.5], "red"),
    ):
        stable = [80.0, 80.2, 79.9, 80.1] * 5
        readings = readings_of({("a", WEIGHT): every(1.0, stable + then)})
        assert _worst(readings)[WEIGHT] == severity


def test_who_weighs_once_a_week_is_held_against_last_week() -> None:
    weekly = every(WEEKLY, [80.0, 80.2, 79.9, 80.1, 80.0, 82.6])
    readings = readings_of({("a", WEIGHT): weekly})
    found = program.judge(STANDARD, readings, readings.last_rows())
    said = {o.rule.id: WORDS[int(o.judgement.severity[0])] for o in found}
    assert said["weight-up-in-3-days"] == "insufficient"
    assert said["weight-up-in-a-week"] == "yellow"


def test_five_kilograms_lost_and_not_regained_is_yellow_and_one_odd_weight_is_not() -> None:
    # A slope of a month is flagged by every weight that drifts; what is lost for good is a level.
    falling = [round(80 - 0.07 * day + 0.1 * (day % 3), 1) for day in range(90)]
    for then, severity in ((falling, "yellow"), ([*falling[:20], 74.0], "green")):
        readings = readings_of({("a", WEIGHT): every(1.0, then)})
        assert _worst(readings)[WEIGHT] == severity


def test_a_fever_is_yellow_over_38_and_red_over_39() -> None:
    for value, severity in (
        (38.0, "green"),
        (38.1, "yellow"),
        (39.0, "yellow"),
        (39.1, "red"),
        (35.0, "yellow"),
    ):
        readings = readings_of({("a", Quantity.BODY_TEMPERATURE): [(0, value)]})
        assert _worst(readings)[Quantity.BODY_TEMPERATURE] == severity


def test_a_systolic_pressure_under_85_is_red_at_once_and_90_or_180_has_to_last() -> None:
    for values, severity in (
        ([84], "red"),
        ([90], "green"),
        ([90, 90], "yellow"),
        ([91, 91], "green"),
        ([220], "red"),
        ([130, 185], "green"),
        ([185, 185], "yellow"),
    ):
        readings = readings_of({("a", Quantity.SYSTOLIC_BP): every(1.0, values)})
        assert _worst(readings)[Quantity.SYSTOLIC_BP] == severity


def test_a_quarter_litre_of_fev1_is_yellow_whatever_per_cent_it_is() -> None:
    for level in (0.8, 2.4):
        for lost, severity in ((0.1, "green"), (0.24, "yellow"), (0.5, "red")):
            weekly = every(WEEKLY, [level, level + 0.05, level, level - 0.05, level - lost])
            readings = readings_of({("a", Quantity.FEV1): weekly})
            assert _worst(readings)[Quantity.FEV1] == severity


@pytest.mark.parametrize("apart_days", [DAILY, TWICE_WEEKLY, WEEKLY])
def test_a_stable_year_of_independent_readings_stays_under_one_false_flag_in_20_days(
    apart_days: float,
) -> None:
    # Independent and normal is the easy case; docs/evidence has simulated patients.
    rng = np.random.default_rng(8)
    days, patients = 365, 40
    count = int(days / apart_days)
    draws: dict[Quantity, tuple[float, int]] = {SPO2: (1.2, 0), PULSE: (5, 0), WEIGHT: (0.4, 1)}
    levels = {SPO2: 91.0, PULSE: 82.0, WEIGHT: 74.0}
    readings = readings_of(
        {
            (f"p{patient:02}", quantity): every(
                apart_days, rng.normal(levels[quantity], sd, count).round(decimals).tolist()
            )
            for patient in range(patients)
            for quantity, (sd, decimals) in draws.items()
        }
    )
    flagged: set[tuple[int, int]] = set()
    for outcome in program.judge(STANDARD, readings, readings.all_rows()):
        rows = outcome.rows[outcome.judgement.severity >= judging.YELLOW]
        sessions = zip(readings.series[rows], readings.measured_us[rows], strict=True)
        flagged |= {(int(series), int(us)) for series, us in sessions}
    assert len(flagged) / (days * patients) < 0.05
