"""What other limits would have flagged of a stored course. Pure; `alerts.whatif` judges.

Owns the step from what is stored to what the rules are told, as the engine takes it: a patient's
own limits stand in place of a set's fixed ones, and where a set has none they are a rule of
their own (alerts/round/verdicts.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from alerts.context import Context, OwnNumbers
from alerts.families import limits as limit_families
from alerts.readings import NUMBER_OF, Readings
from alerts.reference import References
from alerts.round import verdicts
from alerts.rules import judging
from alerts.rulesets.model import RuleSet
from alerts.whatif import Difference, Past, Replayed
from clinician_api.limits_store import Course, Limits, PastLevel
from telekol.quantities import Quantity
from telekol.severity import Severity

YEAR: Final = timedelta(days=365)

_NAMES: Final = ("red_low", "yellow_low", "yellow_high", "red_high")
"""In the order of `Limits`."""

_COLOURS: Final = {
    judging.GREEN: Severity.GREEN,
    judging.YELLOW: Severity.YELLOW,
    judging.RED: Severity.RED,
}


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried.

    Parameters
    ----------
    marks
        Each reading of the quantity in the year: when, what, its colour now and as tried; None
        where no rule could say anything.
    """

    difference: Difference
    marks: tuple[tuple[datetime, float, Severity | None, Severity | None], ...]


def tried(course: Course, quantity: Quantity, limits: Limits | None, now: datetime) -> Tried | None:
    """Hold the stored year against `limits`; None if there is nothing to hold or no rule.

    Parameters
    ----------
    limits
        What is tried; None for the limits in force.
    """
    readings = _readings(course)
    in_force, known = _rules(course, quantity, course.limits)
    changed, asked = _rules(course, quantity, course.limits if limits is None else limits)
    if not len(readings) or in_force is None or changed is None:
        return None
    since_us = verdicts.microseconds((now - YEAR).astimezone(UTC))
    past = Past.of(readings, in_force, known, since_us)
    if not len(past.rows):
        return None
    found = past.under(changed, asked)
    marks = _marks(readings, quantity, past.in_force, found.changed, past)
    return Tried(found.difference(), tuple(marks))


def beside(quantity: Quantity) -> tuple[Quantity, ...]:
    """Give the quantities that are judged together with one: a pulse with a saturation."""
    return (Quantity.PULSE_RATE,) if quantity is Quantity.SPO2 else ()


def _readings(course: Course) -> Readings:
    found = course.readings
    return Readings.of(
        ["patient"],
        [0] * len(found),
        [NUMBER_OF[one.quantity] for one in found],
        [verdicts.microseconds(one.measured_at) for one in found],
        [one.value for one in found],
        [one.doubtful for one in found],
    )


def _rules(
    course: Course, quantity: Quantity, limits: Limits | None
) -> tuple[RuleSet | None, Context]:
    context = Context(references=_references(course), approved=course.approved)
    rule_set = course.rule_set
    fixed = [
        rule
        for rule in (verdicts.watching(rule_set, quantity) if rule_set else ())
        if rule.family == limit_families.ABSOLUTE.name
    ]
    if limits is not None and not fixed:
        rule_set = verdicts.effective(rule_set, quantity)
    if rule_set is None:
        return None, context
    rules = tuple(verdicts.watching(rule_set, quantity))
    if not rules:
        return None, context
    own = _own(rule_set.model_copy(update={"rules": rules}), limits)
    chosen = rule_set.model_copy(update={"rules": rules})
    return chosen, Context(references=context.references, own=own, approved=course.approved)


def _own(rule_set: RuleSet, limits: Limits | None) -> dict[tuple[str, str], OwnNumbers]:
    if limits is None:
        return {}
    return {
        (rule.id, name): OwnNumbers.of([0], [np.nan if value is None else value])
        for rule in rule_set.rules
        if rule.family == limit_families.ABSOLUTE.name
        for name, value in zip(_NAMES, limits, strict=True)
    }


def _references(course: Course) -> References:
    rows = [entry for level in course.levels for entry in _entries(level)]
    return References.of(
        [0] * len(rows),
        [NUMBER_OF[level.quantity] for level, _, _ in rows],
        [verdicts.microseconds(since) for _, since, _ in rows],
        [value for _, _, value in rows],
        [level.approved for level, _, _ in rows],
        [np.nan if level.spread is None else level.spread for level, _, _ in rows],
        [level.n for level, _, _ in rows],
    )


def _entries(level: PastLevel) -> Iterator[tuple[PastLevel, datetime, float]]:
    """Give a level, and where it ends one of no value: the newest that is known wins."""
    yield level, level.since, level.value
    if level.until is not None:
        yield level, level.until, float("nan")


def _marks(
    readings: Readings, quantity: Quantity, now: Replayed, then: Replayed, past: Past
) -> Iterator[tuple[datetime, float, Severity | None, Severity | None]]:
    worst_now, worst_then = _worst(readings, now), _worst(readings, then)
    for row in past.rows[readings.quantity[past.rows] == NUMBER_OF[quantity]].tolist():
        yield (
            verdicts.moment_of(int(readings.measured_us[row])),
            float(readings.values[row]),
            _COLOURS.get(int(worst_now[row])),
            _COLOURS.get(int(worst_then[row])),
        )


def _worst(readings: Readings, said: Replayed) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    worst = np.full(len(readings), judging.INSUFFICIENT, dtype=np.int8)
    for outcome in said.outcomes.values():
        np.maximum.at(worst, outcome.rows, outcome.judgement.severity)
    return worst
