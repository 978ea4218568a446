"""Stores what homes say of themselves. Touches PostgreSQL.

Owns the order of the statements; SQL is in health.sql, judgement in `ingest.health`. It knows no
broker.

Invariants
----------
1. A message is stored whole or not at all; stored again it changes nothing.
2. One that the database refuses for what it holds is handed back for quarantine, and its
   neighbours are stored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.types.json import Jsonb

from ingest.health import Known, News, is_newer
from ingest.parcel import NOT_STORABLE, Parcel
from telekol import queries
from telekol.health import HealthMessage
from telekol.instructions import Acknowledgement
from telekol.wire import shortened

log = logging.getLogger(__name__)

_SQL: Final = queries.load("ingest", "health.sql")


def store(connection: Connection[Any], news: Iterable[News], now: datetime) -> list[Parcel]:
    """Store messages, each committed when this returns; give those for quarantine.

    Raises
    ------
    psycopg.Error
        If the database is away or cannot take anything now: try all of them again.
    """
    refused: list[Parcel] = []
    for item in news:
        try:
            with connection.transaction():
                _store(connection, item.said, now)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            reason = shortened(f"the database refused it: {str(error).splitlines()[0]}")
            refused.append(item.refuse(NOT_STORABLE, reason))
    return refused


def _store(
    connection: Connection[Any], said: HealthMessage | Acknowledgement, now: datetime
) -> None:
    if isinstance(said, Acknowledgement):
        _acknowledge(connection, said, now)
        return
    connection.execute(_SQL["lock"], {"gateway": said.gateway})
    row = connection.execute(_SQL["known"], {"gateway": said.gateway}).fetchone()
    known = None if row is None else Known(*row)
    if not is_newer(said, known):
        log.debug("health of %s that is older than what is known is left alone", said.gateway)
        return
    _keep(connection, said, now)
    if known is None or known.online != said.online:
        _note_presence(connection, said, now)
    if said.online:
        _keep_troubles(connection, said, now)


def _keep(connection: Connection[Any], said: HealthMessage, now: datetime) -> None:
    connection.execute(
        _SQL["keep"],
        {
            "gateway": said.gateway,
            "life": said.connection.life,
            "connection": said.connection.number,
            "report": said.connection.report,
            "online": said.online,
            "now": now,
            "message": Jsonb(said.model_dump(mode="json")) if said.online else None,
        },
    )


def _note_presence(connection: Connection[Any], said: HealthMessage, now: datetime) -> None:
    log.info("%s is %s", said.gateway, "online" if said.online else "offline")
    connection.execute(
        _SQL["presence"], {"gateway": said.gateway, "online": said.online, "now": now}
    )


def _keep_troubles(connection: Connection[Any], said: HealthMessage, now: datetime) -> None:
    # A gateway names each once; a peer need not, and one statement may touch a row only once.
    named = {(item.code, item.device or ""): item for item in said.troubles}
    values = {
        "gateway": said.gateway,
        "now": now,
        "codes": [code for code, _ in named],
        "devices": [device for _, device in named],
        "sinces": [item.since for item in named.values()],
        "details": [item.detail for item in named.values()],
    }
    connection.execute(_SQL["clear_troubles"], values)
    connection.execute(_SQL["raise_troubles"], values)


def _acknowledge(connection: Connection[Any], said: Acknowledgement, now: datetime) -> None:
    log.info("%s: instruction %s is %s", said.gateway, said.instruction, said.state)
    connection.execute(
        _SQL["acknowledge"],
        {
            "gateway": said.gateway,
            "instruction": said.instruction,
            "state": str(said.state),
            "at": said.at,
            "reason": said.reason,
            "now": now,
        },
    )
