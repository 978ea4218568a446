"""Listens to the database on behalf of every open board. Touches PostgreSQL.

Owns the one LISTEN connection of this process. What a notification means is not its business:
the payload goes on to the `Hub` unchanged, named by its ``kind``.

Invariants
----------
1. It never gives up: it tries again with a growing, jittered wait, and the hub knows in the
   meantime that nothing is heard.
2. A connection that looks alive but is not is found out: it must answer a question whenever
   it was silent for CHECK_S.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import socket
from typing import Final

import psycopg

from clinician_api.hub import Hub, Message
from telekol import backoff

CHANNEL: Final = "telekol_board"
CHECK_S: Final = 5.0
"""Longest silence before the connection is asked; a dead one is known 5 s after that."""

_LONGEST_WAIT_S: Final = 5.0
"""A board is blind while we wait, so the wait stays short; there are few api processes."""

_Connection = psycopg.AsyncConnection[tuple[object, ...]]
KINDS: Final = frozenset({"finding", "case", "desk"})
"""What is about a patient."""

_log = logging.getLogger(__name__)


async def listen(url: str, hub: Hub) -> None:
    """Forward notifications to `hub` until cancelled."""
    failures = 0
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                url, autocommit=True, connect_timeout=3, application_name="telekol-api-listen"
            )
            async with connection:
                await _ask(connection, f"listen {CHANNEL}".encode())
                failures = 0
                hub.set_listening(listening=True)
                _log.info("listening channel=%s", CHANNEL)
                await _forward(connection, hub)
        except (psycopg.Error, OSError, TimeoutError) as error:
            failures += 1
            _log.warning("not listening attempt=%d cause=%s", failures, type(error).__name__)
        finally:
            hub.set_listening(listening=False)
        luck = random.random()  # noqa: S311 - spreads retries, guards nothing
        await asyncio.sleep(backoff.delay_s(failures, luck, most_s=_LONGEST_WAIT_S))


async def _forward(connection: _Connection, hub: Hub) -> None:
    while True:
        async for notification in connection.notifies(timeout=CHECK_S):
            message = read(notification.payload)
            if message is not None:
                hub.publish(message)
        await _ask(connection, b"select 1")


async def _ask(connection: _Connection, question: bytes) -> None:
    """Put a question that must be answered within CHECK_S; else hang up, which raises.

    Cancelling would not do: psycopg then asks the server to cancel and waits for its answer,
    for ever on a line that has gone silent.
    """
    asked = asyncio.ensure_future(connection.execute(question))
    try:
        done, _ = await asyncio.wait({asked}, timeout=CHECK_S)
        if not done:
            _hang_up(connection)
        await asked
    finally:
        asked.cancel()


def _hang_up(connection: _Connection) -> None:
    """End the line under psycopg, which sees the end of it and raises OperationalError.

    Shut down, not closed: a closed descriptor's number could be another socket's by the time
    the event loop forgets it.
    """
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)


def read(payload: str) -> Message | None:
    """Name a notification by its kind; None for one that this version does not know.

    Examples
    --------
    >>> read('{"kind": "case", "severity": "red"}').event
    'case'
    >>> read("gibberish")
    """
    try:
        kind = json.loads(payload)["kind"]
    except (ValueError, TypeError, KeyError):
        kind = None
    if kind not in KINDS:
        _log.warning("unknown notification length=%d", len(payload))
        return None
    return Message(str(kind), payload)
