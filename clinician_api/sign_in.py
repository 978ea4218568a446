"""Signing in, as a demo: whoever reaches the page chooses who they are.

Owns the one door. It opens only when TELEKOL_API_DEMO_SIGN_IN is true; otherwise it says that
no identity provider is configured. A real provider replaces this module and nothing else: the
rest of the service knows `SessionCookies` only.
"""

from __future__ import annotations

import logging
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from clinician_api import pages, queries
from clinician_api.rights import Right, rights_of
from clinician_api.sessions import LIFETIME
from clinician_api.visitor import AHouse, House

router: Final = APIRouter(include_in_schema=False)
_log = logging.getLogger(__name__)


@router.get("/sign-in")
def show(request: Request, house: AHouse) -> Response:
    """Show the clinicians to choose from."""
    return _page(request, house)


@router.post("/sign-in")
def sign_in(request: Request, house: AHouse, clinician: Annotated[str, Form()] = "") -> Response:
    """Sign in as `clinician`, and go to the board."""
    if not house.settings.api_demo_sign_in:
        return _page(request, house)
    if not _is_known(house, clinician):
        _log.warning("sign-in refused cause=unknown-clinician")
        return _page(request, house, status=422)
    _log.info("sign-in demo clinician=%s", clinician)
    answer = RedirectResponse(_first_page(house, clinician), status_code=303)
    answer.set_cookie(
        house.cookies.name,
        house.cookies.issue(clinician, house.now()),
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/sign-out")
def sign_out(house: AHouse) -> Response:
    """Forget the session in this browser."""
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(house.cookies.name)
    return answer


def _first_page(house: House, clinician: str) -> str:
    with house.database.reading() as session:
        rights = rights_of(queries.roles(session, clinician))
    return "/board" if Right.PATIENTS in rights else "/"


def _is_known(house: House, clinician: str) -> bool:
    if "\0" in clinician:
        return False  # the database's text cannot hold it, and refuses to be asked about it
    with house.database.reading() as session:
        return queries.clinician(session, clinician) is not None


def _page(request: Request, house: House, status: int = 200) -> Response:
    if not house.settings.api_demo_sign_in:
        return pages.render(request, "sign_in.html", status=503, people=None, unknown=False)
    with house.database.reading() as session:
        people = [(person, team) for person, team in queries.clinicians(session)]
        return pages.render(
            request, "sign_in.html", status=status, people=people, unknown=status == 422
        )
