"""What goes wrong, and what people and programs are told.

Owns the table from an exception to a status, a code and a text. A page is answered with a
page and everything else with ``{"code", "message"}``.

Invariants
----------
1. When the database is away nothing is shown that could be out of date: 503, and a page that
   tries again.
2. No answer repeats a driver's message, which can hold a row; the log gets the error's type.
"""

from __future__ import annotations

import logging
from typing import Final

import psycopg.errors
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from clinician_api import pages
from clinician_api.case_work import CaseConflictError, CaseMovedError, UnknownCaseError
from clinician_api.desk_store import DecidedFirstError, NotYoursError
from clinician_api.visitor import ForbiddenError, SignedOutError, house, words

_log = logging.getLogger(__name__)


class ErrorBody(BaseModel):
    """How every error reads for a program."""

    code: str
    message: str


class UnknownPatientError(Exception):
    """There is no patient with this id."""


class UnknownRuleSetError(Exception):
    """There is no such rule set, or it is not as it was read, or needs no approval."""


class UnknownReadingError(Exception):
    """There is no such reading here, or not for this person."""


_TABLE: Final[dict[type[Exception], tuple[int, str, str]]] = {
    UnknownPatientError: (404, "unknown-patient", "error.not_found"),
    ForbiddenError: (403, "forbidden", "error.forbidden"),
    NotYoursError: (403, "not-yours", "error.not_yours"),
    DecidedFirstError: (409, "decided-first", "error.decided_first"),
    UnknownRuleSetError: (404, "unknown-rule-set", "error.not_found"),
    UnknownReadingError: (404, "unknown-reading", "error.not_found"),
    UnknownCaseError: (404, "unknown-case", "error.case_unknown"),
    CaseConflictError: (409, "case-conflict", "error.case_conflict"),
    CaseMovedError: (409, "case-moved", "error.case_moved"),
    PoolTimeoutError: (503, "database-away", "error.database_away"),
    RequestValidationError: (422, "bad-request", "error.bad_request"),
}
_SCHEMA_ERRORS: Final = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)


def install(app: FastAPI) -> None:
    """Answer the errors of `app` by the table."""
    for kind in _TABLE:
        app.add_exception_handler(kind, _by_table)
    app.add_exception_handler(SQLAlchemyError, _on_database)
    app.add_exception_handler(SignedOutError, _on_signed_out)
    app.add_exception_handler(HTTPException, _on_http)


def wants_page(request: Request) -> bool:
    """Say whether a person is waiting for a page, rather than a program for data."""
    html = "text/html" in request.headers.get("accept", "")
    return html and not request.url.path.startswith("/api/")


def _by_table(request: Request, error: Exception) -> Response:
    status, code, text = _TABLE[type(error)]
    return _answer(request, status, code, text)


def _on_database(request: Request, error: Exception) -> Response:
    cause = error.orig if isinstance(error, DBAPIError) else error
    _log.warning("database error=%s path=%s", type(cause).__name__, request.url.path)
    if isinstance(cause, _SCHEMA_ERRORS):
        return _answer(request, 503, "database-schema", "error.schema")
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return _answer(request, 503, "database-away", "error.database_away")
    raise error  # ours, not the database's: the guard answers it


def _on_signed_out(request: Request, _error: Exception) -> Response:
    if wants_page(request):
        away: Response = RedirectResponse("/sign-in", status_code=303)
    else:
        body = ErrorBody(code="signed-out", message="sign in again").model_dump()
        away = JSONResponse(body, status_code=401)
    away.delete_cookie(house(request).cookies.name)
    return away


def _on_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _answer(request, 404, "not-found", "error.not_found")
    return _answer(request, status, "bad-request", "error.bad_request")


def _back(request: Request) -> str:
    """Give the page that the failed step came from."""
    parts = request.url.path.split("/")
    if parts[1] == "patients" and len(parts) > 3:
        return "/".join(parts[:3])
    return f"/{parts[1]}" if parts[1] in {"held", "technical", "rules"} else "/"


def unexpected(request: Request) -> Response:
    """Answer an error nobody foresaw; the guard has logged where it happened."""
    return _answer(request, 500, "unexpected", "error.unexpected")


def _answer(request: Request, status: int, code: str, text: str) -> Response:
    message = words(request)(text)
    headers = {"Retry-After": "5"} if status == 503 else {}
    if not wants_page(request):
        body = ErrorBody(code=code, message=message).model_dump()
        return JSONResponse(body, status_code=status, headers=headers)
    # What failed may have been a form: sending it again is the person's choice, not the page's.
    again = request.url.path if request.method == "GET" else "/board"
    retry = again if status == 503 else None
    page = pages.render(
        request, "error.html", status=status, message=message, retry=retry, back=_back(request)
    )
    page.headers.update(headers)
    return page
