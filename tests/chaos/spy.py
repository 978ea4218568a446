"""Watches receipts, and looks at once whether what each promises is committed.

Touches broker and database, each by a way of its own that no fault lies on: a client of the
broker itself and a connection to the server's socket. A receipt that comes while PostgreSQL is
down is looked at as soon as it is back, which asks for more: what was receipted must have
survived.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from telekol import topics
from telekol.wire import Receipt, decode_observations, decode_receipt

ALL_RECEIPTS: Final = f"{topics.ROOT}/+/{topics.RECEIPTS}"

_SETTLED: Final = """
select o.settled @> int8range(%(first)s, %(last)s, '[]')
    and (%(through)s = 0 or o.settled @> int8range(1, %(through)s, '[]'))
from outbox o where o.gateway_id = %(gateway)s and o.boot = %(boot)s
"""

_STORED: Final = """
select not exists (
    select from unnest(%(readings)s::uuid[]) as wanted (id)
    where not exists (select from observation o where o.reading_id = wanted.id))
"""

Numbers = tuple[str, UUID]
"""A gateway and the life of its outbox."""


@dataclass(slots=True)
class Seen:
    """What the spy has seen."""

    receipts: int = 0
    before_commit: list[str] = field(default_factory=list)


def is_committed(
    connection: psycopg.Connection[Any], receipt: Receipt, readings: Iterable[UUID]
) -> bool:
    """Say whether everything that a receipt promises is in the database now.

    Parameters
    ----------
    readings
        What the receipt's run carried, as far as the spy has seen it itself.
    """
    values = receipt.model_dump(include={"gateway", "boot", "first", "last", "through"})
    settled = connection.execute(_SETTLED, values).fetchone()
    stored = connection.execute(_STORED, {"readings": list(readings)}).fetchone()
    return bool(settled and settled[0] and stored and stored[0])


class Carried:
    """Which reading had which number, from the messages themselves."""

    def __init__(self) -> None:
        self._ids: dict[Numbers, dict[int, UUID]] = defaultdict(dict)

    def note(self, topic: str, payload: bytes) -> None:
        message = decode_observations(topic, payload)
        known = self._ids[message.gateway, message.boot]
        known |= {seq: item.id for seq, item in message.observations}

    def of(self, receipt: Receipt) -> list[UUID]:
        """Give the readings that a receipt's run carried and that it did not refuse."""
        known = self._ids[receipt.gateway, receipt.boot]
        refused = {item.seq for item in receipt.refused}
        numbers = range(receipt.first, receipt.last + 1)
        return [known[seq] for seq in numbers if seq in known and seq not in refused]


class ReceiptSpy:
    """Listens until closed.

    Parameters
    ----------
    broker_port
        Of the broker itself; it may die and come back.
    database_url
        Of the server's own socket.
    """

    def __init__(self, broker_port: int, database_url: str) -> None:
        self.seen = Seen()
        self._url = database_url
        self._listening = threading.Event()
        self._carried = Carried()
        self._arrived: queue.Queue[tuple[str, bytes] | None] = queue.Queue()
        self._connection: psycopg.Connection[Any] | None = None
        self._worker = threading.Thread(target=self._work, name="receipt-spy", daemon=True)
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id="receipt-spy",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        wanted = [(ALL_RECEIPTS, 1), (topics.ALL_OBSERVATIONS, 1)]
        self._client.on_connect = lambda client, *_: client.subscribe(wanted)
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_message = lambda _client, _data, found: self._arrived.put(
            (found.topic, bytes(found.payload))
        )
        self._client.connect_async("127.0.0.1", broker_port, clean_start=True)

    def start(self) -> None:
        self._worker.start()
        self._client.loop_start()

    def is_listening(self) -> bool:
        """Whether the broker has taken the subscription once."""
        return self._listening.is_set()

    def close(self) -> None:
        """Stop when every receipt that came has been looked at."""
        self._client.disconnect()
        self._client.loop_stop()
        self._arrived.put(None)
        self._worker.join(60)
        if self._worker.is_alive():
            raise AssertionError("the spy could not look at every receipt within a minute")
        if self._connection is not None:
            self._connection.close()

    def _work(self) -> None:
        while (arrived := self._arrived.get()) is not None:
            topic, payload = arrived
            if topics.channel_of(topic) == topics.OBSERVATIONS:
                self._carried.note(topic, payload)
            else:
                self._look(decode_receipt(payload))

    def _look(self, receipt: Receipt) -> None:
        self.seen.receipts += 1
        if not self._is_committed(receipt):
            self.seen.before_commit.append(
                f"{receipt.gateway} {receipt.boot} {receipt.first}-{receipt.last} "
                f"through {receipt.through}"
            )

    def _is_committed(self, receipt: Receipt) -> bool:
        while True:
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(
                        self._url, autocommit=True, connect_timeout=2
                    )
                return is_committed(self._connection, receipt, self._carried.of(receipt))
            except psycopg.OperationalError:
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                threading.Event().wait(0.05)
