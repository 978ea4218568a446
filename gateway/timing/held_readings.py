"""Readings that wait for a date, and the last known time, on disk beside the outbox.

Owns two tables in the outbox's file. Must not know how anything is dated.

Invariants
----------
1. `hold` returns after the reading is on disk: the device may forget it then.
2. A reading is taken out of here in the same transaction that puts it into the outbox: it is
   never in neither of them, and after a crash in exactly one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError

from gateway.errors import OutboxFullError
from gateway.keeping.file import OutboxFile
from gateway.timing.gateway_clock import Known
from gateway.timing.held import HeldReading

_LOG = logging.getLogger(__name__)

HELD_MOST: Final = 20_000
"""Measurements that can wait: at most 1 kB each, 20 MB. A home measures some tens a day, a device's
memory holds hundreds; more is a device gone mad, and what it has stays in it."""

_MICROSECOND: Final = timedelta(microseconds=1)


class HeldReadings:
    """What waits for a date; used from the outbox's thread."""

    def __init__(self, file: OutboxFile) -> None:
        self._file = file

    def hold(self, reading: HeldReading) -> bool:
        """Keep a reading; says whether it was new. On disk when this returns.

        One with a stamp that can tell it from others is kept once for each boot: a device repeats
        its memory in each connection. The outbox finds the other repetitions when it is dated.

        Raises
        ------
        OutboxError
            If it could not be written, or too many wait; the device must keep it.
        """
        with self._file.transaction() as db:
            key = (reading.boot, reading.device.identity, reading.payload)
            query = "SELECT 1 FROM held_reading WHERE boot = ? AND device = ? AND payload = ?"
            if reading.is_stamped and db.execute(query, key).fetchone():
                return False
            if self.count() >= HELD_MOST:
                raise OutboxFullError(
                    f"expected at most {HELD_MOST} readings to wait for the time, found that many; "
                    "the next ones stay in their devices. Let the gateway reach a time service"
                )
            db.execute(
                "INSERT INTO held_reading (boot, device, payload, body) VALUES (?, ?, ?, ?)",
                (*key, reading.model_dump_json()),
            )
        return True

    def all(self) -> list[tuple[int, HeldReading]]:
        """List what waits, in the order it came, each with its number here."""
        with self._file.errors() as db:
            rows = db.execute(
                "SELECT n, body FROM held_reading WHERE trouble IS NULL ORDER BY n"
            ).fetchall()
        return [(n, reading) for n, body in rows if (reading := self._parse(n, body)) is not None]

    def count(self) -> int:
        """Count what waits."""
        with self._file.errors() as db:
            query = "SELECT count(*) FROM held_reading WHERE trouble IS NULL"
            return int(db.execute(query).fetchone()[0])

    @contextmanager
    def taking_out(self, number: int) -> Iterator[None]:
        """Remove a reading together with what is done inside."""
        with self._file.transaction() as db:
            yield
            db.execute("DELETE FROM held_reading WHERE n = ?", (number,))

    def set_aside(self, number: int, why: str) -> None:
        """Keep a reading out of the others' way, with the reason; its row stays for a person."""
        _LOG.error("held reading %d is set aside: %s", number, why)
        with self._file.transaction() as db:
            db.execute("UPDATE held_reading SET trouble = ? WHERE n = ?", (why, number))

    def last_known(self) -> Known | None:
        """Give the last moment at which the time was known; None if there is none to read."""
        with self._file.errors() as db:
            row = db.execute("SELECT at, boot, since_boot_us FROM known_time").fetchone()
        try:
            at = None if row is None else datetime.fromisoformat(row[0]).astimezone(UTC)
        except ValueError as error:
            _LOG.error("the last known time cannot be read and begins anew: %s", error)
            at = None
        return None if row is None or at is None else Known(at, row[1], row[2] * _MICROSECOND)

    def note_known(self, known: Known) -> None:
        """Keep the moment at which the time is known; on disk when this returns.

        Raises
        ------
        OutboxError
            If it could not be written.
        """
        row = (known.at.isoformat(), known.boot, known.since_boot // _MICROSECOND)
        with self._file.transaction() as db:
            db.execute("INSERT OR REPLACE INTO known_time VALUES (1, ?, ?, ?)", row)

    def _parse(self, number: int, body: str) -> HeldReading | None:
        try:
            return HeldReading.model_validate_json(body)
        except ValidationError as error:
            what = error.errors(include_url=False, include_input=False)[0]["type"]
            self.set_aside(number, f"it cannot be read: {what}")
            return None
