"""Clock eras outlive the process, and a file of an older version is brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.clock import correct, local_time
from gateway.clock_book import ClockBook
from gateway.clock_notes import KEPT_FOR, ClockNotes
from gateway.device_clock import ClockSample, DeviceClock
from gateway.outbox import Outbox
from telekol.observation import TimeConfidence
from tests.gateway import old_outboxes
from tests.gateway.conftest import NOW, observation

CPH = ZoneInfo("Europe/Copenhagen")
ADDRESS = "C0:FF:EE:00:00:01"
RIGHT = local_time(NOW, CPH)
BEHIND = RIGHT - timedelta(days=1, microseconds=7)
CLOCK = DeviceClock().compared(ClockSample(BEHIND, NOW)).was_set(ClockSample(RIGHT, NOW))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(path, NOW)
    yield outbox
    outbox.close()


def test_a_reading_stored_before_the_clock_was_set_is_right_after_a_restart(
    outbox: Outbox, path: Path
) -> None:
    ClockBook(outbox).keep(ADDRESS, CLOCK, NOW)
    outbox.close()
    later = NOW + timedelta(seconds=20)
    again = Outbox.open(path, later)
    shown = ClockSample(RIGHT + timedelta(seconds=20), later)
    clock = ClockBook(again).clock(ADDRESS).compared(shown)
    timing = correct(BEHIND - timedelta(minutes=10), clock, CPH, later)
    assert timing.measured_at == NOW - timedelta(minutes=10)
    assert timing.confidence is TimeConfidence.CLOCK_CHECKED
    again.close()


def test_what_is_kept_comes_back_as_it_was(outbox: Outbox) -> None:
    book = ClockBook(outbox)
    assert book.clock(ADDRESS) == DeviceClock()
    book.keep(ADDRESS, CLOCK, NOW)
    assert book.clock(ADDRESS) == CLOCK
    first = datetime(1, 1, 1)  # noqa: DTZ001
    extreme = DeviceClock().was_set(ClockSample(first, datetime(9999, 12, 31, tzinfo=UTC)))
    book.keep(ADDRESS, extreme, NOW)
    assert book.clock(ADDRESS) == extreme
    assert book.clock("another") == DeviceClock()


def test_a_note_that_cannot_be_read_is_nothing_known(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    ClockNotes(outbox.file).note(ADDRESS, '[{"offset_us": "x"}]', NOW)
    assert ClockBook(outbox).clock(ADDRESS) == DeviceClock()
    ClockNotes(outbox.file).note(ADDRESS, f'[{{"offset_us": 1{"0" * 30}, "since": null}}]', NOW)
    assert ClockBook(outbox).clock(ADDRESS) == DeviceClock()
    assert "cannot be read" in caplog.text


def test_clocks_of_devices_long_gone_are_forgotten(outbox: Outbox) -> None:
    ClockBook(outbox).keep(ADDRESS, CLOCK, NOW)
    outbox.prune(NOW + KEPT_FOR)
    assert ClockBook(outbox).clock(ADDRESS) == CLOCK
    outbox.prune(NOW + KEPT_FOR + timedelta(seconds=1))
    assert ClockBook(outbox).clock(ADDRESS) == DeviceClock()


def test_a_file_of_version_1_goes_on_with_what_it_holds(path: Path) -> None:
    old_outboxes.make(path, 1, [observation(1), observation(2)])
    for _ in range(2):
        again = Outbox.open(path, NOW)
        assert (again.boot, again.last_seq, again.depth()) == (old_outboxes.BOOT, 2, 2)
        ClockBook(again).keep(ADDRESS, CLOCK, NOW)
        again.close()
    assert not list(path.parent.glob("*damaged*"))


def test_clocks_are_salvaged_too(outbox: Outbox, path: Path) -> None:
    ClockBook(outbox).keep(ADDRESS, CLOCK, NOW)
    outbox.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE life")
        db.commit()
    again = Outbox.open(path, NOW)
    assert ClockBook(again).clock(ADDRESS) == CLOCK
    again.close()
