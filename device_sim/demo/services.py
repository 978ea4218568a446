"""Starts the house's services as the processes they are in production, and keeps them running.

Touches processes. A service that dies is started again, as systemd or Docker would; one that
is held down on purpose (`hold_down`) is killed without warning and stays away until released.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

log = logging.getLogger(__name__)

PROCESSES: Final = "processes.json"
STOP_TIMEOUT_S: Final = 8.0
RESTART_AFTER_S: Final = 1.0
LOOK_EVERY_S: Final = 0.2


@dataclass(slots=True)
class Service:
    """One process: what starts it, and how it has fared."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    account: str | None = None
    stop_with: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    held_down: bool = False
    restarts: int = 0
    ended_at_s: float = field(default=0.0)

    @property
    def is_running(self) -> bool:
        """Whether the process is there now."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """All child processes of a demo, in the order they were started.

    Parameters
    ----------
    folder
        Where logs go, one file a service, and the list of processes that a later demo uses to
        clear away what a killed one left running.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._services: dict[str, Service] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def begin(self) -> None:
        """Clear away leftovers and start watching."""
        self._folder.mkdir(parents=True, exist_ok=True)
        end_leftovers(self._list)
        self._watcher.start()

    def start(self, name: str, arguments: Sequence[str], **environment: str) -> None:
        """Start a service and keep it running."""
        self.add(Service(name, arguments, {**os.environ, **environment}))

    def add(self, service: Service) -> None:
        """Start a service that wants another account or signal than the usual ones."""
        with self._lock:
            self._services[service.name] = service
            self._launch(service)
            self._write_list()

    def log_of(self, name: str) -> Path:
        """Where a service's output goes."""
        return self._folder / f"{name}.log"

    def is_running(self, name: str) -> bool:
        """Whether a service's process is there now."""
        return self._services[name].is_running

    @property
    def names(self) -> tuple[str, ...]:
        """Every service that was started."""
        return tuple(self._services)

    @property
    def restarts(self) -> dict[str, int]:
        """How often each service had to be started again."""
        return {name: service.restarts for name, service in self._services.items()}

    def hold_down(self, name: str) -> None:
        """Kill a service without warning and keep it away."""
        with self._lock:
            service = self._services[name]
            service.held_down = True
            if service.process is not None:
                service.process.kill()

    def release(self, name: str) -> None:
        """Let a service that was held down start again."""
        with self._lock:
            self._services[name].held_down = False

    def stop(self) -> None:
        """Stop every service and wait until they are gone, the first one after all others.

        The first is what they stand on: without it they would end in vain attempts.
        """
        self._stopping.set()
        self._watcher.join()
        first, *others = self._services.values() or (None,)
        _end(others[::-1])
        _end([first] if first else [])
        self._list.unlink(missing_ok=True)

    @property
    def _list(self) -> Path:
        return self._folder / PROCESSES

    def _launch(self, service: Service) -> None:
        with self.log_of(service.name).open("ab") as sink:
            # Its own session: Ctrl-C reaches the demo alone, which then stops things in order.
            service.process = subprocess.Popen(  # noqa: S603 - our own commands
                list(service.arguments),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=dict(service.environment),
                user=service.account,
                start_new_session=True,
            )

    def _write_list(self) -> None:
        running = [s.process.pid for s in self._services.values() if s.process and s.is_running]
        known = [[pid, created] for pid in running if (created := _created_at(pid)) is not None]
        self._list.write_text(json.dumps(known), encoding="utf-8")

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            with self._lock:
                for service in self._services.values():
                    self._try_to_look_after(service)

    def _try_to_look_after(self, service: Service) -> None:
        """Look after a service; a disk that is full today must not end the watching."""
        try:
            self._look_after(service)
        except Exception:
            log.exception("cannot look after %s; trying again", service.name)

    def _look_after(self, service: Service) -> None:
        now_s = time.monotonic()
        if service.is_running:
            service.ended_at_s = 0.0
        elif not service.ended_at_s:
            service.ended_at_s = now_s
        elif not service.held_down and now_s - service.ended_at_s > RESTART_AFTER_S:
            service.ended_at_s = 0.0
            self._launch(service)
            service.restarts += 1
            self._write_list()


def end_leftovers(listed: Path) -> None:
    """End the processes that a demo which was killed left behind.

    A process is ended only if its start time is the noted one too: numbers are used again.
    """
    try:
        known = json.loads(listed.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return
    left: list[psutil.Process] = []
    for pid, created_at in known:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.create_time() == created_at:
                log.info("ending process %d, left by a demo that was killed", pid)
                left += [process, *process.children(recursive=True)]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    # PostgreSQL does not start while one of the server before it still lives.
    psutil.wait_procs(left, timeout=STOP_TIMEOUT_S)


def _created_at(pid: int) -> float | None:
    """Give when a process began, None when it has ended in the meantime."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def _end(services: Sequence[Service]) -> None:
    for service in services:
        if service.is_running and service.process is not None:
            service.process.send_signal(service.stop_with)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for service in services:
        _await_end(service, deadline)


def _await_end(service: Service, deadline: float) -> None:
    if service.process is None:
        return
    try:
        service.process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        service.process.kill()
        service.process.wait()
