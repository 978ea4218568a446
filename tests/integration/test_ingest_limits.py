"""What bounds ingest's waiting: a database that hangs, a table that is held, threads that die.

Each limit is made short here, and none is measured: a test waits until the limit has spoken.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from pydantic import SecretStr

from ingest.database import Database
from ingest.service import sort
from ingest.settings import IngestSettings
from ingest.storing import Storer
from ingest.subscriber import Arrival, Subscriber
from telekol import topics
from telekol.errors import TelekolError
from tests.integration.test_ingest_process import Home
from tests.support.house import add_home
from tests.support.messages import message, observation
from tests.support.processes import Broker, wait_until
from tests.support.proxy import Proxy

Db = Connection[TupleRow]
TOPIC = topics.observations("gw-test-1")


class Listener:
    """Notes what a storer says, in the place of the broker."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        self.said += ["acknowledged"] * len(arrivals)

    def answer(self, receipts: Any) -> None:
        self.said += ["answered" for _ in receipts]


def _settings(database_url: str, port: int = 1) -> IngestSettings:
    return IngestSettings(
        database_url=SecretStr(database_url), broker_url=f"mqtt://127.0.0.1:{port}"
    )


def _batch() -> Any:
    payload = message(observation(), boot=uuid4())
    return sort([Arrival(TOPIC, payload, 1, 1, 1)], datetime.now(UTC))


def _through(proxy: Proxy, name: str) -> str:
    return f"postgresql://postgres@{quote('127.0.0.1')}:{proxy.port}/{name}"


def _count(connection: Db) -> int:
    row = connection.execute("select count(*) from observation").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def _raises(storer: Storer) -> bool:
    try:
        storer.check()
    except TelekolError as error:
        return "has hung" in str(error)
    return False


def test_a_database_that_stops_answering_in_a_batch_is_found_and_nothing_is_acknowledged(
    database_name: str, database_proxy: Proxy, connection: Db, stop: threading.Event
) -> None:
    add_home(connection)
    listener = Listener()
    database = Database(_settings(_through(database_proxy, database_name)))
    storer = Storer(listener, database, stop, stuck_s=1.0, late_s=0.5)  # type: ignore[arg-type]  # what it uses
    storer.start()
    storer.hand_over(_batch())
    wait_until(lambda: listener.said == ["acknowledged", "answered"], "the first batch", 60)

    database_proxy.freeze()
    storer.hand_over(_batch())
    wait_until(lambda: _raises(storer), "the hung call to be found", 60)
    assert not storer.is_prompt()
    assert listener.said == ["acknowledged", "answered"]
    stop.set()
    database_proxy.cut()


def test_a_database_that_takes_lines_and_never_speaks_is_tried_again_until_it_does(
    database_name: str, database_proxy: Proxy, connection: Db, stop: threading.Event
) -> None:
    add_home(connection)
    listener = Listener()
    database_proxy.freeze()
    url = _through(database_proxy, database_name) + "?connect_timeout=2"
    storer = Storer(listener, Database(_settings(url)), stop, late_s=0.5)  # type: ignore[arg-type]  # what it uses
    storer.start()
    storer.hand_over(_batch())
    wait_until(lambda: not storer.is_prompt(), "the batch to be late", 60)
    storer.check()
    assert listener.said == []
    database_proxy.mend()
    wait_until(lambda: listener.said == ["acknowledged", "answered"], "the batch", 120)
    assert _count(connection) == 1


def test_a_statement_that_waits_too_long_is_ended_and_the_batch_tried_again(
    database_url: str,
    connection: Db,
    stop: threading.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    add_home(connection)
    listener = Listener()
    database = Database(_settings(database_url), statement_limit_s=0.5)
    storer = Storer(listener, database, stop)  # type: ignore[arg-type]  # what it uses
    with psycopg.connect(database_url) as holder:
        holder.execute("lock table observation in access exclusive mode")
        storer.start()
        storer.hand_over(_batch())
        wait_until(lambda: "statement timeout" in caplog.text, "the server's limit", 60)
        assert listener.said == []
        storer.check()
    wait_until(lambda: listener.said == ["acknowledged", "answered"], "the batch", 120)
    assert _count(connection) == 1


def test_a_storing_thread_that_died_is_said_by_the_next_look_and_at_hand_over(
    database_url: str, stop: threading.Event
) -> None:
    class Broken(Database):
        def store(self, *_: Any) -> Any:
            raise RuntimeError("nobody foresaw this")

    listener = Listener()
    storer = Storer(listener, Broken(_settings(database_url)), stop)  # type: ignore[arg-type]  # what it uses
    storer.start()
    storer.hand_over(_batch())

    def is_dead() -> bool:
        try:
            storer.check()
        except RuntimeError:
            return True
        return False

    wait_until(is_dead, "the error to come out", 60)
    with pytest.raises(RuntimeError, match="nobody foresaw"):
        storer.hand_over(_batch())
    assert listener.said == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_where_messages_are_taken_is_seen_though_paho_says_connected(
    database_url: str, broker: Broker
) -> None:
    class Broken:
        def put(self, _: Arrival) -> None:
            raise MemoryError("no room for a message")

    subscriber = Subscriber(_settings(database_url, broker.port))
    subscriber.start()
    wait_until(subscriber.is_receiving, "the subscription", 60)
    assert subscriber.is_alive()
    subscriber._arrivals = Broken()  # type: ignore[assignment]  # the harm done here
    home = Home(broker.port)
    home.send(message(observation()))
    wait_until(lambda: not subscriber.is_alive(), "the dead thread to be seen", 60)
    assert subscriber._client.is_connected()
    home.close()
