"""Statements about technical troubles: findings that hold all it takes to make them again. Pure.

Owns the shape of the evidence, and `replay`. As with adherence, a statement's id is made of the one
before it and of what it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from alerts.clock.rules import Source
from alerts.reasons import Reason
from alerts.round.findings import FINDING_NAMESPACE, Finding
from alerts.technical import troubles, words
from alerts.technical.policy import Policy
from alerts.technical.troubles import NAME, VERSION, Key, Time
from telekol.severity import Channel, Severity


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rule says of an evidence."""

    severity: Severity
    score: float
    reason: Reason


def made(
    patient_id: UUID,
    key: Key,
    times: Sequence[Time],
    policy: Policy,
    previous: UUID | None,
    now: datetime,
    source: Source,
    *,
    is_here: bool,
) -> Finding:
    """Make the finding that tells how a trouble stands.

    Parameters
    ----------
    is_here
        Whether the gateway is with the patient still.
    """
    evidence = _evidence(key, times, policy, previous, now, is_here=is_here)
    evidence["rule_set"] = dict(source.evidence)
    answer = replay(evidence)
    name = f"{NAME}|{VERSION}|{patient_id}|{key.about}|{previous or '-'}|{answer.severity}"
    return Finding(
        id=uuid5(FINDING_NAMESPACE, name),
        patient_id=patient_id,
        channel=Channel.TECHNICAL,
        rule=NAME,
        rule_version=VERSION,
        result="judged",
        severity=answer.severity,
        score=answer.score,
        quantity=None,
        measured_at=now,
        late=False,
        reading_ids=(),
        limits={
            "tell_after_s": policy.tell_after.total_seconds(),
            "gone_after_s": policy.gone_after.total_seconds(),
        },
        evidence=evidence,
        reason=answer.reason,
        rule_id=source.rule_id,
        rule_set_id=source.rule_set_id,
    )


def replay(evidence: Mapping[str, Any]) -> Answer:
    """Judge again from evidence alone, as `telekol replay` does with what was stored."""
    policy = Policy(
        Severity(evidence["severity"]),
        timedelta(seconds=evidence["tell_after_s"]),
        timedelta(seconds=evidence["gone_after_s"]),
    )
    now = datetime.fromisoformat(evidence["as_of"])
    times = [
        Time(datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None, count)
        for start, end, count in evidence["times"]
    ]
    stands = troubles.standing(times, policy, now) if evidence["is_here"] else None
    code, device = evidence["code"], evidence["device"]
    if stands is None:
        reason = words.over(code, device, is_moved=not evidence["is_here"])
        return Answer(Severity.GREEN, 0.0, reason)
    hours = (now - stands.start) / timedelta(hours=1)
    return Answer(policy.severity, hours, words.stands(code, device, stands.start))


def _evidence(
    key: Key,
    times: Sequence[Time],
    policy: Policy,
    previous: UUID | None,
    now: datetime,
    *,
    is_here: bool,
) -> dict[str, Any]:
    return {
        "as_of": now.isoformat(),
        "about": key.about,
        "gateway": key.gateway,
        "code": key.code,
        "device": key.device,
        "is_here": is_here,
        "severity": str(policy.severity),
        "tell_after_s": policy.tell_after.total_seconds(),
        "gone_after_s": policy.gone_after.total_seconds(),
        "previous": str(previous) if previous else None,
        "times": [
            [one.start.isoformat(), one.end.isoformat() if one.end else None, one.count]
            for one in _telling(times, policy, now)
        ],
    }


def _telling(times: Sequence[Time], policy: Policy, now: datetime) -> list[Time]:
    """Leave out what the answer does not depend on: a month of a home's comings and goings."""
    stands = troubles.standing(times, policy, now)
    ordered = sorted(times, key=lambda one: one.start)
    if stands is None:
        return ordered[-1:]
    return [one for one in ordered if one.end is None or one.end >= stands.start]
