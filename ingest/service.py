"""The ingest process: take a batch, store it, acknowledge it, answer. Touches clock and process.

The order is the promise: the database commits, then the broker is acknowledged, then the
gateway hears. With the database away, messages are held and nothing is acknowledged; the
broker keeps what does not fit into the window.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import Connection

from ingest import gap_watch, health, health_writer, parcel, writer
from ingest.health import News
from ingest.parcel import Parcel
from ingest.settings import IngestSettings
from ingest.subscriber import Arrival, Subscriber
from ingest.writer import Outcome
from telekol import topics, wire
from telekol.backoff import delay_s
from telekol.errors import TelekolError, WireError
from telekol.heartbeat import Heartbeat
from telekol.process import StopSignal
from telekol.wire import Receipt

log = logging.getLogger(__name__)

MESSAGES_PER_BATCH: Final = 200
FIRST_WAIT_S: Final = 0.25
"""How long one look for messages takes, and so how promptly the service stops."""

GATHER_S: Final = 0.01
"""How long a message waits for company: a tenth of what a person notices."""


def run(settings: IngestSettings, stop: StopSignal) -> None:
    """Store what homes send until asked to stop.

    Raises
    ------
    TelekolError
        If the network thread has died; the process must be started again.
    """
    subscriber = Subscriber(settings)
    database = Database(settings)
    heartbeat = Heartbeat(settings.heartbeat_file)
    subscriber.start()
    try:
        while not stop.is_set():
            if not subscriber.is_alive():
                raise TelekolError("the MQTT thread has ended; ingest must be started again")
            arrivals = subscriber.take(MESSAGES_PER_BATCH, FIRST_WAIT_S, GATHER_S)
            if arrivals:
                settle(subscriber, database, arrivals, stop)
            if subscriber.is_receiving():
                heartbeat.beat()
            database.look_for_gaps()
    finally:
        subscriber.stop()
        database.close()


def settle(
    subscriber: Subscriber, database: Database, arrivals: Sequence[Arrival], stop: StopSignal
) -> None:
    """Store, acknowledge, answer: in this order. Stopped half-way, nothing is acknowledged."""
    now = datetime.now(UTC)
    sorted_ones = [_sorted(arrival, now) for arrival in arrivals]
    parcels = [one for one in sorted_ones if isinstance(one, Parcel)]
    news = [one for one in sorted_ones if isinstance(one, News)]
    outcome = database.store(parcels, news, now, stop)
    if outcome is None:
        return
    subscriber.acknowledge(arrivals)
    for receipt in outcome.receipts:
        if receipt is not None:
            subscriber.send(topics.receipts(receipt.gateway), encoded(receipt))
    log.info(
        "messages %d, new readings %d, unattributed %d, quarantined %d",
        len(arrivals),
        outcome.stored,
        outcome.unattributed,
        outcome.quarantined,
    )


def _sorted(arrival: Arrival, now: datetime) -> Parcel | News:
    if health.is_ours(arrival.topic):
        return health.sort(arrival.topic, arrival.payload)
    return parcel.sort(arrival.topic, arrival.payload, now)


def encoded(receipt: Receipt) -> bytes:
    """Write a receipt; one that would be too large keeps its codes and loses its reasons."""
    try:
        return wire.encode(receipt)
    except WireError:
        log.warning("a receipt for %s is too large for its reasons", receipt.gateway)
        bare = tuple(refusal.model_copy(update={"reason": ""}) for refusal in receipt.refused)
        return wire.encode(receipt.model_copy(update={"refused": bare}))


class Database:
    """A connection that is made again for as long as it takes."""

    def __init__(self, settings: IngestSettings) -> None:
        self._url = settings.database_url.get_secret_value()
        self._connection: Connection[Any] | None = None
        self._look_at_s = time.monotonic() + gap_watch.LOOK_EVERY_S

    def store(
        self, parcels: Sequence[Parcel], news: Sequence[News], now: datetime, stop: StopSignal
    ) -> Outcome | None:
        """Store a batch, trying until it is committed; None if asked to stop before that."""
        failures = 0
        while not stop.is_set():
            try:
                refused = health_writer.store(self._open(), news, now)
                return writer.store(self._open(), [*parcels, *refused])
            except psycopg.Error as error:
                failures += 1
                self.close()
                wait_s = delay_s(failures, random.random(), most_s=10)  # noqa: S311 - jitter
                log.warning(
                    "database away or not ready; holding %d messages, trying again in %.1f s: %s",
                    len(parcels) + len(news),
                    wait_s,
                    str(error).strip(),
                )
                stop.wait(wait_s)
        return None

    def look_for_gaps(self) -> None:
        """Note since when numbers are missing, once a minute; the readings go first."""
        if time.monotonic() < self._look_at_s:
            return
        self._look_at_s = time.monotonic() + gap_watch.LOOK_EVERY_S
        try:
            gap_watch.look(self._open(), datetime.now(UTC))
        except psycopg.Error as error:
            self.close()
            log.warning("gaps could not be looked at: %s", str(error).strip())

    def close(self) -> None:
        """Drop the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url, autocommit=True, application_name="telekol-ingest", connect_timeout=5
            )
        return self._connection
