"""From windows and limits to findings: the pure middle of the engine.

Owns the finding's shape and how one is made from what a rule returned. It knows no database;
`alerts.service` brings readings and takes findings away.

Invariants
----------
1. A finding holds everything needed to make it again: rule and version, limits in force, ids
   of the readings used, result and reason.
2. Its id is made of rule, version and the reading judged, so judging again stores nothing new;
   unless a person's event is the cause, which is then part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import numpy as np

from alerts import reasons
from alerts.reasons import Reason
from alerts.rules import absolute_limits
from alerts.rules.absolute_limits import Judgement, Limits
from alerts.window import Reading, build
from telekol.quantities import Quantity
from telekol.severity import Channel, Severity

FINDING_NAMESPACE: Final = UUID("f4f2b8a6-9f5e-5a0c-8a43-5f5a35c6f0de")

LATE_AFTER: Final = timedelta(hours=10)
"""A reading stored longer than this after it was measured is late.

Ten hours is OpenTele's grace window for weekday schedules, the time in which an upload still
counts for its day.
"""

LIMITS_MISSING: Final = "limits-missing"
NOT_JUDGED: Final = "not-judged"
WITHDRAWN: Final = "withdrawn"
TECHNICAL_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class LimitSet:
    """The limits in force for one reading; None is no limit, 0 is a limit."""

    id: int
    red_low: float | None
    yellow_low: float | None
    yellow_high: float | None
    red_high: float | None

    def as_dict(self) -> dict[str, float | int | None]:
        """Give the limits as they are stored with a finding."""
        return {
            "id": self.id,
            "red_low": self.red_low,
            "yellow_low": self.yellow_low,
            "yellow_high": self.yellow_high,
            "red_high": self.red_high,
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """One reading under test, with what its rule may look at.

    Parameters
    ----------
    series
        Readings of the same patient and quantity, oldest first, the one under test last.
    queued_at
        When it could first be judged: when it was stored, or when a person attributed it.
    limits
        None when nobody has set any for this patient and quantity.
    cause
        None for a reading that came in. Else the event for which it is judged again; it makes
        the finding another one, since the earlier stays as it is.
    """

    patient_id: UUID
    quantity: Quantity
    queued_at: datetime
    series: Sequence[Reading]
    limits: LimitSet | None
    cause: str | None = None

    @property
    def reading(self) -> Reading:
        """The reading under test."""
        return self.series[-1]

    @property
    def name(self) -> str:
        """What tells this judgement from others of the same rule; part of the finding's id."""
        return f"{self.reading.id}|{self.cause}" if self.cause else str(self.reading.id)

    @property
    def is_late(self) -> bool:
        """Whether it came so long after it was measured that it must not page as new."""
        return self.queued_at - self.reading.measured_at > LATE_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An immutable statement about one reading."""

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
    limits: dict[str, float | int | None]
    evidence: dict[str, Any]
    reason: Reason

    @property
    def about(self) -> str:
        """The rule and quantity, as a case keeps track of them."""
        return f"{self.rule}/{self.quantity}" if self.quantity else self.rule


def judge(subjects: Sequence[Subject]) -> list[Finding]:
    """Judge readings against their absolute limits, all of them in one array pass.

    Returns
    -------
    list of Finding
        One per subject, in the same order. Where no limits are set the answer is insufficient
        data, on the technical channel, so that a physician is asked.
    """
    if not subjects:
        return []
    window = build([subject.series for subject in subjects])
    judgement = absolute_limits.judge(window, _limit_arrays(subjects))
    return [
        missing_limits(subject) if subject.limits is None else _finding(subject, judgement, row)
        for row, subject in enumerate(subjects)
    ]


def missing_limits(subject: Subject) -> Finding:
    """Say that nobody has set limits for this patient and quantity."""
    reason = reasons.limits_missing(subject.quantity)
    return _technical(subject, LIMITS_MISSING, Severity.YELLOW, reason)


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
        rule=absolute_limits.NAME,
        rule_version=absolute_limits.VERSION,
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
    return Finding(
        id=uuid5(FINDING_NAMESPACE, f"{rule}|{severity}|{subject.name}"),
        patient_id=subject.patient_id,
        channel=Channel.TECHNICAL,
        rule=rule,
        rule_version=TECHNICAL_VERSION,
        result="judged" if resolved else "insufficient",
        severity=severity,
        score=None,
        quantity=None if rule == NOT_JUDGED else subject.quantity,
        measured_at=subject.reading.measured_at,
        late=subject.is_late,
        reading_ids=(subject.reading.id,),
        limits=subject.limits.as_dict() if subject.limits else {},
        evidence={"value": subject.reading.value},
        reason=reason,
    )


def _finding(subject: Subject, judgement: Judgement, row: int) -> Finding:
    assert subject.limits is not None  # noqa: S101 - judge() sends the others elsewhere
    passed = int(judgement.passed[row])
    limit_name = None if passed == absolute_limits.NO_LIMIT else absolute_limits.LIMIT_NAMES[passed]
    code = int(judgement.severity[row])
    value = subject.reading.value
    return Finding(
        id=uuid5(
            FINDING_NAMESPACE,
            f"{absolute_limits.NAME}|{absolute_limits.VERSION}|{subject.name}",
        ),
        patient_id=subject.patient_id,
        channel=Channel.CLINICAL,
        rule=absolute_limits.NAME,
        rule_version=absolute_limits.VERSION,
        result="judged",
        severity=_SEVERITIES[code],
        score=float(judgement.score[row]),
        quantity=subject.quantity,
        measured_at=subject.reading.measured_at,
        late=subject.is_late,
        reading_ids=(subject.reading.id,),
        limits=subject.limits.as_dict(),
        evidence={"value": value, "passed": limit_name},
        reason=_reason(subject, limit_name),
    )


_SEVERITIES: Final = {
    absolute_limits.GREEN: Severity.GREEN,
    absolute_limits.YELLOW: Severity.YELLOW,
    absolute_limits.RED: Severity.RED,
}


def _reason(subject: Subject, limit_name: str | None) -> Reason:
    value = subject.reading.value
    limit = subject.limits.as_dict().get(limit_name or "") if subject.limits else None
    if limit_name is None or limit is None:
        reason = reasons.within_limits(subject.quantity, value)
    else:
        reason = reasons.limit_passed(subject.quantity, value, limit_name, float(limit))
    return reasons.came_late(reason, subject.reading.measured_at) if subject.is_late else reason


def _limit_arrays(subjects: Sequence[Subject]) -> Limits:
    def column(values: Iterable[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    sets = [subject.limits for subject in subjects]
    return Limits(
        red_low=column(s.red_low if s else None for s in sets),
        yellow_low=column(s.yellow_low if s else None for s in sets),
        yellow_high=column(s.yellow_high if s else None for s in sets),
        red_high=column(s.red_high if s else None for s in sets),
    )
