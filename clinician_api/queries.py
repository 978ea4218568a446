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
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col, func, select

from clinician_api.clauses import Clause, clauses_of, finding_ids
from clinician_api.database import ReadSession
from clinician_api.evidence_view import FoundBy
from telekol.severity import Severity
from telekol.tables import (
    CaseEvent,
    Clinician,
    Confirmation,
    Finding,
    Judgement,
    MeasuringDevice,
    Membership,
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

EVIDENCE_REACH: Final = timedelta(days=100)
"""How far before a finding its readings are looked for: a window of 32 readings at one in three
days. Older ones are counted and not shown."""

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


def roles(session: ReadSession, clinician_id: str) -> Sequence[str]:
    """List the roles that somebody has now, in whatever team."""
    statement = select(Membership.role).where(
        col(Membership.clinician_id) == clinician_id, col(Membership.period).contains(func.now())
    )
    return session.exec(statement.distinct()).all()


def open_cases(
    session: ReadSession, patient_id: UUID | None = None, most: int = BOARD_LIMIT
) -> list[CaseRow]:
    """List open cases: worst first; then new, returned, seen; then the longest open first."""
    conditions = [col(TriageCase.state) != "closed"]
    if patient_id is not None:
        conditions.append(col(TriageCase.patient_id) == patient_id)
    order = (_RANK.desc(), _TURN, col(TriageCase.opened_at), col(TriageCase.id))
    return _case_rows(session, *conditions, order=order, most=most)


def clauses(session: ReadSession, rows: Sequence[CaseRow]) -> dict[UUID, list[Clause]]:
    """Give the findings that the sentences of these cases are made of; two questions for all."""
    if not rows:
        return {}
    case_ids = [row.case.id for row in rows]
    events = select(CaseEvent).where(col(CaseEvent.case_id).in_(case_ids))
    named = finding_ids(session.exec(events.order_by(col(CaseEvent.version))).all())
    wanted = {one for ids in named.values() for one in ids}
    names = ("id", "severity", "measured_at", "reason_da", "reason_en")
    statement = sqlalchemy.select(*(getattr(Finding, name) for name in names))
    found = session.execute(statement.where(col(Finding.id).in_(wanted)))
    return clauses_of(named, [Clause(*row) for row in found])


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


def reading(
    session: ReadSession, patient_id: UUID, reading_id: UUID, measured_at: datetime
) -> tuple[StoredObservation, MeasuringDevice] | None:
    """Find one of a patient's readings; None if it is not theirs, or not of that time."""
    moment = measured_at, measured_at + timedelta(microseconds=1)
    one = _from_function(func.patient_readings(patient_id, *moment))
    statement = (
        select(one, MeasuringDevice)
        .join(MeasuringDevice, col(MeasuringDevice.id) == col(one.device_id))
        .where(col(one.reading_id) == reading_id)
    )
    return session.exec(statement).first()


def latest_readings(session: ReadSession, patient_id: UUID) -> Sequence[StoredObservation]:
    """List the newest reading of each quantity that counts, however old it is."""
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
    """List what the clinical rules said of each reading last: quantity, time, severity.

    What no rule could say anything of is left out; so is what others than a rule set's rules found
    in their findings, and what a release before found, unless a reading has no judgement.
    """
    said = (
        select(col(Judgement.quantity), col(Judgement.measured_at), col(Judgement.severity))
        .where(col(Judgement.patient_id) == patient_id, col(Judgement.measured_at) >= since)
        .ext(
            distinct_on(
                col(Judgement.quantity), col(Judgement.measured_at), col(Judgement.reading_id)
            )
        )
        .order_by(
            col(Judgement.quantity),
            col(Judgement.measured_at),
            col(Judgement.reading_id),
            col(Judgement.turn).desc(),
        )
    )
    columns = (col(Finding.quantity), col(Finding.measured_at), col(Finding.severity))
    found = (
        select(*columns)
        .where(col(Finding.patient_id) == patient_id, col(Finding.measured_at) >= since)
        .where(col(Finding.channel) == "clinical", col(Finding.result) == "judged")
        .where(col(Finding.rule_id).is_(None))
    )
    newest = said.subquery()
    known = sqlalchemy.select(newest).where(newest.c.severity.is_not(None))
    return session.connection().execute(sqlalchemy.union_all(known, found)).all()


def waiting_confirmations(session: ReadSession, patient_id: UUID) -> list[Confirmation]:
    """Give the reds of a patient that wait for a second measurement, the soonest to end first."""
    statement = (
        select(Confirmation)
        .where(Confirmation.patient_id == patient_id, col(Confirmation.outcome).is_(None))
        .order_by(col(Confirmation.until))
    )
    return list(session.exec(statement))


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


def found_by(session: ReadSession, findings: Sequence[Finding]) -> dict[UUID, FoundBy]:
    """Say with which rule set findings were made, and whether it was approved then."""
    asked = text(
        "select f.id, r.name, r.version, b.approved from finding f "
        "left join rule_set r on r.id = f.rule_set_id left join rule_basis b on b.id = f.basis_id "
        "where f.id = any(:ids)"
    )
    rows = session.connection().execute(asked, {"ids": [one.id for one in findings]})
    return {row[0]: FoundBy(*row[1:]) for row in rows}


def used_readings(
    session: ReadSession, patient_id: UUID, findings: Sequence[Finding]
) -> dict[UUID, tuple[str, datetime, float]]:
    """Give the readings that findings name and that are the patient's still."""
    ids = {one for finding in findings for one in finding.reading_ids}
    since = min((one.measured_at for one in findings), default=None)
    if since is None:
        return {}
    one = _from_function(func.patient_readings(patient_id, since - EVIDENCE_REACH))
    statement = select(one.reading_id, one.quantity, one.measured_at, one.value)
    rows = session.exec(statement.where(col(one.reading_id).in_(ids)))
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def findings_of(session: ReadSession, patient_id: UUID, reading_id: UUID) -> Sequence[Finding]:
    """List the findings that are about one reading or use it, newest first."""
    statement = (
        select(Finding)
        .where(col(Finding.patient_id) == patient_id)
        .where(sqlalchemy.any_(col(Finding.reading_ids)) == reading_id)
        .order_by(col(Finding.found_at).desc())
        .limit(20)
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
