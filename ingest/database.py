"""A connection that is made again for as long as it takes. Touches PostgreSQL and the clock.

Owns the connection, its time limits and the back-off. It knows no broker, and of a batch only
how many messages it holds.

Invariants
----------
1. `store` returns what was committed, or None when asked to stop; it never gives up by itself.
2. No call lasts for ever: the server ends a statement, the kernel ends a line that is dead, and
   what still hangs shows in `ticked_s`.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import Connection

from ingest import devices, health_writer, outboxes, writer
from ingest.health import News
from ingest.line import open_line
from ingest.parcel import Parcel
from ingest.settings import IngestSettings
from ingest.writer import Outcome
from telekol.backoff import delay_s
from telekol.process import StopSignal

log = logging.getLogger(__name__)

STATEMENT_LIMIT_S: Final = 120
"""The largest batch takes a second; a minute goes to a server that has much else to do, and
another to a migration that holds a table."""

_LINE_LIMIT_S: Final = 30
"""How long the other side may be silent about what we sent before the line counts as dead."""


class Database:
    """Where batches are stored.

    Parameters
    ----------
    settings
        With a share group, the receipts of a gateway keep their order among several workers:
        `store` then holds the turn of every gateway in the batch until `end_turns`.
    statement_limit_s
        See `STATEMENT_LIMIT_S`.
    """

    def __init__(
        self, settings: IngestSettings, *, statement_limit_s: float = STATEMENT_LIMIT_S
    ) -> None:
        self._statement_limit_ms = round(statement_limit_s * 1000)
        self._url = settings.database_url.get_secret_value()
        self._takes_turns = settings.ingest_share is not None
        self._connection: Connection[Any] | None = None
        self._devices: devices.Cache = {}
        self.ticked_s = time.monotonic()

    def store(
        self, parcels: Sequence[Parcel], news: Sequence[News], now: datetime, stop: StopSignal
    ) -> Outcome | None:
        """Store a batch, trying until it is committed; None if asked to stop before that."""
        failures = 0
        while not stop.is_set():
            self.ticked_s = time.monotonic()
            try:
                return self._store(parcels, news, now)
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

    def end_turns(self) -> None:
        """Let the next worker answer these gateways; call it when their receipts are out."""
        if self._takes_turns and self._connection is not None:
            try:
                outboxes.end_turns(self._connection)
            except psycopg.Error as error:
                # Closing ends them too, and the batch is committed: nothing to try again.
                log.warning("database away after a commit: %s", str(error).strip())
                self.close()

    def close(self) -> None:
        """Drop the connection, if there is one."""
        connection, self._connection = self._connection, None
        self._devices = {}
        if connection is not None:
            connection.close()

    def _store(self, parcels: Sequence[Parcel], news: Sequence[News], now: datetime) -> Outcome:
        connection = self._open()
        refused = health_writer.store(connection, news, now)
        if self._takes_turns:
            outboxes.take_turns(connection, [one.run for one in parcels if one.run])
        return writer.store(connection, [*parcels, *refused], self._devices)

    def _open(self) -> Connection[Any]:
        if self._connection is None:
            connection = open_line(self._url, "telekol-ingest")
            self._connection = connection
            self._set(connection, "statement_timeout", self._statement_limit_ms)
            # A worker that is cut off between two statements must not hold its homes' outboxes
            # longer.
            self._set(connection, "idle_in_transaction_session_timeout", _LINE_LIMIT_S * 1000)
        return self._connection

    @staticmethod
    def _set(connection: Connection[Any], name: str, milliseconds: int) -> None:
        connection.execute("select set_config(%s, %s, false)", [name, str(milliseconds)])
