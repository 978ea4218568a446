"""Cases in the database. Touches PostgreSQL; decides nothing, `alerts.casework.cases` does.

Every function works inside the caller's transaction and locks what it changes, so that a
nurse's click and a finding that arrives at the same moment are put in an order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import dict_row

from alerts.casework import cases, standing
from alerts.casework.cases import (
    Case,
    CaseConflictError,
    Event,
    EventKind,
    JudgedReading,
    UnknownCaseError,
)
from telekol import queries
from telekol.severity import Channel, Severity

_SQL: Final = queries.load("alerts", "queries.sql")


def take_in(
    connection: Connection[Any], patient_id: UUID, channel: Channel, judged: JudgedReading
) -> None:
    """Open, move or leave the case of a patient and channel, as a finding demands.

    The finding must be stored already and the patient's row locked.
    """
    row = connection.execute(
        _SQL["open_case"], {"patient_id": patient_id, "channel": channel}
    ).fetchone()
    case_id: UUID | None = row[0] if row else None
    case = cases.fold(_events(connection, case_id)) if case_id else None
    judged = replace(judged, about=standing.canonical(judged.about))
    event = cases.respond(case, judged)
    if event is None:
        return
    after = cases.apply(case, event)
    if case_id is None:
        case_id = uuid4()
        _insert(connection, case_id, patient_id, channel, after, event)
    else:
        _update(connection, case_id, after, event)
    _append(connection, case_id, after, event)


def levels_of(
    connection: Connection[Any], patient_id: UUID, channel: Channel
) -> dict[str, Severity]:
    """Say how a patient's open case stands, per rule and quantity; empty without one."""
    row = connection.execute(
        _SQL["open_case"], {"patient_id": patient_id, "channel": channel}
    ).fetchone()
    case = cases.fold(_events(connection, row[0])) if row else None
    return case.levels if case else {}


def open_levels(
    connection: Connection[Any], patients: Sequence[UUID]
) -> dict[tuple[UUID, Channel], dict[str, Severity]]:
    """Say how the open cases of patients stand, asking once; what is not there has no case."""
    events: dict[tuple[UUID, Channel], list[Event]] = defaultdict(list)
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_SQL["open_cases"], {"patients": patients}):
            events[row["patient_id"], Channel(row["channel"])].append(_event(row))
    folded = {key: cases.fold(one) for key, one in events.items()}
    return {key: case.levels for key, case in folded.items() if case is not None}


def acknowledge(
    connection: Connection[Any], case_id: UUID, *, clinician_id: str, now: datetime
) -> None:
    """Mark a case as seen.

    Raises
    ------
    UnknownCaseError
        If there is no such case.
    CaseConflictError
        If it is seen already, or closed.
    """
    case = _locked(connection, case_id)
    after, event = cases.acknowledge(case, clinician_id, now)
    _update(connection, case_id, after, event)
    _append(connection, case_id, after, event)


def unacknowledge(
    connection: Connection[Any], case_id: UUID, *, clinician_id: str, now: datetime
) -> None:
    """Take an acknowledgement back.

    Raises
    ------
    UnknownCaseError
        If there is no such case.
    CaseConflictError
        If anything has happened since, or it was not acknowledged.
    """
    case = _locked(connection, case_id)
    after, event = cases.unacknowledge(case, clinician_id, now)
    if case.state is cases.State.CLOSED:
        _refuse_second_open_case(connection, case_id)
    _update(connection, case_id, after, event)
    _append(connection, case_id, after, event)


def clear(connection: Connection[Any], case_id: UUID, *, clinician_id: str, now: datetime) -> None:
    """Take a missed measurement off the board: a person has dealt with it.

    Raises
    ------
    UnknownCaseError
        If there is no such case.
    CaseConflictError
        If it is closed already, or is not about something missing: a value past its limit, or a
        gateway that is silent, stays on the board until it is not so any more.
    """
    case = _locked(connection, case_id)
    row = connection.execute(_SQL["channel_of_case"], {"case_id": case_id}).fetchone()
    if row is None or row[0] != Channel.MISSING:
        raise CaseConflictError(
            "only a case of a missing reading can be cleared; acknowledge this one instead"
        )
    after, event = cases.clear(case, clinician_id, now)
    _update(connection, case_id, after, event)
    _append(connection, case_id, after, event)


def _refuse_second_open_case(connection: Connection[Any], case_id: UUID) -> None:
    if connection.execute(_SQL["newer_open_case"], {"case_id": case_id}).fetchone():
        raise CaseConflictError(
            "a newer case is open for this patient; load the board again and work in that one"
        )


def _locked(connection: Connection[Any], case_id: UUID) -> Case:
    row = connection.execute(_SQL["lock_case"], {"case_id": case_id}).fetchone()
    case = cases.fold(_events(connection, case_id)) if row else None
    if case is None:
        raise UnknownCaseError(f"there is no case {case_id}; load the board again")
    return case


def _events(connection: Connection[Any], case_id: UUID) -> list[Event]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL["case_events"], {"case_id": case_id}).fetchall()
    return [_event(row) for row in rows]


def _event(row: dict[str, Any]) -> Event:
    return Event(
        kind=EventKind(row["kind"]),
        at=row["at"],
        about=standing.canonical(row["about"]) if row["about"] else None,
        severity=Severity(row["severity"]) if row["severity"] else None,
        score=row["score"],
        finding_id=row["finding_id"],
        clinician_id=row["clinician_id"],
    )


def _insert(
    connection: Connection[Any],
    case_id: UUID,
    patient_id: UUID,
    channel: Channel,
    case: Case,
    event: Event,
) -> None:
    given = _row(case_id, case, event) | {"patient_id": patient_id, "channel": channel}
    connection.execute(_SQL["insert_case"], given)


def _update(connection: Connection[Any], case_id: UUID, case: Case, event: Event) -> None:
    connection.execute(_SQL["update_case"], _row(case_id, case, event))


def _row(case_id: UUID, case: Case, event: Event) -> dict[str, object]:
    return {
        "case_id": case_id,
        "state": case.state,
        "severity": case.severity,
        "reasons": list(case.reason_finding_ids),
        "at": event.at,
        "version": case.version,
    }


def _append(connection: Connection[Any], case_id: UUID, case: Case, event: Event) -> None:
    connection.execute(
        _SQL["insert_event"],
        {
            "case_id": case_id,
            "version": case.version,
            "at": event.at,
            "kind": event.kind,
            "about": event.about,
            "severity": event.severity,
            "score": event.score,
            "finding_id": event.finding_id,
            "clinician_id": event.clinician_id,
        },
    )
