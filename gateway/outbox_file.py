"""The outbox's file: opening it safely, and starting a new one when it is damaged.

Owns the file, its permissions, its lock and its schema. Must not know what the rows mean;
`gateway.outbox` does.

Invariants
----------
1. One process writes: a second one on the same file is told so and stops.
2. A damaged file is moved aside, never deleted, and never stops the gateway; what SQLite can
   still read of it goes along into the new one. A crash in between loses none of that: the new
   file is complete before the damaged one is touched.
3. Every commit is on disk when it returns (WAL, synchronous = FULL), and only the gateway's
   user can read the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from gateway.errors import OutboxError, OutboxGoneError
from gateway.salvage import salvage

_LOG = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 2

_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE life (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    boot TEXT NOT NULL,
    last_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE observation (
    boot TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    value REAL NOT NULL,
    body TEXT NOT NULL,
    received_at TEXT NOT NULL,
    settled_at TEXT,
    refusal TEXT,
    PRIMARY KEY (boot, seq)
) STRICT;
CREATE INDEX observation_pending ON observation (seq) WHERE settled_at IS NULL;
CREATE INDEX observation_settled ON observation (settled_at) WHERE settled_at IS NOT NULL;
"""

_CLOCKS: Final = """
CREATE TABLE device_clock (
    address TEXT PRIMARY KEY,
    eras TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT;
"""

_UPGRADES: Final = {1: "BEGIN IMMEDIATE;" + _CLOCKS}
"""From each older version to the next; readings that wait go along as they are."""

_SIDECARS: Final = ("", "-wal", "-shm")


class FileLock:
    """Held while a process writes the outbox; the system releases it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise OutboxError(
                f"expected to be the only gateway with the outbox {path.name!r}, found that "
                "another process holds it; stop that one or give this one its own file"
            ) from None

    def release(self) -> None:
        """Let another process have the outbox; harmless when done already."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


class Place:
    """Where the open file lies, and whether it still lies there.

    A file that is removed or replaced while it is open takes every commit and keeps none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = _identity(path)

    def must_hold(self) -> None:
        """Raise OutboxGoneError if the path no longer leads to the file that was opened."""
        if _identity(self.path) != self._identity:
            raise OutboxGoneError(
                f"expected the outbox's file {self.path.name!r} where it was opened, found it "
                "removed or replaced; what is written now would be lost. Start the gateway again"
            )


def rescue(connection: sqlite3.Connection, path: Path, now: datetime) -> None:
    """Write what the open file without a place holds to where the next start finds it.

    Where another file lies in its place that one is left alone, and ours is kept beside it.
    """
    target = path.with_name(f"{path.name}.rescued-{now:%Y%m%dT%H%M%S%f}")
    if not path.exists():
        target = _successor(path)
        target.unlink(missing_ok=True)
    try:
        handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            connection.execute("VACUUM INTO ?", (str(target),))
            os.fsync(handle)
        finally:
            os.close(handle)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        _LOG.error("the outbox's file is gone and its readings could not be rescued: %s", error)
    else:
        _LOG.error("the outbox's file is gone; its readings were written to %s", target.name)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_file(path: Path, now: datetime) -> tuple[sqlite3.Connection, FileLock]:
    """Open the outbox, making it when there is none and replacing it when it is damaged.

    Raises
    ------
    OutboxError
        If the folder is not ours to write, another process holds the file, or a newer version
        of this software made it.
    """
    if path.is_dir():  # before a lock is left beside it
        raise OutboxError(
            f"expected the outbox's file at {path}, found a folder; name a file in it"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"))
    except OSError as error:
        raise OutboxError(
            f"cannot write the outbox at {path}: {error}; check the folder"
        ) from error
    try:
        return _open_or_replace(path, now), lock
    except BaseException:
        lock.release()
        raise


def _open_or_replace(path: Path, now: datetime) -> sqlite3.Connection:
    if not path.exists() and _successor(path).exists():
        _promote(_successor(path), path)  # the process ended between the two renames
    try:
        return _open(path)
    except sqlite3.OperationalError as error:
        raise OutboxError(f"cannot open the outbox at {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        try:
            return _replace(path, now, error)
        except sqlite3.Error as second:
            raise OutboxError(
                f"the outbox at {path} is damaged ({error}) and a new one cannot be written: "
                f"{second}; check that the disk has room"
            ) from second


def _replace(path: Path, now: datetime, why: sqlite3.DatabaseError) -> sqlite3.Connection:
    """Begin a new file with what can be salvaged of the damaged one."""
    new = _successor(path)
    for suffix in _SIDECARS:
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    with contextlib.closing(_open(new)) as fresh:
        saved = salvage(path, fresh)
        # Everything into the one file that is renamed; fails if there is no room.
        fresh.execute("PRAGMA journal_mode = DELETE")
    aside = _move_aside(path, now)
    _promote(new, path)
    _LOG.error(
        "the outbox is damaged (%s); it is kept as %s and a new one is started. Salvaged: %d "
        "readings that wait for their receipt and %d of history; %d rows are known that cannot "
        "be read. Keep the file until somebody has looked at it",
        why,
        aside.name,
        saved.waiting,
        saved.history,
        saved.unreadable,
    )
    return _open(path)


def _successor(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _promote(new: Path, path: Path) -> None:
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # SQLite syncs what is in files; their names are ours
    finally:
        os.close(folder)


def _open(path: Path) -> sqlite3.Connection:
    """Open and check; sqlite3.DatabaseError itself (not a subclass in use) means damage."""
    # Made by us first, so that it never exists with wider permissions; SQLite gives its
    # side files the permissions of the file.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _check(connection)
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        raise sqlite3.DatabaseError("; ".join(found)[:300])


def _prepare(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise OutboxError(
            f"expected an outbox of version {SCHEMA_VERSION}, found {version}; it was made by a "
            "newer gateway, so run that one"
        )
    if version == 0:
        connection.executescript(_SCHEMA + _CLOCKS)
        connection.execute("INSERT INTO life VALUES (1, ?, 0)", (str(uuid4()),))
        _stamp(connection, SCHEMA_VERSION)
    for older in range(version, SCHEMA_VERSION) if version else ():
        connection.executescript(_UPGRADES[older])
        _stamp(connection, older + 1)
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if not {row[0] for row in connection.execute(query)} >= {"life", "observation", "device_clock"}:
        raise sqlite3.DatabaseError("its tables are missing")


def _stamp(connection: sqlite3.Connection, version: int) -> None:
    """Say the version and end the transaction that made it."""
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("COMMIT")


def _move_aside(path: Path, now: datetime) -> Path:
    """Rename the file with its side files, which belong together."""
    stem = f"{path.name}.damaged-{now:%Y%m%dT%H%M%S%f}"
    for suffix in _SIDECARS:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(stem + suffix))
    return path.with_name(stem)
