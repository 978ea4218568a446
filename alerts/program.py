"""The program: a rule set over readings, at once. The one way in which rules are used.

Owns the order of work: which rows a rule is for, blocks, persistence. It knows no formula, no
sentence and no database; pure.

    rule_set = loading.load("kol-standard")
    readings = Readings.of(names, series, quantity, measured_us, values)
    outcomes = program.judge(rule_set, readings, readings.last_rows(), Context())
    for outcome in outcomes:                      # one per rule that has rows
        outcome.rule.id, outcome.rows, outcome.judgement.severity
    findings = told.tell(rule_set, outcomes, readings, context)    # documents with sentences

One arriving reading, a replayed year and a population are the same call with other `rows`.

What the caller must bring
--------------------------
- Each series whole from its beginning, or at least its newest `rule_set.looks_back` readings up
  to each row. In the second case the first period is not among the readings, so reference values
  must come in `Context.references`: stored proposals with `approved` false, or approved ones.
  Else the program would propose from whatever comes first.
- Rows of both quantities for a family over two; it is told with the rows of its own quantity.

Invariants
----------
1. What is said of a row depends on that row's series alone, and on nothing measured after it
   (of a second quantity: nothing after its session). So blocks of any size, another order, or
   fewer rows give the same answers.
2. A rule whose input is not readings is left out; `not_judged` names them.
3. Persistence makes a flag rarer, never worse: a row is flagged no higher than it is by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.context import Context
from alerts.families.base import Found, Inputs, joined
from alerts.readings import NUMBER_OF, US_PER_DAY, Readings
from alerts.reference import FirstPeriods, Level
from alerts.rules import judging
from alerts.rules.judging import Judgement
from alerts.rulesets.model import Persist, RuleSet, RuleSpec

BLOCK_ROWS: Final = 8_192
"""Rows at a time: a window of 32 in float64 is 4 MB then, and memory does not grow with rows."""


ALONE: Final = "severity_alone"
"""Column beside a rule that persists: what the reading would be graded by itself."""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one rule found.

    Parameters
    ----------
    rule
        With its parameters.
    rows
        Shape (m,): rows of the readings that the rule is for, as asked for.
    judgement
        One of each a row.
    level
        The reference value each row was held against; None if the rule uses none.
    beside
        Columns for the sentence that are no evidence.
    """

    rule: RuleSpec
    rows: NDArray[np.intp]
    judgement: Judgement
    level: Level | None = None
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def judge(
    rule_set: RuleSet,
    readings: Readings,
    rows: NDArray[np.intp],
    context: Context | None = None,
) -> list[RuleOutcome]:
    """Judge rows by every rule that is for them.

    Parameters
    ----------
    rows
        Shape (m,): which readings are under test, in any order, each once.

    Returns
    -------
    list of RuleOutcome
        In the order of the rule set; a rule for whose quantity there is no row is left out.
    """
    known = context or Context()
    periods = FirstPeriods.of(readings, known.enrolled_us)
    of_rule = [(rule, _rows_for(rule, readings, rows)) for rule in rule_set.rules]
    run = _Run(readings, known, periods)
    return [run.judged(rule, wanted) for rule, wanted in of_rule if len(wanted)]


def not_judged(rule_set: RuleSet) -> list[RuleSpec]:
    """Which rules of a set need another input than readings."""
    return [rule for rule in rule_set.rules if not rule.is_of_readings]


def _rows_for(rule: RuleSpec, readings: Readings, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    if not rule.is_of_readings or rule.quantity is None:
        return rows[:0]
    chosen: NDArray[np.intp] = rows[readings.quantity[rows] == NUMBER_OF[rule.quantity]]
    return chosen


@dataclass(frozen=True, slots=True)
class _Run:
    """Readings and what is known of them, for one call."""

    readings: Readings
    context: Context
    periods: FirstPeriods

    def judged(self, rule: RuleSpec, rows: NDArray[np.intp]) -> RuleOutcome:
        parts = [self._block(rule, rows[part]) for part in judging.blocks(len(rows), BLOCK_ROWS)]
        found = joined(parts)
        return RuleOutcome(rule, rows, found.judgement, found.level, found.beside)

    def _block(self, rule: RuleSpec, rows: NDArray[np.intp]) -> Found:
        if rule.persist is None:
            return self._at_once(rule, rows)
        newest = _newest_of_each(self.readings, rows, rule.persist.of)
        looked_at = np.unique(newest)
        found = self._at_once(rule, looked_at)
        severity = _persisting(
            found.judgement.severity,
            np.searchsorted(looked_at, newest),
            newest,
            self.readings,
            rule.persist,
        )
        own = found.taken(np.searchsorted(looked_at, rows))
        judgement = Judgement(severity, own.judgement.score, own.judgement.evidence)
        return Found(judgement, own.level, {**own.beside, ALONE: own.judgement.severity})

    def _at_once(self, rule: RuleSpec, rows: NDArray[np.intp]) -> Found:
        assert rule.kind.judge is not None  # noqa: S101 - _rows_for leaves the others out
        assert rule.needed is not None  # noqa: S101 - who judges readings has a need
        return rule.kind.judge(
            Inputs(
                rule.id,
                rule.parameters,
                rule.needed,
                rule.most_readings,
                self.readings,
                rows,
                self.context,
                self.periods,
            )
        )


def _newest_of_each(readings: Readings, rows: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Rows of the newest `count` readings up to each row; the first stands in where none is."""
    newest: NDArray[np.intp] = np.maximum(
        rows[:, None] - np.arange(count), readings.starts[rows, None]
    )
    return newest


def _persisting(
    severity: NDArray[np.int8],
    at: NDArray[np.intp],
    newest: NDArray[np.intp],
    readings: Readings,
    persist: Persist,
) -> NDArray[np.int8]:
    """Grade rows by the `least`-th worst of their newest readings, never above their own."""
    own = severity[at[:, 0]]
    ages = (readings.measured_us[newest[:, :1]] - readings.measured_us[newest]) / US_PER_DAY
    repeated = np.zeros(at.shape, dtype=np.bool_)
    repeated[:, 1:] = newest[:, 1:] == newest[:, :-1]
    left_out = repeated | (ages > persist.within_days)
    of_newest = np.where(left_out, judging.GREEN, np.maximum(severity[at], judging.GREEN))
    lasting = np.sort(of_newest, axis=1)[:, -persist.least]
    if persist.alone_after_days is not None:
        lasting[repeated[:, 1] | (ages[:, 1] > persist.alone_after_days)] = judging.RED
    return np.where(own == judging.INSUFFICIENT, own, np.minimum(own, lasting)).astype(np.int8)
