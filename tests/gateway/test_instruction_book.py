"""Instructions in the gateway: on disk before they are acknowledged, once each, to their end."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from gateway.errors import OutboxError
from gateway.link.instruction_book import OPEN_MOST, InstructionBook
from gateway.link.instruction_desk import InstructionDesk
from telekol.instructions import (
    Acknowledgement,
    AcknowledgementState,
    Instruction,
    LineText,
    LongText,
    Remeasure,
    Schedule,
    SendAgain,
    TextMessage,
    encode_instruction,
)
from telekol.quantities import Quantity
from tests.gateway.conftest import GATEWAY, NOW

LATER = NOW + timedelta(days=2)
BOOT = uuid4()


def frame(number: int, **more: object) -> dict[str, object]:
    return {
        "v": 1,
        "gateway": GATEWAY,
        "id": UUID(int=number),
        "issued_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        **more,
    }


def note(number: int) -> Instruction:
    return TextMessage(**frame(number), text=LongText(da="Hemmelig besked", en="Secret"))  # type: ignore[arg-type]


def schedule(number: int, version: int) -> Instruction:
    return Schedule(**frame(number), version=version, slots=())  # type: ignore[arg-type]


def again(number: int, first: int = 3, last: int | None = None) -> Instruction:
    return SendAgain(**frame(number), boot=BOOT, first=first, last=last)  # type: ignore[arg-type]


class History:
    """Stands in for the outbox: notes what was asked, or cannot."""

    def __init__(self) -> None:
        self.asked: list[tuple[UUID, int, int | None]] = []
        self.broken = False

    def send_again(self, boot: UUID, first: int, last: int | None, now: object) -> int:
        if self.broken:
            raise OutboxError(f"the disk is away at {now}")
        self.asked.append((boot, first, last))
        return 7


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.history = History()
        self.trusted = True
        self.start()

    def start(self) -> None:
        self.book = InstructionBook.open(self.path, GATEWAY)
        self.desk = InstructionDesk(GATEWAY, self.book, self.history, lambda: self.trusted)

    def restart(self) -> None:
        self.book.close()
        self.start()

    def take(self, *instructions: Instruction) -> None:
        for item in instructions:
            self.desk.take(encode_instruction(item), NOW)

    def tell(self) -> list[Acknowledgement]:
        """Say what there is to say; the broker takes it."""
        told = self.desk.to_tell()
        for item in told:
            item.confirmed()
        return [item.acknowledgement for item in told]

    def states(self) -> list[tuple[int, str]]:
        return [(item.instruction.int, str(item.state)) for item in self.tell()]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "outbox.db.instructions")


def test_a_message_is_kept_over_a_restart_told_once_and_ends_when_it_was_shown(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    home.take(note(1))
    home.restart()
    assert home.states() == [(1, "received")]
    assert home.states() == []
    assert home.book.open_ones("message") == (note(1),)
    assert home.book.finish(UUID(int=1), AcknowledgementState.DONE, NOW)
    assert not home.book.finish(UUID(int=1), AcknowledgementState.EXPIRED, NOW)
    assert home.states() == [(1, "done")]
    assert home.book.open_ones("message") == ()
    assert "Hemmelig" not in caplog.text
    assert "Secret" not in caplog.text


def test_what_comes_again_is_told_again_and_done_once(home: Home) -> None:
    home.take(again(1), note(2))
    assert home.states() == [(1, "done"), (2, "received")]
    home.restart()
    home.take(again(1), note(2))
    assert home.states() == [(1, "done"), (2, "received")]
    assert home.history.asked == [(BOOT, 3, None)]


def test_readings_are_sent_again_and_an_outbox_that_cannot_is_asked_later(home: Home) -> None:
    home.history.broken = True
    home.take(again(1, 5, 9))
    assert home.states() == [(1, "received")]
    home.history.broken = False
    home.restart()
    home.desk.tidy(NOW)
    assert home.history.asked == [(BOOT, 5, 9)]
    (told,) = home.tell()
    assert (str(told.state), told.reason) == ("done", "7 readings wait again")


def test_the_highest_schedule_is_in_force(home: Home) -> None:
    home.take(schedule(1, 4), schedule(2, 3), schedule(3, 5))
    assert home.states() == [(1, "done"), (2, "refused"), (3, "done")]
    home.restart()
    found = home.book.schedule()
    assert found is not None
    assert found.version == 5
    home.desk.tidy(NOW + timedelta(days=400))
    assert home.book.schedule() == found
    home.take(schedule(3, 5))
    assert home.states() == [(3, "done")]


def test_what_waits_past_its_time_expires_but_not_by_a_clock_nobody_trusts(home: Home) -> None:
    home.take(note(1))
    home.tell()
    home.trusted = False
    home.desk.tidy(LATER)
    assert home.states() == []
    home.trusted = True
    home.desk.tidy(LATER)
    assert home.states() == [(1, "expired")]
    home.desk.take(encode_instruction(note(2)), LATER)
    assert home.states() == [(2, "expired")]


def test_what_cannot_be_read_is_refused_by_its_id(home: Home) -> None:
    number = uuid4()
    home.desk.take(b'{"kind": "dance", "id": "%s"}' % str(number).encode(), NOW)
    home.desk.take(b"\xff", NOW)
    (told,) = home.tell()
    assert (told.instruction, str(told.state)) == (number, "refused")
    assert "unknown-kind" in told.reason
    assert home.tell() == []


def test_there_is_an_end_to_what_is_kept(home: Home) -> None:
    home.take(*(note(number) for number in range(1, OPEN_MOST + 2)))
    states = dict(home.states() + home.states() + home.states())
    assert states[OPEN_MOST] == "received"
    assert states[OPEN_MOST + 1] == "refused"


def test_a_damaged_book_is_moved_aside_and_a_new_life_begins(home: Home) -> None:
    home.take(note(1))
    before = home.book.next_connection()
    home.book.close()
    for end in ("-wal", "-shm"):
        home.path.with_name(home.path.name + end).unlink(missing_ok=True)
    home.path.write_bytes(b"no database" * 1000)
    home.start()
    after = home.book.next_connection()
    assert (after.life != before.life, after.number) == (True, 1)
    assert home.book.open_ones("message") == ()
    assert len(list(home.path.parent.glob("*.damaged-*"))) == 1


def test_connection_numbers_grow_over_a_kill(tmp_path: Path) -> None:
    """Half of them in a process that is killed with nothing closed."""
    path = tmp_path / "notes"
    program = (
        "import os, sys, pathlib; from gateway.link.instruction_book import InstructionBook as B;"
        "b = B.open(pathlib.Path(sys.argv[1]), 'gw-test-001');"
        "print(max(b.next_connection().number for _ in range(1500)), flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, check=False, timeout=60
    )
    book = InstructionBook.open(path, GATEWAY)
    assert book.next_connection().number > int(done.stdout) == 1500
    book.close()


def test_a_request_to_measure_waits_for_the_home_screen(home: Home) -> None:
    wanted = Remeasure(
        **frame(1),  # type: ignore[arg-type]
        quantities=(Quantity.SPO2,),
        within_s=600,
        reason=LineText(da="Lav", en="Low"),
    )
    home.take(wanted)
    assert home.book.open_ones("remeasure") == (wanted,)
