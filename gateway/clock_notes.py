"""Notes of devices' clocks, by address, in the outbox's file.

Owns one table. Must not know what the notes say; `gateway.clock_book` does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gateway.outbox_file import OutboxFile
from gateway.outbox_rows import text

KEPT_FOR: Final = timedelta(days=400)
"""How long the clock of a device that does not come is remembered; addresses may be many."""


class ClockNotes:
    """Texts about clocks; used from the outbox's thread."""

    def __init__(self, file: OutboxFile) -> None:
        self._file = file

    def all(self) -> dict[str, str]:
        """Give every note by its device's address."""
        with self._file.errors() as db:
            return dict(db.execute("SELECT address, eras FROM device_clock").fetchall())

    def recall(self, address: str) -> str | None:
        """Give what was noted of the clock of the device at `address`."""
        with self._file.errors() as db:
            query = "SELECT eras FROM device_clock WHERE address = ?"
            row = db.execute(query, (address,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, address: str, eras: str, now: datetime) -> None:
        """Keep a note of the clock of the device at `address`; on disk when this returns."""
        with self._file.transaction() as db:
            db.execute(
                "INSERT INTO device_clock VALUES (?, ?, ?) ON CONFLICT (address) "
                "DO UPDATE SET eras = excluded.eras, seen_at = excluded.seen_at",
                (address, eras, text(now)),
            )

    def forget(self, now: datetime) -> None:
        """Forget devices that have not come for long; inside a transaction."""
        query = "DELETE FROM device_clock WHERE seen_at < ?"
        self._file.db.execute(query, (text(now - KEPT_FOR),))
