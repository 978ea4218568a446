"""A value that sits on its limit makes one case. Pure.

Owns the two things that keep a case from coming and going: hysteresis (a value counts as back only
when it has come back by some way) and hold-off (the same rule opens no other case of the same
colour soon after one was closed). Both are numbers of a rule in its set, 0 by default.

Invariants
----------
1. Nothing that is worse than what people know is ever held: hysteresis keeps a case as grave as it
   stands, hold-off passes a graver colour and another rule at once.
2. What is held is a finding all the same; only the case is not told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from alerts.families.base import FamilyParameters
from alerts.families.limits import ABSOLUTE
from alerts.round.planning import Draft, JudgementKey
from alerts.round.subjects import LimitSet, Subject
from alerts.round.verdicts import Verdict, judge, watching
from alerts.rulesets.model import RuleSet, RuleSpec
from telekol.quantities import Quantity
from telekol.severity import Severity

_LOW: Final = ("red_low", "yellow_low")
_HIGH: Final = ("yellow_high", "red_high", "yellow", "red")
"""Names of limits in the models of families, by the side on which a value has passed them."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What a rule had said in the case of a series that was closed last, and when that was."""

    rule_id: str
    severity: Severity
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class Steady:
    """What is known of the readings of a round.

    Parameters
    ----------
    held
        How each reading is judged with limits drawn in by their hysteresis; absent where no case
        stands that it could ease.
    closed
        What the newest closed case of each series was about.
    rule_sets
        Every set that a basis names.
    """

    held: Mapping[JudgementKey, Severity | None] = field(default_factory=dict)
    closed: Mapping[tuple[UUID, Quantity], Sequence[Closed]] = field(default_factory=dict)
    rule_sets: Mapping[int, RuleSet] = field(default_factory=dict)

    def holds(self, draft: Draft, verdict: Verdict, standing: Severity) -> bool:
        """Whether a reading that would move a case leaves it as it stands."""
        if verdict.severity is None:
            return False
        if verdict.severity.rank < standing.rank:
            held = self.held.get((draft.reading.id, draft.turn))
            return held is not None and held.rank > verdict.severity.rank
        return standing is Severity.GREEN and self._is_held_off(draft, verdict)

    def _is_held_off(self, draft: Draft, verdict: Verdict) -> bool:
        closed = {
            one.rule_id: one for one in self.closed.get((draft.patient_id, draft.quantity), ())
        }
        number = verdict.subject.basis.rule_set_id
        rule_set = None if number is None else self.rule_sets.get(number)
        if not closed or rule_set is None:
            return False
        for finding in verdict.findings:
            known = closed.get(finding.rule_id or "")
            rule = rule_set.rule(finding.rule_id or "")
            if known is None or rule is None or finding.severity.rank > known.severity.rank:
                return False
            if draft.reading.measured_at - known.closed_at > timedelta(days=rule.hold_off_days):
                return False
        return bool(verdict.findings)


def held(
    judged: Sequence[tuple[Draft, Verdict]],
    rule_sets: Mapping[int, RuleSet],
    wanted: Collection[int],
) -> dict[JudgementKey, Severity | None]:
    """Judge readings again with limits drawn in by their hysteresis.

    Parameters
    ----------
    wanted
        Places of the readings that could ease a case; the others are not judged.
    """
    eased = [
        judged[place]
        for place in sorted(wanted)
        if judged[place][1].severity in (Severity.GREEN, Severity.YELLOW)
    ]
    with_any = {number: one for number, one in rule_sets.items() if _has_hysteresis(one)}
    eased = [one for one in eased if one[1].subject.basis.rule_set_id in with_any]
    drawn_in = {number: drawn(one) for number, one in with_any.items()}
    verdicts = judge([_with_own_drawn_in(v.subject, rule_sets) for _, v in eased], drawn_in)
    return {
        (draft.reading.id, draft.turn): verdict.severity
        for (draft, _), verdict in zip(eased, verdicts, strict=True)
    }


def drawn(rule_set: RuleSet) -> RuleSet:
    """Give a set whose limits are drawn in by their hysteresis."""
    rules = tuple(
        rule.model_copy(update={"parameters": _drawn(rule.parameters, rule.hysteresis)})
        if rule.hysteresis
        else rule
        for rule in rule_set.rules
    )
    return rule_set.model_copy(update={"rules": rules})


def _drawn(parameters: FamilyParameters, by: float) -> FamilyParameters:
    """Draw in what is there; a set's own numbers are checked, so these need no second check."""
    changed = {
        name: value + by if name in _LOW else value - by
        for name in (*_LOW, *_HIGH)
        if (value := getattr(parameters, name, None)) is not None
    }
    return parameters.model_copy(update=changed)


def _has_hysteresis(rule_set: RuleSet) -> bool:
    return any(rule.hysteresis for rule in rule_set.rules)


def _with_own_drawn_in(subject: Subject, rule_sets: Mapping[int, RuleSet]) -> Subject:
    """Draw in a patient's own limits, which stand in for a rule's, by that rule's hysteresis."""
    own, number = subject.basis.limits, subject.basis.rule_set_id
    if own is None or number is None:
        return subject
    by = max(
        (_hysteresis(rule) for rule in watching(rule_sets[number], subject.quantity)), default=0
    )
    basis = replace(subject.basis, limits=_own_drawn(own, by))
    return replace(subject, basis=basis)


def _hysteresis(rule: RuleSpec) -> float:
    return rule.hysteresis if rule.family == ABSOLUTE.name else 0.0


def _own_drawn(own: LimitSet, by: float) -> LimitSet:
    return replace(
        own,
        red_low=None if own.red_low is None else own.red_low + by,
        yellow_low=None if own.yellow_low is None else own.yellow_low + by,
        yellow_high=None if own.yellow_high is None else own.yellow_high - by,
        red_high=None if own.red_high is None else own.red_high - by,
    )
