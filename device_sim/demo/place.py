"""Where a demo keeps its data, and the rule that there is one demo at a time in one place.

Touches disk.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from telekol.errors import TelekolError


class DemoRunningError(TelekolError):
    """Another demo is running in the same folder."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Local ports of one demo, chosen once so that a restarted part is found again."""

    api: int
    broker: int
    control: int
    first_home: int


class Place:
    """The folder of a demo, held by a lock while the demo runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._lock: IO[str] | None = None

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.folder / "postgres"

    @property
    def broker(self) -> Path:
        """The broker's configuration and store."""
        return self.folder / "broker"

    @property
    def logs(self) -> Path:
        """One log a service."""
        return self.folder / "logs"

    @property
    def outboxes(self) -> Path:
        """The gateways' outboxes, one file a home."""
        return self.folder / "outboxes"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise DemoRunningError(self._who_runs()) from None
        self._lock = lock
        for part in (self.broker, self.logs, self.outboxes):
            part.mkdir(exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()

    def announce(self, address: str) -> None:
        """Note where the demo is found, for whoever starts a second one."""
        text = json.dumps({"address": address, "process": os.getpid()})
        self._running.write_text(text, encoding="utf-8")

    def remove(self) -> None:
        """Delete the demo's data; refuses while a demo runs."""
        if not self.folder.exists():
            return
        with self:
            pass
        shutil.rmtree(self.folder)

    @property
    def _running(self) -> Path:
        return self.folder / "running.json"

    def _who_runs(self) -> str:
        try:
            found = json.loads(self._running.read_text(encoding="utf-8"))
            where = f"open {found['address']}, or stop process {found['process']}"
        except (FileNotFoundError, ValueError, KeyError):
            where = "it is still starting; wait a moment"
        return f"a demo is already running from {self.folder}: {where}"


def choose_ports(preferred_api: int, homes: int) -> Ports:
    """Choose free ports, the API's preferred one if nobody has it."""
    api = preferred_api if _is_free(preferred_api) else _free_run(1)
    return Ports(api=api, broker=_free_run(1), control=_free_run(1), first_home=_free_run(homes))


def _free_run(length: int) -> int:
    """Find `length` consecutive free ports and give the first."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        if first + length < 2**16 and all(_is_free(first + n) for n in range(length)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
