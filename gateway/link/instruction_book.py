"""The book of instructions: what the server asked for, on disk, until the server knows its end.

Owns one small SQLite file beside the outbox: instructions, what became of each, and the count of
connections. Not in the outbox itself: that file has one purpose and its own rules of salvage,
and an instruction, unlike a reading, can be had again. Used from one thread.

Invariants
----------
1. When `keep` returns, the instruction is on disk; the same id is kept once.
2. A state only goes forward: received, then done, refused or expired, and no further.
3. A state is told until the broker has taken the acknowledgement; an instruction that comes again
   is told again.
4. A damaged file is moved aside and begun anew, with a new ``life``: the server sees by it that
   open instructions must be sent again. No reading depends on this file.
5. Connection numbers only grow within one life, also when the process is killed; only a disk that
   takes no write can have one repeated after a restart.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from gateway.errors import NotesError
from telekol.errors import WireError
from telekol.health import ConnectionCount
from telekol.instructions import (
    AcknowledgementState,
    Instruction,
    Schedule,
    decode_instruction,
    encode_instruction,
)

_LOG = logging.getLogger(__name__)

OPEN_MOST: Final = 200
"""Most instructions that are not at their end; a home has a handful, and a card has an end."""

HISTORY: Final = timedelta(days=30)
"""How long an ended instruction is remembered, so that one that comes again is known."""

_BLOCK: Final = 1000
"""Connection numbers are taken from the disk a thousand at a time: a home that is offline for a
week tries ten thousand times, and need not write each down."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS life (life TEXT NOT NULL, connections INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS instruction (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL,
    received_at TEXT NOT NULL, expires_at TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, changed_at TEXT NOT NULL,
    told INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS instruction_untold ON instruction (told) WHERE told = 0;
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of an instruction, and when."""

    id: UUID
    state: AcknowledgementState
    reason: str
    at: datetime


class InstructionBook:
    """Instructions on disk."""

    def __init__(self, connection: sqlite3.Connection, gateway: str) -> None:
        self._db = connection
        self._gateway = gateway
        life, self._reserved = self._db.execute("SELECT life, connections FROM life").fetchone()
        self._life = UUID(life)
        self._number = self._reserved

    @classmethod
    def open(cls, path: Path, gateway: str) -> InstructionBook:
        """Open the book at `path`; a damaged one is moved aside.

        Raises
        ------
        NotesError
            If the file cannot be opened or made.
        """
        try:
            return cls(_open(path), gateway)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            if isinstance(error, sqlite3.OperationalError):
                raise NotesError(f"cannot open {path}: {error}") from error
            _move_aside(path, error)
        try:
            return cls(_open(path), gateway)
        except sqlite3.Error as error:
            raise NotesError(f"cannot begin {path} anew: {error}") from error

    @classmethod
    def in_memory(cls, gateway: str) -> InstructionBook:
        """Make a book that ends with the process, for a disk that takes none."""
        return cls(_open(Path(":memory:")), gateway)

    def next_connection(self) -> ConnectionCount:
        """Count a new connection; also on a full disk, since readings must go out."""
        if self._number >= self._reserved:
            try:
                with self._transaction():
                    self._db.execute("UPDATE life SET connections = ?", (self._reserved + _BLOCK,))
            except NotesError as error:
                _LOG.error("connections are counted in memory alone: %s", error)
            self._reserved += _BLOCK
        self._number += 1
        return ConnectionCount(life=self._life, number=self._number, report=0)

    def keep(
        self,
        instruction: Instruction,
        state: AcknowledgementState,
        now: datetime,
        reason: str = "",
    ) -> bool:
        """Keep an instruction; False if its id was known, which is then told again."""
        row = (
            str(instruction.id),
            instruction.kind,
            encode_instruction(instruction),
            _text(now),
            _text(instruction.expires_at),
            str(state),
            reason,
            _text(now),
        )
        with self._transaction():
            added = self._db.execute(
                "INSERT INTO instruction (id, kind, body, received_at, expires_at, state, reason, "
                "changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                row,
            ).rowcount
            if not added:
                self._db.execute("UPDATE instruction SET told = 0 WHERE id = ?", (row[0],))
        return bool(added)

    def finish(
        self, instruction: UUID, state: AcknowledgementState, now: datetime, reason: str = ""
    ) -> bool:
        """Write an instruction's end down; False if it is unknown or has ended already."""
        with self._transaction():
            changed = self._db.execute(
                "UPDATE instruction SET state = ?, reason = ?, changed_at = ?, told = 0 "
                "WHERE id = ? AND state = 'received'",
                (str(state), reason, _text(now), str(instruction)),
            ).rowcount
        return bool(changed)

    def expire(self, now: datetime) -> int:
        """End what has waited past its time; give how many."""
        with self._transaction():
            return self._db.execute(
                "UPDATE instruction SET state = 'expired', changed_at = ?, told = 0 "
                "WHERE state = 'received' AND expires_at <= ?",
                (_text(now), _text(now)),
            ).rowcount

    def prune(self, now: datetime) -> int:
        """Forget what ended long ago, but never the schedule in force; give how many."""
        schedule = self.schedule()
        kept = "" if schedule is None else str(schedule.id)
        with self._transaction():
            return self._db.execute(
                "DELETE FROM instruction WHERE state <> 'received' AND told = 1 AND id <> ? "
                "AND changed_at < ? AND expires_at < ?",
                (kept, _text(now - HISTORY), _text(now - HISTORY)),
            ).rowcount

    def untold(self) -> tuple[Standing, ...]:
        """Give what the server has to be told, in order."""
        rows = self._rows(
            "SELECT id, state, reason, changed_at FROM instruction WHERE told = 0 "
            "ORDER BY changed_at, id LIMIT 100"
        )
        return tuple(
            Standing(UUID(i), AcknowledgementState(state), reason, datetime.fromisoformat(at))
            for i, state, reason, at in rows
        )

    def told(self, standing: Standing) -> None:
        """Note that the server was told this, if it still stands so."""
        with self._transaction():
            self._db.execute(
                "UPDATE instruction SET told = 1 WHERE id = ? AND state = ?",
                (str(standing.id), str(standing.state)),
            )

    def open_ones(self, kind: str) -> tuple[Instruction, ...]:
        """Give the instructions of a kind that wait to be carried out, the oldest first."""
        return self._read("state = 'received' AND kind = ? ORDER BY received_at, id", kind)

    def schedule(self) -> Schedule | None:
        """Give the schedule in force: the highest version that was adopted."""
        known = self._read("state = 'done' AND kind = ?", "schedule")
        schedules = [item for item in known if isinstance(item, Schedule)]
        return max(schedules, key=lambda item: item.version, default=None)

    def is_full(self) -> bool:
        """Say whether no more instructions can be open."""
        ((count,),) = self._rows("SELECT count(*) FROM instruction WHERE state = 'received'")
        return int(count) >= OPEN_MOST

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _read(self, which: str, kind: str) -> tuple[Instruction, ...]:
        rows = self._rows(f"SELECT body FROM instruction WHERE {which}", kind)  # noqa: S608 - ours
        found = []
        for (body,) in rows:
            try:
                found.append(decode_instruction(self._gateway, body))
            except WireError as error:
                _LOG.error("a kept instruction cannot be read and is left out: %s", error)
        return tuple(found)

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise NotesError(f"the instructions cannot be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # After some errors (a full disk) SQLite has rolled back by itself.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise NotesError(f"the instructions cannot be written: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        if connection.execute("SELECT count(*) FROM life").fetchone()[0] == 0:
            connection.execute("INSERT INTO life VALUES (?, 0)", (str(uuid4()),))
    except BaseException:
        connection.close()
        raise
    return connection


def _move_aside(path: Path, error: Exception) -> None:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    _LOG.error(
        "the file of instructions is damaged (%s); it is moved aside and begun anew. What was "
        "open in it must be sent again by the server",
        error,
    )
    for end in ("", "-wal", "-shm"):
        part = path.with_name(path.name + end)
        if part.exists():
            part.rename(path.with_name(f"{path.name}.damaged-{stamp}{end}"))


def _text(moment: datetime) -> str:
    """Write a moment so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
