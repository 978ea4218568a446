"""The spirometry documents themselves, kept beside the outbox for thirty days.

Owns a folder of files. Must not know what they say. The readings of a session are one value of a
kind; all its blows are here, for whoever doubts them.

Invariants
----------
1. When `keep` returns the document is on disk, under its own name. The same bytes are kept once.
2. Only the gateway's user can read it, and the folder does not grow beyond LIMIT_BYTES.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from gateway.errors import OutboxError

_LOG = logging.getLogger(__name__)

KEPT_FOR: Final = timedelta(days=30)
"""As long as the outbox keeps a released reading: promise 1 of the architecture."""
LIMIT_BYTES: Final = 16 * 1024 * 1024
"""Three sessions a day of 4 kB are 360 kB a month; beyond it something has gone wild, and the
oldest documents go. Their readings are in the outbox."""

HOUSEKEEPING_S: Final = 3600.0

_STAMP: Final = "%Y%m%dT%H%M%S"
_STAMP_SIGNS: Final = 15


class SpirometryStore:
    """Keeps documents in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, document: bytes, digest: str, now: datetime) -> None:
        """Keep a document; on disk when this returns.

        Raises
        ------
        OutboxError
            If it could not be written.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not any(self._folder.glob(f"*-{digest}.json")):
                self._write(document, f"{now.astimezone(UTC):{_STAMP}}-{digest}.json")
        except OSError as error:
            raise OutboxError(
                f"the spirometry document could not be kept: {error.strerror}; check the disk and "
                "send it again"
            ) from error

    async def run(self, now: Callable[[], datetime]) -> None:
        """Forget old documents for as long as the gateway runs."""
        while True:
            try:
                _LOG.debug("%d old spirometry documents forgotten", self.prune(now()))
            except OSError as error:
                _LOG.error("the spirometry documents were not tidied: %s", error)
            await asyncio.sleep(HOUSEKEEPING_S)

    def prune(self, now: datetime) -> int:
        """Forget what is older than thirty days, and the oldest beyond the limit; count them."""
        files = sorted(self._folder.glob("*.json"), reverse=True)
        gone, total = 0, 0
        for file in files:
            total += file.stat().st_size
            if total > LIMIT_BYTES or _is_old(file.name, now):
                file.unlink(missing_ok=True)
                gone += 1
        for leftover in self._folder.glob("*.part"):
            leftover.unlink(missing_ok=True)
        return gone

    def _write(self, document: bytes, name: str) -> None:
        part = self._folder / f"{name}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._folder / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _is_old(name: str, now: datetime) -> bool:
    try:
        kept_at = datetime.strptime(name[:_STAMP_SIGNS], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False  # not ours to throw away
    return now - kept_at > KEPT_FOR
