"""A doubtful red is measured again before anybody is called. Pure.

Owns when a red reading is doubtful, what a second measurement answers, and what is asked of the
home. It knows no database and no clock; `alerts.casework.movements` asks it of each reading, and
`alerts.casework.confirmation_store` keeps what waits.

    red, doubtful, the home can be asked --> waits, at most the rule's time
        second is normal            --> ends as green, both readings shown; no case
        second is not normal        --> raised, then the second as any other reading
        silence                     --> raised when the time is over
        withdrawn, or no red any more after another judgement --> ends, nothing is raised

Invariants
----------
1. A red waits only if every rule that calls it red lets it wait, and for the shortest of their
   times. A rule with ``confirm = "off"`` raises at once.
2. It never waits longer than that time, counted from when it was judged; what was measured longer
   ago than that when it is judged does not wait at all.
3. Nothing waits that cannot be asked: no gateway, a gateway that is not connected, a late reading.
4. Where a quantity stands in an open case already, nothing waits: people are at work on it.
5. A second measurement that is itself doubtful by quality makes nothing normal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid5

from alerts import reasons
from alerts.reasons import Reason
from alerts.round.findings import FINDING_NAMESPACE, Finding
from alerts.round.planning import Draft
from alerts.round.subjects import Taken
from alerts.round.verdicts import Verdict
from alerts.rulesets.model import Confirm, RuleSet
from telekol.instructions import LineText, Remeasure
from telekol.quantities import FACTS, Quantity
from telekol.severity import Channel, Severity

NAME: Final = "second-measurement"
VERSION: Final = 1

SUDDEN_AFTER_NORMAL: Final = timedelta(days=8)
"""A red is sudden if the reading before it was normal and no older than this: the pause of weekly
measuring and a day. After a longer silence nobody knows how sudden it was."""

INSTRUCTION_NAMESPACE: Final = UUID("0d0f8c9e-6a43-53a7-9e0a-4f2f6b7f5d11")


class Doubt(StrEnum):
    """Why a red reading is measured again."""

    QUALITY = "quality"
    """The device's own flags."""
    SUDDEN = "sudden"
    """The reading before was normal."""


class Outcome(StrEnum):
    """How the waiting ended."""

    NORMAL = "normal"
    CONFIRMED = "confirmed"
    SILENCE = "silence"
    TAKEN_BACK = "taken-back"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A red that waits for a second measurement.

    Parameters
    ----------
    finding
        What is raised unless the second is normal.
    reading
        What was measured first.
    """

    finding: Finding
    reading: Taken
    asked_at: datetime
    until: datetime
    doubt: Doubt
    gateway: str

    @property
    def key(self) -> tuple[UUID, Quantity]:
        """Whose, and of what."""
        assert self.finding.quantity is not None  # noqa: S101 - a reading has one
        return self.finding.patient_id, self.finding.quantity

    def instruction(self) -> Remeasure:
        """Give what is asked of the home; one id for one finding, however often it is made."""
        _, quantity = self.key
        facts = FACTS[quantity]
        return Remeasure(
            v=1,
            gateway=self.gateway,
            id=uuid5(INSTRUCTION_NAMESPACE, str(self.finding.id)),
            issued_at=self.asked_at,
            expires_at=self.until,
            quantities=(quantity,),
            within_s=max(60, int((self.until - self.asked_at).total_seconds())),
            reason=LineText(
                da=f"Mål {facts.danish.lower()} igen om et øjeblik. Sid stille imens, "
                "og hold hænderne varme.",
                en=f"Please measure {facts.english} again in a moment. Sit still meanwhile, "
                "and keep your hands warm.",
            ),
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """A waiting that is over, and by which reading."""

    waiting: Waiting
    outcome: Outcome
    second: Taken | None = None
    finding: Finding | None = None
    """What is said of it; None where the first finding says it all."""


GatewayOf = Callable[[UUID], str | None]
"""The gateway of a reading, if it is connected now and can be asked."""


@dataclass(slots=True)
class Confirmations:
    """What waits, and what a round changes of it.

    Parameters
    ----------
    waiting
        What waits already, by patient and quantity.
    rule_sets
        Every set that a basis names.
    gateway_of
        Says who can be asked; asked of doubtful reds alone.
    now
        When the round is.
    most
        Nothing waits longer, whatever its rule says; None for no limit, zero for no waiting.
    """

    now: datetime
    waiting: dict[tuple[UUID, Quantity], Waiting] = field(default_factory=dict)
    rule_sets: Mapping[int, RuleSet] = field(default_factory=dict)
    gateway_of: GatewayOf = field(default=lambda _reading: None)
    most: timedelta | None = None
    asked: list[Waiting] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def waits(
        self, draft: Draft, verdict: Verdict, standing: Severity, normal_at: datetime | None
    ) -> bool:
        """Let a red wait if it is doubtful and may; False where it must be raised now.

        Parameters
        ----------
        standing
            How the quantity stands in the patient's open case.
        normal_at
            When the reading before was measured, if it was normal; else None.
        """
        key = draft.patient_id, draft.quantity
        if standing is not Severity.GREEN or key in self.waiting:
            return False
        why, wait = doubt(draft, verdict, normal_at), self._wait(verdict)
        if why is None or not wait or self.now - draft.reading.measured_at > wait:
            return False
        gateway = self.gateway_of(draft.reading.id)
        if gateway is None:
            return False
        one = Waiting(verdict.findings[0], draft.reading, self.now, self.now + wait, why, gateway)
        self.waiting[key] = one
        self.asked.append(one)
        return True

    def answered(self, draft: Draft, verdict: Verdict) -> Ended | None:
        """Take in what a reading says to what waits of its series; None if nothing."""
        key = draft.patient_id, draft.quantity
        one = self.waiting.get(key)
        if one is None:
            return None
        outcome = _outcome(one, draft, verdict)
        if outcome is None:
            return None
        del self.waiting[key]
        second = None if outcome is Outcome.TAKEN_BACK else draft.reading
        made = second_was_normal(one, draft.reading) if outcome is Outcome.NORMAL else None
        ended = Ended(one, outcome, second, made)
        self.ended.append(ended)
        return ended

    def _wait(self, verdict: Verdict) -> timedelta | None:
        wait = wait_of(verdict, self.rule_sets)
        if wait is None or self.most is None:
            return wait
        return min(wait, self.most)


def doubt(draft: Draft, verdict: Verdict, normal_at: datetime | None) -> Doubt | None:
    """Say why a reading is doubtful; None if it is not, or is no red that came in now."""
    if verdict.severity is not Severity.RED or draft.late or draft.cause is not None:
        return None
    if draft.reading.doubtful:
        return Doubt.QUALITY
    if normal_at is None or draft.reading.measured_at - normal_at > SUDDEN_AFTER_NORMAL:
        return None
    return Doubt.SUDDEN


def wait_of(verdict: Verdict, rule_sets: Mapping[int, RuleSet]) -> timedelta | None:
    """Give how long a red may wait: the shortest of its red rules; None if one lets none wait."""
    number = verdict.subject.basis.rule_set_id
    rule_set = None if number is None else rule_sets.get(number)
    reds = [one for one in verdict.findings if one.severity is Severity.RED]
    waits = []
    for finding in reds:
        rule = rule_set.rule(finding.rule_id) if rule_set and finding.rule_id else None
        if rule is None or not isinstance(rule.confirm, Confirm):
            return None
        waits.append(timedelta(minutes=rule.confirm.within_minutes))
    return min(waits, default=None)


def _outcome(one: Waiting, draft: Draft, verdict: Verdict) -> Outcome | None:
    if draft.reading.id == one.reading.id:  # judged again: another window, limits, or a person
        return None if verdict.severity is Severity.RED else Outcome.TAKEN_BACK
    if draft.reading.measured_at <= one.reading.measured_at or draft.cause is not None:
        return None
    if verdict.severity is None:
        return None
    if verdict.severity is not Severity.GREEN:
        return Outcome.CONFIRMED
    return None if draft.reading.doubtful else Outcome.NORMAL


def second_was_normal(one: Waiting, second: Taken) -> Finding:
    """Say that the second measurement was normal, with both readings."""
    patient_id, quantity = one.key
    evidence = {
        "first": one.reading.value,
        "first_measured_at": one.reading.measured_at.isoformat(),
        "second": second.value,
        "second_measured_at": second.measured_at.isoformat(),
        "doubt": str(one.doubt),
        "finding": str(one.finding.id),
    }
    return Finding(
        id=uuid5(FINDING_NAMESPACE, f"{NAME}|{VERSION}|{one.finding.id}|{second.id}"),
        patient_id=patient_id,
        channel=Channel.CLINICAL,
        rule=NAME,
        rule_version=VERSION,
        result="judged",
        severity=Severity.GREEN,
        score=0.0,
        quantity=quantity,
        measured_at=second.measured_at,
        late=False,
        reading_ids=(one.reading.id, second.id),
        limits=one.finding.limits,
        evidence=evidence,
        reason=replay(quantity, evidence),
    )


def replay(quantity: Quantity, evidence: Mapping[str, Any]) -> Reason:
    """Say the sentence again from evidence alone, as `telekol replay` does."""
    return reasons.second_was_normal(
        quantity,
        evidence["first"],
        datetime.fromisoformat(evidence["first_measured_at"]),
        evidence["second"],
        datetime.fromisoformat(evidence["second_measured_at"]),
    )
