"""A full outbox and a full disk: what goes first, what never goes, and that the server is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.condition import Condition
from gateway.errors import DiskFullError, OutboxFullError
from gateway.outbox import Outbox, Room
from gateway.outbox_gaps import TELL_AGAIN, UNREADABLE
from gateway.outbox_room import KEPT_WHOLE
from gateway.outbox_rows import OutboxState
from gateway.watch import watch_room
from telekol.observation import Observation
from telekol.quantities import FACTS, Quantity
from telekol.troubles import TroubleCode
from telekol.wire import Abandoned
from tests.gateway.conftest import NOW, observation, receipt

LIMIT = 400_000


def reading(number: int, at: datetime, quantity: Quantity = Quantity.SPO2) -> Observation:
    facts = FACTS[quantity]
    return observation(number).model_copy(
        update={
            "quantity": quantity,
            "value": (facts.lowest + facts.highest) / 2,
            "unit": facts.unit,
            "received_at": at,
            "measured_at": at,
        }
    )


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW, limit_bytes=LIMIT)
    yield outbox
    outbox.close()


class Home:
    """Measures saturation and signal by turns, one pair an hour."""

    def __init__(self, outbox: Outbox, step: timedelta = timedelta(hours=1)) -> None:
        self.outbox, self.step = outbox, step
        self.number = 0
        self.now = NOW

    def measure(self) -> None:
        self.now += self.step
        pair = [
            reading(self.number, self.now),
            reading(self.number + 1, self.now, Quantity.PERFUSION_INDEX),
        ]
        self.number += 2
        self.outbox.put(pair)

    def measure_until(self, happened: Callable[[OutboxState], bool]) -> OutboxState:
        for _ in range(5000):
            self.measure()
            state = self.outbox.state(self.now)
            assert state.size_bytes <= LIMIT + 5 * 4096
            if happened(state):
                return state
        raise AssertionError("it did not happen")


def waiting(outbox: Outbox) -> list[Observation]:
    rows = outbox.pending(10**6)
    return [outbox.read(row.seq, row.seq, NOW, row.boot)[0] for row in rows]


def told(outbox: Outbox, now: datetime) -> set[int]:
    """Let the server answer every message; the numbers it was told of."""
    numbers: set[int] = set()
    first = 10**6
    while reports := outbox.reports(now):
        first += 1
        outbox.told(outbox.boot, first, reports, now)
        numbers |= {n for report in reports for a, b in report.runs for n in range(a, b + 1)}
        outbox._gaps.answered(outbox.boot, first)
    return numbers


def test_a_reading_takes_less_than_a_kilobyte(outbox: Outbox) -> None:
    """The default limit and its documentation say a million readings."""
    outbox._keeper.limit_bytes = 10**9
    empty_bytes = outbox.state(NOW).size_bytes
    for start in range(0, 2000, 4):
        outbox.put([observation(number) for number in range(start, start + 4)])
    assert (outbox.state(NOW).size_bytes - empty_bytes) / 2000 < 1024


def test_history_goes_first_and_oldest_first(outbox: Outbox) -> None:
    home = Home(outbox)
    for _ in range(150):
        home.measure()
    outbox.published(1, 300)
    for first in (101, 1, 201):  # released in this order
        outbox.settle(receipt(outbox.boot, first=first, last=first + 99), home.now)
        home.now += timedelta(minutes=1)
    before = outbox.depth()
    state = home.measure_until(lambda state: state.history < 300)
    assert (state.depth - before) % 2 == 0
    assert state.abandoned == 0
    left = [
        seq
        for (seq,) in outbox._db.execute("SELECT seq FROM observation WHERE settled_at IS NOT NULL")
    ]
    assert not set(left) & set(range(101, 201))
    assert state.depth == len(waiting(outbox))


def test_then_what_describes_the_signal_then_what_is_older_than_a_week_then_nothing(
    outbox: Outbox,
) -> None:
    rooms: list[Room] = []
    outbox.on_room = rooms.append
    home = Home(outbox)
    state = home.measure_until(lambda state: state.abandoned > 0)
    assert rooms == [Room.NEARLY_FULL, Room.GIVING_UP]
    given_up = set(range(1, state.last_seq + 1)) - {row.seq for row in outbox.pending(10**6)}
    assert all(number % 2 == 0 for number in given_up)  # the second of each pair
    assert min(given_up) == 2

    state = home.measure_until(lambda state: state.room is Room.GIVING_UP and _no_signal(outbox))
    home.measure_until(lambda _state: outbox.pending(1)[0].seq > 1)
    kept = waiting(outbox)
    assert all(item.quantity is Quantity.SPO2 for item in kept[:-1])
    assert [item.received_at for item in kept] == sorted(item.received_at for item in kept)
    present = {row.seq for row in outbox.pending(10**6)}
    assert told(outbox, home.now) == set(range(1, outbox.last_seq + 1)) - present
    assert outbox.state(home.now).abandoned == 0


def _no_signal(outbox: Outbox) -> bool:
    query = "SELECT count(*) FROM observation WHERE n < (1 << 48)"
    return int(outbox._db.execute(query).fetchone()[0]) <= 2


def test_what_was_measured_within_a_week_is_refused_rather_than_given_up(outbox: Outbox) -> None:
    home = Home(outbox, step=timedelta(minutes=1))
    with pytest.raises(OutboxFullError, match="OUTBOX_LIMIT_MB"):
        home.measure_until(lambda _state: False)
    assert outbox.state(home.now).room is Room.FULL
    kept = outbox.depth()
    last = outbox.last_seq
    with pytest.raises(OutboxFullError):
        home.measure()
    assert (outbox.depth(), outbox.last_seq) == (kept, last)
    # A known reading is known although nothing new is taken.
    assert outbox.put([reading(0, NOW + home.step)]).repeated == 1
    # A week later the oldest may go; the receipt of a few makes room at once.
    home.now += KEPT_WHOLE
    home.measure()
    assert outbox.state(home.now).room is Room.GIVING_UP


def test_a_receipt_makes_room(outbox: Outbox) -> None:
    home = Home(outbox, step=timedelta(minutes=1))
    with pytest.raises(OutboxFullError):
        home.measure_until(lambda _state: False)
    depth = outbox.depth()
    rows = outbox.pending(10**6)
    for row in rows:
        outbox.published(row.seq, row.seq)
    outbox.settle(receipt(outbox.boot, first=1, last=outbox.last_seq), home.now)
    for _ in range(50):
        home.measure()
    state = outbox.state(home.now)
    assert (state.depth, state.room) == (100, Room.PLENTY)
    assert 0 < state.history < depth


def test_a_limit_that_was_lowered_holds_after_tidying(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = Outbox.open(path, NOW)
    outbox.put([reading(number, NOW) for number in range(1500)])
    outbox.published(1, 1500)
    outbox.settle(receipt(outbox.boot, first=1, last=1400), NOW)
    outbox.close()
    again = Outbox.open(path, NOW, limit_bytes=LIMIT)
    assert again.prune(NOW) > 0
    state = again.state(NOW)
    assert state.size_bytes <= LIMIT
    assert (state.depth, state.abandoned) == (100, 0)
    size = path.stat().st_size
    again.put([reading(number, NOW) for number in range(2000, 2600)])
    again.close()
    assert path.stat().st_size <= size  # freed pages are used again


def test_a_report_travels_with_one_message_until_it_is_answered(outbox: Outbox) -> None:
    outbox.put([observation(number) for number in range(4)])
    outbox._db.execute("UPDATE observation SET body = 'x' WHERE seq IN (2, 3)")
    outbox.read(2, 2, NOW)
    outbox.read(3, 3, NOW)
    expected = (Abandoned(boot=outbox.boot, reason=UNREADABLE, runs=((2, 3),)),)
    assert outbox.reports(NOW) == expected
    outbox.told(outbox.boot, 1, expected, NOW)
    assert outbox.reports(NOW) is None
    assert outbox.reports(NOW + TELL_AGAIN) == expected
    outbox.told(outbox.boot, 1, expected, NOW)
    outbox.published(1, 1)
    outbox.settle(receipt(outbox.boot, first=1, last=1), NOW)
    assert outbox.reports(NOW + TELL_AGAIN) is None
    assert outbox.state(NOW).abandoned == 0


def test_what_was_not_told_is_told_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = Outbox.open(path, NOW)
    outbox.put([observation(1)])
    outbox._db.execute("UPDATE observation SET checksum = checksum + 1")
    outbox.read(1, 1, NOW)
    boot = outbox.boot
    outbox.close()
    again = Outbox.open(path, NOW)
    assert again.reports(NOW) == (Abandoned(boot=boot, reason=UNREADABLE, runs=((1, 1),)),)
    again.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of six megabytes of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: a small disk can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_until_refused(outbox: Outbox) -> int:
    for number in range(5000):
        try:
            outbox.put([observation(number)])
        except DiskFullError:
            return number
    return 5000


def test_a_full_disk_refuses_new_readings_and_is_well_when_there_is_room_again(
    small_disk: Path,
) -> None:
    outbox = Outbox.open(small_disk / "outbox.db", NOW)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 4_000_000)
    number = fill_until_refused(outbox)
    assert 50 < number < 5000
    with pytest.raises(DiskFullError, match="expected room on the disk"):
        outbox.put([observation(number)])
    assert outbox.state(NOW).room is Room.DISK_FULL
    assert outbox.depth() == outbox.last_seq == number
    assert len(outbox.read(1, number, NOW)) == number
    ballast.unlink()
    outbox.put([observation(number)])
    assert outbox.state(NOW).room is not Room.DISK_FULL
    outbox.close()
    again = Outbox.open(small_disk / "outbox.db", NOW)
    assert again.depth() == number + 1
    again.close()
    assert not list(small_disk.glob("*damaged*"))


def test_history_is_traded_for_room_when_the_file_cannot_grow(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    for start in range(0, 400, 20):
        outbox.put([observation(number) for number in range(start, start + 20)])
    outbox.published(1, 400)
    outbox.settle(receipt(outbox.boot, first=1, last=400), NOW)
    outbox._db.execute("PRAGMA max_page_count = 1")  # no larger than it is
    for number in range(1000, 1100):
        outbox.put([observation(number)])
    state = outbox.state(NOW)
    assert state.depth == 100
    assert 200 < state.history < 400
    assert "24 rows of history were given up" in caplog.text
    # With no history left there is nothing to trade.
    outbox.prune(NOW + timedelta(days=31))
    with pytest.raises(DiskFullError):
        outbox.put([observation(number) for number in range(2000, 3000)])
    assert outbox.depth() == 100


async def test_a_full_disk_is_told_at_once_and_once(small_disk: Path) -> None:
    outbox, condition = Outbox.open(small_disk / "outbox.db", NOW), Condition()
    watch_room(outbox, condition, lambda: NOW)
    tell, rooms = outbox.on_room, list[Room]()
    assert tell is not None

    def told(room: Room) -> None:
        rooms.append(room)
        tell(room)

    outbox.on_room = told
    (small_disk / "ballast").write_bytes(b"\0" * 4_000_000)
    number = fill_until_refused(outbox)
    for again in range(3):
        with pytest.raises(DiskFullError):
            outbox.put([observation(number + again)])
    assert rooms == [Room.DISK_FULL]
    await asyncio.sleep(0)
    assert [item.code for item in condition.troubles] == [TroubleCode.DISK_FULL]
    outbox.close()


def test_the_process_of_a_full_disk_goes_on(small_disk: Path) -> None:
    """The same in a process of its own that is then killed: nothing it said is kept is missing."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom gateway.errors import DiskFullError\n"
        "from gateway.outbox import Outbox\nfrom tests.gateway.conftest import NOW, observation\n"
        "outbox = Outbox.open(Path(sys.argv[1]), NOW)\n"
        "try:\n  for n in range(5000):\n    outbox.put([observation(n)]); print(n, flush=True)\n"
        "except DiskFullError:\n  print('full', flush=True)\n  import os; os.kill(os.getpid(), 9)\n"
    )
    path = small_disk / "outbox.db"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    *numbers, last = done.stdout.split()
    assert last == "full", done.stderr
    outbox = Outbox.open(path, NOW)
    assert [row.seq for row in outbox.pending(10**4)] == list(range(1, len(numbers) + 1))
    outbox.close()


def test_an_empty_outbox_says_so(outbox: Outbox) -> None:
    state = outbox.state(NOW)
    assert state == OutboxState(0, None, 0, state.size_bytes, LIMIT, 0, 0, Room.PLENTY)
