"""The outbox: every reading, from the device's indication to the server's receipt.

Owns the rows, their sequence numbers and when one is released; keeps notes of clocks beside
them, unread. Must not know devices or MQTT. Used from one thread.

Invariants
----------
1. `put` returns after the readings are on disk, all of them or none.
2. Sequence numbers of one life of the outbox are consecutive and never used twice.
3. A row is released by the receipt for a message of the same life that held it and that this
   process has published, and by nothing else; released rows stay as history for thirty days,
   so that a server restored from an old backup can be healed.
4. Waiting rows always belong to the present life (`boot`).
5. A file that was removed or replaced while it was open takes no reading any more: what a
   device was told is kept can be found by the next start.

What else changes with it: `gateway.outbox_file` (schema), telekol.wire (what a receipt says).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from pydantic import ValidationError

from gateway.errors import OutboxCorruptError, OutboxError, OutboxGoneError
from gateway.outbox_file import FileLock, Place, open_file, rescue
from gateway.repetition import is_repetition
from telekol.observation import Observation
from telekol.wire import Receipt, Refusal

_LOG = logging.getLogger(__name__)

HISTORY: Final = timedelta(days=30)
"""How long a released row is kept: promise 1 of the architecture."""

CLOCKS_KEPT: Final = timedelta(days=400)
"""How long the clock of a device that does not come is remembered; addresses may be many."""


@dataclass(frozen=True, slots=True)
class Row:
    """A waiting observation, as the delivery plan needs it."""

    seq: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What `put` did: what was new and its numbers, how many were known, and which clash.

    A clash has the id of a row that is another reading; it was not stored.
    """

    seqs: tuple[int, ...] = ()
    news: tuple[Observation, ...] = ()
    repeated: int = 0
    clashes: tuple[Observation, ...] = ()


class Outbox:
    """Readings on disk, waiting for their receipts."""

    def __init__(self, connection: sqlite3.Connection, lock: FileLock, path: Path) -> None:
        self._db = connection
        self._lock = lock
        self._place = Place(path)
        self._published: set[int] = set()
        self._boot, self._last_seq = self._db.execute("SELECT boot, last_seq FROM life").fetchone()

    @classmethod
    def open(cls, path: Path, now: datetime) -> Outbox:
        """Open the outbox at `path`; see `gateway.outbox_file.open_file`."""
        return cls(*open_file(path, now), path)

    @property
    def boot(self) -> UUID:
        """Names this life of the outbox."""
        return UUID(self._boot)

    @property
    def last_seq(self) -> int:
        """The highest sequence number given in this life, 0 for none."""
        return int(self._last_seq)

    def put(self, observations: Sequence[Observation]) -> Kept:
        """Keep readings; when this returns, those that are new are on disk.

        Raises
        ------
        OutboxError
            If they could not be written; then none of them was.
        OutboxGoneError
            If the file is no longer in its place. The readings may be in what was rescued of
            it; when the device gives them again they are known.
        """
        if not observations:
            return Kept()
        with self._in_its_place(), self._transaction():
            news, repeated, clashes = self._sort(observations)
            seqs = tuple(range(self._last_seq + 1, self._last_seq + 1 + len(news)))
            self._db.executemany(
                "INSERT INTO observation (boot, seq, id, value, body, received_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [_row(self._boot, seq, item) for seq, item in zip(seqs, news, strict=True)],
            )
            last = seqs[-1] if seqs else self._last_seq
            self._db.execute("UPDATE life SET last_seq = ?", (last,))
        self._last_seq = last
        return Kept(seqs, tuple(news), repeated, tuple(clashes))

    def pending(self, limit: int) -> tuple[Row, ...]:
        """List the oldest `limit` waiting rows and the newest `limit`, in order."""
        query = (
            "SELECT seq, length(CAST(body AS BLOB)) FROM observation "
            "WHERE settled_at IS NULL ORDER BY seq {} LIMIT ?"
        )
        with self._errors():
            oldest = self._db.execute(query.format("ASC"), (limit,)).fetchall()
            # No more than one end is needed when everything fits in it.
            full = len(oldest) == limit
            newest = self._db.execute(query.format("DESC"), (limit,)).fetchall() if full else []
        return tuple(Row(*row) for row in sorted({*oldest, *newest}))

    def read(self, first: int, last: int, now: datetime) -> tuple[Observation, ...]:
        """Read the waiting observations from `first`, as far as they are consecutive.

        A row that cannot be read any more is set aside with the reason, so that it never
        holds back its neighbours; the server sees its number missing.
        """
        with self._errors():
            rows = self._db.execute(
                "SELECT seq, body FROM observation WHERE settled_at IS NULL "
                "AND seq BETWEEN ? AND ? ORDER BY seq",
                (first, last),
            ).fetchall()
        run: list[Observation] = []
        for expected, (seq, body) in enumerate(rows, start=first):
            observation = self._parse(seq, body, now) if seq == expected else None
            if observation is None:
                break
            run.append(observation)
        return tuple(run)

    def published(self, first: int, last: int) -> None:
        """Note that a message with these rows is on its way: a receipt may release them."""
        self._published.update(range(first, last + 1))

    def settle(self, receipt: Receipt, now: datetime) -> int:
        """Release what the server has stored or refused; give how many rows that were.

        Only the run that is answered is released. `through` may count numbers that the server
        settled for other readings: when this file is an older state of itself, that cannot be
        seen before its numbers have passed the old ones. For the same reason a receipt that
        waited in the broker for an earlier process releases nothing; the rows are sent again.

        A receipt of another life is ignored. A receipt for numbers that were never given means
        that this file is an older state of itself (a restored card, a disk that lied about
        a commit): a new life begins, since the numbers to come are already taken.
        """
        if str(receipt.boot) != self._boot:
            _LOG.info("a receipt of another life of the outbox is ignored: %s", receipt.boot)
            return 0
        if max(receipt.through, receipt.last) > self._last_seq:
            self._begin_new_life(receipt)
            return 0
        answered = {seq for seq in self._published if receipt.first <= seq <= receipt.last}
        with self._transaction():
            self._note_refusals(item for item in receipt.refused if item.seq in answered)
            released = self._db.executemany(
                "UPDATE observation SET settled_at = ? WHERE settled_at IS NULL "
                "AND boot = ? AND seq = ?",
                [(_text(now), self._boot, seq) for seq in answered],
            ).rowcount
        self._published -= answered
        return max(released, 0)

    def prune(self, now: datetime) -> int:
        """Forget rows released more than thirty days ago; give how many."""
        with self._in_its_place(), self._transaction():
            self._db.execute(
                "DELETE FROM device_clock WHERE seen_at < ?", (_text(now - CLOCKS_KEPT),)
            )
            return self._db.execute(
                "DELETE FROM observation WHERE settled_at < ?", (_text(now - HISTORY),)
            ).rowcount

    def recall_clock(self, address: str) -> str | None:
        """Give what was noted of the clock of the device at `address`."""
        with self._errors():
            query = "SELECT eras FROM device_clock WHERE address = ?"
            row = self._db.execute(query, (address,)).fetchone()
        return None if row is None else str(row[0])

    def note_clock(self, address: str, eras: str, now: datetime) -> None:
        """Keep a note of the clock of the device at `address`; on disk when this returns."""
        with self._in_its_place(), self._transaction():
            self._db.execute(
                "INSERT INTO device_clock VALUES (?, ?, ?) ON CONFLICT (address) "
                "DO UPDATE SET eras = excluded.eras, seen_at = excluded.seen_at",
                (address, eras, _text(now)),
            )

    def depth(self) -> int:
        """Count the waiting rows."""
        with self._errors():
            query = "SELECT count(*) FROM observation WHERE settled_at IS NULL"
            return int(self._db.execute(query).fetchone()[0])

    def oldest_age(self, now: datetime) -> timedelta | None:
        """Say how long the oldest waiting row has waited; None if none waits."""
        with self._errors():
            row = self._db.execute(
                "SELECT received_at FROM observation WHERE settled_at IS NULL ORDER BY seq LIMIT 1"
            ).fetchone()
        return None if row is None else now - datetime.fromisoformat(row[0])

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._db.close()
        self._lock.release()

    def _sort(
        self, observations: Sequence[Observation]
    ) -> tuple[list[Observation], int, list[Observation]]:
        """Part the new from the known and from those that clash with a known one."""
        news: dict[UUID, Observation] = {}
        clashes: list[Observation] = []
        repeated = 0
        for item in observations:
            bodies = [news[item.id].model_dump_json()] if item.id in news else self._bodies(item.id)
            if not bodies:
                news[item.id] = item
            elif _says(bodies[0], item):
                repeated += 1
            else:
                clashes.append(item)
        return list(news.values()), repeated, clashes

    def _bodies(self, reading: UUID) -> list[str]:
        query = "SELECT body FROM observation WHERE id = ?"
        return [body for (body,) in self._db.execute(query, (str(reading),))]

    def _parse(self, seq: int, body: str, now: datetime) -> Observation | None:
        try:
            return Observation.model_validate_json(body)
        except ValidationError as error:
            reason = f"unreadable in the outbox: {error.errors(include_url=False)[0]['msg']}"
            _LOG.error("row %d is set aside: %s", seq, reason)
            with self._transaction():
                self._db.execute(
                    "UPDATE observation SET settled_at = ?, refusal = ? WHERE boot = ? AND seq = ?",
                    (_text(now), reason, self._boot, seq),
                )
            return None

    def _note_refusals(self, refused: Iterable[Refusal]) -> None:
        for item in refused:
            _LOG.warning("the server refused reading %d: %s: %s", item.seq, item.code, item.reason)
            self._db.execute(
                "UPDATE observation SET refusal = ? WHERE boot = ? AND seq = ?",
                (f"{item.code}: {item.reason}", self._boot, item.seq),
            )

    def _begin_new_life(self, receipt: Receipt) -> None:
        boot = str(uuid4())
        with self._transaction():
            waiting = self._db.execute(
                "SELECT seq FROM observation WHERE settled_at IS NULL ORDER BY seq"
            ).fetchall()
            self._db.executemany(
                "UPDATE observation SET boot = ?, seq = ? WHERE boot = ? AND seq = ?",
                [(boot, new, self._boot, old) for new, (old,) in enumerate(waiting, start=1)],
            )
            self._db.execute("UPDATE life SET boot = ?, last_seq = ?", (boot, len(waiting)))
        _LOG.error(
            "the server has readings up to %d of this outbox, which has given %d numbers: the "
            "file is an older state of itself. A new life begins; %d waiting readings go along",
            max(receipt.through, receipt.last),
            self._last_seq,
            len(waiting),
        )
        self._boot, self._last_seq = boot, len(waiting)
        self._published.clear()

    @contextmanager
    def _in_its_place(self) -> Iterator[None]:
        """See before and after that the file is where the next start looks for it."""
        try:
            self._place.must_hold()
            yield
            self._place.must_hold()
        except OutboxGoneError:
            rescue(self._db, self._place.path, datetime.now(UTC))
            raise

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # After some errors (a full disk) SQLite has rolled back by itself.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if type(error) is sqlite3.DatabaseError:  # the subclasses are other troubles
                raise OutboxCorruptError(
                    f"the outbox is damaged: {error}; start the gateway again to begin a new one"
                ) from error
            raise OutboxError(f"the outbox cannot be used: {error}; nothing was changed") from error


def _says(body: str, item: Observation) -> bool:
    """Say whether a row's body holds `item`; one that cannot be read does not."""
    try:
        return is_repetition(Observation.model_validate_json(body), item)
    except ValidationError:
        return False


def _row(boot: str, seq: int, item: Observation) -> tuple[str, int, str, float, str, str]:
    body = item.model_dump_json()
    return boot, seq, str(item.id), item.value, body, _text(item.received_at)


def _text(moment: datetime) -> str:
    """Write a moment so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
