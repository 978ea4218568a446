"""Rule sets over simulated patients, judged by the program that the engine uses.

Owns how a world becomes readings with context, and how outcomes become colours of patient-days. It
touches the rules of the product, and changes none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts import program
from alerts.context import Context, Symptoms
from alerts.past.blocks import blocks
from alerts.program import RuleOutcome
from alerts.readings import US_PER_DAY, Readings
from alerts.rules import composite, judging
from alerts.rulesets.model import RuleSet
from benchmarks.evidence import counting, fixed
from benchmarks.evidence.trial import Entrant, Seen
from benchmarks.evidence.world import ASKED_AFTER_S, World, midnight_us
from telekol.quantities import Quantity

Floats = NDArray[np.float64]

BLOCK_PATIENTS: Final = 100

TELLING: Final = {Quantity.SPO2, Quantity.PULSE_RATE, Quantity.BODY_TEMPERATURE}
"""Quantities whose rules can tell an exacerbation; weight and pressure tell other things."""

BY_ANSWERS: Final = "answers"

WORSE: Final = "tree yellow"
"""What counts as "the patient says it is worse" beside a reading: more breathless or more cough."""


def entrant(
    rule_set: RuleSet, *, answers: bool, questions: str = fixed.NO_QUESTIONS, note: str = ""
) -> Entrant:
    """Let a rule set take part.

    Parameters
    ----------
    answers
        Whether it knows the daily questions; without them it judges readings alone.
    questions
        From which answers on it flags a day by the answers alone.
    note
        What is said beside its name.
    """
    name = f"{rule_set.name}, {note}" if note else rule_set.name
    flagged = questions if answers else fixed.NO_QUESTIONS

    def see(world: World) -> Seen:
        return seen(world, rule_set, answers=answers, questions=flagged)

    return Entrant(name, answers, see)


def seen(world: World, rule_set: RuleSet, *, answers: bool, questions: str) -> Seen:
    """Give the colour and score of each patient-day."""
    asked = fixed.questions_of(world)[questions].ravel()
    severity = np.where(asked, judging.YELLOW, judging.GREEN).astype(np.int8)
    score = asked.astype(np.float64)
    telling = asked.copy()
    rules = {BY_ANSWERS: asked} if answers else {}
    for outcome, rows in judged(world, rule_set, answers=answers):
        cells, found = world.day[rows], outcome.judgement.severity
        np.maximum.at(severity, cells, found)
        flagged = rules.setdefault(outcome.rule.id, np.zeros(severity.shape, dtype=np.bool_))
        flagged[cells[found > judging.GREEN]] = True
        if outcome.rule.quantity in TELLING:
            telling[cells[found > judging.GREEN]] = True
            np.maximum.at(score, cells, np.nan_to_num(graded(outcome), nan=0.0))
    grid = world.shape
    by_rule = {name: flagged.reshape(grid) for name, flagged in rules.items()}
    return Seen(
        severity.reshape(grid),
        np.where(world.measured, score.reshape(grid), np.nan),
        telling.reshape(grid),
        _alerts(rule_set, by_rule),
        by_rule,
    )


def _alerts(rule_set: RuleSet, rules: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Flag days on which at least one rule opens a case."""
    hold_off = {rule.id: rule.hold_off_days for rule in rule_set.rules}
    new = [counting.new_alerts(days, hold_off.get(name, 0.0)) for name, days in rules.items()]
    opened: NDArray[np.bool_] = np.logical_or.reduce(new)
    return opened


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

    The composite grades from 0 on. Rules that hold a value against a limit score how far past it
    it is: those count from 1 on.
    """
    severity = outcome.judgement.severity
    flagged = np.where(severity > judging.GREEN, 1.0 + (severity == judging.RED), 0.0)
    if outcome.rule.family != composite.NAME:
        return flagged
    limits, symptoms = outcome.rule.parameters, outcome.beside["symptoms"]
    yellow = np.select(
        [symptoms == composite.SYMPTOMS, symptoms == composite.NOT_ASKED],
        [limits.yellow_with, limits.yellow_unasked],
        limits.yellow_without,
    )
    return np.maximum(outcome.judgement.score / yellow.astype(np.float64), flagged)
