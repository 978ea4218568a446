"""Tries quarantined messages again, after a fix. Touches PostgreSQL.

Owns what becomes of an entry. The bytes go the way of a new message, `ingest.parcel` and
`ingest.writer` (or the health of a home its own), at the time they first came.

Invariants
----------
1. An entry is never lost: it stays with its bytes, and each try is an event.
2. What is stored and the word that it is are one transaction.
3. A try that is refused changes nothing but the word that it was tried.
4. Trying again, or beside a gateway that sends again, stores nothing twice.

No receipt is sent. Where one refused the message, its numbers are settled and the gateway has
let go; they stay settled. Where none was sent, because nobody could be answered, the gateway sends
again by itself, finds its readings known, and is answered then. Numbers of a gateway that had no
kit were never settled; the replay settles them and closes their gap.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from ingest import health, health_writer, parcel, writer
from ingest.health import News
from ingest.parcel import GIVEN_UP, Parcel
from ingest.writer import Outcome
from telekol import queries
from telekol.errors import TelekolError

SQL: Final = queries.load("ingest", "quarantine.sql")

STORED: Final = "stored"
STILL_REFUSED: Final = "still-refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """A quarantined message, or the one observation of it that ``seq`` numbers."""

    id: int
    quarantined_at: datetime
    topic: str
    payload: bytes
    code: str
    reason: str
    gateway: str | None
    boot: UUID | None
    seq: int | None


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a try.

    Parameters
    ----------
    state
        `STORED` or `STILL_REFUSED`.
    detail
        Counts and codes, no values.
    """

    id: int
    state: str
    detail: str


def message_of(entry: Entry) -> bytes:
    """Give the message to try: as it came, or one around the observation that was kept of it."""
    if entry.seq is None:
        return entry.payload
    frame = {
        "v": 1,
        "gateway": entry.gateway,
        "boot": str(entry.boot),
        "seq": entry.seq,
        "sent_at": entry.quarantined_at.astimezone(UTC).isoformat(),
    }
    head = json.dumps(frame)[:-1].encode()
    return head + b', "observations": [' + entry.payload + b"]}"


def retry(connection: Connection[Any], number: int, by: str) -> Came | None:
    """Try one entry again; None if it is settled, or somebody else tries it now.

    Raises
    ------
    TelekolError
        If it holds nothing that could be stored.
    psycopg.Error
        If the database is away: nothing was changed.
    """
    with connection.transaction():
        row = connection.execute(SQL["hold"], {"id": number}).fetchone()
        if row is None:
            return None
        entry = Entry(*row)
        if entry.code == GIVEN_UP:
            raise TelekolError(
                f"entry {number} is what a gateway gave up; it holds numbers and no readings. "
                "It is the reason of a gap; dismiss it when you have seen it"
            )
        came = _try(connection, entry)
        values = {"id": number, "state": came.state, "detail": came.detail, "by": by}
        connection.execute(SQL["tried"], values)
        connection.execute(SQL["event"], values)
    return came


def dismiss(connection: Connection[Any], number: int, by: str, reason: str) -> bool:
    """Note that a person is done with an entry; False if it was settled before."""
    values = {"id": number, "state": "dismissed", "detail": reason, "by": by}
    with connection.transaction():
        if connection.execute(SQL["dismiss"], values).rowcount == 0:
            return False
        connection.execute(SQL["event"], values)
    return True


def waiting(
    connection: Connection[Any], ids: Sequence[int] | None, code: str | None, gateway: str | None
) -> list[int]:
    """Give the entries that can be tried, oldest first."""
    values = {"ids": None if ids is None else list(ids), "code": code, "gateway": gateway}
    return [row[0] for row in connection.execute(SQL["waiting"], values)]


def _try(connection: Connection[Any], entry: Entry) -> Came:
    if health.is_ours(entry.topic):
        return _try_health(connection, entry)
    sorted_one = parcel.sort(entry.topic, message_of(entry), entry.quarantined_at)
    if sorted_one.run is None:
        return _refused(entry, sorted_one)
    came = None
    with connection.transaction():
        outcome = writer.store(connection, [sorted_one])
        came = _came(entry, outcome)
        if came.state == STILL_REFUSED:
            # Nothing of a try that was refused stays: no second entry, no settled number.
            raise psycopg.Rollback
    return came


def _try_health(connection: Connection[Any], entry: Entry) -> Came:
    said = health.sort(entry.topic, entry.payload)
    if not isinstance(said, News):
        return _refused(entry, said)
    for refused in health_writer.store(connection, [said], entry.quarantined_at):
        return _refused(entry, refused)
    return Came(entry.id, STORED, "kept, unless newer word of the home is known")


def _refused(entry: Entry, sorted_one: Parcel) -> Came:
    first = sorted_one.quarantined[0]
    return Came(entry.id, STILL_REFUSED, f"{first.code}: {first.reason}")


def _came(entry: Entry, outcome: Outcome) -> Came:
    """Read what came of it from the receipt that nobody is sent."""
    (receipt,) = outcome.receipts
    if receipt is None:
        raise TelekolError(f"entry {entry.id} gave no receipt; this is a fault of ours")
    count = receipt.last - receipt.first + 1
    refused = len(receipt.refused)
    if refused == count:
        first = receipt.refused[0]
        return Came(entry.id, STILL_REFUSED, f"{first.code}: {first.reason}")
    parts = [f"{outcome.stored} stored"]
    if known := count - refused - outcome.stored:
        parts.append(f"{known} known already")
    if outcome.unattributed:
        parts.append(f"{outcome.unattributed} without a patient")
    if refused:
        parts.append(f"{refused} refused, each an entry of its own now")
    return Came(entry.id, STORED, ", ".join(parts))
