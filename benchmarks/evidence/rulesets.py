"""Rule sets over simulated patients, judged by the program that the engine uses.

Owns how a world becomes readings with context, and how outcomes become colours of patient-days. It
touches the rules of the product, and changes none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts import program
from alerts.blocks import blocks
from alerts.context import Context, Symptoms
from alerts.program import RuleOutcome
from alerts.readings import US_PER_DAY, Readings
from alerts.rules import judging
from alerts.rulesets.model import RuleSet
from benchmarks.evidence import fixed
from benchmarks.evidence.trial import Entrant, Seen
from benchmarks.evidence.world import ASKED_AFTER_S, World, midnight_us

Floats = NDArray[np.float64]

BLOCK_PATIENTS: Final = 100

WORSE: Final = "tree yellow"
"""What counts as "the patient says it is worse" beside a reading: more breathless or more cough."""


def entrant(rule_set: RuleSet, *, answers: bool, questions: str = fixed.NO_QUESTIONS) -> Entrant:
    """Let a rule set take part.

    Parameters
    ----------
    answers
        Whether it knows the daily questions; without them it judges readings alone.
    questions
        From which answers on it flags a day by the answers alone.
    """
    name = rule_set.name if answers else f"{rule_set.name}, readings alone"
    flagged = questions if answers else fixed.NO_QUESTIONS

    def see(world: World) -> Seen:
        return seen(world, rule_set, answers=answers, questions=flagged)

    return Entrant(name, answers, see)


def seen(world: World, rule_set: RuleSet, *, answers: bool, questions: str) -> Seen:
    """Give the colour and score of each patient-day."""
    severity = np.where(fixed.questions_of(world)[questions], judging.YELLOW, judging.GREEN)
    flat = severity.ravel().astype(np.int8)
    score = np.where(flat > judging.GREEN, 1.0, 0.0)
    for outcome, rows in judged(world, rule_set, answers=answers):
        np.maximum.at(flat, world.day[rows], outcome.judgement.severity)
        np.maximum.at(score, world.day[rows], np.nan_to_num(graded(outcome), nan=0.0))
    score = np.where(world.measured, score.reshape(world.shape), np.nan)
    return Seen(np.maximum(flat, judging.GREEN).reshape(world.shape), score)


def judged(
    world: World, rule_set: RuleSet, *, answers: bool
) -> Sequence[tuple[RuleOutcome, NDArray[np.intp]]]:
    """Judge every reading; outcomes with their rows in the world."""
    names = [f"patient-{number + 1:04d}" for number in range(world.order.patients)]
    readings = Readings.of(names, world.patient, world.quantity, world.measured_us, world.value)
    context = Context(symptoms=symptoms_of(world) if answers else None)
    found = []
    before = 0
    for block in blocks(readings, context, BLOCK_PATIENTS):
        rows = block.readings.all_rows()
        outcomes = program.judge(rule_set, block.readings, rows, block.context)
        found.extend((each, readings.given[each.rows + before]) for each in outcomes)
        before += len(rows)
    return found


def symptoms_of(world: World) -> Symptoms:
    """Give the answers as the rules know them: whether it is worse, and when that was said."""
    patient, day = np.nonzero(world.measured)
    answered = np.rint(world.measured_at[patient, day] * US_PER_DAY).astype(np.int64)
    answered += midnight_us(world.order) + ASKED_AFTER_S * 1_000_000
    worse = fixed.questions_of(world)[WORSE][patient, day]
    return Symptoms.of(patient, answered, worse)


def graded(outcome: RuleOutcome) -> Floats:
    """Give the score of each row in parts of its yellow limit, so that rules can be compared.

    Rules that hold a value against a limit score how far it is past it: those count from 1 on.
    """
    severity = outcome.judgement.severity
    flagged = np.where(severity > judging.GREEN, 1.0 + (severity == judging.RED), 0.0)
    scale = SCALES.get(outcome.rule.family)
    if scale is None:
        return flagged
    return np.maximum(scale(outcome), flagged)


def _composite(outcome: RuleOutcome) -> Floats:
    limits = outcome.rule.parameters
    ill = outcome.beside["symptoms"] == 1
    yellow = np.where(ill, limits.yellow_with or np.inf, limits.yellow_without or np.inf)
    return np.minimum(np.maximum(outcome.judgement.score / yellow, 0.0), 1.0)


SCALES: Final[dict[str, Callable[[RuleOutcome], Floats]]] = {"spo2-pulse-composite": _composite}
