"""Out of a damaged outbox into a new one: whatever SQLite can still read.

Owns how rows are looked for in a damaged file and which of them are believed. Must not know
when a file counts as damaged, nor where it goes; `gateway.keeping.file` does.

Invariants
----------
1. The damaged file is read only.
2. A row is taken over if it is what was written: its checksum says so or, in a file of an older
   version, its id and value agree with its body. Any other stays in the damaged file.
3. Waiting rows come first, with new numbers in the new life; history keeps its old numbers. A
   row whose receipt cannot be read counts as waiting: the server knows the reading's id. A row
   that the server asked for again keeps its numbers and goes on waiting.
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

from gateway.keeping.rows import COLUMNS, believed, columns
from gateway.keeping.schema import BLOCK, OF_DEVICE, OF_PATIENT, SIDE_TABLES, SideTable, kind_of
from telekol.observation import Observation

_BY_RECEIPT: Final = (
    "SELECT rowid FROM observation INDEXED BY observation_{} WHERE settled_at {} ORDER BY {} {{}}"
)
_WALKS: Final = (
    _BY_RECEIPT.format("pending", "IS NULL", "boot, seq"),
    _BY_RECEIPT.format("pending", "IS NULL", "seq"),  # as files before version 3 have it
    _BY_RECEIPT.format("settled", "IS NOT NULL", "settled_at"),
    "SELECT rowid FROM observation NOT INDEXED ORDER BY rowid {}",
    "SELECT rowid FROM observation NOT INDEXED WHERE rowid < (1 << 48) ORDER BY rowid {}",
    "SELECT rowid FROM observation NOT INDEXED WHERE rowid > (1 << 48) ORDER BY rowid {}",
)
"""Ways to the rows' numbers in the file; each may be broken at another page."""

_ROW: Final = "FROM observation NOT INDEXED WHERE rowid = ?"
_ROW_OF_3: Final = f"SELECT {COLUMNS}, settled_at, asked_at, refusal {_ROW}"
_ROW_OF_2: Final = f"SELECT boot, seq, id, value, body, settled_at, refusal {_ROW}"

_ROWS_ON_A_PAGE: Final = 16
"""More than fit: a body alone has some 300 bytes, a page 4096. Bounds the guessing."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row that can be believed; ``number`` is None for one that gets a new one."""

    observation: Observation
    number: tuple[str, int] | None
    settled_at: str | None = None
    asked_at: str | None = None
    refusal: str | None = None


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
        lives = dict(_table(source, "SELECT boot, last_seq FROM life"))
        reports = _table(source, "SELECT boot, first, last, reason FROM abandoned")
        sides = [(table, _side_rows(source, table)) for table in SIDE_TABLES]
    fresh.execute("BEGIN IMMEDIATE")
    waiting = _insert_waiting(fresh, [row for row in rows if row.number is None])
    history = _insert_numbered(fresh, [row for row in rows if row.number is not None])
    _insert_lives(fresh, rows, lives)
    fresh.executemany("INSERT OR IGNORE INTO abandoned VALUES (?, ?, ?, ?)", reports)
    for table, found in sides:
        marks = ", ".join("?" * len(table.columns))
        fresh.executemany(f"INSERT OR IGNORE INTO {table.name} VALUES ({marks})", found)  # noqa: S608 - constants
    fresh.execute("COMMIT")
    asked = sum(row.asked_at is not None and row.settled_at is None for row in rows)
    return Salvaged(waiting + asked, history - asked, unreadable)


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
        row = _fetch(source, number)
        if row is not None:
            found.append(row)
        unreadable += row is None and number in known
    # By arrival: each kind of reading has numbers of its own.
    return sorted(found, key=lambda row: row.observation.received_at), unreadable


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
    for kind in (OF_DEVICE, OF_PATIENT):
        low, high = kind * BLOCK + 1, (kind + 1) * BLOCK
        there = [number for number in known if low <= number < high]
        first = max(low, min(there, default=low) - reach)
        yield from range(first, max(there, default=low) + reach + 1)


def _fetch(source: sqlite3.Connection, number: int) -> _Row | None:
    for query, make in ((_ROW_OF_3, _row_of_3), (_ROW_OF_2, _row_of_2)):
        try:
            row: tuple[Any, ...] | None = source.execute(query, (number,)).fetchone()
            return None if row is None else make(row)
        except sqlite3.OperationalError:
            continue  # a file of the other version has not these columns
        except (sqlite3.Error, ValueError, TypeError, AttributeError):
            return None
    return None


def _row_of_3(row: tuple[Any, ...]) -> _Row:
    *written, settled_at, asked_at, refusal = row
    boot, reading, body, received_at = (written[at].decode() for at in (0, 2, 3, 4))
    observation = believed((boot, written[1], reading, body, received_at, *written[5:]))
    asked, settled = _moment(asked_at), _moment(settled_at)
    number = (boot, int(written[1])) if settled or asked else None
    return _Row(observation, number, settled, asked, _reason(refusal))


def _row_of_2(row: tuple[Any, ...]) -> _Row | None:
    boot, seq, reading, value, body, settled_at, refusal = row
    try:
        observation = Observation.model_validate_json(body)
    except ValidationError:
        return None
    if (str(observation.id).encode(), observation.value) != (reading, value):
        return None
    settled = _moment(settled_at)
    number = (boot.decode(), int(seq)) if settled else None
    return _Row(observation, number, settled, None, _reason(refusal))


def _moment(found: Any) -> str | None:
    try:
        return datetime.fromisoformat(found.decode()).isoformat(timespec="microseconds")
    except (AttributeError, TypeError, ValueError):
        return None


def _reason(found: Any) -> str | None:
    return found.decode(errors="replace") if isinstance(found, bytes) else None


def _table(source: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    """Read a small table as far as it goes; an older file may not have it."""
    found: list[tuple[Any, ...]] = []
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
        for row in source.execute(query):
            found.append(tuple(_plain(item) for item in row))  # noqa: PERF401 - keep those so far
    return found


def _side_rows(source: sqlite3.Connection, table: SideTable) -> list[tuple[Any, ...]]:
    return _table(source, f"SELECT {', '.join(table.columns)} FROM {table.name} NOT INDEXED")  # noqa: S608 - constants


def _plain(item: Any) -> Any:
    return item.decode() if isinstance(item, bytes) else item


def _insert_waiting(fresh: sqlite3.Connection, waiting: list[_Row]) -> int:
    (boot,) = fresh.execute("SELECT boot FROM life").fetchone()
    for seq, row in enumerate(waiting, start=1):
        _insert(fresh, (boot, seq), row)
    fresh.execute("UPDATE life SET last_seq = ?", (len(waiting),))
    return len(waiting)


def _insert_numbered(fresh: sqlite3.Connection, rows: list[_Row]) -> int:
    return sum(_insert(fresh, row.number, row) for row in rows if row.number is not None)


def _insert(fresh: sqlite3.Connection, number: tuple[str, int], row: _Row) -> int:
    block = kind_of(row.observation) * BLOCK
    return fresh.execute(
        f"INSERT OR IGNORE INTO observation (n, {COLUMNS}, settled_at, asked_at, refusal) "  # noqa: S608 - constants
        "VALUES (1 + coalesce((SELECT max(n) FROM observation WHERE n > ? AND n < ?), ?), "
        "?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(block, block + BLOCK, block),
            *columns(*number, row.observation),
            *(row.settled_at, row.asked_at, row.refusal),
        ),
    ).rowcount


def _insert_lives(fresh: sqlite3.Connection, rows: Iterable[_Row], lives: dict[Any, Any]) -> None:
    """Remember the lives before this one, with the highest number known of each."""
    for row in rows:
        if row.number is not None:
            boot, seq = row.number
            lives[boot] = max(int(lives.get(boot, 0)), seq)
    fresh.executemany(
        "INSERT OR IGNORE INTO life VALUES (?, ?, ?)",
        [(-n, boot, seq) for n, (boot, seq) in enumerate(lives.items())],
    )
