"""A home that lies, is broken or is somebody else's: it harms itself at most, and never the others.

Every attack is followed by the same questions: is the honest home's reading stored, can operators
and the technical channel still look, does the round that asks homes still go.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine, trends
from ingest import gap_watch, health, health_writer, parcel, replay, writer
from ingest.asking_desk import AskingDesk
from ingest.health import News
from telekol import topics
from tests.support.databases import as_service
from tests.support.house import Home, add_home, set_limits
from tests.support.messages import message, observation, sort

Db = Connection[TupleRow]
HOSTILE, HONEST = "gw-hostile", "gw-honest"
TOPIC = topics.observations(HOSTILE)
BOOT = uuid4()


@pytest.fixture
def homes(connection: Db) -> tuple[Home, Home]:
    """The hostile one and the honest one; limits, so that a reading is judged."""
    made = add_home(connection, HOSTILE), add_home(connection, HONEST, "Bodil Prøvesen")
    for home in made:
        set_limits(connection, home.patient_id, "spo2", red_low=88)
    return made


@pytest.fixture
def ingest(database_url: str) -> Any:
    """Ingest's own connection: with the rights of its role, as in production."""
    with psycopg.connect(as_service(database_url, "ingest"), autocommit=True) as connected:
        yield connected


def _message(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(message(observation(), gateway=HOSTILE, boot=BOOT))
    return document | changes


def _with(**changes: Any) -> dict[str, Any]:
    """A message whose one observation is changed."""
    document = _message()
    document["observations"][0] |= changes
    return document


def _abandoned(*runs: list[int]) -> dict[str, Any]:
    said = {"boot": str(BOOT), "reason": "outbox-full", "runs": list(runs)}
    return _message(seq=50, abandoned=[said])


_MOST = 2**53
ATTACKS: dict[str, Callable[[], bytes | dict[str, Any]]] = {
    "no bytes": lambda: b"",
    "bytes that are no text": lambda: bytes(range(256)),
    "a NUL byte": lambda: b'{"v": 1\x00}',
    "far too much": lambda: b"[" + b"1," * 200_000 + b"1]",
    "brackets without end": lambda: b"[" * 100_000,
    "deep objects in an observation": lambda: (
        json.dumps(_message()).encode()[:-2] + b", " + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"]}"
    ),
    "half of a pair of surrogates": lambda: b'{"v": 1, "gateway": "\\ud800", "boot": "x"}',
    "the same key twice": lambda: json.dumps(_message()).encode()[:-1] + b', "seq": 7}',
    "a number with 400 digits": lambda: (
        json.dumps(_message()).replace('"seq": 1', '"seq": 1' + "0" * 400).encode()
    ),
    "another home's name": lambda: _message(gateway=HONEST),
    "the highest number": lambda: _message(seq=_MOST),
    "a number above it": lambda: _message(seq=_MOST + 1),
    "a number below nought": lambda: _message(seq=-1),
    "a fraction of a number": lambda: _message(seq=1.5),
    "no boot": lambda: _message(boot="not-one"),
    "the first year": lambda: _with(measured_at="0001-01-01T00:00:00+14:00"),
    "the last year": lambda: _with(measured_at="9999-12-31T23:59:59.999999-12:00"),
    "received in the last year": lambda: _with(received_at="9999-12-31T23:59:59.999999Z"),
    "a device of the first year": lambda: _with(device_time="0001-01-01T00:00:00"),
    "a device of the last year": lambda: _with(device_time="9999-12-31T23:59:59.999999"),
    "in a year": lambda: _with(
        measured_at=(datetime.now(UTC) + timedelta(days=365)).isoformat(),
        received_at=(datetime.now(UTC) + timedelta(days=365)).isoformat(),
    ),
    "the largest value": lambda: _with(value=1e308),
    "an infinite value": lambda: (
        json.dumps(_with(value=1)).replace('"value": 1', '"value": 1e999').encode()
    ),
    "the smallest value": lambda: _with(value=5e-324),
    "a negative nought": lambda: _with(value=-0.0),
    "words for SQL": lambda: _with(
        device={"address": "'; drop table observation; --", "serial": "%s {} $1 \\"}
    ),
    "words that turn the line": lambda: _with(device={"address": "\u202egnp.exe", "serial": "x"}),
    "numbers given up backwards": lambda: _abandoned([9, 3]),
    "numbers given up up to the highest": lambda: _abandoned([1, _MOST]),
    "the same numbers given up often": lambda: _abandoned(*[[1, 40]] * 200),
    "another life's numbers given up": lambda: _message(
        abandoned=[{"boot": str(uuid4()), "reason": "unreadable", "runs": [[1, _MOST]]}]
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_message_is_kept_or_stored_and_harms_nobody_else(
    ingest: Db, connection: Db, homes: tuple[Home, Home], database_url: str, attack: str
) -> None:
    made = ATTACKS[attack]()
    payload = made if isinstance(made, bytes) else json.dumps(made).encode()
    batch = [
        sort(topics.observations(HONEST), message(observation(84.0), gateway=HONEST)),
        sort(TOPIC, payload),
        sort(topics.observations(HONEST), message(observation(93.0), gateway=HONEST)),
    ]
    writer.store(ingest, batch)
    writer.store(ingest, [sort(TOPIC, payload)])  # and again, as it is delivered again
    _all_is_well(ingest, connection, homes, database_url)
    kept = connection.execute(
        "select (select count(*) from quarantine) + (select count(*) from observation o "
        "join outbox b on b.id = o.outbox_id where b.gateway_id = %s)",
        [HOSTILE],
    ).fetchone()
    assert kept is not None
    assert kept[0] >= 1, "it is nowhere: neither stored nor kept aside"


def test_a_reading_that_we_never_know_again_is_kept_aside_and_stops_nobody(
    ingest: Db,
    connection: Db,
    homes: tuple[Home, Home],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As once the reading of a device that said 2400: its key was there and never found."""
    known = message(observation(), gateway=HOSTILE, boot=BOOT)
    writer.store(ingest, [sort(TOPIC, known)])

    def blind(_connection: Db, parts: Any) -> Any:
        return writer._News(parts)

    monkeypatch.setattr(writer, "_look_up", blind)
    honest = [message(observation(value), gateway=HONEST) for value in (84.0, 93.0)]
    up = topics.observations(HONEST)
    outcome = writer.store(ingest, [sort(up, honest[0]), sort(TOPIC, known), sort(up, honest[1])])
    assert (outcome.stored, outcome.quarantined) == (2, 1)
    assert all(receipt is not None for receipt in outcome.receipts)
    monkeypatch.undo()
    _all_is_well(ingest, connection, homes, database_url)


HEALTH: dict[str, dict[str, Any]] = {
    "the highest number": {"outbox": {"depth": 0, "size_bytes": 0, "last_seq": _MOST}},
    "more than there is": {"outbox": {"depth": _MOST, "size_bytes": _MOST, "last_seq": 1}},
    "a number above the highest": {"outbox": {"depth": 0, "size_bytes": 0, "last_seq": 2**63}},
    "the last year": {
        "troubles": [{"code": "disk-full", "since": "9999-12-31T23:59:59.999999Z", "detail": "x"}]
    },
    "the first year": {
        "troubles": [{"code": "disk-full", "since": "0001-01-01T00:00:00Z", "detail": "x"}]
    },
    "no words": {"troubles": [{"code": "x\x00", "since": "2026-01-01T00:00:00Z"}]},
    "another home's name": {"gateway": HONEST},
}


@pytest.mark.parametrize("attack", HEALTH)
def test_hostile_health_is_kept_and_harms_nobody_else(
    ingest: Db, connection: Db, homes: tuple[Home, Home], database_url: str, attack: str
) -> None:
    said = {
        "v": 1,
        "gateway": HOSTILE,
        "boot": str(BOOT),
        "sent_at": datetime.now(UTC).isoformat(),
        "online": True,
        "connection": {"life": str(uuid4()), "number": _MOST, "report": _MOST},
    } | HEALTH[attack]
    writer.store(ingest, [sort(TOPIC, json.dumps(_message()).encode())])
    sorted_one = health.sort(topics.health(HOSTILE), json.dumps(said).encode())
    if isinstance(sorted_one, News):
        for refused in health_writer.store(ingest, [sorted_one], datetime.now(UTC)):
            writer.store(ingest, [refused])
    else:
        assert isinstance(sorted_one, parcel.Parcel)
        writer.store(ingest, [sorted_one])
    honest = [message(observation(value), gateway=HONEST) for value in (84.0, 93.0)]
    writer.store(ingest, [sort(topics.observations(HONEST), payload) for payload in honest])
    _all_is_well(ingest, connection, homes, database_url)


def _all_is_well(ingest: Db, connection: Db, homes: tuple[Home, Home], database_url: str) -> None:
    now = datetime.now(UTC)
    for number in replay.waiting(ingest, None, None, None):
        assert replay.retry(ingest, number, "drift") is not None
    assert gap_watch.look(ingest, now)
    desk = AskingDesk(as_service(database_url, "ingest"), lambda _topic, _payload: None, 0)
    for minutes in (0, 5, 20):
        desk.look(now + timedelta(minutes=minutes))
    desk.close()
    for view in ("gateway_gap", "technical_trouble", "gap_reason", "quarantine_open"):
        connection.execute(f"select * from {view}".encode()).fetchall()
    with psycopg.connect(as_service(database_url, "alerts"), autocommit=True) as alerts:
        while engine.run_round(alerts) or trends.refresh(alerts):
            pass
    honest = homes[1].patient_id
    rows = connection.execute(
        "select value from observation where patient_id = %s order by value", [honest]
    ).fetchall()
    assert rows == [(84.0,), (93.0,)]
    severity = "select severity from triage_case where patient_id = %s and channel = 'clinical'"
    assert connection.execute(severity.encode(), [honest]).fetchall() == [("red",)]
