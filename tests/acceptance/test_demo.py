"""`telekol demo` as a newcomer meets it: it ends by itself, tells the truth, cleans up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tests.support.processes import Process, free_port, telekol, wait_until

pytestmark = pytest.mark.timeout(180)


def _demo(tmp_path: Path, *arguments: str) -> Process:
    # A port of its own: demos of other tests start at the same moment and look for the same one.
    port = () if "--port" in arguments else ("--port", str(free_port()))
    process = telekol(tmp_path, "demo", "--folder", str(tmp_path / "demo"), *port, *arguments)
    process.log = tmp_path / f"demo-{time.monotonic_ns()}.log"
    return process


def _children(process: Process) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _has_opened(demo: Process) -> bool:
    return "Open http://" in demo.output()


def test_killing_ingest_for_ten_seconds_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    with _demo(
        tmp_path,
        *("--homes", "2", "--duration", "25", "--interval", "3"),
        *("--kill", "ingest@5+10", "--report", str(file)),
    ) as demo:
        assert demo.wait(150) == 0, demo.output()
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["missing"] == 0
    assert report["duplicates"] == 0
    assert report["emitted"] == report["stored"] >= 30
    assert report["restarts"] == {"ingest": 1}
    assert set(report["alerts"]) == {"red", "yellow", "blue"}
    assert report["latency_s"]["readings"] == report["emitted"]
    # Readings of the ten seconds waited; the others did not.
    assert report["latency_s"]["p50"] < 5 < report["latency_s"]["p99"]


def _postgres(demo: Process) -> psutil.Process:
    (server,) = [
        child for child in psutil.Process(demo.pid).children() if child.name() == "postgres"
    ]
    return server


def _sessions(demo: Process) -> list[psutil.Process]:
    with contextlib.suppress(ValueError, psutil.Error):
        children = _postgres(demo).children()
        return [child for child in children if "[local]" in " ".join(child.cmdline())]
    return []


def test_a_killed_session_and_a_killed_postgresql_lose_nothing(tmp_path: Path) -> None:
    # Not under pytest's folder, which a session that starts closes to the server's account;
    # with a space, which the server's command line and the database's address must survive.
    with tempfile.TemporaryDirectory(prefix="telekol demo ") as folder:
        file = Path(folder) / "report.json"
        with _demo(
            tmp_path,
            *("--folder", str(Path(folder) / "de mo"), "--homes", "1"),
            *("--duration", "25", "--interval", "2", "--report", str(file)),
        ) as demo:
            wait_until(lambda: _has_opened(demo), "the demo to open", 90)
            before = _sessions(demo)
            before[0].kill()
            # One that ends that way takes all others with it.
            wait_until(lambda: not set(before) & set(_sessions(demo)), "the sessions to end")
            wait_until(lambda: len(_sessions(demo)) > 2, "new sessions", 30)
            _postgres(demo).kill()
            assert demo.wait(150) == 0, demo.output()
        report = json.loads(file.read_text(encoding="utf-8"))
    assert (report["missing"], report["duplicates"]) == (0, 0)
    assert report["emitted"] == report["stored"] >= 10
    assert report["restarts"]["postgres"] >= 1
    assert "Traceback" not in demo.output()


def test_without_mosquitto_the_broker_from_the_wheel_carries_it_too(tmp_path: Path) -> None:
    with _demo(tmp_path, "--homes", "2", "--duration", "8", "--broker", "iotcore") as demo:
        assert demo.wait(120) == 0, demo.output()
    assert "MQTT broker: iotcore" in demo.output()


def test_a_second_demo_says_that_one_runs_and_where_and_ctrl_c_ends_every_process(
    tmp_path: Path,
) -> None:
    with _demo(tmp_path, "--homes", "1") as demo:
        wait_until(lambda: _has_opened(demo), "the demo to open", 90)
        address = demo.output().split("Open ")[1].split()[0]
        second = _demo(tmp_path)
        with second:
            assert second.wait(30) == 2
        assert "already running" in second.output()
        assert address in second.output()

        started = _children(demo)
        assert len(started) >= 6
        demo.signal(signal.SIGINT)
        assert demo.wait(30) == 0
    assert not [child for child in started if child.is_running()]
    assert (tmp_path / "demo" / "postgres" / "PG_VERSION").exists()

    with _demo(tmp_path, "--reset") as reset:
        assert reset.wait(30) == 0
    assert not (tmp_path / "demo").exists()


def test_what_a_killed_demo_left_running_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    with _demo(tmp_path, "--homes", "1") as demo:
        wait_until(lambda: _has_opened(demo), "the demo to open", 90)
        left = [child for child in _children(demo) if "telekol" in " ".join(child.cmdline())]
        demo.kill()
    assert all(child.is_running() for child in left)
    with _demo(tmp_path, "--homes", "1", "--duration", "3") as again:
        assert again.wait(120) == 0, again.output()
    assert not [child for child in left if child.is_running()]


def test_a_wrong_option_says_what_was_expected(tmp_path: Path) -> None:
    with _demo(tmp_path, "--kill", "dinner@1+1") as demo:
        assert demo.wait(30) == 2
    assert "expected a service to kill" in demo.output()
    with _demo(tmp_path, "--duration", "10", "--kill", "ingest@20+10") as demo:
        assert demo.wait(30) == 2
    assert "nothing would be tested" in " ".join(demo.output().split())
    with _demo(tmp_path, "--report", os.devnull) as demo:
        assert demo.wait(30) == 2
    assert "--report needs --duration" in demo.output()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--folder", "/proc/x"),
        ("--folder", os.devnull),
        ("--folder", os.sep, "--reset"),
        ("--port", "99999"),
        ("--port", "0"),
        ("--duration", "5", "--report", "/nowhere/report.json"),
    ],
)
def test_what_cannot_be_is_one_clear_message(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    with _demo(tmp_path, *wrong) as demo:
        assert demo.wait(30) == 2
    assert wrong[-2 if wrong[-1] != "--reset" else 0] in demo.output()
    assert "Traceback" not in demo.output()
