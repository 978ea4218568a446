"""An arriving reading is judged by walks down indexes: what it touches grows with no table."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Final

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts.engine import Memory
from alerts.in_use import rule_store
from benchmarks import alerts_arriving

Db = Connection[TupleRow]
GROWING: Final = [
    "observation",
    "judgement",
    "finding",
    "rule_basis",
    "reference_value",
    "patient_limit",
    "triage_case",
    "case_event",
    "patient",
    "trend_queue",
]


MOST_PAGES: Final = 400
"""Pages of one table that a reading may touch, again and again the same: some ten walks of three
pages down an index, and the rows of three windows of 33."""


def _pages_touched(connection: Db) -> dict[str, int]:
    connection.execute("select pg_stat_force_next_flush()")
    rows = connection.execute(
        "select relname, coalesce(heap_blks_hit + heap_blks_read, 0) "
        "+ coalesce(idx_blks_hit + idx_blks_read, 0) from pg_statio_user_tables "
        "where relname = any(%s)",
        [GROWING],
    )
    return dict(rows.fetchall())


@pytest.mark.timeout(240)
def test_a_round_touches_few_pages_however_many_there_are(connection: Db) -> None:
    """Emptying the queue once walked the index of readings from its one end to the other."""
    connection.execute("insert into team values ('team-bench', 'Bench', 'municipal')")
    with connection.transaction():
        rule_store.publish_shipped(connection)
    alerts_arriving._grow(connection, 1, 1000, datetime.now(UTC))
    memory = Memory()
    numbers = itertools.cycle(range(1, 1001))
    for _ in range(7):  # long enough that plans are kept and no longer fitted to their values
        for many in (200, 1):
            patients = [alerts_arriving._patient(next(numbers)) for _ in range(many)]
            before = _pages_touched(connection)
            alerts_arriving._round(connection, memory, patients)
            after = _pages_touched(connection)
            grown = {name: after[name] - before[name] for name in GROWING}
            assert {name: count for name, count in grown.items() if count > MOST_PAGES * many} == {}
