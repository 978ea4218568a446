"""The outbox's tables: how they are made, upgraded and checked row by row.

Owns the schema, its version and the checksum of a row. Must not know where the file lies, nor
when a row is released.

Invariants
----------
1. An upgrade is one transaction: a crash leaves the older version or the newer one.
2. A row carries the checksum of all that never changes of it. SQLite notices a damaged page by
   its structure only; a flipped bit in a body would pass as another reading.

A sibling store that keeps its own table in this file (see `gateway.keeping.file.OutboxFile`) adds
it to SIDE_TABLES; it is made at the next start and salvaged with the rest.
"""

from __future__ import annotations

import sqlite3
import zlib
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from pydantic import ValidationError

from gateway.errors import OutboxError
from telekol.observation import Observation
from telekol.quantities import FACTS

SCHEMA_VERSION: Final = 3

BLOCK: Final = 1 << 48
"""How many row numbers each kind of reading has for itself. Rows of a kind lie together, so that
giving up the oldest of a kind frees whole pages; the size limit counts pages. The upgrade from
version 2 below has the 48 too."""

OF_DEVICE: Final = 0
OF_PATIENT: Final = 1
"""The kinds: what describes the signal or the device alone, and what a patient measured."""


@dataclass(frozen=True, slots=True)
class SideTable:
    """A table of a sibling store: copied row by row when the file is salvaged."""

    name: str
    columns: tuple[str, ...]
    create: str


SIDE_TABLES: Final = (
    SideTable(
        "device_clock",
        ("address", "eras", "seen_at"),
        "CREATE TABLE IF NOT EXISTS device_clock "
        "(address TEXT PRIMARY KEY, eras TEXT NOT NULL, seen_at TEXT NOT NULL) STRICT",
    ),
    SideTable(
        "held_reading",
        ("n", "boot", "device", "payload", "body", "trouble"),
        "CREATE TABLE IF NOT EXISTS held_reading "
        "(n INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, device TEXT NOT NULL, "
        "payload TEXT NOT NULL, body TEXT NOT NULL, trouble TEXT) STRICT",
    ),
    SideTable(
        "known_time",
        ("one", "at", "boot", "since_boot_us"),
        "CREATE TABLE IF NOT EXISTS known_time "
        "(one INTEGER PRIMARY KEY CHECK (one = 1), at TEXT NOT NULL, boot TEXT NOT NULL, "
        "since_boot_us INTEGER NOT NULL) STRICT",
    ),
)

TABLES: Final = frozenset({"life", "observation", "spoilt", "abandoned"})

_TABLES_OF_3: Final = """
CREATE TABLE life (
    n INTEGER PRIMARY KEY,
    boot TEXT NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE observation (
    n INTEGER PRIMARY KEY,
    boot TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    received_at TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    settled_at TEXT,
    asked_at TEXT,
    refusal TEXT,
    UNIQUE (boot, seq)
) STRICT;
CREATE TABLE spoilt (
    boot TEXT NOT NULL, seq INTEGER NOT NULL, body ANY, reason TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE TABLE abandoned (
    boot TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (boot, first)
) STRICT, WITHOUT ROWID;
"""

_INDEXES_OF_3: Final = """
CREATE INDEX observation_pending ON observation (boot, seq, size_bytes) WHERE settled_at IS NULL;
CREATE INDEX observation_since ON observation (coalesce(asked_at, received_at))
    WHERE settled_at IS NULL;
CREATE INDEX observation_settled ON observation (settled_at) WHERE settled_at IS NOT NULL;
"""
"""What waits, in the order it is sent and by how long; and what is history, oldest first."""

_FROM_1: Final = "BEGIN IMMEDIATE;" + SIDE_TABLES[0].create + ";"

_MOVE_ROWS: Final = """
INSERT INTO life SELECT 1 - row_number() OVER (), boot, max(seq) FROM observation_2
    WHERE boot NOT IN (SELECT boot FROM life_2) GROUP BY boot;
INSERT INTO life SELECT 1, boot, last_seq FROM life_2;
INSERT INTO observation
    SELECT rowid + (reading_kind(body) << 48), boot, seq, id, body, received_at,
        length(CAST(body AS BLOB)), row_checksum(boot, seq, id, body, received_at),
        settled_at, NULL, refusal
    FROM observation_2 ORDER BY rowid;
DROP TABLE observation_2;
DROP TABLE life_2;
"""

_FROM_2: Final = "".join(
    (
        "BEGIN IMMEDIATE;",
        "ALTER TABLE life RENAME TO life_2; ALTER TABLE observation RENAME TO observation_2;",
        "DROP INDEX observation_pending; DROP INDEX observation_settled;",
        *(_TABLES_OF_3, _MOVE_ROWS, _INDEXES_OF_3),
    )
)

_UPGRADES: Final = {1: _FROM_1, 2: _FROM_2}
"""From each older version to the next; readings that wait go along as they are."""


def checksum(boot: str, seq: int, reading: str, body: str, received_at: str) -> int:
    """Give the checksum of what never changes of a row (CRC-32: it guards against flipped bits)."""
    written = "\x1f".join((boot, str(seq), reading, body, received_at))
    return zlib.crc32(written.encode(errors="surrogateescape"))


def kind_of(item: Observation) -> int:
    """Say whether a patient measured it or it describes the signal or device."""
    return OF_PATIENT if FACTS[item.quantity].of_patient else OF_DEVICE


def prepare(connection: sqlite3.Connection) -> None:
    """Make, upgrade and recognise the tables.

    Raises
    ------
    OutboxError
        If a newer version of this software made the file.
    sqlite3.DatabaseError
        If its tables are not there.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise OutboxError(
            f"expected an outbox of version {SCHEMA_VERSION}, found {version}; it was made by a "
            "newer gateway, so run that one"
        )
    connection.create_function("row_checksum", 5, checksum, deterministic=True)
    connection.create_function("reading_kind", 1, _kind_of_body, deterministic=True)
    if version == 0:
        connection.executescript("BEGIN IMMEDIATE;" + _TABLES_OF_3 + _INDEXES_OF_3)
        connection.execute("INSERT INTO life VALUES (1, ?, 0)", (str(uuid4()),))
        _stamp(connection, SCHEMA_VERSION)
    for older in range(version, SCHEMA_VERSION) if version else ():
        connection.executescript(_UPGRADES[older])
        _stamp(connection, older + 1)
    _recognise(connection)


def _recognise(connection: sqlite3.Connection) -> None:
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if not {row[0] for row in connection.execute(query)} >= TABLES:
        raise sqlite3.DatabaseError("its tables are missing")
    if connection.execute("SELECT count(*) FROM life").fetchone()[0] == 0:
        raise sqlite3.DatabaseError("it has no life")
    for table in SIDE_TABLES:
        connection.execute(table.create)


def _stamp(connection: sqlite3.Connection, version: int) -> None:
    """Say the version and end the transaction that made it."""
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("COMMIT")


def _kind_of_body(body: str) -> int:
    """Tell the kind for the upgrade; what cannot be read is taken for a patient's."""
    try:
        return kind_of(Observation.model_validate_json(body))
    except ValidationError:
        return OF_PATIENT
