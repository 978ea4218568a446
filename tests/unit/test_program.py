"""The program: what is said of a reading depends on its series and on nothing else."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings

from alerts import program
from alerts.context import Context, OwnNumbers, Symptoms
from alerts.program import RuleOutcome
from alerts.readings import US_PER_DAY, Readings
from alerts.reference import References
from alerts.rules import judging
from alerts.rules.charts import CUSUM_CHARTS, EWMA_CHARTS
from alerts.rules.judging import Need
from alerts.rulesets import loading
from alerts.rulesets.model import RuleSet
from telekol.quantities import Quantity
from tests.support import rule_oracle
from tests.support.rule_sets import rule, rule_set
from tests.support.series import DAILY, START_US, every, only, populations, readings_of
from tests.support.windows import Row

SPO2, PULSE = Quantity.SPO2, Quantity.PULSE_RATE
SHIPPED: Final = [loading.load(name) for name in loading.shipped_names()]
GREEN, YELLOW, RED = judging.GREEN, judging.YELLOW, judging.RED
INSUFFICIENT = judging.INSUFFICIENT


def _all(rules: RuleSet, readings: Readings, context: Context | None = None) -> list[RuleOutcome]:
    return program.judge(rules, readings, readings.all_rows(), context)


def _severities(
    rules: RuleSet, readings: Readings, context: Context | None = None
) -> list[list[int]]:
    return [found.judgement.severity.tolist() for found in _all(rules, readings, context)]


def _spo2(values: list[float], apart_days: float = DAILY) -> Readings:
    return readings_of({("a", SPO2): every(apart_days, values)})


def _answers(rules: RuleSet, readings: Readings, rows: Any) -> dict[tuple[str, int], list[Any]]:
    """Everything that is said, by rule and by which reading was given."""
    found: dict[tuple[str, int], list[Any]] = {}
    for outcome in program.judge(rules, readings, np.asarray(rows, dtype=np.intp)):
        columns: list[Any] = [outcome.judgement.severity, outcome.judgement.score]
        columns += list(outcome.judgement.evidence.values())
        columns += list(outcome.beside.values())
        for at, row in enumerate(outcome.rows.tolist()):
            key = (outcome.rule.id, int(readings.given[row]))
            found[key] = [str(column[at]) for column in columns]
    return found


@pytest.mark.parametrize("rules", SHIPPED, ids=lambda rules: rules.name)
@settings(max_examples=40, deadline=None)
@given(readings=populations(30))
def test_a_reading_judged_as_it_arrives_is_judged_as_in_a_replay_of_the_year(
    rules: RuleSet, readings: Readings
) -> None:
    replayed = _answers(rules, readings, readings.all_rows())
    for row in range(0, len(readings), 3):
        known_then, at = only(readings, row)
        arrived = _answers(rules, known_then, [at])
        for (rule_id, _), answer in arrived.items():
            assert answer == replayed[rule_id, int(readings.given[row])], rule_id


@pytest.mark.parametrize("rules", SHIPPED, ids=lambda rules: rules.name)
def test_blocks_of_any_size_and_rows_in_any_order_give_the_same_answers(
    rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    readings = readings_of(
        {
            (series, quantity): every(1.0, rng.normal(92, 2, 60).round(1).tolist())
            for series in "abc"
            for quantity in (SPO2, PULSE, Quantity.BODY_WEIGHT, Quantity.FEV1)
        }
    )
    whole = _answers(rules, readings, readings.all_rows())
    monkeypatch.setattr(program, "BLOCK_ROWS", 7)
    assert _answers(rules, readings, rng.permutation(len(readings))) == whole


def test_a_rule_is_for_its_own_quantity_and_each_reading_is_told_once() -> None:
    readings = readings_of({("a", SPO2): every(1.0, [92] * 3), ("a", PULSE): every(1.0, [80] * 2)})
    (found,) = _all(rule_set(rule("absolute-limits", red_low=88)), readings)
    assert found.rows.tolist() == np.flatnonzero(readings.quantity == 0).tolist()


def test_a_rule_without_readings_of_its_quantity_says_nothing() -> None:
    assert _all(rule_set(rule("absolute-limits", "fev1", red_low=1)), _spo2([92])) == []


def test_no_readings_are_no_error() -> None:
    empty = Readings.of([], [], [], [], [])
    for rules in SHIPPED:
        assert _all(rules, empty) == []


# ---- The numbers, against plain Python over the readings themselves ------------------------------


def _row(values: list[float], upto: int, width: int) -> Row:
    return [(value, float(upto - at)) for at, value in enumerate(values[: upto + 1])][-width:]


def test_evidence_is_what_plain_python_finds_over_the_readings_to_twelve_digits() -> None:
    rng = np.random.default_rng(11)
    values = rng.normal(92, 1.5, 150).round(1).tolist()
    found = {o.rule.id: o for o in _all(loading.load("every-family"), _spo2(values))}
    gap = Need(7, 92, 400)
    for at in (0, 6, 7, 9, 10, 30, 91, 92, 127, 128, 149):
        slow: dict[str, dict[str, float]] = {
            "own-baseline-spo2": rule_oracle.baseline(_row(values, at, 128), gap, 1.0),
            "trend-spo2": rule_oracle.trend(_row(values, at, 92), Need(10, 92, 400)),
        }
        for rule_id, answer in slow.items():
            evidence = found[rule_id].judgement.evidence
            assert set(answer) <= set(evidence)
            for key, value in answer.items():
                near = pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True)
                assert evidence[key][at] == near, (rule_id, key, at)


def test_charts_stand_on_the_proposed_level_and_its_spread() -> None:
    rng = np.random.default_rng(12)
    values = rng.normal(92, 3, 60).round(1).tolist()
    found = {o.rule.id: o for o in _all(loading.load("every-family"), _spo2(values))}
    ewma, cusum = found["ewma-spo2"], found["cusum-spo2"]
    assert ewma.level is not None
    centre, spread = ewma.level.value[-1], ewma.level.spread[-1]
    assert centre == np.median(values[:14])
    assert spread == pytest.approx(1.482602218505602 * np.median(np.abs(values[:14] - centre)))
    row, need = _row(values, 59, 128), Need(1, 92, 400)
    slow = rule_oracle.ewma(row, need, centre, spread, EWMA_CHARTS["ewma-500-quick"].weight)
    assert ewma.judgement.evidence["ewma"][-1] == pytest.approx(slow["ewma"], rel=1e-12)
    sums = rule_oracle.cusum(row, need, centre, spread, CUSUM_CHARTS["cusum-465"].k)
    for side in ("high", "low"):
        assert cusum.judgement.evidence[side][-1] == pytest.approx(sums[side], rel=1e-12)


@pytest.mark.parametrize(
    ("family", "keys"),
    [
        ("own-baseline", ["median", "mad", "z", "n"]),
        ("trend", ["slope_per_day", "s", "z", "p", "n", "span_days"]),
        ("ewma", ["ewma", "limit"]),
        ("cusum", ["high", "low", "h"]),
    ],
)
def test_the_evidence_of_a_family_has_the_promised_names(family: str, keys: list[str]) -> None:
    outcomes = _all(loading.load("every-family"), _spo2([92.0] * 12))
    (found,) = [outcome for outcome in outcomes if outcome.rule.family == family]
    assert list(found.judgement.evidence) == keys


# ---- What lasts ---------------------------------------------------------------------------------


def _lasting(values: list[float], apart_days: float = DAILY, **persist: float) -> list[int]:
    limits = rule(
        "absolute-limits", yellow_low=90, red_low=85, persist={"least": 2, "of": 3} | persist
    )
    return _severities(rule_set(limits), _spo2(values, apart_days))[0]


def test_one_low_reading_among_good_ones_is_no_alarm_and_two_of_three_are() -> None:
    assert _lasting([92, 88, 92, 92, 88, 92, 88]) == [0, 0, 0, 0, 0, 0, YELLOW]


def test_a_good_reading_after_two_low_ones_is_green() -> None:
    assert _lasting([88, 88, 92]) == [GREEN, YELLOW, GREEN]


def test_a_red_after_a_yellow_is_yellow_until_the_red_lasts() -> None:
    assert _lasting([88, 84, 84]) == [GREEN, YELLOW, RED]


def test_a_low_reading_of_last_month_does_not_make_todays_last() -> None:
    assert _lasting([88, 88], apart_days=20, within_days=15) == [GREEN, GREEN]
    assert _lasting([88, 88], apart_days=20, within_days=21) == [GREEN, YELLOW]


def test_who_measures_once_a_week_is_not_made_to_wait_for_a_second_reading() -> None:
    assert _lasting([92, 88, 88], apart_days=7, alone_after_days=3) == [GREEN, YELLOW, YELLOW]
    assert _lasting([92, 84], apart_days=7, alone_after_days=3) == [GREEN, RED]
    assert _lasting([92, 88, 88], apart_days=1, alone_after_days=3) == [GREEN, GREEN, YELLOW]
    assert _lasting([88], alone_after_days=3) == [YELLOW]


def test_the_first_reading_of_all_is_not_counted_twice() -> None:
    assert _lasting([88]) == [GREEN]


# ---- What is known beside the readings -----------------------------------------------------------


def test_a_patient_with_own_limits_is_held_against_those_and_the_others_against_the_rules() -> None:
    readings = readings_of({(name, SPO2): every(1.0, [86]) for name in "abc"})
    own = {("absolute-limits", "red_low"): OwnNumbers.of([2, 1], [np.nan, 85])}
    rules = rule_set(rule("absolute-limits", red_low=88))
    assert _severities(rules, readings, Context(own=own)) == [[RED, GREEN, GREEN]]


def test_an_approved_reference_value_is_in_force_before_seven_readings_are_there() -> None:
    references = References.of([0], [0], [START_US], [95], [True])
    rules = rule_set(rule("relative-limits", red_low=-6, yellow_low=-4))
    readings = _spo2([95, 90, 88])
    assert _severities(rules, readings) == [[INSUFFICIENT] * 3]
    assert _severities(rules, readings, Context(references=references)) == [[GREEN, YELLOW, RED]]


def test_a_reference_of_two_years_ago_is_too_old_to_judge_by() -> None:
    references = References.of([0], [0], [START_US - 730 * US_PER_DAY], [95], [True])
    rules = rule_set(rule("relative-limits", red_low=-6))
    found = _all(rules, _spo2([80]), Context(references=references))[0]
    assert found.judgement.severity.tolist() == [INSUFFICIENT]
    assert found.judgement.evidence["reference_state"].tolist() == ["outdated"]


def test_an_approved_value_without_a_spread_is_charted_with_the_floor() -> None:
    references = References.of([0], [0], [START_US], [92], [True])
    rules = rule_set(rule("cusum", direction="low", chart="cusum-168", floor=1.0))
    found = _all(rules, _spo2([91, 90, 90, 90]), Context(references=references))[0]
    assert found.judgement.evidence["low"].tolist() == [0.5, 2, 3.5, 5]
    assert found.judgement.severity.tolist() == [GREEN, GREEN, GREEN, YELLOW]


# ---- Two quantities of one session ---------------------------------------------------------------


def _session(spo2: float, pulse: float | None, apart_days: float = 0.0) -> Readings:
    days = list(range(20))
    low = [(day, 92 + day % 2) for day in days] + [(20.0, spo2)]
    fast = [(float(day), 80.0 + 4 * (day % 2)) for day in days]
    if pulse is not None:
        fast.append((20 + apart_days, pulse))
    return readings_of({("a", SPO2): low, ("a", PULSE): fast})


_COMPOSITE: Final = rule(
    "spo2-pulse-composite", yellow_with=1.0, red_with=2.5, yellow_without=2.0, red_without=4.0
)


def _composite(readings: Readings, context: Context | None = None) -> int:
    return _severities(rule_set(_COMPOSITE), readings, context)[0][-1]


def test_a_fall_of_spo2_with_a_rise_of_pulse_is_worse_than_either() -> None:
    assert _composite(_session(90, 90)) == YELLOW
    assert _composite(_session(90, 82)) == GREEN
    assert _composite(_session(92, 90)) == GREEN


def test_a_morning_spo2_says_nothing_with_an_evening_pulse() -> None:
    assert _composite(_session(90, 90, 50 / 1440)) == YELLOW
    assert _composite(_session(90, 90, 70 / 1440)) == INSUFFICIENT
    assert _composite(_session(90, None)) == INSUFFICIENT


def test_the_same_numbers_weigh_more_for_a_patient_who_says_it_is_worse() -> None:
    readings = _session(91, 86)
    at = START_US + 20 * US_PER_DAY

    def said(when: int, worse: bool) -> Context:
        return Context(symptoms=Symptoms.of([0], [when], [worse]))

    assert _composite(readings) == GREEN
    assert _composite(readings, said(at - US_PER_DAY // 2, True)) == YELLOW
    assert _composite(readings, said(at - US_PER_DAY // 2, False)) == GREEN
    assert _composite(readings, said(at - 3 * US_PER_DAY, True)) == GREEN


def test_another_patients_pulse_is_no_partner() -> None:
    readings = readings_of(
        {
            ("a", SPO2): every(1.0, [92, 93] * 10 + [85]),
            ("b", PULSE): every(1.0, [80, 84] * 10 + [120]),
        }
    )
    assert _composite(readings) == INSUFFICIENT


def test_a_reading_that_is_doubtful_is_judged_and_no_part_of_what_is_usual() -> None:
    values = np.array([92.0] * 10 + [60.0] * 10 + [92.0, 86.0])
    readings = Readings.of(
        ["a"], [0] * 22, [0] * 22, START_US + np.arange(22) * US_PER_DAY, values, values == 60
    )
    baseline = rule("own-baseline", direction="low", yellow=2.0, floor=1.0)
    found = _all(rule_set(baseline), readings)[0]
    assert found.judgement.severity[10:].tolist() == [YELLOW] * 10 + [GREEN, YELLOW]
    assert found.judgement.evidence["n"][-1] == 11
