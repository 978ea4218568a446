"""Findings: immutable statements about readings, made from what rules said. Pure.

Owns the finding's shape, its id and the statements that no rule of a set makes: that nobody has
set limits, that a usual level is missing, that the engine failed. It knows no database.

Invariants
----------
1. A finding holds everything needed to make it again: rule, family and version, its parameters
   and limits, ids of the readings used, what was in force, result and reason.
2. Its id is made of what it judged and by which rule, so judging again stores nothing new; turn and
   cause of a later judgement are part of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from alerts import reasons
from alerts.reasons import Reason
from alerts.round.subjects import Subject
from alerts.rules import absolute_limits
from alerts.rulesets.model import RuleSpec
from alerts.told import Told
from telekol.quantities import Quantity
from telekol.severity import Channel, Severity

FINDING_NAMESPACE: Final = UUID("f4f2b8a6-9f5e-5a0c-8a43-5f5a35c6f0de")

LIMITS_MISSING: Final = "limits-missing"
REFERENCE_MISSING: Final = "reference-missing"
NOT_JUDGED: Final = "not-judged"
RULE_FAILED: Final = "rule-failed"
WITHDRAWN: Final = "withdrawn"
TECHNICAL_VERSION: Final = 1

RESOLVED_BY_JUDGING: Final = (LIMITS_MISSING, NOT_JUDGED, RULE_FAILED)
"""What is complained of until a reading could be judged."""

READINGS: Final = "readings"
"""What a case keeps track of for a quantity: its readings, whichever rule speaks of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An immutable statement about readings.

    Parameters
    ----------
    rule, rule_version
        The family and its version, or the word of a statement that no rule set makes.
    rule_id, rule_set_id
        Which rule of which set; None if none.
    limits
        Parameters of the rule and limits in force.
    turn, cause
        Which judgement of its reading it belongs to, and why that was made again.
    """

    id: UUID
    patient_id: UUID
    channel: Channel
    rule: str
    rule_version: int
    result: str
    severity: Severity
    score: float | None
    quantity: Quantity | None
    measured_at: datetime
    late: bool
    reading_ids: tuple[UUID, ...]
    limits: dict[str, Any]
    evidence: dict[str, Any]
    reason: Reason
    rule_id: str | None = None
    rule_set_id: int | None = None
    basis_id: int | None = None
    turn: int | None = None
    cause: str | None = None

    @property
    def about(self) -> str:
        """What a case keeps track of: the readings of a quantity, or a rule by itself."""
        if self.quantity and self.rule_id is not None:
            return readings_of(self.quantity)
        return f"{self.rule}/{self.quantity}" if self.quantity else self.rule


def readings_of(quantity: Quantity) -> str:
    """Name the readings of a quantity, as a case keeps track of them."""
    return f"{READINGS}/{quantity}"


def of_rule(subject: Subject, rule: RuleSpec, told: Told) -> Finding:
    """Make the finding of what a rule said of a subject."""
    insufficient = told.severity == "insufficient"
    reason = Reason(told.reason_da, told.reason_en)
    own = _own_limits(subject, told.family)
    if not told.approved and not own:
        reason = reasons.of_template(reason)
    if subject.cause is not None:
        reason = reasons.judged_anew(reason)
    if subject.late:
        reason = reasons.came_late(reason, subject.reading.measured_at)
    reference = None if told.reference is None else msgspec.to_builtins(told.reference)
    return Finding(
        id=uuid5(
            FINDING_NAMESPACE,
            f"{rule.id}|{told.family}|{told.family_version}|{subject.quantity}|{subject.name}",
        ),
        patient_id=subject.patient_id,
        channel=Channel.CLINICAL,
        rule=told.family,
        rule_version=told.family_version,
        result="insufficient" if insufficient else "judged",
        severity=Severity.GREEN if insufficient else Severity(told.severity),
        score=told.score,
        quantity=subject.quantity,
        measured_at=subject.reading.measured_at,
        late=subject.late,
        reading_ids=subject.reading_ids,
        limits=rule.parameters.model_dump(mode="json") | own,
        evidence=told.evidence
        | {"value": told.value, "approved": told.approved or bool(own), "reference": reference},
        reason=reason,
        rule_id=rule.id,
        rule_set_id=subject.basis.rule_set_id,
        turn=subject.turn,
        cause=subject.cause,
    )


def _own_limits(subject: Subject, family: str) -> dict[str, Any]:
    """Give the patient's own limits, where they took the place of the rule's."""
    own = subject.basis.limits
    return own.as_dict() if own is not None and family == absolute_limits.NAME else {}


def missing_limits(subject: Subject) -> Finding:
    """Say that nobody has set limits for this patient and quantity."""
    reason = reasons.limits_missing(subject.quantity)
    return _technical(subject, LIMITS_MISSING, Severity.YELLOW, reason)


def missing_reference(subject: Subject) -> Finding:
    """Say that a rule needs a usual level and there is none that holds."""
    reason = reasons.reference_missing(subject.quantity)
    return _technical(subject, REFERENCE_MISSING, Severity.YELLOW, reason)


def failed_rule(subject: Subject) -> Finding:
    """Say that a rule failed on this reading, so that a person looks at it."""
    reason = reasons.rule_failed(subject.quantity)
    return _technical(subject, RULE_FAILED, Severity.YELLOW, reason)


def judged_again(subject: Subject, rule: str) -> Finding:
    """Take back what a technical `rule` complained of: this reading could be judged."""
    return _technical(subject, rule, Severity.GREEN, reasons.judged_again(subject.quantity))


def not_judged(patient_id: UUID, reading_ids: tuple[UUID, ...], measured_to: datetime) -> Finding:
    """Say that the engine failed on these readings, so that a person looks at them."""
    return Finding(
        id=uuid5(FINDING_NAMESPACE, f"{NOT_JUDGED}|{reading_ids}"),
        patient_id=patient_id,
        channel=Channel.TECHNICAL,
        rule=NOT_JUDGED,
        rule_version=TECHNICAL_VERSION,
        result="insufficient",
        severity=Severity.YELLOW,
        score=None,
        quantity=None,
        measured_at=measured_to,
        late=False,
        reading_ids=reading_ids,
        limits={},
        evidence={},
        reason=reasons.not_judged(len(reading_ids)),
    )


def withdrawn(
    patient_id: UUID, quantity: Quantity, reading_id: UUID, measured_at: datetime, cause: str
) -> Finding:
    """Take back what was found of a reading that no longer counts, when no other is left."""
    return Finding(
        id=uuid5(FINDING_NAMESPACE, f"{WITHDRAWN}|{reading_id}|{cause}"),
        patient_id=patient_id,
        channel=Channel.CLINICAL,
        rule=READINGS,
        rule_version=TECHNICAL_VERSION,
        result="insufficient",
        severity=Severity.GREEN,
        score=None,
        quantity=quantity,
        measured_at=measured_at,
        late=False,
        reading_ids=(reading_id,),
        limits={},
        evidence={"cause": cause},
        reason=reasons.withdrawn(quantity),
    )


def _technical(subject: Subject, rule: str, severity: Severity, reason: Reason) -> Finding:
    resolved = severity is Severity.GREEN
    limits = subject.basis.limits
    return Finding(
        id=uuid5(FINDING_NAMESPACE, f"{rule}|{severity}|{subject.quantity}|{subject.name}"),
        patient_id=subject.patient_id,
        channel=Channel.TECHNICAL,
        rule=rule,
        rule_version=TECHNICAL_VERSION,
        result="judged" if resolved else "insufficient",
        severity=severity,
        score=None,
        quantity=None if rule == NOT_JUDGED else subject.quantity,
        measured_at=subject.reading.measured_at,
        late=subject.late,
        reading_ids=(subject.reading.id,),
        limits=limits.as_dict() if limits else {},
        evidence={"value": subject.reading.value},
        reason=reason,
        turn=subject.turn,
        cause=subject.cause,
    )
