"""Turns templates into answers. Touches the files of this package once, at import.

Owns the template environment: everything is escaped, and a name that a template uses and
nobody gave is an error, never an empty place on a page about a patient.
"""

from __future__ import annotations

from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from clinician_api.visitor import LANGUAGE_COOKIE, Visitor, chosen_language, words

_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("clinician_api"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_YEAR_S: Final = 365 * 24 * 3600


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    visitor: Visitor | None = None,
    **values: object,
) -> HTMLResponse:
    """Answer with `template`, in the reader's language; a language asked for is remembered."""
    say = words(request)
    html = _ENVIRONMENT.get_template(template).render(
        t=say,
        lang=say.language,
        visitor=visitor,
        path=request.url.path,
        other_language=str(request.url.include_query_params(lang=say.other).query),
        **values,
    )
    answer = HTMLResponse(html, status_code=status)
    if chosen_language(request) is not None:
        answer.set_cookie(
            LANGUAGE_COOKIE, say.language, max_age=_YEAR_S, httponly=True, samesite="lax"
        )
    return answer
