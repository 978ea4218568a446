"""The outbox's rows in SQL: found, written, moved between waiting and history.

Owns every statement on the table `observation` but those that make room. Must not know what is
in flight, nor count: `gateway.outbox` does. What writes belongs inside a transaction.

Invariants
----------
1. What is looked up for a message or an indication is a bounded walk along an index, whatever
   waits (tests/gateway/test_outbox_cost.py counts SQLite's steps).
2. A row is believed only if its checksum says that it is what was written.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from gateway.outbox_file import OutboxFile
from gateway.outbox_gaps import UNREADABLE, Gaps
from gateway.outbox_room import BATCH
from gateway.outbox_rows import COLUMNS, Row, believed, columns, says, text
from gateway.outbox_schema import BLOCK, kind_of
from telekol.observation import Observation
from telekol.wire import Receipt

_LOG = logging.getLogger(__name__)

_LAST: Final = 2**53
"""The wire's highest number."""

_OTHER_LIVES: Final = (
    "SELECT boot, seq, size_bytes FROM observation WHERE settled_at IS NULL AND boot {} ? "
    "ORDER BY boot, seq LIMIT ?"
)
_THIS_LIFE: Final = (
    "SELECT boot, seq, size_bytes FROM observation WHERE settled_at IS NULL AND boot = ? "
    "ORDER BY seq {} LIMIT ?"
)
"""Each is a walk along observation_pending from one end: its cost does not grow with what waits."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """Observations, parted: new, known, those that clash, and known rows that were spoilt."""

    news: tuple[Observation, ...]
    repeated: int
    clashes: tuple[Observation, ...]
    spoilt: tuple[Any, ...]


class RowTable:
    """The rows, in SQL."""

    def __init__(self, file: OutboxFile, gaps: Gaps) -> None:
        self._file = file
        self._gaps = gaps

    def life(self) -> tuple[str, int]:
        """Give the present life and the highest number given in it."""
        with self._file.errors() as db:
            query = "SELECT boot, last_seq FROM life ORDER BY n DESC LIMIT 1"
            boot, last_seq = db.execute(query).fetchone()
        return str(boot), int(last_seq)

    def counted(self) -> tuple[int, int]:
        """Count what waits and what is history; walks two indexes."""
        with self._file.errors() as db:
            query = "SELECT count(*) FROM observation WHERE settled_at IS {} NULL"
            waiting, history = (
                db.execute(query.format(which)).fetchone()[0] for which in ("", "NOT")
            )
        return int(waiting), int(history)

    def sort(self, observations: Sequence[Observation]) -> Sorted:
        """Part the new from the known and from those that clash with a known one.

        A known row that is not what was written is spoilt, and its reading counts as new.
        """
        news: dict[UUID, Observation] = {}
        clashes: list[Observation] = []
        spoilt: list[Any] = []
        repeated = 0
        for item in observations:
            known = news.get(item.id) or self._known(item.id, spoilt)
            if known is None:
                news[item.id] = item
            elif says(known, item):
                repeated += 1
            else:
                clashes.append(item)
        return Sorted(tuple(news.values()), repeated, tuple(clashes), tuple(spoilt))

    def insert(self, boot: str, seqs: Sequence[int], items: Sequence[Observation]) -> None:
        """Write new rows and the highest number of their life."""
        for seq, item in zip(seqs, items, strict=True):
            block = kind_of(item) * BLOCK
            self._file.db.execute(
                f"INSERT INTO observation (n, {COLUMNS}) VALUES (1 + coalesce("  # noqa: S608 - constants
                "(SELECT max(n) FROM observation WHERE n > ? AND n < ?), ?), ?, ?, ?, ?, ?, ?, ?)",
                (block, block + BLOCK, block, *columns(boot, seq, item)),
            )
        if seqs:
            query = "UPDATE life SET last_seq = ? WHERE boot = ?"
            self._file.db.execute(query, (seqs[-1], boot))

    def pending(self, boot: str, limit: int) -> tuple[Row, ...]:
        """List the oldest `limit` waiting rows and the newest `limit`, in order."""
        with self._file.errors() as db:
            oldest: list[Any] = []
            for query in (
                _OTHER_LIVES.format("<"),
                _OTHER_LIVES.format(">"),
                _THIS_LIFE.format("ASC"),
            ):
                if len(oldest) < limit:
                    oldest += db.execute(query, (boot, limit - len(oldest)))
            # No more than one end is needed when everything fits in it.
            full = len(oldest) == limit
            newest = db.execute(_THIS_LIFE.format("DESC"), (boot, limit)).fetchall() if full else []
            boots = _boots(row[0] for row in (*oldest, *newest))
        known = set(oldest)
        rows = [*oldest, *(row for row in reversed(newest) if row not in known)]
        return tuple(Row(boots[name], seq, size) for name, seq, size in rows)

    def waiting(self, boot: str, first: int, last: int) -> list[Any]:
        """Give the waiting rows of a run, in order, unread."""
        with self._file.errors() as db:
            return db.execute(
                f"SELECT {COLUMNS} FROM observation WHERE settled_at IS NULL "  # noqa: S608 - constants
                "AND boot = ? AND seq BETWEEN ? AND ? ORDER BY seq",
                (boot, first, last),
            ).fetchall()

    def unsent(self, boot: str, first: int, last: int) -> list[Any]:
        """Give the waiting rows of a run that the server has not asked for again."""
        return self._file.db.execute(
            f"SELECT {COLUMNS} FROM observation WHERE settled_at IS NULL "  # noqa: S608 - constants
            "AND asked_at IS NULL AND boot = ? AND seq BETWEEN ? AND ? ORDER BY seq",
            (boot, first, last),
        ).fetchall()

    def corrected(self, row: Any, change: Callable[[Observation], Observation | None]) -> bool:
        """Write a row anew as `change` says; says whether it did."""
        try:
            item = change(believed(row))
        except (ValueError, OverflowError) as error:
            _LOG.error("row %d is not corrected: %s", row[1], type(error).__name__)
            return False
        if item is None:
            return False
        self._file.db.execute(
            "UPDATE observation SET boot = ?, seq = ?, id = ?, body = ?, received_at = ?, "
            "size_bytes = ?, checksum = ? WHERE boot = ? AND seq = ?",
            (*columns(row[0], row[1], item), row[0], row[1]),
        )
        return True

    def set_aside(self, row: Any, now: datetime) -> None:
        """Take out a row that is not what was written; told to the server unless it has it."""
        boot, seq = row[0], row[1]
        gone = self._file.db.execute(
            "DELETE FROM observation WHERE boot = ? AND seq = ? RETURNING settled_at", (boot, seq)
        ).fetchone()
        self._gaps.spoil(row, UNREADABLE, now)
        if gone == (None,):
            self._gaps.abandon([(boot, seq)], UNREADABLE)

    def release(self, boot: str, seqs: Iterable[int], receipt: Receipt, now: datetime) -> int:
        """Make these rows history, with what the server refused; give how many waited."""
        answered = set(seqs)
        for item in receipt.refused:
            if item.seq in answered:
                _LOG.warning(
                    "the server refused reading %d: %s: %s", item.seq, item.code, item.reason
                )
                self._file.db.execute(
                    "UPDATE observation SET refusal = ? WHERE boot = ? AND seq = ?",
                    (f"{item.code}: {item.reason}", boot, item.seq),
                )
        released = self._file.db.executemany(
            "UPDATE observation SET settled_at = ? WHERE settled_at IS NULL "
            "AND boot = ? AND seq = ?",
            [(text(now), boot, seq) for seq in answered],
        ).rowcount
        return max(released, 0)

    def ask_again(self, boot: str, after: int, last: int | None, now: datetime) -> list[int]:
        """Let a batch of history wait again; give its numbers, in order."""
        rows = self._file.db.execute(
            "SELECT n, seq FROM observation WHERE boot = ? AND seq > ? AND seq <= ? "
            "AND settled_at IS NOT NULL ORDER BY seq LIMIT ?",
            (boot, after, _LAST if last is None else last, BATCH),
        ).fetchall()
        self._file.db.executemany(
            "UPDATE observation SET settled_at = NULL, refusal = NULL, asked_at = ? WHERE n = ?",
            [(text(now), n) for n, _ in rows],
        )
        return [seq for _, seq in rows]

    def say_what_is_gone(self, boot: str, first: int, last: int | None, count: int) -> None:
        """Log what became of a wish for `first` to `last`, of which `count` wait again."""
        end = _LAST if last is None else last
        with self._file.errors() as db:
            query = "SELECT count(*) FROM observation WHERE boot = ? AND seq BETWEEN ? AND ?"
            there = int(db.execute(query, (boot, first, end)).fetchone()[0])
            life = db.execute("SELECT last_seq FROM life WHERE boot = ?", (boot,)).fetchone()
        _LOG.info(
            "the server asks again for life %s from %d: %d readings wait again, %d more were "
            "waiting, %s are no longer here",
            boot,
            first,
            count,
            there - count,
            "all of a life that is not known"
            if life is None
            else max(min(end, life[0]) - first + 1, 0) - there,
        )

    def released(self, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Say which of these readings are history."""
        asked = json.dumps([str(reading) for reading in ids])
        with self._file.errors() as db:
            rows = db.execute(
                "SELECT o.id FROM json_each(?) AS asked JOIN observation AS o "
                "ON o.id = asked.value WHERE o.settled_at IS NOT NULL",
                (asked,),
            )
            return frozenset(UUID(reading) for (reading,) in rows)

    def waits_since(self) -> datetime | None:
        """Say since when the oldest row has waited: since it came or was asked for again."""
        with self._file.errors() as db:
            row = db.execute(
                "SELECT coalesce(asked_at, received_at) FROM observation WHERE settled_at IS NULL "
                "ORDER BY coalesce(asked_at, received_at) LIMIT 1"
            ).fetchone()
        return None if row is None else datetime.fromisoformat(row[0])

    def forget(self, before: datetime) -> int:
        """Delete a batch of history from before a moment; give how many rows."""
        return self._file.db.execute(
            "DELETE FROM observation WHERE n IN (SELECT n FROM observation "
            "WHERE settled_at < ? ORDER BY settled_at LIMIT ?)",
            (text(before), BATCH),
        ).rowcount

    def move(self, old: str, new: str) -> int:
        """Give what was never released numbers of a new life; give how many rows."""
        db = self._file.db
        waiting = db.execute(
            "SELECT n FROM observation WHERE settled_at IS NULL AND asked_at IS NULL "
            "AND boot = ? ORDER BY seq",
            (old,),
        ).fetchall()
        db.executemany(
            "UPDATE observation SET boot = ?1, seq = ?2, "
            "checksum = row_checksum(?1, ?2, id, body, received_at) WHERE n = ?3",
            [(new, seq, n) for seq, (n,) in enumerate(waiting, start=1)],
        )
        db.execute("INSERT INTO life SELECT max(n) + 1, ?, ? FROM life", (new, len(waiting)))
        return len(waiting)

    def _known(self, reading: UUID, spoilt: list[Any]) -> Observation | None:
        query = f"SELECT {COLUMNS} FROM observation WHERE id = ?"  # noqa: S608 - constants
        row = self._file.db.execute(query, (str(reading),)).fetchone()
        if row is None:
            return None
        try:
            return believed(row)
        except ValueError:
            spoilt.append(row)
            return None


def _boots(names: Iterable[str]) -> dict[str, UUID]:
    try:
        return {name: UUID(name) for name in set(names)}
    except ValueError:
        raise sqlite3.DatabaseError("an index names a life that cannot be") from None
