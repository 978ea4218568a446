"""What if the limits were others: what they would have flagged of readings that are stored.

    past = Past.of(readings, rule_set, context)      # once: judged as is in force
    past.under(changed).difference().as_document()   # again for every position of a slider

Owns the comparison of two rule sets over the same readings, by day, patient and rule. It knows no
database (`alerts.past.whatif_store` loads a stored year) and no formula; pure.

Invariants
----------
1. It judges by `alerts.program`, as the engine does: with unchanged limits the answer is the
   engine's own, reading by reading, each judged by what was known when it was measured.
2. Only rules that differ are judged again. A rule whose specification is the same gives the same
   answers, unless what is known beside the readings has changed.
3. Rules that need more than readings (questionnaires, schedules) are left out of both sides and
   named, so that nobody takes their silence for green.
4. A day is one on the patient's wall; it counts as the worst that was said of any of its readings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts import program
from alerts.context import Context
from alerts.days import days_of
from alerts.program import RuleOutcome
from alerts.readings import Readings
from alerts.rules import judging
from alerts.rulesets.model import RuleSet

_COLOURS: Final = {judging.YELLOW: "yellow", judging.RED: "red"}


@dataclass(frozen=True, slots=True)
class Cells:
    """The patient-days that readings fall on, in order of patient and day.

    Parameters
    ----------
    series, day
        Shape (m,): whose, and which day since 1970 by the wall.
    of_row
        Shape (n,): the cell of each row of the readings; -1 for those that are not asked about.
    """

    series: NDArray[np.int32]
    day: NDArray[np.int64]
    of_row: NDArray[np.intp]

    @classmethod
    def of(cls, readings: Readings, rows: NDArray[np.intp]) -> Cells:
        """Find the days of some rows."""
        day = days_of(readings.measured_us[rows])
        low = int(day.min(initial=0))
        width = int(day.max(initial=0)) - low + 1
        key = readings.series[rows].astype(np.int64) * width + (day - low)
        keys, at = np.unique(key, return_inverse=True)
        of_row = np.full(len(readings), -1, dtype=np.intp)
        of_row[rows] = at
        return cls((keys // width).astype(np.int32), keys % width + low, of_row)

    def worst(self, rows: NDArray[np.intp], severity: NDArray[np.int8]) -> NDArray[np.int8]:
        """Give the worst severity of each cell; GREEN where nothing was said."""
        found = np.full(len(self.day), judging.GREEN, dtype=np.int8)
        np.maximum.at(found, self.of_row[rows], severity)
        return found


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one rule set says of the past.

    Parameters
    ----------
    outcomes
        By rule id, in the order of the rule set: every row asked about.
    by_day
        By rule id, shape (cells,): the worst of each day.
    """

    rule_set: RuleSet
    context: Context
    outcomes: Mapping[str, RuleOutcome]
    by_day: Mapping[str, NDArray[np.int8]]

    def days(self, cells: int) -> NDArray[np.int8]:
        """Give the worst of each day over all rules; shape (cells,)."""
        worst = np.full(cells, judging.GREEN, dtype=np.int8)
        for severity in self.by_day.values():
            np.maximum(worst, severity, out=worst)
        return worst


@dataclass(frozen=True, slots=True)
class Past:
    """Readings of some time, judged as is in force.

    Parameters
    ----------
    readings
        Each series whole, or with the context that `alerts.program` asks for.
    rows
        Those that are asked about: the others are history that rules look back on.
    """

    readings: Readings
    rows: NDArray[np.intp]
    cells: Cells
    in_force: Replayed

    @classmethod
    def of(
        cls,
        readings: Readings,
        in_force: RuleSet,
        context: Context | None = None,
        since_us: int | None = None,
    ) -> Past:
        """Judge what was measured from `since_us` on (everything without it)."""
        rows = readings.all_rows()
        if since_us is not None:
            rows = rows[readings.measured_us[rows] >= since_us]
        cells = Cells.of(readings, rows)
        judged = _replay(in_force, readings, rows, cells, context or Context(), None)
        return cls(readings, rows, cells, judged)

    def under(self, changed: RuleSet, context: Context | None = None) -> WhatIf:
        """Say what another rule set, or other own numbers of patients, would have flagged.

        Parameters
        ----------
        context
            What would be known beside the readings; None for what is known.
        """
        known = self.in_force.context if context is None else context
        judged = _replay(changed, self.readings, self.rows, self.cells, known, self.in_force)
        return WhatIf(self, judged)


@dataclass(frozen=True, slots=True)
class Totals:
    """How much is flagged; all are patient-days but `readings`."""

    days: int
    yellow: int
    red: int

    @property
    def flagged(self) -> int:
        """Days on which anything was flagged."""
        return self.yellow + self.red

    @classmethod
    def of(cls, severity: NDArray[np.int8]) -> Totals:
        """Count the days of each colour."""
        yellow, red = (int((severity == colour).sum()) for colour in (judging.YELLOW, judging.RED))
        return cls(len(severity), yellow, red)


@dataclass(frozen=True, slots=True)
class DayChange:
    """One patient-day that either side flags.

    Parameters
    ----------
    day
        As ``2026-03-01``.
    before, after
        ``green``, ``yellow`` or ``red``.
    rules_before, rules_after
        Ids of the rules that flag it.
    """

    series: str
    day: str
    before: str
    after: str
    rules_before: tuple[str, ...]
    rules_after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two rule sets over the same days.

    Parameters
    ----------
    before, after
        Over all rules.
    rules
        By rule id: totals before and after; None where only one side has the rule.
    days
        Every day that either flags, by patient and day.
    left_out
        Ids of rules that readings alone cannot answer.
    """

    before: Totals
    after: Totals
    rules: Mapping[str, tuple[Totals | None, Totals | None]]
    days: tuple[DayChange, ...]
    left_out: tuple[str, ...] = field(default=())

    def as_document(self) -> dict[str, Any]:
        """Give plain values, as an endpoint answers and a command prints."""
        return {
            "patient_days": self.before.days,
            "before": _document(self.before),
            "after": _document(self.after),
            "rules": {
                name: {
                    side: None if totals is None else _document(totals)
                    for side, totals in zip(("before", "after"), sides, strict=True)
                }
                for name, sides in self.rules.items()
            },
            "days": [
                {
                    "series": each.series,
                    "day": each.day,
                    "before": each.before,
                    "after": each.after,
                    "rules_before": list(each.rules_before),
                    "rules_after": list(each.rules_after),
                }
                for each in self.days
            ],
            "left_out": list(self.left_out),
        }


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What is in force beside what is asked."""

    past: Past
    changed: Replayed

    def difference(self) -> Difference:
        """Compare day by day."""
        cells = len(self.past.cells.day)
        sides = self.past.in_force, self.changed
        before, after = (side.days(cells) for side in sides)
        ids = dict.fromkeys([*sides[0].by_day, *sides[1].by_day])
        left_out = dict.fromkeys(
            rule.id for side in sides for rule in program.not_judged(side.rule_set)
        )
        return Difference(
            Totals.of(before),
            Totals.of(after),
            {name: (_totals(sides[0], name), _totals(sides[1], name)) for name in ids},
            tuple(self._changes(before, after)),
            tuple(left_out),
        )

    def _changes(self, before: NDArray[np.int8], after: NDArray[np.int8]) -> Iterator[DayChange]:
        cells, names = self.past.cells, self.past.readings.names
        either = np.flatnonzero((before > judging.GREEN) | (after > judging.GREEN))
        days = cells.day[either].astype("datetime64[D]").astype(str).tolist()
        rules = [_flagging(side, either) for side in (self.past.in_force, self.changed)]
        for at, cell in enumerate(either.tolist()):
            yield DayChange(
                names[cells.series[cell]],
                days[at],
                _colour(int(before[cell])),
                _colour(int(after[cell])),
                rules[0][at],
                rules[1][at],
            )


def _replay(
    rule_set: RuleSet,
    readings: Readings,
    rows: NDArray[np.intp],
    cells: Cells,
    context: Context,
    known: Replayed | None,
) -> Replayed:
    same = known is not None and known.context is context
    kept = {rule.id for rule in rule_set.rules if same and known and _is_known(known, rule)}
    fresh = tuple(rule for rule in rule_set.rules if rule.id not in kept)
    asked = rule_set.model_copy(update={"rules": fresh})
    judged = {each.rule.id: each for each in program.judge(asked, readings, rows, context)}
    outcomes, by_day = {}, {}
    for rule in rule_set.rules:
        if rule.id in judged:
            outcomes[rule.id] = judged[rule.id]
            severity = judged[rule.id].judgement.severity
            by_day[rule.id] = cells.worst(judged[rule.id].rows, severity)
        elif known is not None and rule.id in kept and rule.id in known.outcomes:
            outcomes[rule.id], by_day[rule.id] = known.outcomes[rule.id], known.by_day[rule.id]
    return Replayed(rule_set, context, outcomes, by_day)


def _is_known(known: Replayed, rule: Any) -> bool:
    return bool(known.rule_set.rule(rule.id) == rule)


def _totals(side: Replayed, name: str) -> Totals | None:
    return Totals.of(side.by_day[name]) if name in side.by_day else None


def _flagging(side: Replayed, cells: NDArray[np.intp]) -> list[tuple[str, ...]]:
    flags = {name: (severity[cells] > judging.GREEN) for name, severity in side.by_day.items()}
    found: list[tuple[str, ...]] = [()] * len(cells)
    for name, flagged in flags.items():
        for at in np.flatnonzero(flagged).tolist():
            found[at] = (*found[at], name)
    return found


def _colour(severity: int) -> str:
    return _COLOURS.get(severity, "green")


def _document(totals: Totals) -> dict[str, int]:
    return {"flagged": totals.flagged, "yellow": totals.yellow, "red": totals.red}
