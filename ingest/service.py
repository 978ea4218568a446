"""The ingest process: take a batch, sort it, hand it to who stores. Touches clock and process.

The order is the promise: the database commits, then the broker is acknowledged, then the
gateway hears (`ingest.storing`). With the database away, messages are held and nothing is
acknowledged; the broker keeps what does not fit into the window.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from ingest import health, parcel
from ingest.database import Database
from ingest.health import News
from ingest.parcel import Parcel
from ingest.rounds import Rounds
from ingest.settings import IngestSettings
from ingest.storing import Batch, Storer
from ingest.subscriber import Arrival, Subscriber
from telekol.errors import TelekolError
from telekol.heartbeat import Heartbeat
from telekol.process import StopSignal

MESSAGES_PER_BATCH: Final = 500
"""Half of the window, so that the next half arrives meanwhile. Live messages are small, and a
commit costs about the same for few as for many."""

BYTES_PER_BATCH: Final = 10_000_000
"""About 20,000 readings of a backlog: a fifth of a second of work on the machine of
benchmarks/README.md."""

FIRST_WAIT_S: Final = 0.25
"""How long one look for messages takes, and so how promptly the service stops."""

GATHER_S: Final = 0.01
"""How long a message waits for company: a tenth of what a person notices."""

_COLLECT_AFTER: Final = 100_000
"""New objects between two runs of the cyclic collector. A batch holds tens of thousands that it
would look through in vain, for they make no cycles."""

_SWITCH_S: Final = 0.0005
"""After how long a thread that computes lets another on. At Python's 5 ms the storing thread
waits for the decoding one at each of its calls to the database."""


def run(settings: IngestSettings, stop: StopSignal) -> None:
    """Store what homes send until asked to stop.

    Raises
    ------
    TelekolError
        If a thread has died or hangs; the process must be started again.
    """
    make_room()
    subscriber = Subscriber(settings)
    storer = Storer(subscriber, Database(settings), stop)
    heartbeat = Heartbeat(settings.heartbeat_file)
    storer.start()
    subscriber.start()
    Rounds(settings, subscriber, stop).start()
    while not stop.is_set():
        if not subscriber.is_alive():
            raise TelekolError("the MQTT thread has ended or hangs; ingest must be started again")
        storer.check()
        arrivals = subscriber.take(MESSAGES_PER_BATCH, BYTES_PER_BATCH, FIRST_WAIT_S, GATHER_S)
        if arrivals:
            storer.hand_over(sort(arrivals, datetime.now(UTC)))
        if subscriber.is_receiving() and storer.is_prompt():
            heartbeat.beat()
    # Only on this road: a thread that hangs would keep who waits for it from ending.
    storer.finish()
    subscriber.stop()


def make_room() -> None:
    """Set Python up for large batches and two busy threads."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
    sys.setswitchinterval(_SWITCH_S)


def sort(arrivals: Sequence[Arrival], now: datetime) -> Batch:
    """Sort messages that arrived together."""
    sorted_ones = [_sorted(arrival, now) for arrival in arrivals]
    parcels = [one for one in sorted_ones if isinstance(one, Parcel)]
    news = [one for one in sorted_ones if isinstance(one, News)]
    return Batch(arrivals, parcels, news, now)


def _sorted(arrival: Arrival, now: datetime) -> Parcel | News:
    if health.is_ours(arrival.topic):
        return health.sort(arrival.topic, arrival.payload)
    return parcel.sort(arrival.topic, arrival.payload, now)
