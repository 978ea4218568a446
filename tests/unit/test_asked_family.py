"""Each test is named after the clinical sentence it stands for."""

from __future__ import annotations

import pytest

from alerts.families.asked import TREE, Sheet, Tree, judge_tree
from alerts.rules.judging import GREEN, RED, YELLOW
from telekol.questionnaires.evaluation import evaluate
from telekol.questionnaires.loading import load

BREATHLESS_AND_MORE = (("more-breathless=yes",), ("more-cough=yes", "more-sputum=yes"))


def _severity(together: tuple[tuple[str, ...], ...], *said: str) -> int:
    questionnaire = load("hovedstaden-kol")
    steps = ("more-breathless", "more-cough", "more-sputum", "sputum-colour")
    answers = {step: "yes" if step in said else "no" for step in steps}
    sheet = Sheet(questionnaire, evaluate(questionnaire, answers))
    parameters = Tree(questionnaire=questionnaire.id, together=together)
    found = judge_tree(parameters, sheet, None)
    assert found.evidence["flags"] == [f"{step}=yes" for step in steps if step in said]
    return found.severity


@pytest.mark.parametrize(
    ("said", "severity"),
    [
        ((), GREEN),
        (("more-breathless",), GREEN),
        (("more-cough", "more-sputum", "sputum-colour"), GREEN),
        (("more-breathless", "more-cough"), YELLOW),
        (("more-breathless", "more-sputum", "sputum-colour"), YELLOW),
    ],
)
def test_a_rule_set_may_flag_only_who_is_breathless_and_coughs_or_brings_up_more(
    said: tuple[str, ...], severity: int
) -> None:
    assert _severity(BREATHLESS_AND_MORE, *said) == severity


def test_without_that_every_yes_is_as_grave_as_the_questionnaire_says() -> None:
    assert _severity((), "more-cough") == YELLOW
    assert TREE.parameters is Tree
    assert RED not in {_severity((), step) for step in ("more-breathless", "sputum-colour")}


def test_a_yes_that_stands_alone_is_told_all_the_same() -> None:
    questionnaire = load("hovedstaden-kol")
    steps = ("more-breathless", "more-sputum", "sputum-colour")
    answers = {"more-cough": "yes", **dict.fromkeys(steps, "no")}
    sheet = Sheet(questionnaire, evaluate(questionnaire, answers))
    parameters = Tree(questionnaire=questionnaire.id, together=BREATHLESS_AND_MORE)
    reason = judge_tree(parameters, sheet, None).reason
    assert "Coughs more" in reason.english
    assert "counts as green" in reason.english
    assert "regnes som grøn" in reason.danish
