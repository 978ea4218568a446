"""Notes once a minute since when numbers are missing. Touches PostgreSQL.

Nothing of it is on the way of a message. Of several ingests one looks and the others leave it
alone. What is missing now is always in the view ``gateway_gap``; this gives its age.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from ingest import gaps
from ingest.gaps import Gap
from telekol import queries

_SQL: Final = queries.load("ingest", "gaps.sql")

LOOK_EVERY_S: Final = 60.0
"""A gap is told after an hour; a minute more or less is nothing beside it."""

_Outbox = tuple[str, UUID]


def look(connection: Connection[Any], now: datetime) -> bool:
    """Note new gaps and those that closed; False if another ingest is looking."""
    with connection.transaction():
        row = connection.execute(_SQL["only_one"]).fetchone()
        if row is None or not row[0]:
            return False
        known = _known(connection)
        now_missing = _missing(connection)
        for outbox in known.keys() | now_missing.keys():
            before = known.get(outbox, {})
            after = gaps.follow(before, now_missing.get(outbox, []), now)
            _keep(connection, outbox, before, after, now)
    return True


def _known(connection: Connection[Any]) -> dict[_Outbox, dict[Gap, int]]:
    known: dict[_Outbox, dict[Gap, int]] = defaultdict(dict)
    for number, gateway, boot, first, last, noticed_at in connection.execute(_SQL["known"]):
        known[gateway, boot][Gap(first, last, noticed_at)] = number
    return known


def _missing(connection: Connection[Any]) -> dict[_Outbox, list[gaps.Run]]:
    found: dict[_Outbox, list[gaps.Run]] = {}
    for gateway, boot, settled, last_seq in connection.execute(_SQL["incomplete"]):
        runs = [(run.lower, run.upper - 1) for run in settled]
        found[gateway, boot] = gaps.missing(runs, last_seq or 0)
    return found


def _keep(
    connection: Connection[Any],
    outbox: _Outbox,
    before: dict[Gap, int],
    after: list[Gap],
    now: datetime,
) -> None:
    closed = [number for gap, number in before.items() if gap not in after]
    if closed:
        connection.execute(_SQL["close"], {"ids": closed, "now": now})
    for gap in after:
        if gap not in before:
            connection.execute(
                _SQL["open"],
                {
                    "gateway": outbox[0],
                    "boot": outbox[1],
                    "first": gap.first,
                    "last": gap.last,
                    "noticed_at": gap.noticed_at,
                },
            )
