"""The case: one piece of work for people, as a fold of events.

Owns the states, the transition table and the two decisions: what a finding does to a case
(`respond`) and what an event makes of it (`apply`). Pure; it knows no database and no clock.

A finding is a fact, a case is work. There is at most one open case per patient and channel,
and severity changes happen inside it. States follow ISA-18.2:

    new ──acknowledge──> seen ──back to normal──> closed
     │                    ├─────worse, or news──> new
     │                    └──cleared by a person> closed
     └──back to normal──> returned (but unseen) ──acknowledge──> closed
                             └──────abnormal again─────────────> new

Invariants
----------
1. A machine never undoes what a person did: worsening makes a *new* state beside the old
   events, it erases none.
2. While nobody has seen it, a case keeps the worst that each rule and quantity has had, and
   every one of them is named; after that it shows what is so now.
3. An acknowledgement can be taken back as long as nothing has happened since.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from alerts.casework import standing
from alerts.casework.standing import Standing
from telekol.errors import TelekolError
from telekol.severity import Severity


class State(StrEnum):
    """Where a case stands."""

    NEW = "new"
    SEEN = "seen"
    RETURNED = "returned"
    CLOSED = "closed"


class EventKind(StrEnum):
    """What can happen to a case."""

    OPENED = "opened"
    WORSENED = "worsened"
    REPEATED = "repeated"
    EASED = "eased"
    RETURNED = "returned"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    CLEARED = "cleared"


class CaseConflictError(TelekolError):
    """The case is not in a state in which this can be done; somebody may have been first."""


class UnknownCaseError(TelekolError):
    """There is no case with this id."""


TRANSITIONS: Final[dict[tuple[State | None, EventKind], State]] = {
    (None, EventKind.OPENED): State.NEW,
    (State.NEW, EventKind.WORSENED): State.NEW,
    (State.NEW, EventKind.REPEATED): State.NEW,
    (State.NEW, EventKind.EASED): State.NEW,
    (State.NEW, EventKind.RETURNED): State.RETURNED,
    (State.NEW, EventKind.ACKNOWLEDGED): State.SEEN,
    (State.SEEN, EventKind.WORSENED): State.NEW,
    (State.SEEN, EventKind.REPEATED): State.SEEN,
    (State.SEEN, EventKind.EASED): State.SEEN,
    (State.SEEN, EventKind.RETURNED): State.CLOSED,
    (State.SEEN, EventKind.UNACKNOWLEDGED): State.NEW,
    (State.RETURNED, EventKind.WORSENED): State.NEW,
    (State.RETURNED, EventKind.ACKNOWLEDGED): State.CLOSED,
    (State.CLOSED, EventKind.UNACKNOWLEDGED): State.RETURNED,
    (State.NEW, EventKind.CLEARED): State.CLOSED,
    (State.SEEN, EventKind.CLEARED): State.CLOSED,
    (State.RETURNED, EventKind.CLEARED): State.CLOSED,
}
"""Every allowed step; anything else is a CaseConflictError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a case.

    Parameters
    ----------
    about, severity, score, finding_id
        Set for what a finding did; ``about`` names its rule and quantity, ``score`` says how bad
        it is among those of its colour.
    clinician_id
        Set for what a person did.
    """

    kind: EventKind
    at: datetime
    about: str | None = None
    severity: Severity | None = None
    score: float | None = None
    finding_id: UUID | None = None
    clinician_id: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case as its events have made it.

    Parameters
    ----------
    standings
        One for each rule and quantity that had a say, in order of their names: one rule's green
        never clears another's red.
    version
        How many events it has had.
    last_kind
        The newest event; an acknowledgement can be undone only right after it.
    before_acknowledged
        The standings that the newest acknowledgement found; an undo restores them.
    """

    state: State
    standings: tuple[Standing, ...]
    version: int
    last_kind: EventKind
    before_acknowledged: tuple[Standing, ...] = ()

    @property
    def levels(self) -> dict[str, Severity]:
        """How everything stands now."""
        return {one.about: one.now for one in self.standings}

    @property
    def level(self) -> Severity:
        """How the case stands now: the worst of all rules and quantities."""
        return standing.worst(one.now for one in self.standings)

    @property
    def severity(self) -> Severity:
        """What the board shows: the worst while unseen, what is so now after that."""
        return standing.worst(one.shown for one in self.standings)

    @property
    def reason_finding_ids(self) -> tuple[UUID, ...]:
        """The findings whose sentences explain what the board shows, the worst first.

        Of one colour, quantities come in the order in which telekol names them: saturation first.
        """
        told = [one for one in self.standings if one.shown is not Severity.GREEN]
        ordered = sorted(told, key=lambda one: (-one.shown.rank, standing.place(one.about)))
        return tuple(one.shown_finding_id for one in ordered)


@dataclass(frozen=True, slots=True)
class JudgedReading:
    """What a case needs to know of a finding.

    Parameters
    ----------
    is_news
        Whether it tells of something that happened again and not of what still stands, as another
        deadline that was missed: whoever has seen the first is told of the second.
    """

    finding_id: UUID
    about: str
    severity: Severity
    found_at: datetime
    score: float | None = None
    is_news: bool = False


def respond(case: Case | None, judged: JudgedReading) -> Event | None:
    """Decide what a finding does to the open case of its patient and channel.

    Parameters
    ----------
    case
        The open case, None if there is none.

    Returns
    -------
    Event or None
        None when nothing happens: a green finding without a case, or one that changes nothing.
    """
    kind = _kind_of(case, judged)
    if kind is None:
        return None
    return Event(
        kind=kind,
        at=judged.found_at,
        about=judged.about,
        severity=judged.severity,
        score=judged.score,
        finding_id=judged.finding_id,
    )


def _kind_of(case: Case | None, judged: JudgedReading) -> EventKind | None:
    green = judged.severity is Severity.GREEN
    if case is None or case.state is State.CLOSED:
        return None if green else EventKind.OPENED
    before = case.levels.get(judged.about, Severity.GREEN)
    if judged.severity is before and (green or not judged.is_news):
        return None if green else EventKind.REPEATED
    levels = case.levels | {judged.about: judged.severity}
    if standing.worst(levels.values()) is Severity.GREEN:
        return EventKind.RETURNED
    # Worse is judged for each by itself: a yellow pulse beside a seen red SpO2 is news to somebody.
    return EventKind.WORSENED if judged.severity.rank >= before.rank else EventKind.EASED


def apply(case: Case | None, event: Event) -> Case:
    """Give the case as it is after `event`.

    Raises
    ------
    CaseConflictError
        If the transition table does not allow the step.
    """
    state = _next_state(case, event)
    standings = _next_standings(case, event, state)
    acknowledging = case is not None and event.kind is EventKind.ACKNOWLEDGED
    return Case(
        state=state,
        standings=standings,
        version=(case.version if case else 0) + 1,
        last_kind=event.kind,
        before_acknowledged=case.standings if case and acknowledging else (),
    )


def fold(events: Iterable[Event]) -> Case | None:
    """Give the case that `events`, oldest first, have made; None for no events."""
    case: Case | None = None
    for event in events:
        case = apply(case, event)
    return case


def _next_state(case: Case | None, event: Event) -> State:
    key = (case.state if case else None, event.kind)
    undoing_old = (
        event.kind is EventKind.UNACKNOWLEDGED
        and case is not None
        and case.last_kind is not EventKind.ACKNOWLEDGED
    )
    if key not in TRANSITIONS or undoing_old:
        found = f"{case.state}, last event {case.last_kind}" if case else "no case"
        raise CaseConflictError(
            f"a case cannot be {event.kind} now (found: {found}); load the board again"
        )
    return TRANSITIONS[key]


def _next_standings(case: Case | None, event: Event, state: State) -> tuple[Standing, ...]:
    known = {one.about: one for one in case.standings} if case else {}
    if case is not None and event.kind is EventKind.UNACKNOWLEDGED:
        return case.before_acknowledged
    if state is State.SEEN and event.kind is EventKind.ACKNOWLEDGED:
        return tuple(standing.shown_as_now(one) for one in known.values())
    if event.about and event.severity and event.finding_id:
        unseen = case is None or case.state in (State.NEW, State.RETURNED)
        keeps_worst = unseen or state is State.CLOSED
        before = known.get(event.about)
        found = standing.made(event.about, event.severity, event.finding_id, event.score or 0.0)
        known[event.about] = standing.beside_worst(before, found) if keeps_worst else found
    return tuple(one for _, one in sorted(known.items()))


def acknowledge(case: Case, clinician_id: str, now: datetime) -> tuple[Case, Event]:
    """Mark a case as seen by somebody; raises CaseConflictError if it is seen already."""
    event = Event(kind=EventKind.ACKNOWLEDGED, at=now, clinician_id=clinician_id)
    return apply(case, event), event


def unacknowledge(case: Case, clinician_id: str, now: datetime) -> tuple[Case, Event]:
    """Take an acknowledgement back; raises CaseConflictError if anything happened since."""
    event = Event(kind=EventKind.UNACKNOWLEDGED, at=now, clinician_id=clinician_id)
    return apply(case, event), event


def clear(case: Case, clinician_id: str, now: datetime) -> tuple[Case, Event]:
    """Close a case of something that is over, as a missed deadline; what comes next opens another.

    Raises
    ------
    CaseConflictError
        If it is closed already.
    """
    event = Event(kind=EventKind.CLEARED, at=now, clinician_id=clinician_id)
    return apply(case, event), event
