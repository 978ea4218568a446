"""What findings say, in both languages, and what stands beside the sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alerts import program, told
from alerts.context import Context
from alerts.readings import US_PER_DAY, Readings
from alerts.reference import References
from alerts.told import Told
from telekol.quantities import Quantity
from tests.support.rule_sets import rule, rule_set
from tests.support.series import START_US, every, readings_of

SPO2, WEIGHT = Quantity.SPO2, Quantity.BODY_WEIGHT
STABLE = [92, 93, 92, 91, 92, 92, 93, 91, 92, 92, 92, 93, 91, 92]


def _told(readings: Readings, spec: dict[str, Any], context: Context | None = None) -> Told:
    rules = rule_set(spec)
    outcomes = program.judge(rules, readings, readings.all_rows(), context)
    return told.tell(rules, outcomes, readings, context)[-1]


def _spo2(values: list[float]) -> Readings:
    return readings_of({("a", SPO2): every(1.0, values)})


@pytest.mark.parametrize(
    ("spec", "values", "danish", "english"),
    [
        (
            rule("absolute-limits", red_low=88),
            [*STABLE, 86],
            (
                "Iltmætning 86 %, under den røde grænse 88 %; "
                "plejer at ligge på 92 % (median af 14 målinger)"
            ),
            "SpO2 86 %, under the red limit 88 %; usual level 92 % (median of 14 readings)",
        ),
        (
            rule("absolute-limits", red_low=88, yellow_low=90),
            [89],
            "Iltmætning 89 %, under den gule grænse 90 %",
            "SpO2 89 %, under the yellow limit 90 %",
        ),
        (
            rule("relative-limits", red_low=-6),
            [*STABLE, 92],
            (
                "Iltmætning 92 %, inden for grænserne; plejer at ligge på 92 % (median af 14 "
                "målinger, foreslået, endnu ikke godkendt)"
            ),
            (
                "SpO2 92 %, within the limits; usual level 92 % (median of 14 readings, proposed, "
                "not yet approved)"
            ),
        ),
        (
            rule("relative-limits", red_low=-6),
            [92],
            (
                "Iltmætning 92 % kan ikke vurderes: der er hverken en godkendt referenceværdi "
                "eller målinger nok til at foreslå en"
            ),
            (
                "SpO2 92 % cannot be judged: there is neither an approved reference value nor "
                "readings enough to propose one"
            ),
        ),
        (
            rule("own-baseline", direction="low", yellow=2, floor=1.0),
            [*STABLE, 86],
            (
                "Iltmætning 86 %, usædvanligt lavt for patienten (6,0 standardafvigelser); "
                "plejer at ligge på 92 % (median af 14 målinger)"
            ),
            (
                "SpO2 86 %, unusually low for this patient (6.0 standard deviations); "
                "usual level 92 % (median of 14 readings)"
            ),
        ),
        (
            rule("own-baseline", direction="low", yellow=2, floor=1.0),
            [92, 92],
            "Iltmætning 92 % kan ikke vurderes: 1 tidligere måling, der kræves mindst 7",
            "SpO2 92 % cannot be judged: 1 earlier reading, at least 7 are needed",
        ),
        (
            rule("trend", direction="low", yellow_per_day=0.1),
            [95 - 0.25 * day for day in range(14)],
            "Iltmætning 91,75 %, falder 1,75 % om ugen; 14 målinger over 13 dage, p < 0,001",
            "SpO2 91.75 %, falls 1.75 % a week; 14 readings over 13 days, p < 0.001",
        ),
        (
            rule("trend", direction="low", yellow_per_day=0.1),
            STABLE,
            "Iltmætning 92 %, ingen sikker ændring over tid; 14 målinger over 13 dage, p = 0,804",
            "SpO2 92 %, no certain change over time; 14 readings over 13 days, p = 0.804",
        ),
        (
            rule("ewma", direction="low", chart="ewma-500-quick", floor=1.0),
            [*STABLE, 89, 89, 89],
            (
                "Iltmætning 89 %, har i en tid ligget lavere end sædvanligt (vægtet gennemsnit "
                "1,49 standardafvigelser fra det sædvanlige, grænse 0,99); plejer at ligge på 92 % "
                "(median af 14 målinger, foreslået, endnu ikke godkendt)"
            ),
            (
                "SpO2 89 %, has lain lower than usual for a while (weighted mean 1.49 standard "
                "deviations from the usual, limit 0.99); usual level 92 % (median of 14 readings, "
                "proposed, not yet approved)"
            ),
        ),
        (
            rule("cusum", direction="low", chart="cusum-168", floor=1.0),
            [*STABLE, 90, 90, 90],
            (
                "Iltmætning 90 %, har i en tid ligget lavere end sædvanligt (små afvigelser lagt "
                "sammen 4,5 standardafvigelser, grænse 4,0); plejer at ligge på 92 % (median af 14 "
                "målinger, foreslået, endnu ikke godkendt)"
            ),
            (
                "SpO2 90 %, has lain lower than usual for a while (small shifts add up to 4.5 "
                "standard deviations, limit 4.0); usual level 92 % (median of 14 readings, "
                "proposed, not yet approved)"
            ),
        ),
        (
            rule("absolute-limits", red_low=88, persist={"least": 2, "of": 3}),
            [92, 86],
            (
                "Iltmætning 86 %, under den røde grænse 88 %; regnes som grøn, indtil 2 af 3 "
                "målinger viser det"
            ),
            "SpO2 86 %, under the red limit 88 %; counts as green until 2 of 3 readings show it",
        ),
    ],
)
def test_a_finding_says_in_both_languages_what_a_nurse_would_say(
    spec: dict[str, Any], values: list[float], danish: str, english: str
) -> None:
    found = _told(_spo2(values), spec)
    assert (found.reason_da, found.reason_en) == (danish, english)
    assert found.reason == english


@pytest.mark.parametrize(
    ("values", "apart_days", "reference", "danish", "english"),
    [
        (
            [80.0, 80.4, 82.3],
            1.0,
            "furthest",
            "Vægt 82,3 kg, steget 2,3 kg på 2 dage; over den gule grænse 2,0 kg på 3 dage",
            "Weight 82.3 kg, up 2.3 kg in 2 days; over the yellow limit of 2.0 kg in 3 days",
        ),
        (
            [80.0, 80.0],
            1.0,
            "furthest",
            "Vægt 80,0 kg, uændret på 1 dag",
            "Weight 80.0 kg, unchanged in 1 day",
        ),
        (
            [80.0, 79.0],
            0.25,
            "median",
            "Vægt 79,0 kg, faldet 1,0 kg fra medianen af de sidste 6 timer",
            "Weight 79.0 kg, down 1.0 kg from the median of the last 6 hours",
        ),
        (
            [80.0, 82.5],
            7.0,
            "furthest",
            "Vægt 82,5 kg kan ikke vurderes: ingen tidligere måling inden for 3 dage",
            "Weight 82.5 kg cannot be judged: no earlier reading within 3 days",
        ),
    ],
)
def test_a_change_of_weight_is_told_with_the_days_it_took(
    values: list[float], apart_days: float, reference: str, danish: str, english: str
) -> None:
    readings = readings_of({("a", WEIGHT): every(apart_days, values)})
    spec = rule(
        "change-over-days",
        "body_weight",
        direction="high",
        yellow=2.0,
        within_days=3,
        reference=reference,
    )
    found = _told(readings, spec)
    assert (found.reason_da, found.reason_en) == (danish, english)


def test_an_approved_level_is_told_as_approved_and_one_of_no_reading_counts_none() -> None:
    context = Context(references=References.of([0], [0], [START_US], [92], [True]), approved=True)
    found = _told(_spo2([92, 85]), rule("relative-limits", red_low=-6), context)
    assert found.reason_en == "SpO2 85 %, under the red limit 86 %; usual level 92 % (approved)"
    assert found.reason_da.endswith("plejer at ligge på 92 % (godkendt)")
    assert (found.approved, found.notice) == (True, None)
    assert found.reference is not None
    assert (found.reference.approved, found.reference.spread) == (True, None)


def test_a_value_on_its_way_to_the_limit_is_never_rounded_onto_it() -> None:
    found = _told(_spo2([87.96]), rule("absolute-limits", red_low=88))
    assert found.reason_en == "SpO2 87.96 %, under the red limit 88 %"


def test_what_is_not_there_is_null_and_never_nan() -> None:
    found = _told(_spo2([92]), rule("own-baseline", direction="low", yellow=2, floor=1.0))
    assert found.evidence == {"median": None, "mad": None, "z": None, "n": 0}
    assert found.score is None
    assert found.severity == "insufficient"


def test_findings_stand_in_the_order_of_readings_and_then_of_rules() -> None:
    low = rule("absolute-limits", red_low=88)
    rules = rule_set({**low, "id": "z"}, {**low, "id": "a"})
    readings = _spo2([92, 91, 90])
    rows = np.array([2, 0, 1])
    found = told.tell(rules, program.judge(rules, readings, rows), readings)
    assert [(one.value, one.rule) for one in found] == [
        (92, "z"), (92, "a"), (91, "z"), (91, "a"), (90, "z"), (90, "a"),
    ]  # fmt: skip


def test_a_time_is_told_to_the_microsecond() -> None:
    assert told.iso(START_US + US_PER_DAY + 1) == "2026-01-06T08:00:00.000001+00:00"
