"""Which folders a demo takes, and which it removes: its own and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from device_sim.demo.place import MARKER, DemoRunningError, Place
from telekol.errors import TelekolError


def _made(folder: Path) -> Path:
    with Place(folder):
        (folder / "postgres").mkdir()
        (folder / "postgres" / "PG_VERSION").write_text("18", encoding="utf-8")
    return folder


@pytest.mark.parametrize("existed", [True, False])
def test_a_folder_that_is_new_or_empty_becomes_the_demos_and_is_removed(
    tmp_path: Path, *, existed: bool
) -> None:
    folder = tmp_path / "de mo"
    if existed:
        folder.mkdir()
    assert (_made(folder) / MARKER).is_file()
    with Place(folder):
        pass
    Place(folder).remove()
    assert not folder.exists()


def test_somebodys_folder_is_neither_taken_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    for use in (Place(tmp_path).remove, Place(tmp_path).__enter__):
        with pytest.raises(TelekolError, match=MARKER) as refused:
            use()
        assert "thesis.txt" in str(refused.value)
        assert "rm -r" not in str(refused.value)
        assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_folder_of_an_older_demo_is_told_how_to_remove_by_hand(tmp_path: Path) -> None:
    folder = _made(tmp_path / "de mo")
    (folder / MARKER).unlink()
    with pytest.raises(TelekolError) as refused:
        Place(folder).remove()
    assert f"rm -r '{folder}'" in str(refused.value)


def test_what_is_not_there_or_empty_needs_no_removing(tmp_path: Path) -> None:
    Place(tmp_path / "nothing").remove()
    Place(tmp_path).remove()
    assert tmp_path.exists()


def test_nothing_is_removed_while_a_demo_runs(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with Place(folder):
        with pytest.raises(DemoRunningError):
            Place(folder).remove()
        assert (folder / MARKER).exists()


def test_what_a_killed_demo_left_running_ends_before_its_data_goes(tmp_path: Path) -> None:
    folder = _made(tmp_path / "demo")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as left:
        listed = [[left.pid, psutil.Process(left.pid).create_time()]]
        (folder / "logs" / "processes.json").write_text(json.dumps(listed), encoding="utf-8")
        try:
            Place(folder).remove()
            assert not psutil.pid_exists(left.pid)
        finally:
            left.kill()


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    folder = _made(tmp_path / "demo")
    link = tmp_path / "link"
    link.symlink_to(folder)
    Place(link).remove()
    assert not folder.exists()


def test_a_place_that_can_hold_no_folder_is_said_in_words(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for impossible in (file, file / "below", loop, Path("/proc/x")):
        with pytest.raises(TelekolError, match="--folder"), Place(impossible):
            pass
