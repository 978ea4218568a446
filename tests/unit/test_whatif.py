"""What-if gives the engine's own answers where nothing changed, and only then something else."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import program
from alerts.context import Context, OwnNumbers
from alerts.days import days_of
from alerts.readings import NUMBER_OF, US_PER_DAY, Readings
from alerts.rulesets import loading
from alerts.rulesets.model import RuleSet, overlaid
from alerts.whatif import Past
from telekol.quantities import Quantity

RULES = loading.load("kol-standard")
EVERY = loading.load("every-family")
START_US = int(datetime(2026, 3, 1, 7, tzinfo=UTC).timestamp()) * 1_000_000
QUANTITIES = (Quantity.SPO2, Quantity.PULSE_RATE, Quantity.BODY_WEIGHT)
USUAL = {Quantity.SPO2: 92, Quantity.PULSE_RATE: 80, Quantity.BODY_WEIGHT: 70}
SD = {Quantity.SPO2: 2, Quantity.PULSE_RATE: 9, Quantity.BODY_WEIGHT: 0.8}


def _year(patients: int = 1, days: int = 60, seed: int = 4) -> Readings:
    rng = np.random.default_rng(seed)
    rows = [
        (patient, NUMBER_OF[quantity], START_US + day * US_PER_DAY, value)
        for patient in range(patients)
        for quantity in QUANTITIES
        for day in range(days)
        for value in [round(rng.normal(USUAL[quantity], SD[quantity]), 1)]
        if rng.random() < 0.85
    ]
    return Readings.of([f"patient-{each}" for each in range(patients)], *zip(*rows, strict=True))


def _without(rule_set: RuleSet, name: str) -> RuleSet:
    kept = tuple(rule for rule in rule_set.rules if rule.id != name)
    return rule_set.model_copy(update={"rules": kept})


@pytest.mark.parametrize("rule_set", [RULES, EVERY], ids=lambda each: str(each.name))
def test_unchanged_limits_give_what_the_engine_says_of_each_reading_as_it_arrives(
    rule_set: RuleSet,
) -> None:
    readings = _year()
    past = Past.of(readings, rule_set)
    replayed = past.under(rule_set).changed.outcomes
    for row in range(0, len(readings), 7):
        # The engine knows what was measured until then, and nothing after.
        known = readings.measured_us <= readings.measured_us[row]
        arrived = Readings.of(
            readings.names,
            readings.series[known],
            readings.quantity[known],
            readings.measured_us[known],
            readings.values[known],
        )
        at = np.flatnonzero(np.flatnonzero(known)[arrived.given] == row)
        for outcome in program.judge(rule_set, arrived, at):
            then = replayed[outcome.rule.id]
            same = then.rows == row
            assert then.judgement.severity[same] == outcome.judgement.severity
            np.testing.assert_array_equal(then.judgement.score[same], outcome.judgement.score)


def test_unchanged_limits_change_nothing() -> None:
    difference = Past.of(_year(3), RULES).under(RULES).difference()
    assert difference.before == difference.after
    assert difference.before.flagged > 0
    assert all(before == after for before, after in difference.rules.values())
    assert all(day.before == day.after for day in difference.days)
    assert all(day.rules_before == day.rules_after for day in difference.days)


def test_a_tighter_limit_flags_more_days_and_says_which() -> None:
    past = Past.of(_year(), RULES)
    changed = overlaid(RULES, {"spo2-below-usual": {"yellow_low": -2}})
    difference = past.under(changed).difference()
    before, after = difference.rules["spo2-below-usual"]
    assert before is not None
    assert after is not None
    assert after.yellow > before.yellow
    assert difference.after.flagged > difference.before.flagged
    added = [day for day in difference.days if day.before == "green"]
    assert added
    assert all("spo2-below-usual" in day.rules_after for day in added)
    assert all(day.rules_before == () for day in added)
    others = set(difference.rules) - {"spo2-below-usual"}
    assert all(difference.rules[name][0] == difference.rules[name][1] for name in others)


@given(
    yellow_low=st.sampled_from([None, -2, -3, -4.5]),
    yellow_high=st.sampled_from([None, 5, 12, 25]),
    dropped=st.sampled_from([rule.id for rule in RULES.rules]),
)
@settings(max_examples=15)
def test_judging_only_what_changed_is_judging_all_of_it(
    yellow_low: float | None, yellow_high: float | None, dropped: str
) -> None:
    own: dict[str, dict[str, float | None]] = {
        "spo2-below-usual": {"yellow_low": yellow_low},
        "pulse-above-usual": {"yellow_high": yellow_high},
    }
    changed = _without(overlaid(RULES, own), dropped)
    readings = _year(2, days=40)
    quick = Past.of(readings, RULES).under(changed).difference()
    whole = Past.of(readings, changed).under(changed).difference()
    assert quick.after == whole.before == whole.after
    assert {k: v[1] for k, v in quick.rules.items() if v[1]} == {
        k: v[0] for k, v in whole.rules.items()
    }


def test_own_numbers_of_one_patient_change_that_patient_alone() -> None:
    readings = _year(3)
    past = Past.of(readings, RULES)
    own = {("spo2-below-usual", "yellow_low"): OwnNumbers.of([1], [-2.0])}
    difference = past.under(RULES, Context(own=own)).difference()
    changed = [day for day in difference.days if day.before != day.after]
    assert {day.series for day in changed} == {"patient-1"}


def test_a_rule_that_is_new_or_gone_stands_on_one_side() -> None:
    fewer = _without(RULES, "spo2-below-usual")
    difference = Past.of(_year(), RULES).under(fewer).difference()
    before, after = difference.rules["spo2-below-usual"]
    assert (before is None, after is None) == (False, True)
    back = Past.of(_year(), fewer).under(RULES).difference()
    assert back.rules["spo2-below-usual"] == (None, before)


def test_only_the_days_asked_about_are_told() -> None:
    readings = _year()
    since = START_US + 30 * US_PER_DAY
    difference = Past.of(readings, RULES, since_us=since).under(RULES).difference()
    assert 0 < difference.before.days <= 30
    assert all(day.day >= "2026-03-31" for day in difference.days)


def test_a_day_is_one_on_the_wall() -> None:
    moments = [
        datetime(2026, 3, 1, 22, 59, tzinfo=UTC),  # 23:59
        datetime(2026, 3, 1, 23, 1, tzinfo=UTC),  # 00:01
        datetime(2026, 7, 1, 21, 59, tzinfo=UTC),  # 23:59 in summer
        datetime(2026, 7, 1, 22, 1, tzinfo=UTC),  # 00:01 in summer
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # the hour that is lived twice
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    ]
    instants = np.array([int(each.timestamp()) * 1_000_000 for each in moments])
    assert days_of(instants).astype("datetime64[D]").astype(str).tolist() == [
        "2026-03-01",
        "2026-03-02",
        "2026-07-01",
        "2026-07-02",
        "2026-10-25",
        "2026-10-25",
    ]


def test_nothing_measured_is_nothing_flagged() -> None:
    nothing = Readings.of(["somebody"], [], [], [], [])
    document = Past.of(nothing, RULES).under(RULES).difference().as_document()
    assert document["patient_days"] == 0
    assert document["days"] == []


def test_the_document_is_plain_values() -> None:
    import json

    changed = overlaid(RULES, {"spo2-below-usual": {"yellow_low": -2}})
    document = Past.of(_year(), RULES).under(changed).difference().as_document()
    assert json.loads(json.dumps(document)) == document
    assert set(document["days"][0]) == {
        "series", "day", "before", "after", "rules_before", "rules_after",
    }  # fmt: skip
