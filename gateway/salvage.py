"""Out of a damaged outbox into a new one: whatever SQLite can still read.

Owns how rows are looked for in a damaged file and which of them are believed. Must not know
when a file counts as damaged, nor where it goes; `gateway.outbox_file` does.

Invariants
----------
1. The damaged file is read only.
2. A row is taken over if its body is an observation and agrees with the row's id and value;
   one that disagrees with itself may hold a flipped bit and stays in the damaged file.
3. Waiting rows come first, with new numbers in the new life; history keeps its old numbers. A
   row whose receipt cannot be read counts as waiting: the server knows the reading's id.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from telekol.observation import Observation

_BY_RECEIPT: Final = (
    "SELECT rowid FROM observation INDEXED BY observation_{} WHERE settled_at {} ORDER BY {} {{}}"
)
_WALKS: Final = (
    _BY_RECEIPT.format("pending", "IS NULL", "seq"),
    _BY_RECEIPT.format("settled", "IS NOT NULL", "settled_at"),
    "SELECT rowid FROM observation NOT INDEXED ORDER BY rowid {}",
)
"""Ways to the rows' numbers in the file; each may be broken at another page."""

_ROW: Final = (
    "SELECT boot, seq, id, value, body, settled_at, refusal FROM observation NOT INDEXED "
    "WHERE rowid = ?"
)

_ROWS_ON_A_PAGE: Final = 16
"""More than fit: a body alone has some 300 bytes, a page 4096. Bounds the guessing."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row that can be believed; ``settled`` is empty for a waiting one."""

    observation: Observation
    settled: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """How many rows were taken over, and how many are known to be beyond reading."""

    waiting: int
    history: int
    unreadable: int


def salvage(damaged: Path, fresh: sqlite3.Connection) -> Salvaged:
    """Copy what can be read of the outbox `damaged` into the new and empty one `fresh`.

    Raises
    ------
    sqlite3.Error
        If `fresh` cannot be written.
    """
    with contextlib.closing(sqlite3.connect(damaged, isolation_level=None)) as source:
        rows, unreadable = _read(source)
        clocks = _clocks(source)
    waiting = [row.observation for row in rows if not row.settled]
    history = [row for row in rows if row.settled]
    _insert_waiting(fresh, waiting)
    fresh.executemany("INSERT OR IGNORE INTO device_clock VALUES (?, ?, ?)", clocks)
    return Salvaged(len(waiting), _insert_history(fresh, history), unreadable)


def _read(source: sqlite3.Connection) -> tuple[list[_Row], int]:
    source.text_factory = bytes  # so that one broken letter spoils one row only
    with contextlib.suppress(sqlite3.Error):
        # Without it SQLite refuses a file that was cut short as a whole; nothing is written.
        source.execute("PRAGMA writable_schema = ON")
        source.execute("PRAGMA cell_size_check = ON")
    known = set(_known_numbers(source))
    found: list[_Row] = []
    unreadable = 0
    for number in sorted(known | set(_guessed_numbers(source, known))):
        row = _believed(_fetch(source, number))
        if row is not None:
            found.append(row)
        unreadable += row is None and number in known
    return found, unreadable


def _known_numbers(source: sqlite3.Connection) -> Iterator[int]:
    """Walk every way from both ends, each as far as it goes."""
    for walk in _WALKS:
        for order in ("ASC", "DESC"):
            with contextlib.suppress(sqlite3.Error):
                for (number,) in source.execute(walk.format(order)):
                    yield int(number)


def _guessed_numbers(source: sqlite3.Connection, known: set[int]) -> Iterable[int]:
    """Give the numbers that a row may have where every way to it is broken."""
    pages = 0
    with contextlib.suppress(sqlite3.Error):
        pages = int(source.execute("PRAGMA page_count").fetchone()[0])
    reach = pages * _ROWS_ON_A_PAGE
    return range(max(1, min(known, default=1) - reach), max(known, default=0) + reach + 1)


def _fetch(source: sqlite3.Connection, number: int) -> tuple[Any, ...] | None:
    try:
        row: tuple[Any, ...] | None = source.execute(_ROW, (number,)).fetchone()
    except sqlite3.Error:
        return None
    return row


def _believed(row: tuple[Any, ...] | None) -> _Row | None:
    if row is None:
        return None
    boot, seq, reading, value, body, settled_at, refusal = row
    try:
        observation = Observation.model_validate_json(body)
        if (str(observation.id).encode(), observation.value) != (reading, value):
            return None
        return _Row(observation, _settled(boot, seq, settled_at, refusal))
    except (ValidationError, TypeError):
        return None


def _settled(boot: Any, seq: Any, settled_at: Any, refusal: Any) -> tuple[Any, ...]:
    try:
        at = datetime.fromisoformat(settled_at.decode())
        why = None if refusal is None else refusal.decode(errors="replace")
        return (boot.decode(), int(seq), at.isoformat(timespec="microseconds"), why)
    except (AttributeError, TypeError, ValueError):
        return ()


def _clocks(source: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Read the notes of clocks as far as they go; an older file has none."""
    found = []
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError, AttributeError):
        for row in source.execute("SELECT address, eras, seen_at FROM device_clock NOT INDEXED"):
            found.append(tuple(item.decode() for item in row))  # noqa: PERF401 - keep those so far
    return found


def _insert_waiting(fresh: sqlite3.Connection, waiting: list[Observation]) -> None:
    fresh.execute("BEGIN IMMEDIATE")
    fresh.executemany(
        "INSERT INTO observation (boot, seq, id, value, body, received_at) "
        "SELECT boot, ?, ?, ?, ?, ? FROM life",
        [(seq, *_columns(item)) for seq, item in enumerate(waiting, start=1)],
    )
    fresh.execute("UPDATE life SET last_seq = ?", (len(waiting),))
    fresh.execute("COMMIT")


def _insert_history(fresh: sqlite3.Connection, history: list[_Row]) -> int:
    fresh.execute("BEGIN IMMEDIATE")
    count = fresh.executemany(
        "INSERT OR IGNORE INTO observation "
        "(boot, seq, settled_at, refusal, id, value, body, received_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*row.settled, *_columns(row.observation)) for row in history],
    ).rowcount
    fresh.execute("COMMIT")
    return max(count, 0)


def _columns(item: Observation) -> tuple[str, float, str, str]:
    received_at = item.received_at.isoformat(timespec="microseconds")
    return str(item.id), item.value, item.model_dump_json(), received_at
