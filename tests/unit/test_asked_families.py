"""Rules over questionnaires and predicted lung function, each by the sentence it stands for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import program, told
from alerts.families import REGISTRY, asked
from alerts.families.asked import CatRise, MmrcRise, RisesFall, Sheet
from alerts.rules.judging import GREEN, INSUFFICIENT, RED, YELLOW
from alerts.rulesets import loading as rule_loading
from alerts.rulesets.model import RuleSet, RuleSpec
from alerts.scores import gli
from alerts.scores.gli import Measure, Reference, Sex
from telekol.quantities import Quantity
from telekol.questionnaires import loading
from telekol.questionnaires.evaluation import evaluate
from tests.support.series import readings_of

CAT = [step.id for step in loading.load("cat").steps]


def _sheet(name: str, answers: dict[str, Any]) -> Sheet:
    questionnaire = loading.load(name)
    return Sheet(questionnaire, evaluate(questionnaire, answers))


def _cat(points: int) -> Sheet:
    return _sheet("cat", {item: min(5, max(0, points - 5 * at)) for at, item in enumerate(CAT)})


def _mmrc(grade: int) -> Sheet:
    return _sheet("mmrc", {"breathlessness": str(grade)})


def _rises(method: str, count: int) -> Sheet:
    return _sheet("sit-to-stand", {"method": method, "rises": count})


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 10), st.integers(0, 10))
def test_a_cat_that_rose_by_the_limit_or_more_is_flagged(
    now: int, before: int, yellow: int, more: int
) -> None:
    parameters = CatRise(yellow_rise=yellow, red_rise=yellow + more)
    found = asked.judge_cat(parameters, _cat(now), _cat(before))
    rise = now - before
    expected = RED if rise >= yellow + more else YELLOW if rise >= yellow else GREEN
    assert (found.severity, found.score) == (expected, now)
    assert found.evidence["change"] == rise


def test_a_limit_that_was_left_out_flags_nothing() -> None:
    found = asked.judge_cat(CatRise(yellow_rise=None), _cat(40), _cat(0))
    assert found.severity == GREEN


def test_the_first_cat_can_be_compared_with_nothing() -> None:
    found = asked.judge_cat(CatRise(), _cat(30), None)
    assert found.severity == INSUFFICIENT
    assert found.reason.danish == "CAT 30; der er ingen tidligere at sammenligne med"


def test_one_grade_more_breathless_is_told_in_both_languages() -> None:
    found = asked.judge_mmrc(MmrcRise(), _mmrc(3), _mmrc(2))
    assert found.severity == YELLOW
    assert found.reason.danish == "Åndenød mMRC 3, 1 højere end sidst (2): gul"
    assert found.reason.english == "Breathlessness mMRC 3, 1 higher than last time (2): yellow"


def test_less_breathless_is_green() -> None:
    found = asked.judge_mmrc(MmrcRise(), _mmrc(1), _mmrc(3))
    assert found.severity == GREEN
    assert found.reason.english == "Breathlessness mMRC 1, 2 lower than last time (3): green"


@pytest.mark.parametrize(("now", "severity"), [(10, GREEN), (9, YELLOW), (7, YELLOW), (6, RED)])
def test_fewer_rises_by_the_same_method_are_flagged(now: int, severity: int) -> None:
    parameters = RisesFall(yellow_fall=2, red_fall=5)
    found = asked.judge_rises(parameters, _rises("no-arms", now), _rises("no-arms", 11))
    assert found.severity == severity


def test_more_rises_with_the_armrests_are_no_progress() -> None:
    found = asked.judge_rises(RisesFall(), _rises("armrests", 14), _rises("no-arms", 11))
    assert found.severity == INSUFFICIENT
    assert found.reason.danish == (
        "Rejste sig 14 gange på 30 sekunder med armlæn; sidst uden arme, så de kan ikke "
        "sammenlignes"
    )


def test_every_option_that_flags_can_be_said_and_no_sentence_is_empty() -> None:
    for name in loading.shipped_names():
        sheet = _sheet(name, {})
        family = asked.OF_SCORE[sheet.questionnaire.score]
        parameters = family.parameters.model_validate({"questionnaire": name})
        found = asked.JUDGES[family.name](parameters, sheet, None)
        assert found.severity == INSUFFICIENT
        assert found.reason.danish
        assert found.reason.danish != found.reason.english


def test_every_shipped_questionnaire_has_a_rule_in_the_standard_set() -> None:
    rules = rule_loading.load("kol-standard").rules
    named = {getattr(rule.parameters, "questionnaire", None) for rule in rules} - {None}
    assert named == set(loading.shipped_names())


@pytest.mark.parametrize(
    "more",
    [
        {"quantity": "spo2"},
        {"persist": {"least": 2, "of": 3}},
        {"confirm": {"within_minutes": 30}},
        {"hold_off_days": 7},
        {"hysteresis": 1},
        {"need": {"least_count": 2}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_a_rule_over_answers_does_not_do_may_not_be_asked_of_it(more: dict[str, Any]) -> None:
    rule = {"id": "cat", "family": "cat-change", "parameters": {"yellow_rise": 2}}
    assert RuleSpec.model_validate(rule).family == "cat-change"
    with pytest.raises(ValueError, match=f"{next(iter(more))} is for rules over readings"):
        RuleSpec.model_validate(rule | more)


def test_every_family_stands_in_the_menu() -> None:
    used = {rule.family for rule in rule_loading.load("every-family").rules}
    ours = {family.name for family in asked.FAMILIES} | {"spirometry"}
    assert ours <= used
    assert ours <= set(REGISTRY)


# --------------------------------------------------------------- lung function and what is normal

# 5 January 2026; born 5 January 1961.
BORN = 1961 + 4 / 365.25


def _rule_set(quantity: str, **parameters: Any) -> RuleSet:
    rule = {"id": "predicted", "family": "spirometry", "quantity": quantity}
    rule |= {"parameters": parameters}  # type: ignore[dict-item] # a table of many kinds
    return RuleSet.model_validate(
        {"name": "one", "version": 1, "title_da": "En", "title_en": "One", "rules": [rule]}
    )


def _told(quantity: str, value: float, **parameters: Any) -> told.Told:
    readings = readings_of({("a", Quantity(quantity)): [(0.0, value)]})
    rule_set = _rule_set(quantity, **parameters)
    outcomes = program.judge(rule_set, readings, readings.all_rows())
    (one,) = told.tell(rule_set, outcomes, readings)
    return one


MAN = {"male": 1, "birth_year": BORN, "height_cm": 175, "reference": "gli-2012"}


@pytest.mark.parametrize(
    ("quantity", "value", "z"),
    [("fev1", 1.2, -3.7432), ("fvc", 2.8, -2.3050), ("fev1_fvc", 1.2 / 2.8, -3.8341)],
)
def test_a_reading_is_put_beside_what_is_normal(quantity: str, value: float, z: float) -> None:
    one = _told(quantity, value, **MAN)
    # The age comes from the calendar, so it is 65 within a day.
    assert one.evidence["z"] == pytest.approx(z, abs=2e-4)
    measure = Measure(quantity)
    exact = gli.compare(
        Reference.GLI_2012, sex=Sex.MALE, age_years=65, height_cm=175, fev1_l=1.2, fvc_l=2.8
    )[measure]
    assert one.evidence["lln"] == pytest.approx(exact.lln, rel=1e-4)
    assert one.severity == "green"


def test_a_third_of_predicted_is_said_as_a_nurse_would() -> None:
    one = _told("fev1", 1.2, **MAN, yellow_z=-2.5, red_z=-4)
    assert one.severity == "yellow"
    assert one.reason_da == "FEV1 1,20 L, 37 % af forventet, moderat nedsat (z -3,7)"
    assert one.reason_en == "FEV1 1.20 L, 37 % of predicted, moderately reduced (z -3.7)"


@pytest.mark.parametrize("unknown", ["male", "birth_year", "height_cm"])
def test_without_sex_age_or_height_nothing_is_compared(unknown: str) -> None:
    one = _told("fev1", 1.2, **{**MAN, unknown: None}, yellow_z=-1)
    assert one.severity == "insufficient"
    assert one.score is None
    assert "sex, birth year or height" in one.reason_en


def test_who_is_older_than_the_equations_is_not_compared() -> None:
    one = _told("fev1", 1.2, **MAN | {"birth_year": BORN - 31})
    assert one.severity == "insufficient"
    assert math.isnan(np.nan if one.evidence["z"] is None else one.evidence["z"])


def test_there_is_nothing_to_compare_an_fev6_with() -> None:
    with pytest.raises(ValueError, match="fev1, fvc, fev1_fvc; found fev6"):
        _rule_set("fev6", **MAN)
