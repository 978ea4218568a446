"""The thread that stores: commit, acknowledge, answer, in this order. Touches threads.

While one batch is with the database, the main thread decodes the next: the database waits
without Python's lock. One batch waits at the most, so what is in memory stays within the window.

Invariants
----------
1. Batches are stored and acknowledged in the order they were handed over.
2. Nothing is acknowledged or answered before its commit; stopped before it, neither is done.
3. An error nobody foresaw ends the thread, and `check` raises it in the main thread: the
   process ends and what is unacknowledged comes again.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingest.database import Database
from ingest.health import News
from ingest.parcel import Parcel
from ingest.subscriber import Arrival, Subscriber
from telekol import topics, wire
from telekol.errors import TelekolError, WireError
from telekol.process import StopSignal
from telekol.wire import Receipt

log = logging.getLogger(__name__)

STUCK_S: Final = 240.0
"""How long one try to store may take before the process counts as stuck: twice what the server
gives a statement, so that this speaks only when the server's own limit did not."""

LATE_S: Final = 30.0
"""From when on a batch that is not stored yet stops the heartbeat."""

_LOOK_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that were taken together, sorted."""

    arrivals: Sequence[Arrival]
    parcels: Sequence[Parcel]
    news: Sequence[News]
    arrived_at: datetime


class Storer:
    """Stores batches in a thread of its own.

    Parameters
    ----------
    stuck_s, late_s
        See `STUCK_S` and `LATE_S`.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        database: Database,
        stop: StopSignal,
        *,
        stuck_s: float = STUCK_S,
        late_s: float = LATE_S,
    ) -> None:
        self._stuck_s = stuck_s
        self._late_s = late_s
        self._subscriber = subscriber
        self._database = database
        self._stop = stop
        self._batches: queue.Queue[Batch] = queue.Queue(maxsize=1)
        self._busy_since_s: float | None = None
        self._error: BaseException | None = None
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="storing", daemon=True)

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def hand_over(self, batch: Batch) -> None:
        """Give a batch to store; waits while another is waiting. Asked to stop, it is dropped."""
        while not self._stop.is_set():
            self.check()
            try:
                self._batches.put(batch, timeout=_LOOK_S)
            except queue.Full:
                continue
            return

    def check(self) -> None:
        """See that it gets on.

        Raises
        ------
        TelekolError
            If a call to the database has hung; the process must be started again.
        BaseException
            Whatever ended the thread.
        """
        if self._error is not None:
            raise self._error
        busy_since_s = self._busy_since_s
        if busy_since_s is None:
            return
        hung_s = time.monotonic() - max(busy_since_s, self._database.ticked_s)
        if hung_s > self._stuck_s:
            raise TelekolError(
                f"a call to the database has hung for {hung_s:.0f} s; ingest must be started again"
            )

    def is_prompt(self) -> bool:
        """Say whether nothing has been waiting long to be stored."""
        busy_since_s = self._busy_since_s
        return busy_since_s is None or time.monotonic() - busy_since_s < self._late_s

    def finish(self) -> None:
        """Store what was handed over, unless asked to stop, and end."""
        self._is_ended = True
        self._thread.join(self._stuck_s)

    def _run(self) -> None:
        try:
            while True:
                try:
                    batch = self._batches.get(timeout=_LOOK_S)
                except queue.Empty:
                    if self._is_ended or self._stop.is_set():
                        return
                    continue
                self._busy_since_s = time.monotonic()
                self._settle(batch)
                self._busy_since_s = None
        except BaseException as error:  # noqa: BLE001 - raised again by `check`
            self._error = error
        finally:
            self._database.close()

    def _settle(self, batch: Batch) -> None:
        outcome = self._database.store(batch.parcels, batch.news, batch.arrived_at, self._stop)
        if outcome is None:
            return
        self._subscriber.acknowledge(batch.arrivals)
        self._subscriber.answer(
            (topics.receipts(receipt.gateway), encoded(receipt))
            for receipt in outcome.receipts
            if receipt is not None
        )
        self._database.end_turns()
        log.info(
            "messages %d, new readings %d, unattributed %d, quarantined %d",
            len(batch.arrivals),
            outcome.stored,
            outcome.unattributed,
            outcome.quarantined,
        )


def encoded(receipt: Receipt) -> bytes:
    """Write a receipt; one that would be too large keeps its codes and loses its reasons."""
    try:
        return wire.encode(receipt)
    except WireError:
        log.warning("a receipt for %s is too large for its reasons", receipt.gateway)
        bare = tuple(refusal.model_copy(update={"reason": ""}) for refusal in receipt.refused)
        return wire.encode(receipt.model_copy(update={"refused": bare}))
