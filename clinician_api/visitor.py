"""Who is asking, in which language, and with what at hand: the dependencies of every route.

Owns the step from a request to typed values. The guard has already refused the anonymous;
here the database is asked whether the clinician still exists, so that removing one takes
effect at the next request and not when the cookie ends; `board` asks again for open streams.
What somebody may do follows from the roles that hold now (`rights`): `AVisitor` may see patients,
and a route that wants another right says so with `needs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Request

from clinician_api import queries
from clinician_api.database import Database
from clinician_api.hub import Hub
from clinician_api.rights import Right, rights_of
from clinician_api.sessions import SessionCookies, SignedIn
from clinician_api.settings import ApiSettings
from clinician_api.texts import Language
from clinician_api.words import Words

LANGUAGE_COOKIE: Final = "telekol_language"


@dataclass(frozen=True, slots=True)
class House:
    """What the process holds; made once, in `app`."""

    settings: ApiSettings
    database: Database
    hub: Hub
    cookies: SessionCookies
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A clinician who is signed in."""

    clinician_id: str
    name: str
    role: str
    team: str
    session: SignedIn
    rights: frozenset[Right]

    def may(self, right: str) -> bool:
        """Whether this person may do this kind of thing."""
        return right in self.rights


class ForbiddenError(Exception):
    """Somebody is signed in whose roles do not allow this."""


class SignedOutError(Exception):
    """There is no session, or its clinician is gone."""


def house(request: Request) -> House:
    """Give what the process holds."""
    found = request.app.state.house
    assert isinstance(found, House)  # noqa: S101 - set by the factory
    return found


AHouse = Annotated[House, Depends(house)]


def visitor(request: Request, house: AHouse) -> Visitor:
    """Give the clinician who asks.

    Raises
    ------
    SignedOutError
        If nobody is signed in, or the clinician no longer exists.
    """
    session: SignedIn | None = getattr(request.state, "session", None)
    if session is None:
        raise SignedOutError
    with house.database.reading() as database:
        found = queries.clinician(database, session.clinician_id)
        if found is None:
            raise SignedOutError
        clinician, team = found
        rights = rights_of(queries.roles(database, clinician.id))
        return Visitor(clinician.id, clinician.name, clinician.role, team.name, session, rights)


AnyVisitor = Annotated[Visitor, Depends(visitor)]
"""Whoever is signed in, with whatever rights."""


def needs(right: Right) -> Callable[[Visitor], Visitor]:
    """Make a dependency that gives the clinician who asks, if they have `right`."""

    def checked(visitor: AnyVisitor) -> Visitor:
        if right not in visitor.rights:
            raise ForbiddenError
        return visitor

    return checked


def chosen_language(request: Request) -> Language | None:
    """Give the language that this request's address asks for, if it asks."""
    return _language(request.query_params.get("lang"))


def words(request: Request) -> Words:
    """Give the words of the reader's language: asked for, else remembered, else Danish."""
    remembered = _language(request.cookies.get(LANGUAGE_COOKIE))
    return Words(chosen_language(request) or remembered or Language.DANISH)


def _language(code: str | None) -> Language | None:
    return next((language for language in Language if language == code), None)


AVisitor = Annotated[Visitor, Depends(needs(Right.PATIENTS))]
AWorker = Annotated[Visitor, Depends(needs(Right.CASES))]
AReadingsJudge = Annotated[Visitor, Depends(needs(Right.READINGS))]
AnApprover = Annotated[Visitor, Depends(needs(Right.APPROVE))]
ATechnician = Annotated[Visitor, Depends(needs(Right.TECHNICAL))]
SomeWords = Annotated[Words, Depends(words)]
