"""The ingest process, as it runs in production, against a broker and a database that fail."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from psycopg import Connection
from psycopg.rows import TupleRow

from telekol import topics
from telekol.wire import Receipt, decode_receipt
from tests.support.house import add_home
from tests.support.messages import message, observation
from tests.support.processes import Broker, Process, telekol, wait_until
from tests.support.proxy import Proxy

Db = Connection[TupleRow]


class Home:
    """A gateway's side of the wire: sends messages, collects receipts."""

    def __init__(self, port: int) -> None:
        self.receipts: queue.Queue[Receipt] = queue.Queue()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id="gw-test-1", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe(
            topics.receipts("gw-test-1"), qos=1
        )
        self._client.connect("127.0.0.1", port, clean_start=False)
        self._client.loop_start()
        wait_until(self._client.is_connected, "the test's gateway to connect")

    def send(self, payload: bytes, topic: str = topics.observations("gw-test-1")) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def receipt(self, timeout_s: float = 20) -> Receipt:
        return self.receipts.get(timeout=timeout_s)

    def hear_through(self, seq: int) -> None:
        """Wait for a receipt up to `seq`; earlier ones may be repeated after a cut."""
        while self.receipt().through < seq:
            pass

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Any, _userdata: Any, received: Any) -> None:
        self.receipts.put(decode_receipt(received.payload))


@pytest.fixture
def home(broker: Broker, connection: Db) -> Iterator[Home]:
    add_home(connection)
    gateway = Home(broker.port)
    yield gateway
    gateway.close()


def _ingest(tmp_path: Path, broker_port: int, database_url: str) -> Process:
    return telekol(
        tmp_path,
        "ingest",
        TELEKOL_BROKER_URL=f"mqtt://127.0.0.1:{broker_port}",
        TELEKOL_DATABASE_URL=database_url,
    )


def _through(proxy: Proxy, name: str) -> str:
    return f"postgresql://postgres@{quote('127.0.0.1')}:{proxy.port}/{name}"


def _stored(connection: Db) -> set[UUID]:
    return {row[0] for row in connection.execute("select reading_id from observation")}


def test_stored_then_receipted(
    tmp_path: Path, broker: Broker, database_url: str, connection: Db, home: Home
) -> None:
    with _ingest(tmp_path, broker.port, database_url) as process:
        wait_until(lambda: "receiving from all" in process.output(), "ingest to subscribe")
        reading = observation()
        home.send(message(reading, boot=uuid4()))
        assert home.receipt().through == 1
        assert _stored(connection) == {reading.id}
        assert process.stop() == 0


def test_what_cannot_be_read_is_kept_and_stops_nothing(
    tmp_path: Path, broker: Broker, database_url: str, connection: Db, home: Home
) -> None:
    with _ingest(tmp_path, broker.port, database_url) as process:
        wait_until(lambda: "receiving from all" in process.output(), "ingest to subscribe")
        for payload in (b"", b"not json", b"\xff" * 100, b'{"v": 9}'):
            home.send(payload)
        home.send(message(observation()), topic=topics.observations("gw-other-7"))
        reading = observation()
        home.send(message(reading))
        assert home.receipt().through == 1
        codes = connection.execute("select code from quarantine order by id").fetchall()
        assert [code for (code,) in codes] == [
            "not-json",
            "not-json",
            "not-json",
            "wrong-version",
            "topic-mismatch",
        ]
        assert _stored(connection) == {reading.id}
        assert process.returncode is None


def test_what_was_sent_while_ingest_was_killed_arrives_when_it_is_back(
    tmp_path: Path, broker: Broker, database_url: str, connection: Db, home: Home
) -> None:
    process = _ingest(tmp_path, broker.port, database_url)
    with process:
        wait_until(lambda: "receiving from all" in process.output(), "ingest to subscribe")
        process.kill()
    readings = [observation() for _ in range(30)]
    boot = uuid4()
    for seq, reading in enumerate(readings, start=1):
        home.send(message(reading, boot=boot, seq=seq))
    with process:
        home.hear_through(30)
    assert _stored(connection) == {reading.id for reading in readings}


def test_database_away_at_start_and_in_the_middle_loses_nothing(
    tmp_path: Path,
    broker: Broker,
    database_name: str,
    database_proxy: Proxy,
    connection: Db,
    home: Home,
) -> None:
    database_proxy.cut()
    with _ingest(tmp_path, broker.port, _through(database_proxy, database_name)) as process:
        readings = [observation() for _ in range(3)]
        boot = uuid4()
        wait_until(lambda: "receiving from all" in process.output(), "ingest to subscribe")
        home.send(message(readings[0], boot=boot, seq=1))
        wait_until(lambda: "holding 1 messages" in process.output(), "ingest to hold")
        assert home.receipts.empty()
        database_proxy.mend()
        assert home.receipt().through == 1

        database_proxy.cut()
        home.send(message(readings[1], boot=boot, seq=2))
        home.send(message(readings[2], boot=boot, seq=3))
        database_proxy.mend()
        home.hear_through(3)
        assert _stored(connection) == {reading.id for reading in readings}
        assert process.returncode is None


def test_broker_away_at_start_and_in_the_middle_loses_nothing(
    tmp_path: Path,
    broker: Broker,
    broker_proxy: Proxy,
    database_url: str,
    connection: Db,
    home: Home,
) -> None:
    broker_proxy.cut()
    with _ingest(tmp_path, broker_proxy.port, database_url) as process:
        readings = [observation() for _ in range(2)]
        broker_proxy.mend()
        wait_until(lambda: "receiving from all" in process.output(), "ingest to subscribe")
        boot = uuid4()
        home.send(message(readings[0], boot=boot, seq=1))
        assert home.receipt().through == 1
        broker_proxy.cut()
        home.send(message(readings[1], boot=boot, seq=2))
        wait_until(lambda: "broker away" in process.output(), "ingest to notice")
        broker_proxy.mend()
        home.hear_through(2)
        assert _stored(connection) == {reading.id for reading in readings}
        assert process.returncode is None


def test_a_wrong_setting_is_answered_by_name(tmp_path: Path) -> None:
    process = telekol(
        tmp_path, "ingest", TELEKOL_BROKER_URL="http://somewhere", TELEKOL_DATABASE_URL="x"
    )
    with process:
        assert process.wait() == 2
    output = " ".join(process.output().split())
    assert "TELEKOL_BROKER_URL is wrong" in output
    assert "expected mqtts://HOST:PORT" in output
