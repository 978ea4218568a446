"""An arriving reading is judged by walks down indexes: no table that grows is read from end to end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine, rule_store
from alerts.engine import Memory
from benchmarks import alerts_arriving

Db = Connection[TupleRow]
GROWING = [
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


def _read_from_end_to_end(connection: Db) -> dict[str, int]:
    connection.execute("select pg_stat_force_next_flush()")
    rows = connection.execute(
        "select relname, seq_tup_read from pg_stat_user_tables where relname = any(%s)", [GROWING]
    )
    return dict(rows.fetchall())


@pytest.mark.timeout(240)
def test_no_round_reads_a_table_that_grows(connection: Db) -> None:
    """It once did: emptying the queue joined it with every reading there was."""
    connection.execute("insert into team values ('team-bench', 'Bench', 'municipal')")
    with connection.transaction():
        rule_store.publish_shipped(connection)
    alerts_arriving._grow(connection, 1, 1500, datetime.now(UTC))
    memory = Memory()
    numbers = iter(range(1, 1500))
    for _ in range(8):  # long enough that plans are kept and no longer fitted to their values
        for many in (40, 1):
            patients = [alerts_arriving._patient(next(numbers)) for _ in range(many)]
            before = _read_from_end_to_end(connection)
            alerts_arriving._round(connection, memory, patients)
            after = _read_from_end_to_end(connection)
            grown = {name: after[name] - before[name] for name in GROWING}
            assert {name: count for name, count in grown.items() if count > 2 * many} == {}
