"""What homes say of themselves, in the database: the newest wins, troubles begin and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from ingest import health, health_writer, writer
from ingest.health import Known, News, is_newer
from ingest.parcel import Parcel
from telekol import topics
from telekol.health import ConnectionCount, HealthMessage, Trouble, encode_health
from telekol.instructions import Acknowledgement, AcknowledgementState, encode_acknowledgement
from tests.support.house import add_home

Db = Connection[TupleRow]
NOW = datetime(2026, 3, 14, 8, 30, tzinfo=UTC)
GATEWAY = "gw-test-1"
LIFE, OTHER_LIFE = UUID(int=1), UUID(int=2)


def said(
    number: int = 1, report: int = 1, *, online: bool = True, life: UUID = LIFE, **more: Any
) -> HealthMessage:
    count = ConnectionCount(life=life, number=number, report=report if online else 0)
    return HealthMessage(v=1, gateway=GATEWAY, sent_at=NOW, online=online, connection=count, **more)


def trouble(code: str, device: str | None = None, since: datetime = NOW) -> Trouble:
    return Trouble(code=code, device=device, since=since, detail="why")


def store(db: Db, *messages: HealthMessage, after_s: float = 0) -> None:
    news = []
    for message in messages:
        item = health.sort(topics.health(GATEWAY), encode_health(message))
        assert isinstance(item, News)
        news.append(item)
    assert health_writer.store(db, news, NOW + timedelta(seconds=after_s)) == []


def rows(db: Db, query: str) -> list[TupleRow]:
    return db.execute(query.encode()).fetchall()


PRESENCE = "select online, extract(epoch from changed_at)::int from gateway_presence order by id"
WRONG_NOW = "select code, device, since from technical_trouble order by code, device"


@pytest.mark.parametrize(
    ("message", "known", "newer"),
    [
        (said(1, 1), None, True),
        (said(1, online=False), None, True),
        (said(1, 2), Known(LIFE, 1, 1, True), True),
        (said(1, 1), Known(LIFE, 1, 1, True), False),
        (said(1, online=False), Known(LIFE, 1, 9, True), True),
        (said(1, online=False), Known(LIFE, 1, 0, False), False),
        (said(1, 10), Known(LIFE, 1, 0, False), False),
        (said(1, online=False), Known(LIFE, 2, 1, True), False),
        (said(2, online=False), Known(LIFE, 1, 9, True), True),
        (said(2, 1), Known(LIFE, 1, 0, False), True),
        (said(1, 1, life=OTHER_LIFE), Known(LIFE, 7, 1, True), True),
        (said(9, online=False, life=OTHER_LIFE), Known(LIFE, 7, 1, True), False),
    ],
)
def test_which_of_two_is_newer(message: HealthMessage, known: Known | None, newer: bool) -> None:
    assert is_newer(message, known) is newer


@given(st.permutations([(1, 1), (1, 2), (1, None), (2, 1), (2, 2), (3, 1), (3, None)]))
def test_in_any_order_the_end_is_the_same(order: list[tuple[int, int | None]]) -> None:
    known = None
    for number, report in order:
        message = said(number, report or 0, online=report is not None)
        if is_newer(message, known):
            count = message.connection
            known = Known(count.life, count.number, count.report, message.online)
    assert known == Known(LIFE, 3, 0, False)


def test_a_gateway_comes_goes_and_comes_back(connection: Db) -> None:
    store(connection, said(1), after_s=0)
    store(connection, said(1, 2), after_s=10)
    store(connection, said(1, online=False), after_s=20)
    store(connection, said(2), after_s=30)
    begin = int(NOW.timestamp())
    assert rows(connection, PRESENCE) == [(True, begin), (False, begin + 20), (True, begin + 30)]
    assert rows(connection, WRONG_NOW) == []


def test_a_late_last_will_changes_nothing(connection: Db) -> None:
    store(connection, said(1), said(2), said(1, online=False))
    assert rows(connection, "select online, connection from gateway_health") == [(True, 2)]
    assert len(rows(connection, PRESENCE)) == 1


def test_offline_is_a_trouble_since_when_and_the_last_picture_stays(connection: Db) -> None:
    add_home(connection, GATEWAY)
    store(connection, said(1, version="7", troubles=(trouble("bond-lost", "C0"),)))
    store(connection, said(1, online=False), after_s=60)
    assert rows(connection, WRONG_NOW) == [
        ("bond-lost", "C0", NOW),
        ("gateway-offline", None, NOW + timedelta(seconds=60)),
    ]
    assert rows(connection, "select message ->> 'version' from gateway_health") == [("7",)]
    assert rows(connection, "select distinct kit_id from technical_trouble") == [
        (f"kit-{GATEWAY}",)
    ]


def test_troubles_begin_once_and_end(connection: Db) -> None:
    both = (trouble("bond-lost", "C0"), trouble("disk-full"), trouble("from-the-future"))
    store(connection, said(1, 1, troubles=both))
    store(connection, said(1, 2, troubles=both), after_s=60)
    store(connection, said(1, 3, troubles=both[1:2]), after_s=120)
    store(connection, said(1, 4, troubles=both[:1]), after_s=180)
    history = (
        "select code, device, extract(epoch from raised_at - '2026-03-14T08:30Z')::int, "
        "extract(epoch from cleared_at - '2026-03-14T08:30Z')::int from gateway_trouble order by id"
    )
    assert sorted(rows(connection, history), key=str) == sorted(
        [
            ("bond-lost", "C0", 0, 120),
            ("disk-full", None, 0, 180),
            ("from-the-future", None, 0, 120),
            ("bond-lost", "C0", 180, None),
        ],
        key=str,
    )


def test_a_peer_that_names_one_trouble_twice_breaks_nothing(connection: Db) -> None:
    store(connection, said(1, troubles=(trouble("disk-full"),) * 3))
    assert len(rows(connection, WRONG_NOW)) == 1


def test_a_since_that_a_wrong_clock_made_up_is_replaced(connection: Db) -> None:
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    store(connection, said(1, troubles=(trouble("disk-full", since=long_ago),)))
    assert rows(connection, WRONG_NOW) == [("disk-full", None, NOW)]


def test_what_cannot_be_read_goes_to_quarantine(connection: Db) -> None:
    bad = health.sort(topics.health(GATEWAY), b"{}")
    lying = health.sort(topics.health("gw-other-1"), encode_health(said()))
    assert isinstance(bad, Parcel)
    assert isinstance(lying, Parcel)
    writer.store(connection, [bad, lying])
    assert rows(connection, "select code from quarantine order by id") == [
        ("bad-health",),
        ("topic-mismatch",),
    ]


def test_what_the_database_refuses_goes_to_quarantine_and_its_neighbour_is_stored(
    connection: Db,
) -> None:
    connection.execute("alter table gateway_trouble add check (code <> 'cursed')")
    items = [
        News(topics.health(GATEWAY), encode_health(message), message)
        for message in (said(1, troubles=(trouble("cursed"),)), said(2, troubles=()))
    ]
    (refused,) = health_writer.store(connection, items, NOW)
    writer.store(connection, [refused])
    assert rows(connection, "select code from quarantine") == [("not-storable",)]
    assert rows(connection, "select connection from gateway_health") == [(2,)]


def test_acknowledgements_are_kept_once(connection: Db) -> None:
    instruction = uuid4()
    for state in ("received", "done", "done"):
        payload = encode_acknowledgement(
            Acknowledgement(
                v=1,
                gateway=GATEWAY,
                instruction=instruction,
                at=NOW,
                state=AcknowledgementState(state),
            )
        )
        item = health.sort(topics.acknowledgements(GATEWAY), payload)
        assert isinstance(item, News)
        health_writer.store(connection, [item], NOW)
    found = rows(connection, "select state from instruction_acknowledgement order by state")
    assert found == [("done",), ("received",)]
