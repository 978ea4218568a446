"""Questionnaires: the shipped ones say what their sources say, and broken ones are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from telekol.questionnaires import evaluation, loading
from telekol.questionnaires.evaluation import MEASURED, SKIPPED, Evaluation, evaluate, paths
from telekol.questionnaires.loading import QuestionnaireError, load, read, shipped_names
from telekol.questionnaires.model import Choice, Number, Questionnaire
from telekol.severity import Severity

NORD = load("telecare-nord-kol")
HOVEDSTADEN = load("hovedstaden-kol")

GREEN, YELLOW, RED = Severity.GREEN, Severity.YELLOW, Severity.RED


# ---------------------------------------------------------------------------- TeleCare Nord's tree


def _nord(answers: dict[str, Any]) -> Severity:
    """Revision 11 by hand: the table in danish-telekol.md, 1.3."""
    if answers["more-breathless"] == "yes":
        worst = RED if answers["cough-breathless"] == "yes" else YELLOW
    elif answers["cough-alone"] == "yes":
        worst = YELLOW
    else:
        return GREEN
    return RED if answers["sputum"] == "yes" else worst


def test_every_path_of_telecare_nord_has_the_severity_of_revision_11() -> None:
    every = list(paths(NORD))
    assert len(every) == 6 * 6 * 46  # ways to measure twice, and 46 ways to answer
    for answers in every:
        found = evaluate(NORD, answers)
        assert found.is_complete, answers
        assert found.severity is _nord(answers), answers
        assert not found.beside_path
        assert found.reached[-1] == "finished"


def _yes(questionnaire: Questionnaire, *steps: str, **others: str) -> Evaluation:
    """Yes to these questions and no to all others that are asked."""
    answers: dict[str, Any] = {
        step.id: "no" for step in questionnaire.questions if isinstance(step, Choice)
    }
    return evaluate(questionnaire, answers | dict.fromkeys(steps, "yes") | others)


def _said(found: Evaluation) -> list[str]:
    return [flag.option.said.en for flag in found.flags if flag.option.said]


def test_more_breathless_alone_is_yellow() -> None:
    found = _yes(NORD, "more-breathless")
    assert (found.severity, _said(found)) == (YELLOW, ["more breathless than usual"])


def test_more_breathless_and_more_cough_is_red() -> None:
    found = _yes(NORD, "more-breathless", "cough-breathless")
    assert (found.severity, _said(found)) == (RED, ["more breathless than usual", "coughs more"])


def test_more_cough_alone_is_yellow_and_with_sputum_red() -> None:
    assert _yes(NORD, "cough-alone").severity is YELLOW
    assert _yes(NORD, "cough-alone", "sputum").severity is RED


def test_who_has_no_symptom_is_asked_nothing_more_and_praised() -> None:
    found = evaluate(NORD, {"more-breathless": "no", "cough-alone": "no"})
    assert found.severity is GREEN
    assert found.reached[-2:] == ("well-done", "finished")
    assert "sputum" not in found.reached


def test_the_questions_after_sputum_choose_advice_and_no_colour() -> None:
    silent = {step.id for step in NORD.questions} - {
        "more-breathless",
        "cough-breathless",
        "cough-alone",
        "sputum",
    }
    for name in silent:
        step = NORD.step(name)
        assert all(option.severity is None for option in step.options), name


def test_who_measures_without_saying_so_is_not_asked_again() -> None:
    found = evaluate(NORD, {"more-breathless": "no", "cough-alone": "no"})
    assert "spo2-again" in found.reached
    assert "spo2-repeated" not in found.reached
    assert found.is_complete


def test_who_skips_a_measurement_is_asked_whether_to_do_it() -> None:
    answers = {"spo2": SKIPPED, "spo2-after-all": "yes", "spo2-repeated": MEASURED}
    found = evaluate(NORD, answers | {"more-breathless": "no", "cough-alone": "no"})
    assert "spo2-repeated" in found.reached
    assert found.is_complete


# ----------------------------------------------------------------- Region Hovedstaden's questions

FOUR = ("more-breathless", "more-cough", "more-sputum", "sputum-colour")


def test_every_path_of_hovedstaden_is_yellow_with_any_yes_and_never_red() -> None:
    for answers in paths(HOVEDSTADEN):
        found = evaluate(HOVEDSTADEN, answers)
        any_yes = any(answers[step] == "yes" for step in FOUR)
        assert found.severity is (YELLOW if any_yes else GREEN)
        assert len(found.flags) == [answers[step] for step in FOUR].count("yes")


# ---------------------------------------------------------------------- what is wrong with answers


def test_an_unanswered_question_is_named_and_its_questionnaire_is_not_green() -> None:
    found = evaluate(HOVEDSTADEN, {"more-breathless": "no", "more-cough": "no"})
    assert found.unanswered == ("more-sputum", "sputum-colour")
    assert found.severity is None


def test_a_yes_counts_although_the_rest_was_not_answered() -> None:
    found = evaluate(HOVEDSTADEN, {"more-breathless": "yes"})
    assert found.severity is YELLOW
    assert not found.is_complete


def test_where_the_way_depends_on_the_answer_none_is_guessed() -> None:
    found = evaluate(NORD, {})
    assert found.reached[-1] == "more-breathless"
    assert found.unanswered == ("more-breathless",)


@pytest.mark.parametrize("answer", ["ja", 1, True, None, ["yes"], {"code": "yes"}, 1.5])
def test_an_answer_that_is_no_option_is_named(answer: object) -> None:
    found = evaluate(NORD, {"more-breathless": answer})
    if answer is None:
        assert found.unanswered == ("more-breathless",)
    else:
        (invalid,) = found.invalid
        assert str(invalid) == f"more-breathless: expected one of yes, no, found {answer!r}"
    assert found.severity is None


@pytest.mark.parametrize("answer", [-1, 61, 8.5, "8", True])
def test_a_number_out_of_its_bounds_is_named(answer: object) -> None:
    found = evaluate(load("sit-to-stand"), {"method": "no-arms", "rises": answer})
    assert [invalid.step for invalid in found.invalid] == ["rises"]


def test_an_answer_to_a_question_nobody_knows_is_named() -> None:
    found = evaluate(HOVEDSTADEN, dict.fromkeys(FOUR, "no") | {"fever": "yes"})
    assert [invalid.step for invalid in found.invalid] == ["fever"]
    assert found.severity is None


def test_an_answer_beside_the_path_counts_for_nothing_and_is_told() -> None:
    answers = {"more-breathless": "no", "cough-breathless": "yes", "cough-alone": "no"}
    found = evaluate(NORD, answers)
    assert found.severity is GREEN
    assert found.beside_path == ("cough-breathless",)


_answers = st.dictionaries(
    st.sampled_from(sorted({step.id for name in shipped_names() for step in load(name).steps})),
    st.one_of(
        st.sampled_from(["yes", "no", MEASURED, SKIPPED, "ja", "", "2", None]), st.integers(-1, 70)
    ),
)


@settings(deadline=None)
@given(st.sampled_from(shipped_names()), _answers)
def test_whatever_was_answered_every_question_asked_is_accounted_for(
    name: str, answers: dict[str, object]
) -> None:
    questionnaire = load(name)
    found = evaluate(questionnaire, answers)
    wrong = {invalid.step for invalid in found.invalid}
    for step in found.reached:
        asked = questionnaire.step(step)
        if isinstance(asked, Choice | Number):
            states = [step in found.answers, step in found.unanswered, step in wrong]
            said_something = asked.required or answers.get(step) is not None
            assert states.count(True) == int(said_something)
    assert set(answers) == (
        (set(found.answers) | set(found.beside_path) | wrong)
        | {step for step, given in answers.items() if given is None}
    )
    if found.severity is GREEN:
        assert found.is_complete


# -------------------------------------------------------------------------------- the files


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_questionnaire_begins_at_version_1_and_carries_its_name(name: str) -> None:
    questionnaire = load(name)
    assert (questionnaire.id, questionnaire.version) == (name, 1)
    again = Questionnaire.model_validate(questionnaire.model_dump(mode="json"))
    assert again == questionnaire


def _texts(part: object) -> list[tuple[str, str]]:
    if isinstance(part, BaseModel):
        if {"da", "en"} == set(type(part).model_fields):
            return [(getattr(part, "da"), getattr(part, "en"))]  # noqa: B009 - any such model
        return [pair for name in type(part).model_fields for pair in _texts(getattr(part, name))]
    if isinstance(part, tuple):
        return [pair for one in part for pair in _texts(one)]
    return []


@pytest.mark.parametrize("name", shipped_names())
def test_no_text_was_left_untranslated(name: str) -> None:
    same = {danish for danish, english in _texts(load(name)) if danish == english}
    assert same == set()


def test_the_words_of_cat_are_not_here_and_the_file_says_whose_they_are() -> None:
    cat = load("cat")
    assert cat.licence is not None
    assert "GlaxoSmithKline" in cat.licence.holder
    # Keywords of our own: no item is a sentence of the test.
    assert all(len(step.text.en) < 40 for step in cat.questions)
    assert len(cat.questions) == 8


def test_a_questionnaire_loads_no_server_library() -> None:
    code = (
        "import sys; from telekol.questionnaires import loading; loading.load('mmrc');"
        "print([m for m in ('numpy', 'psycopg', 'sqlmodel', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SMALL = """
id = "small"
version = 1
title = { da = "Lille", en = "Small" }
source = "a test"
start = "first"
nothing = { da = "intet", en = "nothing" }
[[steps]]
id = "first"
kind = "choice"
text = { da = "Er du træt?", en = "Are you tired?" }
options = [
    { code = "yes", text = { da = "Ja", en = "Yes" }, next = "second" },
    { code = "no", text = { da = "Nej", en = "No" }, next = "end" },
]
[[steps]]
id = "second"
kind = "inform"
text = { da = "Hvil dig.", en = "Rest." }
next = "end"
"""


def test_the_small_one_that_the_others_spoil_is_fine() -> None:
    assert len(list(paths(read(SMALL, "small.toml")))) == 2


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('next = "second"', 'next = "third"', "first leads to 'third', which is no step"),
        ('start = "first"', 'start = "begin"', "start leads to 'begin'"),
        ('en = "Rest." }\nnext = "end"', 'en = "Rest." }\nnext = "first"', "leads back"),
        ('next = "second"', 'next = "end"', "no path leads to second"),
        ('{ da = "Hvil dig.", en = "Rest." }', '{ da = "Hvil dig." }', "step 'second', "),
        ('en = "Rest."', 'en = ""', "step 'second', "),
        ('{ da = "Nej", en = "No" }, next = "end"', '{ da = "Nej", en = "No" }', "needs `next`"),
        ('code = "no"', 'code = "yes"', "each option once"),
        ('code = "no"', 'code = "no", severity = "yellow"', "needs `said`"),
        ('code = "no"', 'code = "no", severity = "blue"', "severity"),
        ('id = "second"', 'id = "first"', "each step once"),
        ('id = "second"', 'id = "end"', "none named 'end'"),
        ('kind = "inform"', 'kind = "sing"', "step 'second', "),
        ("version = 1", "version = 0", "version"),
        ("version = 1", "version = 1\nmood = 2", "mood"),
        ('id = "small"', "id = small", "line 2"),
    ],
)
def test_a_broken_questionnaire_is_refused_by_file_and_step(was: str, now: str, said: str) -> None:
    assert was in SMALL
    with pytest.raises(QuestionnaireError) as caught:
        read(SMALL.replace(was, now), "small.toml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("small.toml")


def test_a_name_nobody_knows_is_told_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(QuestionnaireError, match="telecare-nord-kol, or a file; found 'nord'"):
        load("nord")
    own = tmp_path / "own.toml"
    own.write_text(SMALL, encoding="utf-8")
    assert load(str(own)).id == "small"
    own.write_bytes(b"\xff")
    with pytest.raises(QuestionnaireError, match="UTF-8"):
        load(str(own))


def test_a_path_is_one_of_those_the_walk_takes() -> None:
    for answers in evaluation.paths(load("sit-to-stand")):
        assert evaluate(load("sit-to-stand"), answers).is_complete
    assert {loading.load(name).id for name in shipped_names()} == set(shipped_names())


def test_every_shipped_questionnaire_and_kind_of_step_stands_in_the_documents() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/questionnaires.md").read_text("utf-8")
    kinds = {step.kind for name in shipped_names() for step in load(name).steps}
    for word in (*shipped_names(), *kinds):
        assert f"| `{word}` |" in page
