"""The demo's supervisor: what ends is started again, whatever goes wrong in between."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from device_sim.demo.services import Service, Supervisor, end_leftovers
from tests.support.processes import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr("device_sim.demo.services.RESTART_AFTER_S", 0.1)
    monkeypatch.setattr("device_sim.demo.services.LOOK_EVERY_S", 0.02)
    supervisor = Supervisor(tmp_path)
    supervisor.begin()
    yield supervisor
    supervisor.stop()


def _kill(supervisor: Supervisor, name: str) -> None:
    process = supervisor._services[name].process
    assert process is not None
    process.kill()
    process.wait()


@pytest.mark.parametrize("step", ["_launch", "_write_list"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), psutil.NoSuchProcess(1)])
def test_a_failing_restart_is_tried_again(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, error: Exception, step: str
) -> None:
    supervisor.start("sleeper", SLEEP)
    supervisor.start("other", SLEEP)
    failures = [error, error]
    real = getattr(Supervisor, step)

    def _failing(*arguments: object) -> None:
        if failures:
            raise failures.pop()
        real(*arguments)

    monkeypatch.setattr(Supervisor, step, _failing)
    _kill(supervisor, "sleeper")
    wait_until(lambda: supervisor.is_running("sleeper"), "the sleeper to be started again")
    _kill(supervisor, "other")
    wait_until(lambda: supervisor.is_running("other"), "the watching to have gone on")
    assert supervisor.restarts == {"sleeper": 1, "other": 1}


def test_a_process_that_ends_while_it_is_listed_is_left_out(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "is_running", True)
    supervisor.start("short", [sys.executable, "-c", ""])
    process = supervisor._services["short"].process
    assert process is not None
    process.wait()
    supervisor._write_list()
    assert json.loads((tmp_path / "processes.json").read_text(encoding="utf-8")) == []


def test_the_first_service_ends_after_all_others(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.begin()
    code = (
        "import signal, sys, time; name, number = sys.argv[1:]\n"
        "def end(*_): time.sleep(0.2); print(name, time.monotonic(), flush=True); sys.exit()\n"
        "signal.signal(int(number), end); print('ready', flush=True)\nwhile True: time.sleep(0.01)"
    )
    interrupt, terminate = int(signal.SIGINT), int(signal.SIGTERM)
    arguments = [sys.executable, "-c", code, "database", str(interrupt)]
    supervisor.add(Service("database", arguments, os.environ, stop_with=signal.SIGINT))
    supervisor.start("user", [sys.executable, "-c", code, "user", str(terminate)])
    logs = [supervisor.log_of(name) for name in ("database", "user")]
    wait_until(lambda: all("ready" in log.read_text() for log in logs), "both to be ready")
    supervisor.stop()
    database_ended, user_ended = (float(log.read_text().split()[-1]) for log in logs)
    assert user_ended < database_ended


def test_leftovers_end_with_their_children_before_it_returns(tmp_path: Path) -> None:
    nested = f"import subprocess; subprocess.run({SLEEP!r})"
    supervisor = Supervisor(tmp_path)
    supervisor.begin()
    supervisor.start("parent", [sys.executable, "-c", nested])
    process = supervisor._services["parent"].process
    assert process is not None
    parent = psutil.Process(process.pid)
    wait_until(parent.children, "the child")
    family = [parent, *parent.children()]
    supervisor._stopping.set()
    end_leftovers(tmp_path / "processes.json")
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    process.wait()
