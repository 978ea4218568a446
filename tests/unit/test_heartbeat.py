"""A service without a port shows that it gets on, and a check believes nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from telekol import heartbeat
from telekol.heartbeat import OLD_S, Heartbeat, complaint


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "beat"


def _check(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "telekol.heartbeat"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_beat_makes_it_well(file: Path) -> None:
    Heartbeat(file).beat()
    assert complaint(file, time.time()) is None


def test_before_the_first_beat_it_is_not_well(file: Path) -> None:
    Heartbeat(file)
    assert "is not there" in str(complaint(file, time.time()))


def test_a_service_that_stopped_getting_on_is_found_out(file: Path) -> None:
    Heartbeat(file).beat()
    assert complaint(file, time.time() + OLD_S - 1) is None
    assert "within 60 s" in str(complaint(file, time.time() + OLD_S + 1))


def test_a_new_process_does_not_live_on_the_old_ones_beat(file: Path) -> None:
    Heartbeat(file).beat()
    Heartbeat(file)
    assert complaint(file, time.time()) is not None


def test_the_disk_is_touched_now_and_then_only(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("telekol.heartbeat.time.monotonic", lambda: now_s)
    beating = Heartbeat(file)
    beating.beat()
    os.utime(file, (0, 0))
    beating.beat()
    assert file.stat().st_mtime == 0
    now_s += heartbeat.EVERY_S
    beating.beat()
    assert file.stat().st_mtime > 0


def test_a_file_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "plain").touch()
    Heartbeat(tmp_path / "plain" / "beat").beat()
    assert "cannot be written" in caplog.text


def test_without_a_file_nothing_is_written() -> None:
    Heartbeat(None).beat()


def test_the_check_answers_by_its_exit_status(file: Path) -> None:
    assert _check(TELEKOL_HEARTBEAT_FILE=str(file)).returncode == 1
    file.touch()
    assert _check(TELEKOL_HEARTBEAT_FILE=str(file)).returncode == 0
    os.utime(file, (0, 0))
    stale = _check(TELEKOL_HEARTBEAT_FILE=str(file))
    assert (stale.returncode, "the last was" in stale.stderr) == (1, True)
    assert "TELEKOL_HEARTBEAT_FILE is not set" in _check().stderr
