"""Gaps of a gateway, as operators see them: which, since when, why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from ingest import gap_watch, gaps, writer
from telekol import topics
from tests.support.house import add_home
from tests.support.messages import message, observation, sort

Db = Connection[TupleRow]
TOPIC = topics.observations("gw-test-1")
GAPS = b"select first, last, count, waiting, reason, since from gateway_gap order by first"
TROUBLE = b"select code, detail from technical_trouble where code = 'sequence-gap'"


def _send(connection: Db, boot: UUID, seq: int, abandoned: list[list[int]] | None = None) -> None:
    document = json.loads(message(observation(), boot=boot, seq=seq))
    if abandoned:
        document["abandoned"] = [{"boot": str(boot), "reason": "outbox-full", "runs": abandoned}]
    writer.store(connection, [sort(TOPIC, json.dumps(document).encode())])


def _health(connection: Db, boot: UUID, last_seq: int, *, online: bool = True) -> None:
    connection.execute(
        "insert into gateway_health values ('gw-test-1', %s, 1, 1, %s, now(), now(), %s) "
        "on conflict (gateway_id) do update "
        "set online = excluded.online, message = excluded.message",
        [uuid4(), online, Jsonb({"boot": str(boot), "outbox": {"last_seq": last_seq}})],
    )


def test_a_gap_has_its_age_and_ends(connection: Db) -> None:
    add_home(connection)
    boot = uuid4()
    for seq in (1, 2, 6):
        _send(connection, boot, seq)
    noticed = datetime.now(UTC) - timedelta(hours=2)
    assert gap_watch.look(connection, noticed)
    _send(connection, boot, 4)
    gap_watch.look(connection, datetime.now(UTC))
    rows = connection.execute(GAPS).fetchall()
    assert rows == [(3, 3, 1, False, None, noticed), (5, 5, 1, False, None, noticed)]
    assert connection.execute(TROUBLE).fetchall() == [("sequence-gap", "2 numbers are missing")]
    for seq in (3, 5):
        _send(connection, boot, seq)
    gap_watch.look(connection, datetime.now(UTC))
    assert connection.execute(GAPS).fetchall() == []
    assert connection.execute(TROUBLE).fetchall() == []
    open_ones = "select count(*) from sequence_gap where closed_at is null"
    assert connection.execute(open_ones.encode()).fetchone() == (0,)


def test_a_young_gap_is_shown_and_no_trouble(connection: Db) -> None:
    add_home(connection)
    boot = uuid4()
    _send(connection, boot, 3)
    assert [row[:5] for row in connection.execute(GAPS).fetchall()] == [(1, 2, 2, False, None)]
    gap_watch.look(connection, datetime.now(UTC) - timedelta(minutes=59))
    assert connection.execute(TROUBLE).fetchall() == []


def test_what_the_gateway_gave_out_and_has_not_sent_is_seen(connection: Db) -> None:
    add_home(connection)
    boot = uuid4()
    _send(connection, boot, 1)
    _health(connection, boot, 4)
    gap_watch.look(connection, datetime.now(UTC) - timedelta(hours=2))
    assert [row[:5] for row in connection.execute(GAPS).fetchall()] == [(2, 4, 3, True, None)]
    assert connection.execute(TROUBLE).fetchall() == [("sequence-gap", "3 numbers are missing")]
    _health(connection, boot, 4, online=False)
    assert connection.execute(TROUBLE).fetchall() == []


def test_a_gateway_of_which_nothing_ever_came_is_seen(connection: Db) -> None:
    add_home(connection)
    _health(connection, uuid4(), 7)
    assert [row[:5] for row in connection.execute(GAPS).fetchall()] == [(1, 7, 7, True, None)]


def test_a_gap_with_its_reason_is_shown_and_no_trouble(connection: Db) -> None:
    add_home(connection)
    boot = uuid4()
    _send(connection, boot, 9, abandoned=[[2, 3], [5, 5]])
    gap_watch.look(connection, datetime.now(UTC) - timedelta(hours=2))
    assert [(*row[:2], row[4]) for row in connection.execute(GAPS).fetchall()] == [
        (1, 1, None),
        (2, 3, "outbox-full"),
        (4, 4, None),
        (5, 5, "outbox-full"),
        (6, 8, None),
    ]
    assert connection.execute(TROUBLE).fetchall() == [("sequence-gap", "5 numbers are missing")]
    connection.execute(
        "insert into gap_explanation (gateway_id, boot, first, last, reason, by_whom) "
        "values ('gw-test-1', %s, 1, 8, 'the card was lost', 'drift')",
        [boot],
    )
    assert connection.execute(TROUBLE).fetchall() == []


def test_two_that_look_at_once_note_it_once(connection: Db, database_url: str) -> None:
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(4711003)")
        with Connection.connect(database_url, autocommit=True) as other:
            assert not gap_watch.look(other, datetime.now(UTC))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sets(st.integers(1, 30)), st.integers(0, 35))
def test_sql_and_python_agree(connection: Db, settled: set[int], given_out: int) -> None:
    written = "{" + ",".join(f"[{number},{number}]" for number in settled) + "}"
    row = connection.execute(
        "select missing_numbers(%(s)s::int8multirange) "
        "+ waiting_numbers(%(s)s::int8multirange, %(top)s)",
        {"s": written, "top": given_out},
    ).fetchone()
    assert row is not None
    runs = gaps.missing([(number, number) for number in settled], given_out)
    assert [(run.lower, run.upper - 1) for run in row[0]] == runs
