"""Where the outbox's file lies: its lock, whether it still lies there, and its rescue.

Owns names, locks and identities of files. Must not know what is in them.

Invariants
----------
1. One process writes: a second one on the same file is told so and stops.
2. A file that was removed or replaced while it was open is noticed, and what it holds is written
   to where the next start finds it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.errors import OutboxError, OutboxGoneError

_LOG = logging.getLogger(__name__)

SIDECARS: Final = ("", "-wal", "-shm")
"""The file and what SQLite keeps beside it; they belong together."""


class FileLock:
    """Held while a process writes the outbox; the system releases it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise OutboxError(
                f"expected to be the only gateway with the outbox {path.stem!r}, found that "
                "another process holds it; stop that one or give this one its own file"
            ) from None

    def release(self) -> None:
        """Let another process have the outbox; harmless when done already."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


@contextmanager
def stopped_gateway(path: Path) -> Iterator[None]:
    """Hold the outbox's lock, so that no gateway runs meanwhile; for what changes files beside it.

    Raises
    ------
    OutboxError
        If a gateway runs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        yield
    finally:
        lock.release()


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
        target = successor(path)
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


def successor(path: Path) -> Path:
    """Name the file that takes the place of `path` when it is complete."""
    return path.with_name(path.name + ".new")


def suspicion(path: Path) -> Path:
    """Name the file whose presence says that `path` was found damaged while it was used."""
    return path.with_name(path.name + ".suspect")


def leftovers(path: Path) -> list[Path]:
    """List damaged and rescued files beside `path`, which a person should look at."""
    found = (path.parent.glob(f"{path.name}.{kind}-*[0-9]") for kind in ("damaged", "rescued"))
    return sorted(file for files in found for file in files)


def promote(new: Path, path: Path) -> None:
    """Put a complete file into the place of the outbox."""
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # SQLite syncs what is in files; their names are ours
    finally:
        os.close(folder)


def move_aside(path: Path, now: datetime) -> Path:
    """Rename the file with its side files, which belong together."""
    stem = f"{path.name}.damaged-{now:%Y%m%dT%H%M%S%f}"
    for suffix in SIDECARS:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(stem + suffix))
    return path.with_name(stem)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
