"""Homes and devices over HTTP: which home is in trouble, and what to do about it.

Owns these addresses. The page support works from; it shows no reading and, to those who may
not see patients, no name.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from clinician_api import pages, technical_queries
from clinician_api.rights import Right
from clinician_api.technical_view import TechnicalView, technical_view
from clinician_api.visitor import AHouse, ATechnician, House, SomeWords, Visitor
from clinician_api.words import Words

router: Final = APIRouter(include_in_schema=False)


@router.get("/technical")
def technical(
    request: Request, house: AHouse, visitor: ATechnician, say: SomeWords
) -> HTMLResponse:
    """Show how the homes are."""
    view = _read(house, visitor, say)
    return pages.render(request, "technical.html", visitor=visitor, page=view)


@router.get("/technical/content")
def content(request: Request, house: AHouse, visitor: ATechnician, say: SomeWords) -> HTMLResponse:
    """Give the part of the page that changes, for a page that is open."""
    view = _read(house, visitor, say)
    return pages.render(request, "technical_content.html", visitor=visitor, page=view)


def _read(house: House, visitor: Visitor, say: Words) -> TechnicalView:
    with house.database.reading() as session:
        found = technical_queries.read(session)
    return technical_view(found, say, house.now(), names=visitor.may(Right.PATIENTS))
