"""What the pages and the JSON API read. Touches the database, through a session it is given.

Owns the questions, and answers with rows; how they are shown is decided in the views. Every
function asks the database once, whatever the number of patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from sqlalchemy import ColumnElement, Row, case, column, text
from sqlalchemy.orm import aliased
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col, func, select

from clinician_api.database import ReadSession
from telekol.severity import Severity
from telekol.tables import (
    CaseEvent,
    Clinician,
    Finding,
    MeasuringDevice,
    Patient,
    PatientLimit,
    StoredObservation,
    Team,
    TriageCase,
)

BOARD_LIMIT: Final = 300
"""Most rows a board shows; more could not be worked through in a day and would only be slow."""

READINGS_LIMIT: Final = 2000
"""Most readings of one patient a page shows: twenty a day for the longest period, 90 days."""

UNDO_WINDOW: Final = timedelta(minutes=30)
"""How long a case that an acknowledgement closed stays in sight, so that it can be undone."""

_RANK = case({str(s): s.rank for s in Severity}, value=col(TriageCase.severity), else_=99)
"""A severity we do not know sorts first: a person must look at it."""

_TURN = case({"new": 0, "returned": 1, "seen": 2}, value=col(TriageCase.state), else_=0)
"""What is out of its limits now stands before what is back within them, and seen comes last."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case with the names around it.

    Parameters
    ----------
    last_kind
        The newest thing that happened to it.
    seen_by, seen_at
        The newest acknowledgement that was not taken back, whatever happened since.
    followed
        Whether it is closed and the patient has a newer open case in the same channel.
    """

    case: TriageCase
    patient: str
    team: str
    last_kind: str | None
    seen_by: str | None
    seen_at: datetime | None
    followed: bool


def clinicians(session: ReadSession) -> Sequence[tuple[Clinician, Team]]:
    """List everybody who may sign in, team by team."""
    joined = select(Clinician, Team).join(Team, col(Clinician.team_id) == col(Team.id))
    return session.exec(joined.order_by(col(Team.name), col(Clinician.name))).all()


def clinician(session: ReadSession, clinician_id: str) -> tuple[Clinician, Team] | None:
    """Find one clinician and the team; None if they are gone."""
    joined = select(Clinician, Team).join(Team, col(Clinician.team_id) == col(Team.id))
    return session.exec(joined.where(col(Clinician.id) == clinician_id)).first()


def open_cases(
    session: ReadSession, patient_id: UUID | None = None, most: int = BOARD_LIMIT
) -> list[CaseRow]:
    """List open cases: worst first; then new, returned, seen; then the longest open first."""
    conditions = [col(TriageCase.state) != "closed"]
    if patient_id is not None:
        conditions.append(col(TriageCase.patient_id) == patient_id)
    order = (_RANK.desc(), _TURN, col(TriageCase.opened_at), col(TriageCase.id))
    return _case_rows(session, *conditions, order=order, most=most)


def just_closed(session: ReadSession, now: datetime) -> list[CaseRow]:
    """List cases that an acknowledgement closed a moment ago, newest first."""
    return _case_rows(
        session,
        col(TriageCase.state) == "closed",
        col(CaseEvent.kind) == "acknowledged",
        col(TriageCase.changed_at) > now - UNDO_WINDOW,
        order=(col(TriageCase.changed_at).desc(),),
        most=20,
    )


def count_open(session: ReadSession) -> int:
    """Count how many cases are open in all."""
    counted = select(func.count()).select_from(TriageCase)
    return session.exec(counted.where(col(TriageCase.state) != "closed")).one()


def oldest_unjudged(session: ReadSession) -> datetime | None:
    """Say since when the oldest reading has been waiting for the rules; None if none waits."""
    asked = text("select min(enqueued_at) from judgement_queue")
    found: datetime | None = session.connection().execute(asked).scalar()
    return found


def patient(session: ReadSession, patient_id: UUID) -> tuple[Patient, Team] | None:
    """Find one patient and the team; None if there is none."""
    joined = select(Patient, Team).join(Team, col(Patient.team_id) == col(Team.id))
    return session.exec(joined.where(col(Patient.id) == patient_id)).first()


def readings(
    session: ReadSession,
    patient_id: UUID,
    since: datetime,
    *,
    quantity: str | None = None,
    most: int = READINGS_LIMIT,
) -> Sequence[tuple[StoredObservation, MeasuringDevice]]:
    """List a patient's readings measured from `since` on, newest first."""
    reading = _from_function(func.patient_readings(patient_id, since))
    statement = (
        select(reading, MeasuringDevice)
        .join(MeasuringDevice, col(MeasuringDevice.id) == col(reading.device_id))
        .order_by(col(reading.measured_at).desc(), col(reading.reading_id))
        .limit(most)
    )
    if quantity is not None:
        statement = statement.where(col(reading.quantity) == quantity)
    return session.exec(statement).all()


def latest_readings(session: ReadSession, patient_id: UUID) -> Sequence[StoredObservation]:
    """List the newest reading of each quantity, however old it is."""
    reading = _from_function(func.newest_readings(patient_id))
    return session.exec(select(reading).order_by(col(reading.quantity))).all()


def _from_function(call: FunctionElement[Any]) -> type[StoredObservation]:
    """Read rows of readings from a function: the api has no right to the table itself."""
    columns = StoredObservation.__table__.columns  # type: ignore[attr-defined]  # SQLModel's own
    rows = call.table_valued(*(column(one.name, one.type) for one in columns))
    return aliased(StoredObservation, rows.alias("reading"), adapt_on_names=True)


def judgements(
    session: ReadSession, patient_id: UUID, since: datetime
) -> Sequence[Row[str | None, datetime, str]]:
    """List what the clinical rules said: quantity, time of the reading, severity."""
    columns = (col(Finding.quantity), col(Finding.measured_at), col(Finding.severity))
    statement = (
        select(*columns)
        .where(col(Finding.patient_id) == patient_id, col(Finding.measured_at) >= since)
        .where(col(Finding.channel) == "clinical", col(Finding.result) == "judged")
    )
    return session.connection().execute(statement).all()


def recent_findings(session: ReadSession, patient_id: UUID, most: int = 15) -> Sequence[Finding]:
    """List what was found lately and is worth reading: all but green that was judged."""
    statement = (
        select(Finding)
        .where(col(Finding.patient_id) == patient_id)
        .where((col(Finding.severity) != "green") | (col(Finding.result) == "insufficient"))
        .order_by(col(Finding.measured_at).desc(), col(Finding.found_at).desc())
        .limit(most)
    )
    return session.exec(statement).all()


def limits(session: ReadSession, patient_id: UUID) -> Sequence[PatientLimit]:
    """List every limit a patient has had, oldest first."""
    statement = select(PatientLimit).where(col(PatientLimit.patient_id) == patient_id)
    return session.exec(statement.order_by(col(PatientLimit.valid_from))).all()


def _case_rows(
    session: ReadSession, *conditions: ColumnElement[bool], order: Sequence[Any], most: int
) -> list[CaseRow]:
    """Join cases with their names, their newest event and their acknowledgement in force."""
    newest = (col(CaseEvent.case_id) == col(TriageCase.id)) & (
        col(CaseEvent.version) == col(TriageCase.version)
    )
    seen, step, newer = aliased(CaseEvent), aliased(CaseEvent), aliased(TriageCase)
    last_step = (
        sqlalchemy.select(func.max(col(step.version)))
        .where(col(step.case_id) == col(TriageCase.id))
        .where(col(step.kind).in_(("acknowledged", "unacknowledged")))
        .scalar_subquery()
    )
    in_force = (
        (col(seen.case_id) == col(TriageCase.id))
        & (col(seen.version) == last_step)
        & (col(seen.kind) == "acknowledged")
        & col(TriageCase.state).in_(("seen", "closed"))
    )
    followed = (col(TriageCase.state) == "closed") & sqlalchemy.exists().where(
        col(newer.patient_id) == col(TriageCase.patient_id),
        col(newer.channel) == col(TriageCase.channel),
        col(newer.state) != "closed",
    )
    names = (col(Patient.name), col(Team.name), col(CaseEvent.kind))
    # SQLModel's own select stops at four columns; SQLAlchemy's is the same with more.
    statement = (
        sqlalchemy.select(TriageCase, *names, col(Clinician.name), col(seen.at), followed)
        .join(Patient, col(Patient.id) == col(TriageCase.patient_id))
        .join(Team, col(Team.id) == col(TriageCase.team_id))
        .outerjoin(CaseEvent, newest)
        .outerjoin(seen, in_force)
        .outerjoin(Clinician, col(Clinician.id) == col(seen.clinician_id))
        .where(*conditions)
        .order_by(*order)
        .limit(most)
    )
    return [CaseRow(*row) for row in session.execute(statement)]
