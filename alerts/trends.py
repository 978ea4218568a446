"""Days of readings for long trends, computed when there is nothing to judge. Touches PostgreSQL.

Owns when it is done; what a day is stands in the database (``refresh_trends``, migration 0018),
so that every release computes the same. Nothing is ever judged from these days.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import psycopg
from psycopg import Connection

from telekol import queries

log = logging.getLogger(__name__)

_SQL: Final = queries.load("alerts", "queries.sql")

DAYS_AT_ONCE: Final = 200
"""Rows of the queue per transaction: a day of one patient has tens of readings, so a few thousand
rows are read, and a new reading waits for its judgement some milliseconds at most."""


def refresh(connection: Connection[Any]) -> int:
    """Compute some of the queued days again; give how many rows of the queue are done.

    An error other than a database that is away is logged and the days stay queued: a trend that is
    old is shown as old, and no trend may keep a reading from being judged.
    """
    try:
        row = connection.execute(_SQL["refresh_trends"], {"most": DAYS_AT_ONCE}).fetchone()
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        log.exception("days for trends cannot be computed; they stay queued")
        return 0
    return int(row[0]) if row else 0
