"""What is usual for a patient, over HTTP: proposals, approval, and another level.

Owns these addresses. Everybody who sees the patient may read it; physicians of the patient
decide.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from clinician_api import pages, queries, usual_store
from clinician_api.errors import UnknownPatientError
from clinician_api.usual_view import number_of, usual_views
from clinician_api.visitor import AHouse, AnApprover, AVisitor, SomeWords
from telekol.quantities import FACTS, Quantity

router: Final = APIRouter(include_in_schema=False)
_log = logging.getLogger(__name__)


class Settling(StrEnum):
    """What a physician can do to a proposal, by the name in its address."""

    APPROVE = "approve"
    REFUSE = "refuse"


class Origin(StrEnum):
    """Where a physician has a level from; the words of the database."""

    MEASURED_STABLE = "measured-stable"
    CLINIC = "clinic"
    STATED = "stated"


@router.get("/patients/{patient_id}/usual")
def usual(  # FastAPI reads the arguments by name
    request: Request,
    patient_id: UUID,
    house: AHouse,
    visitor: AVisitor,
    say: SomeWords,
    saved: bool = False,
) -> HTMLResponse:
    """Show what is usual for a patient."""
    now = house.now()
    with house.database.reading() as session:
        found = queries.patient(session, patient_id)
        if found is None:
            raise UnknownPatientError
        levels = usual_store.levels(session, patient_id)
        made_of = {
            one.id: usual_store.made_of(session, patient_id, one) for one in levels if one.waits
        }
        measured = {one.quantity for one in queries.latest_readings(session, patient_id)}
        name = found[0].name
    views = usual_views(levels, made_of, {Quantity(one) for one in measured}, say, now)
    return pages.render(
        request,
        "usual.html",
        visitor=visitor,
        patient_id=patient_id,
        name=name,
        quantities=views,
        origins=list(Origin),
        saved=saved,
    )


@router.post("/patients/{patient_id}/usual/{number}/{step}")
def settle(
    patient_id: UUID, number: int, step: Settling, house: AHouse, visitor: AnApprover
) -> RedirectResponse:
    """Approve a proposal, or say that it is not the usual level."""
    usual_store.settle(house.database, number, step)
    _log.info("reference=%d step=%s clinician=%s", number, step, visitor.clinician_id)
    return RedirectResponse(f"/patients/{patient_id}/usual?saved=true", status_code=303)


@router.post("/patients/{patient_id}/usual")
def set_level(  # FastAPI reads the arguments by name
    patient_id: UUID,
    house: AHouse,
    visitor: AnApprover,
    quantity: Annotated[Quantity, Form()],
    seen: Annotated[int, Form(ge=0)],
    value: Annotated[str, Form(max_length=20)],
    origin: Annotated[Origin, Form()],
) -> RedirectResponse:
    """Say what is usual from now on; a comma or a point parts the decimals."""
    number = number_of(value)
    facts = FACTS[quantity]
    if number is None or not facts.of_patient or not facts.is_possible(number):
        raise HTTPException(422)
    usual_store.set_level(house.database, patient_id, quantity, seen, number, origin)
    _log.info("reference set quantity=%s clinician=%s", quantity, visitor.clinician_id)
    return RedirectResponse(f"/patients/{patient_id}/usual?saved=true", status_code=303)
