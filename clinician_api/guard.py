"""What stands before every request: sign-in, origin, and the headers of the answer.

Owns the default: a path is closed unless it is named here. It is middleware and not a
dependency, so that a route somebody adds tomorrow is closed by itself, and so is a path that
no route serves. Knows no database; that the clinician still exists is asked by `visitor`.

Invariants
----------
1. An anonymous caller reaches the public paths and nothing else; a page sends them to the
   sign-in, everything else answers 401.
2. A request that can change something comes from our own pages (or from no browser at all).
   No token is needed: browsers state the origin themselves and scripts cannot forge it, and
   the session cookie is SameSite=Lax beside it.
   https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
3. No answer with health data is kept by a cache, shown in a frame or named to another site.
4. That holds for failures too: an error nobody foresaw is answered here, under the same
   headers. Further out it would lose them, and the server would log the error's own text,
   which can hold a row of the database; here the log gets the place and not the text.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinician_api import asking
from clinician_api.sessions import SessionCookies

_log = logging.getLogger(__name__)

PUBLIC_PATHS: Final = frozenset({"/sign-in", "/healthz"})
PUBLIC_PREFIX: Final = "/static/"
_POLICY_VIOLATION: Final = 1008
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def is_public(path: str) -> bool:
    """Say whether an anonymous caller may have `path`."""
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIX)


def comes_from_us(headers: Headers) -> bool:
    """Say whether a state-changing request comes from our own pages, or from no browser.

    Every browser we support sends Sec-Fetch-Site, and old ones Origin; a caller that sends
    neither is a program, which holds no nurse's cookie unless it signed in itself.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


class Guard:
    """ASGI middleware; see the module. Wraps streams without buffering them."""

    def __init__(
        self,
        app: ASGIApp,
        cookies: SessionCookies,
        now: Callable[[], datetime],
        on_error: Callable[[Request], Response],
    ) -> None:
        self._app = app
        self._cookies = cookies
        self._now = now
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            # There is none here. Unanswered, the server would call the handshake our failure.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        answer = self._refusal(scope) or self._app
        sender = _Sender(scope["path"], send)
        try:
            await answer(scope, receive, sender)
        except Exception as error:  # noqa: BLE001 - see invariant 4
            _log_place(scope["path"], error)
            if not sender.started:
                await self._on_error(Request(scope))(scope, receive, sender)

    def _refusal(self, scope: Scope) -> Response | None:
        request = Request(scope)
        if request.method not in _SAFE_METHODS and not comes_from_us(request.headers):
            return _error(403, "cross-site", "expected a request from our own pages")
        session = self._cookies.read(request.cookies.get(self._cookies.name), self._now())
        scope.setdefault("state", {})["session"] = session
        asking.clinician.set(None if session is None else session.clinician_id)
        if session is not None or is_public(request.url.path):
            return None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/sign-in", status_code=303)
        return _error(401, "signed-out", "not signed in, or the session has ended; sign in again")


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status_code=status)


def _log_place(path: str, error: Exception) -> None:
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("unexpected error=%s path=%s\n%s", type(error).__name__, path, frames)


class _Sender:
    """Sends with our headers, and knows whether the answer has begun."""

    def __init__(self, path: str, send: Send) -> None:
        self._path = path
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            public = self._path.startswith(PUBLIC_PREFIX)
            headers["Cache-Control"] = "no-cache" if public else "no-store"
        await self._send(message)
