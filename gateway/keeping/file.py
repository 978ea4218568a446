"""The outbox's file: opening it safely, writing to it, and replacing it when it is damaged.

Owns the connection, its transactions and how errors of SQLite are told. Must not know what the
rows mean; `gateway.keeping.outbox` does. Stores that must commit together with readings share one
OutboxFile: `with file.transaction(): ...` may be nested, and the outermost one commits.

Invariants
----------
1. A damaged file is moved aside, never deleted, and never stops the gateway; what SQLite can
   still read of it goes along into the new one. A crash in between loses none of that: the new
   file is complete before the damaged one is touched.
2. Every commit is on disk when it returns (WAL, synchronous = FULL), and only the gateway's
   user can read the file.
3. The check at the start takes CHECK_WITHIN_S at most, unless damage was met while the file was
   used: then the next start checks all of it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.errors import DiskFullError, OutboxCorruptError, OutboxError, OutboxGoneError
from gateway.keeping.place import (
    SIDECARS,
    FileLock,
    Place,
    move_aside,
    promote,
    rescue,
    successor,
    suspicion,
)
from gateway.keeping.salvage import salvage
from gateway.keeping.schema import prepare

_LOG = logging.getLogger(__name__)

CHECK_WITHIN_S: Final = 10.0
"""How long the check at the start may take. The file of 500 000 readings, 412 MB, took 19 s from
a cold disk and 0.6 s from memory (measured, SQLite 3.40); what is not reached is checked row by
row as it is read."""

LOG_BYTES: Final = 8 * 1024 * 1024
"""What stays of the log after a burst: twice what SQLite lets it grow to before a checkpoint."""

_STEPS_BETWEEN_LOOKS: Final = 10_000
"""Steps of SQLite between two looks at the clock: about a millisecond."""


class OutboxFile:
    """The open file; used from one thread, by every store that keeps something in it."""

    def __init__(self, connection: sqlite3.Connection, lock: FileLock, path: Path) -> None:
        self.db = connection
        self._lock = lock
        self._place = Place(path)
        self._is_open = self._is_shared = False
        self._undone: list[Callable[[], None]] = []

    @classmethod
    def open(cls, path: Path, now: datetime) -> OutboxFile:
        """Open the file, making it when there is none and replacing it when it is damaged.

        Raises
        ------
        OutboxError
            If the folder is not ours to write, another process holds the file, or a newer
            version of this software made it.
        """
        connection, lock = _open_locked(path, now)
        return cls(connection, lock, path)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._place.path

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write together or not at all; inside another transaction, with that one.

        Raises
        ------
        OutboxError
            If it could not be written; then nothing was.
        OutboxGoneError
            If the file is no longer in its place.
        """
        if self._is_open:
            self._is_shared = True
            yield self.db
            return
        with self._in_its_place(), self.errors():
            self.db.execute("BEGIN IMMEDIATE")
            self._is_open, self._is_shared = True, False
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                self._undo()
                raise
            finally:
                self._is_open = False

    def reuse_log(self) -> None:
        """Move what the log holds into the file, so that the log's space can be written again.

        What a full disk needs first: the log may have grown to some megabytes.
        """
        with self.errors():
            self.db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def on_rollback(self, recall: Callable[[], None]) -> None:
        """Have `recall` called when a transaction that stores shared was undone.

        A store that took part believes that its own part was done.
        """
        self._undone.append(recall)

    @contextmanager
    def errors(self) -> Iterator[sqlite3.Connection]:
        """Read, and tell errors of SQLite as ours."""
        try:
            yield self.db
        except sqlite3.Error as error:
            raise self._told(error) from error

    def close(self) -> None:
        """Close the file and let another process have it."""
        self.db.close()
        self._lock.release()

    def _undo(self) -> None:
        # After some errors (a full disk) SQLite has rolled back by itself.
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        for recall in self._undone if self._is_shared else ():
            recall()

    def _told(self, error: sqlite3.Error) -> OutboxError:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return DiskFullError(
                f"expected room on the disk, found none: {error}; nothing was changed. Make room "
                "on the gateway's disk"
            )
        if type(error) is sqlite3.DatabaseError:  # the subclasses are other troubles
            self._suspect()
            return OutboxCorruptError(
                f"the outbox is damaged: {error}; start the gateway again to begin a new one"
            )
        return OutboxError(f"the outbox cannot be used: {error}; nothing was changed")

    def _suspect(self) -> None:
        """Let the next start check everything, however long that takes."""
        with contextlib.suppress(OSError):
            suspicion(self.path).touch(mode=0o600)

    @contextmanager
    def _in_its_place(self) -> Iterator[None]:
        """See before and after that the file is where the next start looks for it."""
        try:
            self._place.must_hold()
            yield
            self._place.must_hold()
        except OutboxGoneError:
            rescue(self.db, self.path, datetime.now(UTC))
            raise


def _open_locked(path: Path, now: datetime) -> tuple[sqlite3.Connection, FileLock]:
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
    if not path.exists() and successor(path).exists():
        promote(successor(path), path)  # the process ended between the two renames
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
    new = successor(path)
    for suffix in SIDECARS:
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    with contextlib.closing(_open(new)) as fresh:
        saved = salvage(path, fresh)
        # Everything into the one file that is renamed; fails if there is no room.
        fresh.execute("PRAGMA journal_mode = DELETE")
    aside = move_aside(path, now)
    promote(new, path)
    suspicion(path).unlink(missing_ok=True)
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


def _open(path: Path) -> sqlite3.Connection:
    """Open and check; sqlite3.DatabaseError itself (not a subclass in use) means damage."""
    # Made by us first, so that it never exists with wider permissions; SQLite gives its
    # side files the permissions of the file.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    # A flipped bit may leave no UTF-8; the row's checksum says so, and its neighbours are read.
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        _check(connection, path)
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    is_suspect = suspicion(path).exists()
    if not is_suspect:
        connection.set_progress_handler(_until(CHECK_WITHIN_S), _STEPS_BETWEEN_LOOKS)
    # The longer one compares the indexes with the rows too.
    check = "PRAGMA integrity_check(3)" if is_suspect else "PRAGMA quick_check(3)"
    found: list[str] = []
    try:
        for (line,) in connection.execute(check):
            found.append(line)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        _LOG.warning("the outbox was checked for %.0f s, not to its end", CHECK_WITHIN_S)
        if not found:
            return
    finally:
        connection.set_progress_handler(None, 0)
    if found != ["ok"]:
        raise sqlite3.DatabaseError("; ".join(found)[:300])
    suspicion(path).unlink(missing_ok=True)


def _until(seconds: float) -> Callable[[], Any]:
    end_s = time.monotonic() + seconds
    return lambda: time.monotonic() > end_s
