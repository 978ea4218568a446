"""One reading over HTTP: its page, and saying that it does not hold or that it does after all.

Owns these addresses. The time of measurement stands in the address beside the id, because
readings are kept by time and an id alone would have to be looked for in all of them.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import AwareDatetime, StringConstraints

from clinician_api import desk_store, pages, queries
from clinician_api.errors import UnknownPatientError, UnknownReadingError
from clinician_api.reading_view import REASONS, reading_page
from clinician_api.texts import TEXTS
from clinician_api.visitor import AHouse, AReadingsJudge, AVisitor, SomeWords

router: Final = APIRouter(include_in_schema=False)
_log = logging.getLogger(__name__)

Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), Form()]


class Why(StrEnum):
    """Why a reading does not hold, by the name in the form."""

    TECHNIQUE = "technique"
    DEVICE = "device"
    PERSON = "person"
    TYPED = "typed"
    OTHER = "other"


@router.get("/patients/{patient_id}/readings/{reading_id}")
def reading(  # FastAPI reads the arguments by name
    request: Request,
    patient_id: UUID,
    reading_id: UUID,
    house: AHouse,
    visitor: AVisitor,
    say: SomeWords,
    at: Annotated[AwareDatetime, Query()],
) -> HTMLResponse:
    """Show one reading."""
    now = house.now()
    with house.database.reading() as session:
        person = queries.patient(session, patient_id)
        if person is None:
            raise UnknownPatientError
        found = queries.reading(session, patient_id, reading_id, at)
        if found is None:
            raise UnknownReadingError
        said = [e for e in desk_store.said(session, patient_id) if e.reading_id == reading_id]
        told = desk_store.story(session, patient_id, reading_id)
        findings = queries.findings_of(session, patient_id, reading_id)
        page = reading_page(found, said, told, findings, say, now)
        name = person[0].name
    values: dict[str, Any] = {"one": page, "patient_id": patient_id, "name": name}
    return pages.render(request, "reading.html", visitor=visitor, reasons=REASONS, **values)


@router.post("/patients/{patient_id}/readings/{reading_id}/invalidate")
def invalidate(  # FastAPI reads the arguments by name
    patient_id: UUID,
    reading_id: UUID,
    house: AHouse,
    visitor: AReadingsJudge,
    at: Annotated[AwareDatetime, Form()],
    seen: Annotated[int, Form(ge=0)],
    why: Annotated[Why, Form()],
    counts: Annotated[bool, Form()],
    note: Note = "",
) -> RedirectResponse:
    """Say that a reading does not hold, and whether it still counts as submitted."""
    if why is Why.OTHER and len(note) < 3:
        raise HTTPException(422)
    # Kept in Danish, whatever the reader's language: it is a note in a Danish record.
    known = TEXTS[f"reading.why_{why}"].da
    desk_store.settle_validity(
        house.database,
        patient_id,
        (reading_id, at),
        seen_event=seen,
        valid=False,
        reason=f"{known}: {note}" if note else known,
        counts_as_submitted=counts,
    )
    _log.info("reading=%s invalidated clinician=%s", reading_id, visitor.clinician_id)
    return RedirectResponse(f"/patients/{patient_id}", status_code=303)


@router.post("/patients/{patient_id}/readings/{reading_id}/reinstate")
def reinstate(  # FastAPI reads the arguments by name
    patient_id: UUID,
    reading_id: UUID,
    house: AHouse,
    visitor: AReadingsJudge,
    at: Annotated[AwareDatetime, Form()],
    seen: Annotated[int, Form(ge=0)],
    note: Note,
) -> RedirectResponse:
    """Say that a reading holds after all."""
    if len(note) < 3:
        raise HTTPException(422)
    desk_store.settle_validity(
        house.database,
        patient_id,
        (reading_id, at),
        seen_event=seen,
        valid=True,
        reason=note,
        counts_as_submitted=True,
    )
    _log.info("reading=%s reinstated clinician=%s", reading_id, visitor.clinician_id)
    return RedirectResponse(f"/patients/{patient_id}", status_code=303)
