"""The outbox: what is put is on disk, and only a receipt of its own life releases it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.clock_notes import ClockNotes
from gateway.errors import OutboxError, OutboxGoneError
from gateway.outbox import Outbox, Row
from telekol.observation import Observation
from telekol.wire import Refusal
from tests.gateway.conftest import NOW, observation, receipt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(path, NOW)
    yield outbox
    outbox.close()


def seqs(outbox: Outbox) -> list[int]:
    return [row.seq for row in outbox.pending(1000)]


def fill(outbox: Outbox, count: int) -> None:
    outbox.put([observation(number) for number in range(count)])
    outbox.published(1, outbox.last_seq)


def test_numbers_are_consecutive_and_known_readings_get_none(outbox: Outbox) -> None:
    assert outbox.put([observation(1), observation(2)]).seqs == (1, 2)
    kept = outbox.put([observation(2), observation(3), observation(3)])
    assert (kept.seqs, kept.repeated) == ((3,), 2)
    assert seqs(outbox) == [1, 2, 3]
    assert outbox.read(1, 3, NOW) == tuple(observation(number) for number in (1, 2, 3))


def test_a_released_reading_is_still_known(outbox: Outbox) -> None:
    fill(outbox, 1)
    outbox.settle(receipt(outbox.boot, through=1), NOW)
    assert outbox.put([observation(0)]).repeated == 1


def test_the_same_id_with_another_value_clashes(outbox: Outbox) -> None:
    fill(outbox, 1)
    other = observation(0, value=80.0)
    assert outbox.put([other, observation(1)]).clashes == (other,)
    assert seqs(outbox) == [1, 2]


def test_a_row_knows_its_size_in_bytes(outbox: Outbox) -> None:
    fill(outbox, 1)
    size = len(observation(0).model_dump_json().encode())
    assert outbox.pending(1) == (Row(outbox.boot, 1, size),)


def test_pending_gives_both_ends(outbox: Outbox) -> None:
    fill(outbox, 20)
    assert [row.seq for row in outbox.pending(3)] == [1, 2, 3, 18, 19, 20]
    assert [row.seq for row in outbox.pending(12)] == list(range(1, 21))


def test_a_receipt_releases_the_run_it_answers(outbox: Outbox) -> None:
    fill(outbox, 10)
    assert outbox.settle(receipt(outbox.boot, through=2, first=5, last=6), NOW) == 2
    assert seqs(outbox) == [1, 2, 3, 4, 7, 8, 9, 10]
    assert outbox.settle(receipt(outbox.boot, through=2, first=5, last=6), NOW) == 0
    assert outbox.depth() == 8


def test_a_receipt_releases_nothing_that_this_process_has_not_sent(
    outbox: Outbox, path: Path
) -> None:
    fill(outbox, 3)
    outbox.close()
    again = Outbox.open(path, NOW)
    again.published(3, 3)
    assert again.settle(receipt(again.boot, through=3, first=1, last=3), NOW) == 1
    assert seqs(again) == [1, 2]
    again.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    before=st.integers(0, 8),
    lost=st.integers(0, 8),
    steps=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6), st.booleans()), max_size=12),
)
def test_an_outbox_restored_to_an_older_state_releases_only_what_the_server_has(
    tmp_path: Path, before: int, lost: int, steps: list[tuple[int, int, bool]]
) -> None:
    path = tmp_path / str(uuid4()) / "outbox.db"
    outbox = Outbox.open(path, NOW)
    fill(outbox, before)
    # The server settled numbers that this older state has yet to give, for other readings.
    settled = set(range(1, before + lost + 1))
    stored = {observation(number).id for number in range(before)}
    taken: set[UUID] = set()
    for number, (first, count, arrives) in enumerate(steps):
        new = observation(1000 + number)
        taken.add(new.id)
        outbox.put([new])
        sent = outbox.read(first, first + count - 1, NOW)
        outbox.published(first, first + len(sent) - 1)
        if sent and arrives:
            last = first + len(sent) - 1
            stored |= {item.id for item in sent}
            settled |= set(range(first, last + 1))
            through = next(seq for seq in range(10**6) if seq + 1 not in settled)
            boot = outbox.boot
            outbox.settle(receipt(boot, through=through, first=first, last=last), NOW)
            if outbox.boot != boot:
                settled = set()
    waits = {item.id for row in outbox.pending(99) for item in outbox.read(row.seq, row.seq, NOW)}
    outbox.close()
    assert taken - waits <= stored


def test_a_refusal_releases_and_keeps_the_reason(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    fill(outbox, 2)
    refused = receipt(outbox.boot, through=2, first=1, last=2).model_copy(
        update={"refused": (Refusal(seq=2, code="bad-observation", reason="too odd"),)}
    )
    assert outbox.settle(refused, NOW) == 2
    row = outbox._db.execute("SELECT refusal FROM observation WHERE seq = 2").fetchone()
    assert row == ("bad-observation: too odd",)
    assert "refused reading 2" in caplog.text


def test_released_history_waits_again_under_its_old_numbers(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fill(outbox, 6)
    boot = outbox.boot
    outbox.settle(receipt(boot, first=1, last=5), NOW)
    later = NOW + timedelta(days=2)
    assert outbox.send_again(boot, 3, None, later) == 3
    assert seqs(outbox) == [3, 4, 5, 6]
    assert outbox.read(3, 5, later) == tuple(observation(number) for number in (2, 3, 4))
    assert (outbox.depth(), outbox.state(later).history) == (4, 2)
    assert outbox.send_again(boot, 3, 4, later) == 0
    assert "0 readings wait again, 2 more were waiting, 0 are no longer here" in caplog.text
    assert outbox.oldest_age(later) == timedelta(days=2)  # the sixth never was released
    # A receipt for the first sending does not release what the server has lost since.
    assert outbox.settle(receipt(boot, first=1, last=5), later) == 0
    outbox.published(3, 4)
    assert outbox.settle(receipt(boot, first=1, last=5), later) == 2
    assert seqs(outbox) == [5, 6]


def test_what_history_has_forgotten_is_said(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fill(outbox, 4)
    outbox.settle(receipt(outbox.boot, first=1, last=4), NOW)
    outbox.prune(NOW + timedelta(days=31))
    assert outbox.send_again(outbox.boot, 1, None, NOW) == 0
    assert "4 are no longer here" in caplog.text
    assert outbox.send_again(uuid4(), 1, None, NOW) == 0
    assert "all of a life that is not known" in caplog.text


def test_rows_of_an_earlier_life_wait_beside_the_present_ones(outbox: Outbox) -> None:
    fill(outbox, 3)
    old = outbox.boot
    outbox.settle(receipt(old, first=1, last=3), NOW)
    outbox.put([observation(10)])
    outbox.settle(receipt(old, through=99), NOW)  # a new life: the waiting one goes along
    new = outbox.boot
    assert outbox.send_again(old, 2, 3, NOW) == 2
    assert [(row.boot, row.seq) for row in outbox.pending(9)] == [(old, 2), (old, 3), (new, 1)]
    assert [(row.boot, row.seq) for row in outbox.pending(1)] == [(old, 2), (new, 1)]
    outbox.published(1, 1)
    assert outbox.read(2, 3, NOW, old) == (observation(1), observation(2))
    outbox.published(2, 3, old)
    assert outbox.settle(receipt(old, through=99, first=2, last=3), NOW) == 2
    assert outbox.boot == new
    assert [(row.boot, row.seq) for row in outbox.pending(9)] == [(new, 1)]
    assert outbox.settle(receipt(new, first=1, last=1), NOW) == 1


def test_a_new_life_renumbers_only_what_the_server_never_had(outbox: Outbox) -> None:
    fill(outbox, 2)
    old = outbox.boot
    outbox.settle(receipt(old, first=1, last=1), NOW)
    outbox.send_again(old, 1, 1, NOW)
    outbox.settle(receipt(old, through=99), NOW)
    rows = [(row.boot, row.seq) for row in outbox.pending(9)]
    assert rows == [(old, 1), (outbox.boot, 1)]
    assert outbox.read(1, 1, NOW) == (observation(1),)
    assert outbox.read(1, 1, NOW, old) == (observation(0),)


def test_what_is_released_may_be_erased_and_nothing_else(outbox: Outbox, path: Path) -> None:
    heard: list[str] = []
    outbox.on_released = lambda: heard.append("released")
    fill(outbox, 4)
    ids = [observation(number).id for number in range(5)]
    assert outbox.released(ids) == frozenset()
    outbox.settle(receipt(outbox.boot, first=1, last=3), NOW)
    assert heard == ["released"]
    outbox.send_again(outbox.boot, 1, 1, NOW)
    outbox.close()
    again = Outbox.open(path, NOW)
    assert again.released(ids) == frozenset(ids[1:3])
    again.close()


def test_stores_that_share_the_file_commit_together(outbox: Outbox, path: Path) -> None:
    def together() -> None:
        with outbox.file.transaction() as db:
            outbox.put([observation(1)])
            db.execute("INSERT INTO device_clock VALUES ('A', '[]', '2026')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        together()
    assert (outbox.depth(), outbox.last_seq, seqs(outbox)) == (0, 0, [])
    assert ClockNotes(outbox.file).recall("A") is None
    with outbox.file.transaction():
        ClockNotes(outbox.file).note("A", "[]", NOW)
    assert ClockNotes(outbox.file).recall("A") == "[]"


def test_a_receipt_of_another_life_releases_nothing(outbox: Outbox) -> None:
    fill(outbox, 2)
    assert outbox.settle(receipt(uuid4(), through=2, first=1, last=2), NOW) == 0
    assert seqs(outbox) == [1, 2]


@pytest.mark.parametrize(("through", "last"), [(3, 1), (0, 3)])
def test_a_receipt_for_numbers_never_given_begins_a_new_life(
    outbox: Outbox, caplog: pytest.LogCaptureFixture, through: int, last: int
) -> None:
    fill(outbox, 1)
    outbox.settle(receipt(outbox.boot, through=1), NOW)
    outbox.put([observation(7)])
    boot = outbox.boot
    assert outbox.settle(receipt(boot, through=through, first=1, last=last), NOW) == 0
    assert outbox.boot != boot
    assert outbox.read(1, 1, NOW) == (observation(7),)
    assert outbox.put([observation(8)]).seqs == (2,)
    assert "older state of itself" in caplog.text


def test_history_stays_thirty_days_and_what_waits_stays_for_ever(outbox: Outbox) -> None:
    fill(outbox, 2)
    outbox.settle(receipt(outbox.boot, through=1), NOW)
    assert outbox.prune(NOW + timedelta(days=30)) == 0
    assert outbox.prune(NOW + timedelta(days=30, seconds=1)) == 1
    assert outbox.prune(NOW + timedelta(days=3000)) == 0
    assert seqs(outbox) == [2]
    # A number is never used twice, also after the rows that had it are gone.
    outbox.settle(receipt(outbox.boot, through=2), NOW)
    outbox.prune(NOW + timedelta(days=90))
    assert outbox.put([observation(9)]).seqs == (3,)


def test_depth_and_age(outbox: Outbox) -> None:
    assert (outbox.depth(), outbox.oldest_age(NOW)) == (0, None)
    fill(outbox, 3)
    assert outbox.depth() == 3
    assert outbox.oldest_age(NOW + timedelta(hours=2)) == timedelta(hours=2)


def test_everything_is_there_after_a_restart(outbox: Outbox, path: Path) -> None:
    fill(outbox, 3)
    boot = outbox.boot
    outbox.close()
    again = Outbox.open(path, NOW)
    assert (again.boot, again.last_seq, seqs(again)) == (boot, 3, [1, 2, 3])
    again.close()


def test_only_its_user_may_read_it(outbox: Outbox, path: Path) -> None:
    fill(outbox, 1)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert path.name + "-wal" in modes


def test_every_commit_is_on_disk(outbox: Outbox) -> None:
    assert outbox._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert outbox._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_two_gateways_cannot_share_it(outbox: Outbox, path: Path) -> None:
    with pytest.raises(OutboxError, match="another process holds it"):
        Outbox.open(path, NOW)


def test_one_of_a_newer_version_is_left_alone(outbox: Outbox, path: Path) -> None:
    outbox._db.execute("PRAGMA user_version = 99")
    outbox.file._lock.release()
    with pytest.raises(OutboxError, match="found 99; it was made by a newer gateway"):
        Outbox.open(path, NOW)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="cannot write the outbox at"):
        Outbox.open(tmp_path / "file" / "outbox.db", NOW)


def _damaged(path: Path, how: str) -> None:
    outbox = Outbox.open(path, NOW)
    outbox.put([observation(number) for number in range(200)])
    outbox.close()
    content = bytearray(path.read_bytes())
    match how:
        case "header":
            content[:100] = b"\x55" * 100
        case "middle":
            content[8192:20480] = b"\x55" * 12288
        case "cut short":
            del content[20480:]
        case "tables gone":
            with sqlite3.connect(path) as db:
                db.execute("DROP TABLE life")
            db.close()
            return
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["header", "middle", "cut short", "tables gone"])
def test_a_damaged_one_is_moved_aside_and_a_new_one_begun(
    path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    _damaged(path, how)
    outbox = Outbox.open(path, NOW)
    salvaged = outbox.depth()
    assert outbox.put([observation(1000)]).seqs == (salvaged + 1,)
    outbox.close()
    assert len(list(path.parent.glob("outbox.db.damaged-*"))) >= 1
    assert "the outbox is damaged" in caplog.text


def test_a_row_that_cannot_be_read_holds_back_nothing(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    fill(outbox, 3)
    outbox._db.execute("UPDATE observation SET body = '{}' WHERE seq = 2")
    assert len(outbox.read(1, 3, NOW)) == 1
    assert seqs(outbox) == [1, 3]
    assert "row 2 is set aside" in caplog.text
    assert outbox.read(2, 3, NOW) == ()
    # Its device may give the reading once more: it is new, under a new number.
    assert outbox.put([observation(1)]).seqs == (4,)
    assert outbox.depth() == 3


def test_a_file_that_was_removed_takes_no_reading_and_loses_none(
    outbox: Outbox, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(outbox, 3)
    boot = outbox.boot
    for file in path.parent.iterdir():
        file.unlink()
    with pytest.raises(OutboxGoneError, match="removed or replaced"):
        outbox.put([observation(7)])
    outbox.close()
    again = Outbox.open(path, NOW)
    assert (again.boot, seqs(again)) == (boot, [1, 2, 3])
    assert again.put([observation(7)]).seqs == (4,)
    assert path.stat().st_mode & 0o777 == 0o600
    again.close()
    assert "its readings were written to outbox.db.new" in caplog.text


def test_a_file_that_was_removed_during_the_commit_is_noticed(
    outbox: Outbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sort = outbox._rows.sort

    def remove(observations: Sequence[Observation]) -> Any:
        path.unlink()
        return sort(observations)

    monkeypatch.setattr(outbox._rows, "sort", remove)
    with pytest.raises(OutboxGoneError):
        outbox.put([observation(1)])
    outbox.close()
    again = Outbox.open(path, NOW)
    assert again.put([observation(1)]).repeated == 1
    again.close()


def test_a_file_that_was_replaced_is_left_alone_and_ours_kept_beside_it(
    outbox: Outbox, path: Path
) -> None:
    fill(outbox, 3)
    other = Outbox.open(path.with_name("other.db"), NOW)
    other.close()
    path.with_name("other.db").rename(path)
    with pytest.raises(OutboxGoneError):
        outbox.put([observation(7)])
    with pytest.raises(OutboxGoneError):  # noticed by an idle gateway too
        outbox.prune(NOW)
    rescued = sorted(path.parent.glob("outbox.db.rescued-*"))
    kept = Outbox.open(rescued[0], NOW)
    assert seqs(kept) == [1, 2, 3]
    kept.close()


_WRITER = """
import sys
from pathlib import Path
from gateway.outbox import Outbox
from tests.gateway.conftest import NOW, observation
outbox = Outbox.open(Path(sys.argv[1]), NOW)
number = outbox.last_seq
while True:
    kept = outbox.put([observation(number), observation(number + 1)])
    number += 2
    sys.stdout.write(f"{kept.seqs[-1]}\\n")
    sys.stdout.flush()
"""


def test_nothing_is_lost_when_its_process_is_killed(path: Path) -> None:
    committed = 0
    for wait_s in (0.05, 0.13, 0.21):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        first_line = writer.stdout.readline()
        time.sleep(wait_s)
        writer.kill()
        lines = [first_line, *writer.stdout.readlines()]
        writer.wait()
        writer.stdout.close()
        committed = int([line for line in lines if line.endswith("\n")][-1])
        outbox = Outbox.open(path, NOW)
        assert outbox.last_seq in {committed, committed + 2}
        kept = [row.seq for row in outbox.pending(10**6)]
        assert kept == list(range(1, outbox.last_seq + 1))
        outbox.close()
    assert committed > 6
