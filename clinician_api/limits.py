"""A patient's limits over HTTP: trying them out on the stored year, and saving with a confirmation.

Owns these addresses. Trying changes nothing, so it is a GET that can be repeated as fast as a
slider moves; saving is a step of its own, which shows the change in words once more.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from clinician_api import limits_store, pages, queries
from clinician_api.errors import UnknownPatientError
from clinician_api.limits_store import Course, Limits
from clinician_api.limits_view import (
    NAMES,
    SLIDERS,
    BadLimitError,
    fields,
    limits_in_words,
    read_limits,
    tried_view,
)
from clinician_api.trying import beside, tried
from clinician_api.visitor import AHouse, AnApprover, AVisitor, House, SomeWords
from clinician_api.words import Words
from telekol.quantities import FACTS, Quantity

router: Final = APIRouter(include_in_schema=False)
_log = logging.getLogger(__name__)

_Typed = Annotated[str, Query(max_length=20)]
_Sent = Annotated[str, Form(max_length=20)]
_NONE: Final[Limits] = (None, None, None, None)


def _asked(
    request: Request,
    red_low: _Typed = "",
    yellow_low: _Typed = "",
    yellow_high: _Typed = "",
    red_high: _Typed = "",
) -> tuple[str, str, str, str] | None:
    """Give what was typed; None when the page is opened without anything to try."""
    if not any(name in request.query_params for name in NAMES):
        return None
    return red_low, yellow_low, yellow_high, red_high


Asked = Annotated[tuple[str, str, str, str] | None, Depends(_asked)]


@router.get("/patients/{patient_id}/limits")
def limits(  # FastAPI reads the arguments by name
    request: Request,
    patient_id: UUID,
    house: AHouse,
    visitor: AVisitor,
    say: SomeWords,
    asked: Asked,
    quantity: Quantity = Quantity.SPO2,
    saved: bool = False,
) -> HTMLResponse:
    """Show a patient's limits of one quantity, and what others would have flagged."""
    values = _values(house, patient_id, quantity, asked, say)
    return pages.render(request, "limits.html", visitor=visitor, saved=saved, **values)


@router.get("/patients/{patient_id}/limits/tried")
def try_out(  # FastAPI reads the arguments by name
    request: Request,
    patient_id: UUID,
    house: AHouse,
    visitor: AVisitor,
    say: SomeWords,
    asked: Asked,
    quantity: Quantity = Quantity.SPO2,
) -> HTMLResponse:
    """Give the part of the page that follows a slider."""
    values = _values(house, patient_id, quantity, asked, say)
    return pages.render(request, "limits_tried.html", visitor=visitor, **values)


@router.get("/patients/{patient_id}/limits/confirm")
def confirm(  # FastAPI reads the arguments by name
    request: Request,
    patient_id: UUID,
    house: AHouse,
    visitor: AnApprover,
    say: SomeWords,
    asked: Asked,
    quantity: Quantity,
) -> HTMLResponse:
    """Show once more what is about to be saved."""
    values = _values(house, patient_id, quantity, asked, say)
    if values["wrong"]:
        raise HTTPException(422)
    return pages.render(request, "limits_confirm.html", visitor=visitor, **values)


@router.post("/patients/{patient_id}/limits")
def save(  # FastAPI reads the arguments by name
    patient_id: UUID,
    house: AHouse,
    visitor: AnApprover,
    quantity: Annotated[Quantity, Form()],
    seen: Annotated[int, Form(ge=0)],
    red_low: _Sent = "",
    yellow_low: _Sent = "",
    yellow_high: _Sent = "",
    red_high: _Sent = "",
) -> RedirectResponse:
    """Set limits from now on, approved by the physician who saves them."""
    if quantity not in SLIDERS:
        raise HTTPException(422)
    try:
        chosen = read_limits(quantity, (red_low, yellow_low, yellow_high, red_high))
    except BadLimitError:
        raise HTTPException(422) from None
    limits_store.save(house.database, patient_id, quantity, seen, chosen)
    _log.info("limits set quantity=%s clinician=%s", quantity, visitor.clinician_id)
    target = f"/patients/{patient_id}/limits?quantity={quantity}&saved=true"
    return RedirectResponse(target, status_code=303)


def _values(
    house: House,
    patient_id: UUID,
    quantity: Quantity,
    asked: tuple[str, str, str, str] | None,
    say: Words,
) -> dict[str, Any]:
    if quantity not in SLIDERS:
        raise HTTPException(422)
    now = house.now()
    with house.database.reading() as session:
        found = queries.patient(session, patient_id)
        if found is None:
            raise UnknownPatientError
        name = found[0].name
        course = limits_store.course(session, patient_id, quantity, beside(quantity))
        measured = {one.quantity for one in queries.latest_readings(session, patient_id)}
    in_force = course.limits or _NONE
    try:
        chosen, wrong = (read_limits(quantity, asked), False) if asked else (in_force, False)
    except BadLimitError:
        chosen, wrong = in_force, True
    facts = FACTS[quantity]
    return {
        "patient_id": patient_id,
        "name": name,
        "quantity": str(quantity),
        "quantities": _offered(measured, quantity, say),
        "unit": facts.shown_unit,
        "fields": fields(quantity, chosen, say),
        "now": limits_in_words(quantity, course.limits, say),
        "then": limits_in_words(quantity, chosen, say),
        "changed": chosen != in_force,
        "wrong": wrong,
        "seen": course.seen,
        "tried": None if wrong else _tried(course, quantity, chosen, asked is not None, say, now),
    }


def _tried(
    course: Course, quantity: Quantity, chosen: Limits, asked: bool, say: Words, now: datetime
) -> object:
    found = tried(course, quantity, chosen if asked else None, now)
    return tried_view(found, quantity, chosen, say, now) if found else None


def _offered(measured: set[str], quantity: Quantity, say: Words) -> list[tuple[str, str]]:
    danish = say.language == "da"
    return [
        (str(one), FACTS[one].danish if danish else FACTS[one].english)
        for one in SLIDERS
        if one in measured or one == quantity
    ]
