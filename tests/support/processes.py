"""Production processes under test: started as they are in production, watched, killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from device_sim.demo.broker import BrokerKind, prepare
from device_sim.demo.place import free_run
from tests.support.databases import as_service


def free_port() -> int:
    """Give a port nobody listens on now, and that no outgoing connection will take."""
    return free_run(1)


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Wait for a condition instead of for a time; fail by saying what did not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s in vain for: {what}")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Say whether something accepts connections on a local port."""
    with socket.socket() as sock:
        sock.settimeout(0.5)
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A child process with its output in a file."""

    def __init__(self, arguments: list[str], log: Path, **environment: str) -> None:
        self._arguments = arguments
        self.log = log
        self._environment = {**os.environ, **environment}
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self.log.open("ab") as sink:
            self._popen = subprocess.Popen(
                self._arguments, stdout=sink, stderr=sink, env=self._environment
            )
        return self

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        return None if self._popen is None else self._popen.poll()

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def kill(self) -> None:
        """kill -9: no chance to tidy up."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self._popen is not None
        self._popen.send_signal(number)

    def stop(self, timeout_s: float = 10) -> int:
        """Ask it to stop, as a supervisor does, and give its exit status."""
        if self.returncode is None:
            self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 10) -> int:
        assert self._popen is not None
        return self._popen.wait(timeout_s)

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._popen is not None and self.returncode is None:
            self.signal(signal.SIGTERM)
            try:
                self.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()


class Broker(Process):
    """A broker as the demo runs it, always on the same port."""

    def __init__(self, folder: Path, kind: BrokerKind = BrokerKind.AUTO) -> None:
        self.port = free_port()
        command = prepare(folder / "broker", self.port, kind)
        self.url = command.url
        super().__init__(list(command.arguments), folder / "broker.log")

    def start(self) -> Self:
        super().start()
        wait_until(lambda: listens(self.port), "the broker to listen")
        return self


def telekol(log_folder: Path, service: str, *arguments: str, **environment: str) -> Process:
    """A Tele-KOL service as its own process, signed in to the database in its own role.

    A gateway connects without a fleet's wait.
    """
    environment.setdefault("TELEKOL_GATEWAY_RECONNECT_WINDOW_S", "0.3")
    if "TELEKOL_DATABASE_URL" in environment:
        address = as_service(environment["TELEKOL_DATABASE_URL"], service)
        environment["TELEKOL_DATABASE_URL"] = address
    return Process(
        [sys.executable, "-m", "telekol", service, *arguments],
        log_folder / f"{service}.log",
        **environment,
    )
