"""The application: puts the parts together. Owns nothing else.

The factory touches neither database nor network; that begins with the server's lifespan, and
a database that is away then is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from importlib import resources
from typing import Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError

from clinician_api import (
    board,
    cases,
    errors,
    held,
    json_api,
    limits,
    patient,
    reading,
    rules,
    sign_in,
    technical,
    usual,
)
from clinician_api.database import Database
from clinician_api.guard import Guard
from clinician_api.hub import Hub
from clinician_api.listener import listen
from clinician_api.sessions import SessionCookies
from clinician_api.settings import ApiSettings
from clinician_api.visitor import AHouse, House
from telekol import __version__

_BODY_LIMIT_BYTES: Final = 16 * 1024
"""Our forms hold an id and a number; nothing larger has any business here."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(settings: ApiSettings, now: Callable[[], datetime] = _utc_now) -> FastAPI:
    """Build the application.

    Parameters
    ----------
    now
        The clock; tests bring their own.
    """
    house = House(
        settings=settings,
        database=Database(settings.database_url.get_secret_value()),
        hub=Hub(),
        cookies=SessionCookies(settings.api_secret.get_secret_value(), settings.api_port),
        now=now,
    )
    app = FastAPI(
        title="Tele-KOL clinician API",
        version=__version__,
        description="Open cases and readings. Not CE-marked, not an emergency service.",
        # The ready-made pages load scripts from elsewhere; the description itself is served
        # by json_api, to those who are signed in.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.house = house
    errors.install(app)
    app.add_middleware(Guard, cookies=house.cookies, now=now, on_error=errors.unexpected)
    pages = (sign_in, board, cases, held, technical, rules, patient, reading, usual, limits)
    for module in (*pages, json_api):
        # On the routers and not on the application: there it would stand outside the guard,
        # which would see the refusal as a fault and could not give it our headers.
        app.include_router(module.router, max_body_size=_BODY_LIMIT_BYTES)
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    static = str(resources.files("clinician_api") / "static")
    app.mount("/static", StaticFiles(directory=static), name="static")
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    house: House = app.state.house
    listening = asyncio.create_task(listen(house.database.url, house.hub))
    try:
        yield
    finally:
        house.hub.close()
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        house.database.close()


def _healthz(house: AHouse) -> JSONResponse:
    """Say whether the board can be shown and is live."""
    try:
        house.database.check()
    except SQLAlchemyError:
        return JSONResponse({"status": "database-away"}, status_code=503)
    listening = house.hub.listening
    body = {"status": "ok" if listening else "not-listening"}
    return JSONResponse(body, status_code=200 if listening else 503)
