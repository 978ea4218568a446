"""The outbox's size limit: what is given up when it is reached, and in which order.

Owns the order, decision 0012: history first, oldest release first; then waiting readings that
describe the signal or the device alone; then waiting readings of patients that are older than a
week; then nothing, and new readings are refused and stay in their devices. Must not know MQTT.

Invariants
----------
1. Pages in use never pass the limit by more than one indication's rows.
2. What a patient measured within KEPT_WHOLE is never given up.
3. Every waiting row that is given up is written down for the server (`gateway.keeping.gaps`).
4. Each look costs two words of the file's header, whatever the file holds.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.errors import OutboxFullError
from gateway.keeping.file import OutboxFile
from gateway.keeping.gaps import OUTBOX_FULL, Gaps
from gateway.keeping.rows import Room, text
from gateway.keeping.schema import BLOCK, OF_DEVICE, OF_PATIENT

_LOG = logging.getLogger(__name__)

DEFAULT_LIMIT_BYTES: Final = 1024 * 1024 * 1024
"""A row with its indexes takes about 1 kB (tests/gateway/test_outbox_room.py holds it under that),
so a gigabyte is a million readings: 2 800 a day for a year without a line, forty times what a kit
measures. It is a sixteenth of the smallest card that is sold; a salvage needs it twice."""

KEPT_WHOLE: Final = timedelta(days=7)
"""What is judged and read on the board; older readings draw curves."""

NEARLY: Final = 0.8
"""The part of the limit from which a person is told: at a year for all of it, ten weeks remain."""

BATCH: Final = 256
"""Rows given up at a time: some hundred kilobytes, so that not every reading pays for room."""

SMALL_BATCH: Final = 24
"""The same on a full disk: three pages are freed, and the deletion fits into what a log of the
usual size has room for."""

_DELETE: Final = "DELETE FROM observation WHERE n IN (SELECT value FROM json_each(?))"


@dataclass(slots=True)
class GivenUp:
    """How many rows went to make room."""

    history: int = 0
    waiting: int = 0


class RoomKeeper:
    """Keeps the outbox under its limit.

    Parameters
    ----------
    limit_bytes
        Most bytes of pages in use.
    """

    def __init__(self, file: OutboxFile, gaps: Gaps, limit_bytes: int) -> None:
        self._file = file
        self._gaps = gaps
        self.limit_bytes = limit_bytes
        with file.errors() as db:
            self._page_bytes = int(db.execute("PRAGMA page_size").fetchone()[0])

    def used_bytes(self) -> int:
        """Give the bytes of pages in use; pages that were freed are used again."""
        with self._file.errors() as db:
            pages = int(db.execute("PRAGMA page_count").fetchone()[0])
            free = int(db.execute("PRAGMA freelist_count").fetchone()[0])
        return (pages - free) * self._page_bytes

    def make(self, now: datetime) -> GivenUp:
        """Give up what must go; inside a transaction.

        Raises
        ------
        OutboxFullError
            If the limit is reached and nothing may be given up.
        """
        gone = GivenUp()
        while self.used_bytes() > self.limit_bytes:
            self._step(gone, now)
        return gone

    def drop_history(self, count: int = BATCH) -> int:
        """Give up a batch of history, oldest release first; inside a transaction."""
        query = (
            "SELECT json_group_array(n) FROM (SELECT n FROM observation "
            "WHERE settled_at IS NOT NULL ORDER BY settled_at LIMIT ?)"
        )
        numbers = self._file.db.execute(query, (count,)).fetchone()[0]
        return self._file.db.execute(_DELETE, (numbers,)).rowcount

    def standing(self, depth: int, history: int) -> Room:
        """Judge the room that waiting rows have; history does not count, since it goes first."""
        rows = max(depth + history, 1)
        waiting_bytes = self.used_bytes() * depth / rows
        return Room.NEARLY_FULL if waiting_bytes > NEARLY * self.limit_bytes else Room.PLENTY

    def _step(self, gone: GivenUp, now: datetime) -> None:
        history = self.drop_history()
        gone.history += history
        if history:
            return
        waiting = self._drop_waiting(OF_DEVICE, None) or self._drop_waiting(
            OF_PATIENT, text(now - KEPT_WHOLE)
        )
        gone.waiting += waiting
        if not waiting:
            raise OutboxFullError(
                f"expected the outbox under its limit of {self.limit_bytes} bytes, found it "
                "full of readings that nobody may give up; bring the line back or raise "
                "TELEKOL_GATEWAY_OUTBOX_LIMIT_MB"
            )

    def _drop_waiting(self, kind: int, before: str | None) -> int:
        """Give up the oldest waiting rows of a kind; history is gone when this is asked."""
        db = self._file.db
        oldest = db.execute(
            "SELECT n, boot, seq, received_at FROM observation WHERE n >= ? AND n < ? "
            "AND settled_at IS NULL ORDER BY n LIMIT ?",
            (kind * BLOCK, (kind + 1) * BLOCK, BATCH),
        ).fetchall()
        found = [row for row in oldest if before is None or row[3] < before]
        db.executemany("DELETE FROM observation WHERE n = ?", [(row[0],) for row in found])
        self._gaps.abandon([(boot, seq) for _, boot, seq, _ in found], OUTBOX_FULL)
        return len(found)
