"""Readings that wait for a person, and what a person says of one. Touches PostgreSQL.

Owns the way to the desk's functions (migration 0028), which check who asks, and turns what they
refuse into errors of ours. What may be decided is theirs; how it is shown is `desk_view`'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from clinician_api.database import Database
from telekol.errors import TelekolError

UNDO_DAYS: Final = 14
"""How long a decision stays in sight to be taken back: two rounds of weekly measuring."""

_CONFLICT: Final = "TK409"
_FORBIDDEN: Final = "TK403"
_GONE: Final = "P0002"
"""no_data_found: the reading is not where the person saw it."""


class DecidedFirstError(TelekolError):
    """Somebody has said something else of this reading since the person looked at it."""


class NotYoursError(TelekolError):
    """The person does not work for the patient, or not in a role that decides this."""


class Step(StrEnum):
    """What a person can say about whose a reading is, by the name in its address."""

    ATTRIBUTE = "attribute"
    REFUSE = "refuse"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Held:
    """A reading that waits for a person to say whose it is.

    Parameters
    ----------
    seen_event
        The newest that was said of it; 0 for nothing.
    code
        Why it waits: the guard's word, 'handed-back' or 'kit-unassigned'.
    candidate
        Whose it could be.
    """

    reading_id: UUID
    measured_at: datetime
    seen_event: int
    code: str
    noted_at: datetime
    quantity: str
    value: float
    user_index: int | None
    device: str
    kit_id: str | None
    candidate: UUID
    candidate_name: str
    team: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What somebody said lately of whose a reading is, and that can be taken back."""

    event: int
    reading_id: UUID
    measured_at: datetime
    kind: str
    at: datetime
    by_whom: str
    reason: str
    quantity: str
    value: float
    patient: UUID
    patient_name: str


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said of whether a reading holds."""

    event: int
    reading_id: UUID
    kind: str
    counts_as_submitted: bool
    reason: str
    by_whom: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that was said of whose a reading is."""

    event: int
    kind: str
    at: datetime
    by_whom: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of a person about whose a reading is."""

    step: Step
    reading_id: UUID
    measured_at: datetime
    seen_event: int
    reason: str
    from_patient: UUID | None = None
    to_patient: UUID | None = None


_HELD: Final = text(
    "select h.*, p.name, t.name from held_readings() h "
    "join patient p on p.id = h.candidate join team t on t.id = p.team_id "
    "order by t.name, h.kit_id, h.measured_at"
)
_COUNT_HELD: Final = text("select count(*) from held_readings()")
_DECIDED: Final = text(
    "select d.*, p.name from decided_readings(:since) d join patient p on p.id = d.patient "
    "order by d.at desc limit 30"
)
_SAID: Final = text(
    "select e.id, e.reading_id, e.kind, e.counts_as_submitted, e.reason, "
    "coalesce(c.name, e.by_whom), e.at from validity_event e "
    "left join clinician c on c.id = e.by_whom where e.patient_id = :patient order by e.id"
)
_HISTORY: Final = text("select * from held_history(:around)")
_STORY: Final = text("select * from reading_attribution(:patient, :reading)")
_OWNERS: Final = text(
    "select id, name from patient where works_for(id, array['nurse', 'physician']) order by name"
)
_SETTLE: Final = text(
    "select settle_reading(:reading, :at, :seen, :step, :from_patient, :to_patient, :reason)"
)
_VALIDITY: Final = text(
    "select settle_validity(:reading, :at, :patient, :seen, :valid, :reason, :counts)"
)


def held(session: Session) -> list[Held]:
    """List what waits, by team, kit and time."""
    return [Held(*row) for row in session.connection().execute(_HELD)]


def count_held(session: Session) -> int:
    """Count what waits."""
    found: int = session.connection().execute(_COUNT_HELD).scalar_one()
    return found


def history(
    session: Session, around: timedelta
) -> dict[tuple[UUID, str], list[tuple[datetime, float]]]:
    """Give the patients' own readings around those that wait, oldest first."""
    found: dict[tuple[UUID, str], list[tuple[datetime, float]]] = defaultdict(list)
    for candidate, quantity, at, value in session.connection().execute(
        _HISTORY, {"around": around}
    ):
        found[(candidate, quantity)].append((at, value))
    return found


def owners(session: Session) -> list[tuple[UUID, str]]:
    """List whom a reading can be given to: the patients whom the person works for."""
    return [(row[0], row[1]) for row in session.connection().execute(_OWNERS)]


def story(session: Session, patient_id: UUID, reading_id: UUID) -> list[Told]:
    """List what was said of why a reading is this patient's, oldest first."""
    given = {"patient": patient_id, "reading": reading_id}
    return [Told(*row) for row in session.connection().execute(_STORY, given)]


def decided(session: Session, now: datetime) -> list[Decided]:
    """List what can be taken back, newest first."""
    since = now - timedelta(days=UNDO_DAYS)
    return [Decided(*row) for row in session.connection().execute(_DECIDED, {"since": since})]


def said(session: Session, patient_id: UUID) -> Sequence[Said]:
    """List all that was said of whether this patient's readings hold, oldest first."""
    rows = session.connection().execute(_SAID, {"patient": patient_id})
    return [Said(*row) for row in rows]


def settle(database: Database, decision: Decision) -> int:
    """Do what a person decided of whose a reading is; give the event's number.

    Raises
    ------
    DecidedFirstError
        If something newer was said of the reading.
    NotYoursError
        If the person may not decide this.
    """
    given = {
        "reading": decision.reading_id,
        "at": decision.measured_at,
        "seen": decision.seen_event,
        "step": decision.step,
        "from_patient": decision.from_patient,
        "to_patient": decision.to_patient,
        "reason": decision.reason,
    }
    with deciding(database) as session:
        event: int = session.connection().execute(_SETTLE, given).scalar_one()
    return event


def settle_validity(
    database: Database,
    patient_id: UUID,
    reading: tuple[UUID, datetime],
    *,
    seen_event: int,
    valid: bool,
    reason: str,
    counts_as_submitted: bool,
) -> None:
    """Say that a reading does not hold, or that it does after all.

    Raises
    ------
    DecidedFirstError, NotYoursError
        As in `settle`.
    """
    given = {
        "reading": reading[0],
        "at": reading[1],
        "patient": patient_id,
        "seen": seen_event,
        "valid": valid,
        "reason": reason,
        "counts": counts_as_submitted,
    }
    with deciding(database) as session:
        session.connection().execute(_VALIDITY, given)


@contextmanager
def deciding(database: Database) -> Iterator[Session]:
    """Open a unit of work of somebody's decision, and name what the functions refuse."""
    try:
        with database.writing() as session:
            yield session
    except DBAPIError as error:
        raise _ours(error) or error from None


def _ours(error: DBAPIError) -> Exception | None:
    cause: Any = error.orig
    state = getattr(cause, "sqlstate", None)
    if state in (_CONFLICT, _GONE):
        return DecidedFirstError("somebody was first; load the page again")
    if state == _FORBIDDEN:
        return NotYoursError("expected a nurse or physician of the patient")
    return None
