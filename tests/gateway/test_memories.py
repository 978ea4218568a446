"""Devices with a memory: read in whole, erased after the receipt and never before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from bleak.exc import BleakError
from hypothesis import given
from hypothesis import strategies as st

from gateway.conversations import Conversation, Home, asked, conversation, questions, stored_records
from gateway.conversations.memory import Pass, ReadBefore
from gateway.device_notes import DeviceNotes
from gateway.errors import OutboxError
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.profiles import beurer
from gateway.profiles.beurer import Clock, Po60Record, Spread
from gateway.profiles.ieee11073 import DateTime
from gateway.radio.errors import LinkEndedError
from gateway.timing.device_clock import DeviceClock
from tests.gateway.conftest import GATEWAY, NOW
from tests.gateway.fake_device import FakeDevice, refusing
from tests.gateway.test_conversations import CPH, LOCAL

PLX, RACP = 0x2A5E, 0x2A52
ALL = b"\x01"


@dataclass
class Receipts:
    """Has a receipt for what the test says."""

    ids: set[UUID] = field(default_factory=set)

    def released(self, ids: Iterable[UUID]) -> frozenset[UUID]:
        return frozenset(self.ids.intersection(ids))


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


@pytest.fixture
def receipts() -> Receipts:
    return Receipts()


@pytest.fixture
def home(outbox: Outbox, receipts: Receipts, tmp_path: Path) -> Home:
    intake = Intake(GATEWAY, outbox, CPH, lambda: None)
    notes = DeviceNotes(tmp_path / "devices")
    return Home(intake, CPH, lambda: NOW, notes=notes, receipts=receipts)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "IDLE_S", 0.02)
    monkeypatch.setattr(questions, "QUIET_S", 0.1)
    monkeypatch.setattr(stored_records, "RECEIPT_WITHIN_S", 0.02)
    monkeypatch.setattr(stored_records, "_LOOK_EVERY_S", 0.005)
    monkeypatch.setattr(asked, "PAGE_WITHIN_S", 0.05)
    monkeypatch.setattr(asked, "PAGE_OVER_S", 0.02)


async def converse(device: FakeDevice, home: Home) -> Conversation:
    device.over = asyncio.Event()
    client: Any = device
    talk = Conversation(
        client,
        home,
        known_clock=DeviceClock(),
        keep_clock=lambda _clock: device.order.append("keep"),
        hung_up=device.over,
    )
    async with asyncio.timeout(20):
        await talk.run()
    return talk


def kept(outbox: Outbox) -> set[UUID]:
    return {item.id for item in outbox.read(1, outbox.last_seq, NOW)}


def spot_check(number: int, spo2: int = 92) -> bytes:
    """A spot-check with its own time stamp."""
    stamp = DateTime.of(LOCAL - timedelta(minutes=10 - number))
    return b"\x01" + spo2.to_bytes(2, "little") + b"\x48\x00" + bytes(stamp)


UNSTAMPED = bytes.fromhex("00 5c00 4800")


class Oximeter(FakeDevice):
    """A pulse oximeter with a memory behind its control point."""

    def __init__(self, *records: bytes) -> None:
        super().__init__()
        self.records = list(records)
        self.asked: list[bytes] = []
        self.refuses: dict[int, int] = {}
        self.is_silent_to: set[int] = set()
        self.hangs_up_after: int | None = None
        self.new_one_while_counting: bytes | None = None
        self.add(PLX, 0x1822)
        self.add(RACP, 0x1822, on_write=self._on_request)

    def _on_request(self, request: bytes) -> None:
        self.asked.append(request)
        opcode = request[0]
        if opcode in self.is_silent_to:
            return
        if opcode in self.refuses:
            self._answer(bytes((6, 0, opcode, self.refuses[opcode])))
        elif opcode == 4:
            self._answer(b"\x05\x00" + len(self.records).to_bytes(2, "little"))
        elif opcode == 1:
            self._report()
        elif opcode == 2:
            self.records.clear()
            self._answer(b"\x06\x00\x02\x01")

    def _report(self) -> None:
        for number, record in enumerate(list(self.records)):
            if number == self.hangs_up_after:
                self.hang_up()
                return
            if not self.send(PLX, record):
                return
        if self.new_one_while_counting is not None:
            self.records.append(self.new_one_while_counting)
        self._answer(b"\x06\x00\x01\x01")

    def _answer(self, answer: bytes) -> None:
        asyncio.get_running_loop().call_soon(self.send, RACP, answer)


async def test_a_memory_is_read_and_left_until_the_receipt(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    device = Oximeter(spot_check(1), spot_check(2))
    talk = await converse(device, home)
    assert talk.new_readings == 4
    await converse(device, home)
    assert len(device.records) == 2
    receipts.ids = kept(outbox)
    again = await converse(device, home)
    assert (device.records, again.new_readings) == ([], 0)
    assert outbox.depth() == 4


async def test_a_receipt_that_comes_while_the_device_is_there_is_waited_for(
    home: Home, outbox: Outbox, receipts: Receipts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_records, "RECEIPT_WITHIN_S", 10)
    device = Oximeter(spot_check(1))
    talking = asyncio.create_task(converse(device, home))
    while outbox.depth() < 2:  # noqa: ASYNC110 - there is no event of a commit
        await asyncio.sleep(0.01)
    assert len(device.records) == 1
    receipts.ids = kept(outbox)
    await talking
    assert device.records == []


async def test_a_device_that_goes_while_the_receipt_is_waited_for_keeps_its_memory(
    home: Home, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_records, "RECEIPT_WITHIN_S", 10)
    device = Oximeter(spot_check(1))
    talking = asyncio.create_task(converse(device, home))
    while outbox.depth() < 2:  # noqa: ASYNC110 - there is no event of a commit
        await asyncio.sleep(0.01)
    device.hang_up()
    with pytest.raises(LinkEndedError):
        await talking
    assert len(device.records) == 1


async def test_one_reading_without_a_receipt_keeps_all(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    device = Oximeter(spot_check(1), spot_check(2))
    await converse(device, home)
    receipts.ids = set(list(kept(outbox))[1:])
    await converse(device, home)
    assert len(device.records) == 2


async def test_what_came_since_the_receipt_is_not_deleted(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    device = Oximeter(spot_check(1))
    await converse(device, home)
    receipts.ids = kept(outbox)
    device.records.append(spot_check(2))
    await converse(device, home)
    assert len(device.records) == 2


async def test_what_comes_while_it_is_read_is_not_deleted(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    device = Oximeter(spot_check(1))
    await converse(device, home)
    receipts.ids = kept(outbox)
    device.new_one_while_counting = spot_check(2)
    await converse(device, home)
    assert b"\x02" + ALL not in device.asked
    assert len(device.records) == 2


async def test_a_record_that_cannot_be_read_is_never_deleted(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    device = Oximeter(spot_check(1), b"\x00\x01")
    await converse(device, home)
    receipts.ids = kept(outbox)
    await converse(device, home)
    assert len(device.records) == 2


async def test_an_empty_memory_is_asked_for_no_more(home: Home) -> None:
    device = Oximeter()
    await converse(device, home)
    assert device.asked == [b"\x04\x01"]


@pytest.mark.parametrize("refused", [1, 2, 4])
async def test_a_device_that_refuses_a_request_is_read_as_far_as_it_goes(
    home: Home, outbox: Outbox, receipts: Receipts, refused: int
) -> None:
    device = Oximeter(spot_check(1))
    device.refuses = {refused: 2}
    await converse(device, home)
    assert outbox.depth() == (0 if refused == 1 else 2)
    receipts.ids = kept(outbox)
    await converse(device, home)
    assert len(device.records) == 1


async def test_a_device_that_refuses_the_write_is_left_with_what_it_sends_by_itself(
    home: Home, outbox: Outbox
) -> None:
    def refuse(_request: bytes) -> None:
        asyncio.get_running_loop().call_soon(device.send, PLX, spot_check(1))
        raise refusing(0xFE)

    device = Oximeter()
    device.at(RACP).on_write = refuse
    await converse(device, home)
    assert outbox.depth() == 2


@pytest.mark.parametrize("silent", [1, 2, 4])
async def test_a_device_that_falls_silent_costs_its_own_turn(
    home: Home, outbox: Outbox, receipts: Receipts, silent: int
) -> None:
    device = Oximeter(spot_check(1))
    await converse(device, home)
    receipts.ids = kept(outbox)
    device.is_silent_to = {silent}
    with pytest.raises(TimeoutError, match="silence"):
        await converse(device, home)
    assert len(device.records) == 1


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_link_lost_in_the_middle_loses_nothing_and_deletes_nothing(
    home: Home, outbox: Outbox, after: int
) -> None:
    device = Oximeter(spot_check(1), spot_check(2), spot_check(3))
    device.hangs_up_after = after
    with pytest.raises(LinkEndedError):
        await converse(device, home)
    assert outbox.depth() == 2 * after
    device.hangs_up_after = None
    await converse(device, home)
    assert outbox.depth() == 6


async def test_a_disk_that_fails_in_the_middle_deletes_nothing(
    home: Home, outbox: Outbox, receipts: Receipts, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Oximeter(spot_check(1), spot_check(2))

    def full(_observations: object) -> None:
        raise OutboxError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "put", full)
        with pytest.raises(OutboxError):
            await converse(device, home)
    assert len(device.records) == 2
    assert (await converse(device, home)).new_readings == 4


@pytest.mark.parametrize("answer", [b"", b"\x05", b"\xff\x00\x00", b"\x06\x00\x04", bytes(30)])
async def test_a_garbled_answer_is_no_leave_to_delete(
    home: Home,
    outbox: Outbox,
    receipts: Receipts,
    answer: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = Oximeter(spot_check(1))
    await converse(device, home)
    receipts.ids = kept(outbox)
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(device, "_answer", lambda _: loop.call_soon(device.send, RACP, answer))
    await converse(device, home)
    assert len(device.records) == 1


async def test_records_without_a_stamp_are_known_by_their_bytes(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    device = Oximeter(UNSTAMPED, UNSTAMPED)
    await converse(device, home)
    assert outbox.depth() == 4
    again = replace(home, notes=DeviceNotes(home.notes._path))  # as after a restart
    await converse(device, again)
    assert outbox.depth() == 4
    device.records.append(UNSTAMPED)
    await converse(device, again)
    assert outbox.depth() == 6
    receipts.ids = kept(outbox)
    await converse(device, again)
    assert device.records == []
    device.records.append(UNSTAMPED)
    await converse(device, again)
    assert outbox.depth() == 8


async def test_a_memory_that_somebody_else_erased_is_read_anew(home: Home, outbox: Outbox) -> None:
    device = Oximeter(UNSTAMPED, UNSTAMPED)
    await converse(device, home)
    device.records = [UNSTAMPED]
    await converse(device, home)
    assert outbox.depth() == 6


@given(st.lists(st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=12), max_size=6))
def test_a_memory_that_only_grows_is_read_once_each(batches: list[list[bytes]]) -> None:
    notes, memory, kept_records = DeviceNotes(), list[bytes](), list[bytes]()
    for batch in batches:
        memory += batch
        reading = Pass(ReadBefore(notes, "AA"), len(memory))
        for record in memory:
            if not reading.known(record):
                kept_records.append(record)
                reading.kept(record, (), is_understood=True, is_by_arrival=True)
    assert sorted(kept_records) == sorted(memory)


# -- Beurer PO60 ----------------------------------------------------------------------------


def record(number: int, *, is_last: bool = False, spo2: int = 93, year: int = 26) -> bytes:
    end = Clock(year=year, month=3, day=14, hour=8, minute=number, second=0)
    return bytes(
        Po60Record(
            number=(number & 0x0F) | (0x40 if is_last else 0),
            start=end,
            end=end,
            high_bits=0x08,
            duration=bytes((0, 20)),
            spo2=Spread(99, 90, spo2),
            pulse=Spread(120, 60, 140),
        )
    )


class Po60(FakeDevice):
    """Answers page by page, in notifications of 20 bytes."""

    def __init__(self, *pages: list[bytes]) -> None:
        super().__init__()
        self.pages = list(pages)
        self.turn = 0
        self.clock_refused = False
        self.add(
            beurer.COMMANDS,
            beurer.SERVICE,
            properties=("write-without-response",),
            on_write=self._on_command,
        )
        self.add(beurer.NOTIFY, beurer.SERVICE, properties=("notify",))

    @property
    def commands(self) -> list[str]:
        return [payload.hex() for _, payload in self.written]

    def _on_command(self, command: bytes) -> None:
        if command[0] == 0x83 and self.clock_refused:
            raise refusing(0x03)
        if command[0] != 0x99:
            return
        self.turn = 0 if command[1] == 0 else self.turn + 1
        if self.turn >= len(self.pages):
            return
        stream = b"".join(self.pages[self.turn])
        for at in range(0, len(stream), 20):
            asyncio.get_running_loop().call_soon(self.send, beurer.NOTIFY, stream[at : at + 20])


async def test_a_po60_is_read_page_by_page_and_its_clock_set_afterwards(
    home: Home, outbox: Outbox
) -> None:
    first = [record(number) for number in range(10)]
    device = Po60(first, [record(10), record(11, is_last=True)])
    talk = await converse(device, home)
    assert talk.new_readings == 24
    assert device.commands[:2] == ["990019", "99011a"]
    assert device.commands[2].startswith("831a03")
    assert len(device.commands) == 3
    assert device.order[-2:] == ["keep", "write ff01"]
    assert {item.value for item in outbox.read(1, 24, NOW)} == {93, 140}
    assert (await converse(device, home)).new_readings == 0


async def test_a_po60_is_never_asked_to_erase(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    device = Po60([record(1, is_last=True)])
    await converse(device, home)
    receipts.ids = kept(outbox)
    await converse(device, home)
    assert not any(command.startswith("997f") for command in device.commands)


async def test_an_empty_po60_gives_no_answer_and_that_is_one(home: Home) -> None:
    device = Po60()
    talk = await converse(device, home)
    assert (talk.new_readings, device.commands[0]) == (0, "990019")


async def test_a_po60_that_marks_no_last_record_is_asked_until_it_is_silent(home: Home) -> None:
    device = Po60([record(1)], [record(2)])
    talk = await converse(device, home)
    assert talk.new_readings == 4
    assert [item for item in device.commands if item[:2] == "99"] == ["990019"] + ["99011a"] * 2


async def test_a_po60_that_never_comes_to_an_end_is_left(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "MOST_PAGES", 4)
    device = Po60(*[[record(number)] for number in range(50)])
    await converse(device, home)
    assert device.commands.count("99011a") == 3


async def test_a_po60_that_never_had_its_clock_set_is_not_read_twice(
    home: Home, outbox: Outbox
) -> None:
    device = Po60([record(1, year=10), record(2, year=10, is_last=True)])
    await converse(device, home)
    assert outbox.depth() == 4
    await converse(device, home)
    assert outbox.depth() == 4


async def test_a_po60_whose_clock_cannot_be_set_keeps_what_is_known(home: Home) -> None:
    device = Po60([record(1, is_last=True)])
    device.clock_refused = True
    talk = await converse(device, home)
    assert talk.clock == DeviceClock()


async def test_a_po60_that_hangs_up_in_the_middle_keeps_what_had_come(
    home: Home, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Po60([record(1), record(2)[:10]])
    original = device.send

    def send(number: int | str, payload: bytes) -> bool:
        confirmed = original(number, payload)
        if len(payload) < 20:
            device.hang_up()
        return confirmed

    monkeypatch.setattr(device, "send", send)
    with pytest.raises(BleakError):
        await converse(device, home)
    assert outbox.depth() == 2


@pytest.mark.parametrize("when", [datetime(2025, 3, 14, 8, 30, 5), datetime(2099, 12, 31)])  # noqa: DTZ001
def test_the_command_that_sets_the_clock_ends_in_its_checksum(when: datetime) -> None:
    command = asked.set_clock(when)
    assert len(command) == 10
    assert command[-1] == sum(command[:-1]) & 0x7F
