"""The triage board over HTTP: the page, its rows alone, and the live events.

Owns these addresses. Reads, decides nothing: order comes from `queries`, words from
`board_view`, events from the `hub`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.exc import SQLAlchemyError

from clinician_api import desk_store, pages, queries, technical_queries
from clinician_api.board_view import BoardView, Work, board_view
from clinician_api.hub import BLIND, LIVE, Hub, Message
from clinician_api.listener import KINDS
from clinician_api.rights import Right
from clinician_api.visitor import AHouse, AnyVisitor, AVisitor, House, SomeWords, Visitor
from clinician_api.words import Words

router: Final = APIRouter(include_in_schema=False)

HEARTBEAT_S: Final = 10.0
"""How often a stream says that it lives, and whether its clinician still exists is asked.

The browser calls the board stale after SILENCE_MS in static/live.js, two and a half of these.
"""


@router.get("/")
def home(visitor: AnyVisitor) -> RedirectResponse:
    """Lead to the board, or to the homes in trouble who may not see it."""
    first = "/board" if visitor.may(Right.PATIENTS) else "/technical"
    return RedirectResponse(first, status_code=307)


@router.get("/board")
def board(request: Request, house: AHouse, visitor: AVisitor, say: SomeWords) -> HTMLResponse:
    """Show the board."""
    view = _read(house, say)
    return pages.render(request, "board.html", visitor=visitor, board=view)


@router.get("/board/rows")
def rows(request: Request, house: AHouse, visitor: AVisitor, say: SomeWords) -> HTMLResponse:
    """Give the part of the board that changes, for a page that is open."""
    view = _read(house, say)
    return pages.render(request, "board_rows.html", visitor=visitor, board=view)


@router.get("/board/events", response_class=EventSourceResponse)
async def events(house: AHouse, visitor: AnyVisitor) -> AsyncIterator[ServerSentEvent]:
    """Send what happens, as it happens, until the session ends or the clinician is gone.

    Who may not see patients is told that the line lives, and nothing about anybody.
    """
    clock = asyncio.get_running_loop().time
    beat_at = clock() + HEARTBEAT_S
    with house.hub.subscribe() as subscriber:
        while (left_s := _left_s(visitor.session.until, house.now())) > 0:
            # By the clock and not by silence: a busy stream must be asked about as well.
            if clock() >= beat_at:
                if await run_in_threadpool(_is_gone, house, visitor):
                    return
                yield _event(_heartbeat(house.hub), comment="alive")
                beat_at = clock() + HEARTBEAT_S
            try:
                async with asyncio.timeout(min(beat_at - clock(), left_s)):
                    message = await subscriber.get()
            except TimeoutError:
                continue
            if message is None:
                return
            if visitor.may(Right.PATIENTS) or message.event not in KINDS:
                yield _event(message)


def _is_gone(house: House, visitor: Visitor) -> bool:
    """Ask whether the clinician was removed; nobody is while the database cannot be asked.

    Nothing reaches a stream then but the word that we are blind, and the next heartbeat asks
    again.
    """
    try:
        with house.database.reading() as session:
            return queries.clinician(session, visitor.clinician_id) is None
    except SQLAlchemyError:
        return False


def _read(house: House, say: Words) -> BoardView:
    now = house.now()
    with house.database.reading() as session:
        found = queries.open_cases(session)
        total = len(found)
        if total == queries.BOARD_LIMIT:
            total = queries.count_open(session)
        recent = queries.just_closed(session, now)
        waiting = queries.oldest_unjudged(session)
        clauses = queries.clauses(session, [*found, *recent])
        work = Work(desk_store.count_held(session), technical_queries.count_in_trouble(session))
        return board_view(found, recent, total, waiting, say, now, clauses, work)


def _left_s(until: datetime, now: datetime) -> float:
    return (until - now).total_seconds()


def _heartbeat(hub: Hub) -> Message:
    """Comments cannot be seen by a page's script, so a heartbeat is an event as well."""
    return LIVE if hub.listening else BLIND


def _event(message: Message, comment: str | None = None) -> ServerSentEvent:
    return ServerSentEvent(event=message.event, raw_data=message.data, comment=comment)
