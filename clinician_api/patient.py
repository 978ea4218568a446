"""A patient's page over HTTP: the whole page, and the part that changes.

Owns these addresses. An address holds the patient's random id and never a name.
"""

from __future__ import annotations

from datetime import timedelta
from enum import IntEnum
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from clinician_api import desk_store, pages, queries, usual_store
from clinician_api.board_view import case_view
from clinician_api.errors import UnknownPatientError
from clinician_api.patient_view import PatientData, PatientPages
from clinician_api.reading_view import invalid_readings
from clinician_api.visitor import AHouse, AVisitor, House, SomeWords
from clinician_api.words import Words
from telekol.quantities import Quantity

router: Final = APIRouter(include_in_schema=False)


class Period(IntEnum):
    """How many days back a page looks."""

    DAY = 1
    WEEK = 7
    MONTH = 30
    QUARTER = 90


Days = Annotated[Period, Query()]


@router.get("/patients/{patient_id}")
def patient(  # FastAPI reads the arguments by name
    request: Request,
    patient_id: UUID,
    house: AHouse,
    visitor: AVisitor,
    say: SomeWords,
    days: Days = Period.MONTH,
) -> HTMLResponse:
    """Show a patient."""
    values = _read(house, patient_id, say, days)
    return pages.render(request, "patient.html", visitor=visitor, **values)


@router.get("/patients/{patient_id}/content")
def content(  # FastAPI reads the arguments by name
    request: Request,
    patient_id: UUID,
    house: AHouse,
    visitor: AVisitor,
    say: SomeWords,
    days: Days = Period.MONTH,
) -> HTMLResponse:
    """Give the part of the page that changes, for a page that is open."""
    values = _read(house, patient_id, say, days)
    return pages.render(request, "patient_content.html", visitor=visitor, **values)


def _read(house: House, patient_id: UUID, say: Words, days: int) -> dict[str, Any]:
    now = house.now()
    since = now - timedelta(days=days)
    with house.database.reading() as session:
        found = queries.patient(session, patient_id)
        if found is None:
            raise UnknownPatientError
        person, team = found
        readings = queries.readings(session, patient_id, since)
        invalid = invalid_readings(desk_store.said(session, patient_id))
        data = PatientData(
            readings=[(one, device) for one, device in readings],
            latest=queries.latest_readings(session, patient_id),
            # The newest reading may be older than the period, and is coloured too.
            judgements=queries.judgements(session, patient_id, since - timedelta(days=365)),
            limits=queries.limits(session, patient_id),
            invalid={key: one.reason for key, one in invalid.items()},
        )
        open_cases = queries.open_cases(session, patient_id)
        clauses = queries.clauses(session, open_cases)
        findings = queries.recent_findings(session, patient_id)
        found_by = queries.found_by(session, findings)
        used = queries.used_readings(session, patient_id, findings)
        views = PatientPages(say, now, days)
        return {
            "patient": person,
            "team": team.name,
            "days": int(days),
            "periods": [int(period) for period in Period],
            "cases": [case_view(row, say, now, clauses) for row in open_cases],
            "quantities": views.quantities(data),
            "findings": [views.finding(one, found_by[one.id], used) for one in findings],
            "measured_again": [
                say(
                    "patient.measured_again",
                    what=say.quantity(Quantity(one.quantity)),
                    until=say.clock(one.until),
                )
                for one in queries.waiting_confirmations(session, patient_id)
            ],
            "updated": say.clock(now),
            "waiting": sum(one.waits for one in usual_store.levels(session, patient_id)),
            "held": sum(one.candidate == patient_id for one in desk_store.held(session)),
            "cut": len(readings) if len(readings) == queries.READINGS_LIMIT else None,
        }
