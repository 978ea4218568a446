"""Readings without an owner, over HTTP: the list, the step that confirms, and the decision.

Owns these addresses. Two steps on purpose: the list decides nothing, so a slip of the hand
costs a page. What may be decided is the database's answer (`desk_store`).
"""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import AwareDatetime, StringConstraints

from clinician_api import desk_store, pages
from clinician_api.desk_store import Decision, Step
from clinician_api.desk_view import HISTORY, decided_view, held_view
from clinician_api.errors import UnknownReadingError
from clinician_api.visitor import AHouse, AReadingsJudge, AVisitor, House, SomeWords
from clinician_api.words import Words

router: Final = APIRouter(include_in_schema=False)
_log = logging.getLogger(__name__)

Note = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500), Form()
]
"""Why, in a person's words. Required: who comes after must be able to understand it."""


@router.get("/held")
def held(
    request: Request, house: AHouse, visitor: AVisitor, say: SomeWords, saved: bool = False
) -> HTMLResponse:
    """Show what waits, and what was decided lately."""
    values = _read(house, say)
    return pages.render(request, "held.html", visitor=visitor, saved=saved, **values)


@router.get("/held/content")
def content(request: Request, house: AHouse, visitor: AVisitor, say: SomeWords) -> HTMLResponse:
    """Give the part of the list that changes, for a page that is open."""
    values = _read(house, say)
    return pages.render(request, "held_content.html", visitor=visitor, **values)


@router.get("/held/{reading_id}/undo")
def undo_step(
    request: Request, reading_id: UUID, house: AHouse, visitor: AReadingsJudge, say: SomeWords
) -> HTMLResponse:
    """Ask whether a decision is to be taken back."""
    now = house.now()
    with house.database.reading() as session:
        found = [one for one in desk_store.decided(session, now) if one.reading_id == reading_id]
    if not found:
        raise UnknownReadingError
    view = decided_view(found[0], say, now)
    return pages.render(request, "held_undo.html", visitor=visitor, one=view)


@router.get("/held/{reading_id}/{step}")
def confirm_step(
    request: Request,
    reading_id: UUID,
    step: Step,
    house: AHouse,
    visitor: AReadingsJudge,
    say: SomeWords,
) -> HTMLResponse:
    """Show what a decision does, and ask for it."""
    now = house.now()
    with house.database.reading() as session:
        waiting = [one for one in desk_store.held(session) if one.reading_id == reading_id]
        if not waiting:
            raise UnknownReadingError
        history = desk_store.history(session, HISTORY)
        owners = desk_store.owners(session) if step is Step.ATTRIBUTE else []
    view = held_view(waiting[0], history, say, now)
    others = [(key, name) for key, name in owners if key != view.candidate]
    return pages.render(
        request, "held_step.html", visitor=visitor, one=view, step=str(step), others=others
    )


@router.post("/held/{reading_id}/{step}")
def decide(  # FastAPI reads the arguments by name
    reading_id: UUID,
    step: Step,
    house: AHouse,
    visitor: AReadingsJudge,
    measured_at: Annotated[AwareDatetime, Form()],
    seen: Annotated[int, Form(ge=0)],
    note: Note,
    to: Annotated[UUID | None, Form()] = None,
    other: Annotated[UUID | None, Form()] = None,
    was: Annotated[UUID | None, Form()] = None,
) -> RedirectResponse:
    """Do what a person decided.

    Parameters
    ----------
    seen
        The newest that had been said of the reading when the person looked.
    to, other
        Whose it is: the patient the kit is with, unless another was chosen.
    was
        Whose it was, for a reading that is somebody's and leaves them.
    """
    if step is Step.ATTRIBUTE and to is None and other is None:
        raise HTTPException(422)
    decision = Decision(
        step=step,
        reading_id=reading_id,
        measured_at=measured_at,
        seen_event=seen,
        reason=note,
        from_patient=was,
        to_patient=(to or other) if step is Step.ATTRIBUTE else None,
    )
    event = desk_store.settle(house.database, decision)
    _log.info("attribution=%d step=%s clinician=%s", event, step, visitor.clinician_id)
    target = f"/patients/{was}" if was else "/held?saved=true"
    return RedirectResponse(target, status_code=303)


def _read(house: House, say: Words) -> dict[str, Any]:
    now = house.now()
    with house.database.reading() as session:
        waiting = desk_store.held(session)
        history = desk_store.history(session, HISTORY) if waiting else {}
        decided = desk_store.decided(session, now)
    return {
        "waiting": [held_view(one, history, say, now) for one in waiting],
        "decided": [decided_view(one, say, now) for one in decided],
        "updated": say.clock(now),
    }
