"""What a person does to a case, over HTTP.

Owns three addresses. A form without script gets the page back, the page's script a short
answer; both go the same way. What is allowed is alerts' decision, reached through `case_work`.
"""

from __future__ import annotations

import logging
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from clinician_api.case_work import Action, act
from clinician_api.errors import wants_page
from clinician_api.visitor import AHouse, AWorker, House, Visitor

router: Final = APIRouter(include_in_schema=False)
_log = logging.getLogger(__name__)

Version = Annotated[int, Form(ge=1)]
"""Which version of the case the person saw. Required: an answer to a case that nobody looked at
would also hide a yellow that has become red."""

Back = Annotated[Literal["board", "patient"], Form()]


@router.post("/cases/{case_id}/acknowledge")
def acknowledge(
    request: Request,
    case_id: UUID,
    house: AHouse,
    visitor: AWorker,
    version: Version,
    back: Back = "board",
) -> Response:
    """Mark a case as seen, as far as the reader saw it."""
    patient_id = _act(Action.ACKNOWLEDGE, case_id, house, visitor, version)
    return _done(request, patient_id, back)


@router.post("/cases/{case_id}/unacknowledge")
def unacknowledge(
    request: Request,
    case_id: UUID,
    house: AHouse,
    visitor: AWorker,
    version: Version,
    back: Back = "board",
) -> Response:
    """Take an acknowledgement back."""
    patient_id = _act(Action.UNACKNOWLEDGE, case_id, house, visitor, version)
    return _done(request, patient_id, back)


@router.post("/cases/{case_id}/clear")
def clear(
    request: Request,
    case_id: UUID,
    house: AHouse,
    visitor: AWorker,
    version: Version,
    back: Back = "board",
) -> Response:
    """Take a missed measurement off the board, as far as the reader saw it."""
    patient_id = _act(Action.CLEAR, case_id, house, visitor, version)
    return _done(request, patient_id, back)


def _act(action: Action, case_id: UUID, house: House, visitor: Visitor, version: int) -> UUID:
    patient_id = act(
        house.database,
        action,
        case_id,
        clinician_id=visitor.clinician_id,
        seen_version=version,
        now=house.now,
    )
    _log.info("case=%s action=%s clinician=%s", case_id, action, visitor.clinician_id)
    return patient_id


def _done(request: Request, patient_id: UUID, back: str) -> Response:
    if not wants_page(request):
        return Response(status_code=204)
    target = "/board" if back == "board" else f"/patients/{patient_id}"
    return RedirectResponse(target, status_code=303)
