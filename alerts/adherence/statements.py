"""Statements about adherence: findings that hold all that is needed to make them again. Pure.

Owns the shape of the evidence, and `replay`, which judges from evidence alone.

Invariants
----------
1. A statement's id is made of the one before it and of what it says. Two processes that say the
   same after the same make one row, and what is said, taken back and said again makes three.
2. Whatever the sentence names stands in the evidence; `replay` of a stored finding gives its
   severity, score and sentences again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from alerts.adherence import judging, words
from alerts.adherence.catching_up import Told
from alerts.adherence.judging import NAME, TELL_AFTER, VERSION, Came, Outcome, Stand, State
from alerts.adherence.schedule import ZONE, Deadline
from alerts.adherence.words import Name, Titles
from alerts.clock.rules import Source
from alerts.reasons import Reason
from alerts.round.findings import FINDING_NAMESPACE, Finding
from telekol.quantities import Quantity
from telekol.severity import Channel, Severity

_QUANTITIES: Final = frozenset(str(quantity) for quantity in Quantity)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rule says of an evidence."""

    severity: Severity
    score: float
    reason: Reason


def made(
    patient_id: UUID,
    state: State,
    told: Told | None,
    titles: Titles,
    tell_after: timedelta = TELL_AFTER,
    source: Source | None = None,
) -> Finding:
    """Make the finding that tells a state.

    Parameters
    ----------
    told
        The statement before; what it missed and this one does not is named as no longer missing.
    source
        The rule set and rule that say so.
    """
    source = source or Source()
    evidence = _evidence(state, told, titles, tell_after) | {"rule_set": dict(source.evidence)}
    answer = replay(evidence)
    said = sorted((*key, at.isoformat()) for key, at in state.gist)
    name = f"{NAME}|{VERSION}|{patient_id}|{told.finding_id if told else '-'}|{said}"
    return Finding(
        id=uuid5(FINDING_NAMESPACE, name),
        patient_id=patient_id,
        channel=Channel.MISSING,
        rule=NAME,
        rule_version=VERSION,
        result="judged",
        severity=answer.severity,
        score=answer.score,
        # Never a quantity, though it names some: what was found of readings by quantity is the
        # clinical rules' own history.
        quantity=None,
        measured_at=state.at,
        late=False,
        reading_ids=_readings(state),
        limits={"tell_after_s": tell_after.total_seconds()},
        evidence=evidence,
        reason=answer.reason,
        rule_id=source.rule_id,
        rule_set_id=source.rule_set_id,
    )


def told_by(finding_id: UUID, evidence: Mapping[str, Any]) -> Told:
    """Read what a stored statement said."""
    stands = [_stand(item) for item in evidence["items"]]
    state = State(datetime.fromisoformat(evidence["as_of"]), tuple(stands))
    return Told(finding_id, state.at, state.gist)


def replay(evidence: Mapping[str, Any]) -> Answer:
    """Judge again from evidence alone, as `telekol replay` does with what was stored."""
    titles = {
        item["about"]: Name(item["title_da"], item["title_en"])
        for item in evidence["items"]
        if "title_da" in item
    }
    stands = [_stand(item) for item in evidence["items"]]
    missing = [one for one in stands if one.outcome is Outcome.MISSING]
    if missing:
        reason = words.missing(missing, titles)
        return Answer(Severity.BLUE, float(max(one.in_a_row for one in missing)), reason)
    before = [
        one for one, item in zip(stands, evidence["items"], strict=True) if item["was_missing"]
    ]
    return Answer(Severity.GREEN, 0.0, words.no_longer_missing(before, titles))


def _evidence(
    state: State, told: Told | None, titles: Titles, tell_after: timedelta
) -> dict[str, Any]:
    before = dict(told.gist) if told else {}
    here = {one.key for one in state.stands}
    # Of a plan that is long over nothing is left but that it was missing.
    gone = [
        Stand(about, UUID(enrolment), Outcome.NOT_ASKED, None, None)
        for enrolment, about in sorted(before.keys() - here)
    ]
    return {
        "as_of": state.at.isoformat(),
        "tell_after_s": tell_after.total_seconds(),
        "zone": ZONE.key,
        "previous": str(told.finding_id) if told else None,
        "items": [_item(one, before.get(one.key), titles) for one in (*state.stands, *gone)],
    }


def _item(one: Stand, was_missing: datetime | None, titles: Titles) -> dict[str, Any]:
    deadline, newest = one.deadline, one.newest
    item: dict[str, Any] = {
        "about": one.about,
        "enrolment": str(one.enrolment_id),
        "plan": str(deadline.plan_id) if deadline else None,
        "deadline": deadline.at.isoformat() if deadline else None,
        "opens": deadline.opens.isoformat() if deadline else None,
        "newest": str(newest.id) if newest else None,
        "newest_at": newest.at.isoformat() if newest else None,
        "in_a_row": one.in_a_row,
        "outcome": str(one.outcome),
        "was_missing": was_missing.isoformat() if was_missing else None,
    }
    if one.about in titles:
        item |= {"title_da": titles[one.about].danish, "title_en": titles[one.about].english}
    return item


def _stand(item: Mapping[str, Any]) -> Stand:
    """Judge one item of an evidence; what it says of its outcome is not believed but made again."""
    deadline = newest = None
    if item["deadline"] is not None:
        deadline = Deadline(
            at=datetime.fromisoformat(item["deadline"]),
            opens=datetime.fromisoformat(item["opens"]),
            remind_at=None,
            is_asked=True,
            plan_id=UUID(item["plan"]),
        )
    if item["newest"] is not None:
        newest = Came(datetime.fromisoformat(item["newest_at"]), UUID(item["newest"]))
    found = judging.outcome(deadline, newest)
    row = item["in_a_row"] if found is Outcome.MISSING else 0
    return Stand(item["about"], UUID(item["enrolment"]), found, deadline, newest, row)


def _readings(state: State) -> tuple[UUID, ...]:
    newest: Sequence[Came] = [
        one.newest for one in state.stands if one.newest and one.about in _QUANTITIES
    ]
    return tuple(dict.fromkeys(one.id for one in newest))
