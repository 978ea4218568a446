"""Numbers the server will never get: which, why, and whether it was told.

Owns the tables `abandoned` and `spoilt`. Must not know why room was needed, nor MQTT.

Invariants
----------
1. A waiting row leaves the outbox without a receipt only together with a line in `abandoned`,
   in one transaction. The line goes when a receipt answers a message that carried it.
2. A row that is not what was written is kept in `spoilt` for a person to look at, as it is. Its
   id is free then, so that the device can give the reading once more.
3. Telling never holds up readings: a message that is sent again carries no report, so a server
   that does not know reports refuses one message and takes the next.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from gateway.keeping.file import OutboxFile
from gateway.keeping.rows import runs, text
from telekol.wire import ABANDONED_RUNS_MOST, Abandoned

_LOG = logging.getLogger(__name__)

OUTBOX_FULL: Final = "outbox-full"
UNREADABLE: Final = "unreadable"

TELL_AGAIN: Final = timedelta(minutes=10)
"""How long a report waits for its receipt before it travels again: twice the longest wait
between two sendings of one message."""

_Line = tuple[str, int, int, str]


@dataclass(slots=True)
class _Telling:
    """Lines that travel with a message."""

    lines: list[_Line]
    at: datetime


class Gaps:
    """The outbox's account of what it gave up."""

    def __init__(self, file: OutboxFile) -> None:
        self._file = file
        self._telling: dict[tuple[UUID, int], _Telling] = {}
        with file.errors() as db:
            query = "SELECT coalesce(sum(last - first + 1), 0) FROM abandoned"
            self._count = int(db.execute(query).fetchone()[0])

    @property
    def count(self) -> int:
        """How many numbers the server has not been told of yet."""
        return self._count

    def abandon(self, numbers: Iterable[tuple[str, int]], reason: str) -> None:
        """Write down that these numbers (boot and seq) will not come; inside a transaction."""
        by_boot: dict[str, list[int]] = defaultdict(list)
        for boot, seq in numbers:
            by_boot[boot].append(seq)
        for boot, seqs in by_boot.items():
            for first, last in runs(seqs):
                self._write(boot, first, last, reason)

    def spoil(self, row: tuple[Any, ...], reason: str, now: datetime) -> None:
        """Keep what is left of a row; inside a transaction."""
        boot, seq, body = row[0], row[1], str(row[3]).encode(errors="surrogateescape")
        self._file.db.execute(
            "INSERT INTO spoilt VALUES (?, ?, ?, ?, ?)", (boot, seq, body, reason, text(now))
        )

    def reports(self, now: datetime) -> tuple[Abandoned, ...] | None:
        """Give what is to be told with the next message, None for nothing."""
        if not self._count:
            return None
        by_kind: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        for boot, first, last, reason in self._due(now):
            by_kind[boot, reason].append((first, last))
        found = tuple(
            Abandoned(boot=UUID(boot), reason=reason, runs=tuple(there))
            for (boot, reason), there in by_kind.items()
        )
        return found or None

    def told(self, boot: UUID, first: int, reports: Iterable[Abandoned], now: datetime) -> None:
        """Note that the message that begins with this number carries `reports`."""
        lines = [
            (str(report.boot), *run, report.reason) for report in reports for run in report.runs
        ]
        self._telling[boot, first] = _Telling(lines, now)

    def answered(self, boot: UUID, first: int) -> None:
        """Take in that a receipt answered the message that begins with this number."""
        telling = self._telling.pop((boot, first), None)
        if telling is None:
            return
        with self._file.transaction() as db:
            gone = db.executemany(
                "DELETE FROM abandoned WHERE boot = ? AND first = ? AND last = ? AND reason = ?",
                telling.lines,
            ).rowcount
        self.recount()
        _LOG.info("the server was told of %d runs of numbers that will not come", max(gone, 0))

    def forget(self, before: datetime) -> None:
        """Forget what is left of spoilt rows from before a moment; inside a transaction."""
        self._file.db.execute("DELETE FROM spoilt WHERE at < ?", (text(before),))

    def recount(self) -> None:
        """Count anew; after a commit or a rollback."""
        with self._file.errors() as db:
            query = "SELECT coalesce(sum(last - first + 1), 0) FROM abandoned"
            self._count = int(db.execute(query).fetchone()[0])

    def _due(self, now: datetime) -> list[_Line]:
        """Give the first lines that are not on their way; a bounded look at the table."""
        self._telling = {
            key: telling
            for key, telling in self._telling.items()
            # Not the other way round either: our own clock may have been set back.
            if abs(now - telling.at) < TELL_AGAIN
        }
        on_their_way = {line for telling in self._telling.values() for line in telling.lines}
        limit = ABANDONED_RUNS_MOST + len(on_their_way)
        query = "SELECT boot, first, last, reason FROM abandoned ORDER BY boot, first LIMIT ?"
        with self._file.errors() as db:
            lines = [line for line in db.execute(query, (limit,)) if line not in on_their_way]
        return lines[:ABANDONED_RUNS_MOST]

    def _write(self, boot: str, first: int, last: int, reason: str) -> None:
        """Add a run, joined to the one that ends just before it unless that is on its way."""
        db = self._file.db
        joined = db.execute(
            "UPDATE abandoned SET last = ? WHERE boot = ? AND last = ? AND reason = ? AND first = "
            "(SELECT max(first) FROM abandoned WHERE boot = ? AND first < ?)",
            (last, boot, first - 1, reason, boot, first),
        ).rowcount
        if not joined:
            db.execute(
                "INSERT INTO abandoned VALUES (?, ?, ?, ?) ON CONFLICT (boot, first) "
                "DO UPDATE SET last = max(last, excluded.last)",
                (boot, first, last, reason),
            )
