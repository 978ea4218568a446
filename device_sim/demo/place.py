"""Where a demo keeps its data, and the rule that there is one demo at a time in one place.

Touches disk, and ends what a killed demo left running before its data is removed.

Invariants
----------
1. A demo writes only into a folder that was new or empty, or that a demo made: the folder
   then carries MARKER.
2. Nothing is removed from a folder without MARKER, and MARKER goes last: a removal that was
   broken off can be repeated.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from device_sim.demo.services import PROCESSES, end_leftovers
from telekol.errors import TelekolError

MARKER: Final = ".telekol-demo"
_MARKER_TEXT: Final = "Made by `telekol demo`; `telekol demo --reset` removes the whole folder.\n"


_PORTS_BEGIN: Final = 15_000
_PORTS_END: Final = 32_000
"""Where demos and tests look for free ports; see `free_run`."""


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
        # Not Path.resolve, which raises of its own for links in a circle.
        self.folder = Path(os.path.realpath(folder))
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
        with self._in_words():
            self._claim()
            self._take_lock()
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

    def announce(self, address: str, *, broker: str, database: str) -> None:
        """Note where the demo is found, for a second one and for homes that somebody adds."""
        found = {"address": address, "process": os.getpid(), "broker": broker, "database": database}
        text = json.dumps(found, indent=1)
        self._running.write_text(text, encoding="utf-8")

    def remove(self) -> None:
        """Delete the demo's data; refuses while a demo runs, and what no demo made."""
        with self._in_words():
            if not self.folder.exists() or self._is_empty():
                return
            self._check_is_ours()
            with self:
                end_leftovers(self.logs / PROCESSES)
                for part in self.folder.iterdir():
                    if part != self._marker:
                        _delete(part)
            shutil.rmtree(self.folder)

    @property
    def _marker(self) -> Path:
        return self.folder / MARKER

    def _is_empty(self) -> bool:
        return next(self.folder.iterdir(), None) is None

    def _claim(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._is_empty():
            self._marker.write_text(_MARKER_TEXT, encoding="utf-8")
        self._check_is_ours()

    def _check_is_ours(self) -> None:
        if self._marker.is_file():
            return
        found = sorted(part.name for part in self.folder.iterdir())
        more = ", ..." if len(found) > 3 else ""
        raise TelekolError(
            f"expected --folder to be new, empty, or made by a demo, which leaves a file {MARKER} "
            f"in it; found {self.folder} without that file, holding {', '.join(found[:3])}{more}. "
            f"Choose another folder{self._way_for_an_old_one()}"
        )

    def _way_for_an_old_one(self) -> str:
        """Say how to remove what a demo made before there was a marker, and nothing else."""
        if not ((self.folder / "lock").is_file() and self.outboxes.is_dir()):
            return ""
        quoted = shlex.quote(str(self.folder))
        return f"; if an older demo made this one, remove it by hand: rm -r {quoted}"

    def _take_lock(self) -> None:
        lock = (self.folder / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise DemoRunningError(self._who_runs()) from None
        self._lock = lock

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TelekolError(
                f"cannot keep a demo in {self.folder}: {error.strerror or error}; "
                "choose another place with --folder"
            ) from None

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


def _delete(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part)
    else:
        part.unlink()


def choose_ports(preferred_api: int, homes: int) -> Ports:
    """Choose free ports, the API's preferred one if nobody has it."""
    api = preferred_api if _is_free(preferred_api) else free_run(1)
    return Ports(api=api, broker=free_run(1), control=free_run(1), first_home=free_run(homes))


def free_run(length: int) -> int:
    """Find `length` consecutive free ports and give the first.

    Below 32768: above it the kernel takes ports for outgoing connections, and one that was free
    when it was looked at may be taken when a service binds it a few seconds later.
    """
    while True:
        first = secrets.randbelow(_PORTS_END - _PORTS_BEGIN - length) + _PORTS_BEGIN
        if all(_is_free(first + n) for n in range(length)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
