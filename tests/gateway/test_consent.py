"""Scales that want consent, and batteries: what is asked, noted on disk and told to support."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.conversations import Conversation, Home, conversation, questions
from gateway.device_notes import DeviceNotes
from gateway.errors import OutboxError
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.timing.device_clock import DeviceClock
from telekol.quantities import Quantity
from tests.gateway.conftest import GATEWAY, NOW
from tests.gateway.fake_device import FakeDevice, Support, refusing
from tests.gateway.test_conversations import CPH

UDS, POINT, WEIGHT = 0x181C, 0x2A9F, 0x2A9D


@pytest.fixture
def health() -> Support:
    return Support()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


@pytest.fixture
def home(outbox: Outbox, health: Support, tmp_path: Path) -> Home:
    return Home(
        Intake(GATEWAY, outbox, CPH, lambda: None),
        CPH,
        lambda: NOW,
        notes=DeviceNotes(tmp_path / "outbox.db.devices"),
        condition=health.condition,
        keeps_batteries=True,
    )


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "IDLE_S", 0.02)
    monkeypatch.setattr(questions, "QUIET_S", 0.1)


async def converse(device: FakeDevice, home: Home) -> None:
    device.over = asyncio.Event()
    device.order.clear()
    client: Any = device
    talk = Conversation(
        client, home, known_clock=DeviceClock(), keep_clock=lambda _: None, hung_up=device.over
    )
    async with asyncio.timeout(20):
        await talk.run()


class Scale(FakeDevice):
    """Silent until somebody has consented; forgets its users without batteries."""

    slots = 2

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[int, bytes] = {}
        self.waiting = [bytes.fromhex("04 8638 01")]
        self.asked: list[bytes] = []
        self.answers_with: dict[int, int] = {}
        self.is_silent = False
        self.add(WEIGHT)
        self.add(POINT, UDS, on_write=self._on_request)
        self.increment = self.add(0x2A99, UDS, value=bytes(4))

    def take_batteries_out(self) -> None:
        self.users.clear()

    def _on_request(self, request: bytes) -> None:
        self.asked.append(request)
        if self.is_silent:
            return
        opcode = request[0]
        if opcode in self.answers_with:
            self._answer(bytes((0x20, opcode, self.answers_with[opcode])))
        elif opcode == 1 and len(self.users) < self.slots:
            index = next(number for number in range(1, 9) if number not in self.users)
            self.users[index] = request[1:]
            self._answer(bytes((0x20, 1, 1, index)))
        elif opcode == 1:
            self._answer(bytes((0x20, 1, 4)))
        elif opcode == 2 and self.users.get(request[1]) == request[2:]:
            self._answer(bytes((0x20, 2, 1)))
            asyncio.get_running_loop().call_soon(self._deliver)
        elif opcode == 2:
            self._answer(bytes((0x20, 2, 5)))
        elif opcode == 4:
            self._answer(bytes((0x20, 4, 1, len(self.users))))

    def _answer(self, answer: bytes) -> None:
        asyncio.get_running_loop().call_soon(self.send, POINT, answer)

    def _deliver(self) -> None:
        while self.waiting and self.send(WEIGHT, self.waiting[0]):
            self.waiting.pop(0)


async def test_a_scale_is_paired_with_registered_with_and_read(
    home: Home, outbox: Outbox, health: Support
) -> None:
    scale = Scale()
    await converse(scale, home)
    assert scale.order[0] == "pair"
    assert [request[0] for request in scale.asked] == [1, 2]
    (weight,) = outbox.read(1, 1, NOW)
    assert (weight.value, weight.user_index) == (72.35, 1)
    assert health.troubles == {}


async def test_the_slot_is_kept_over_restarts(home: Home, tmp_path: Path) -> None:
    scale = Scale()
    await converse(scale, home)
    again = replace(home, notes=DeviceNotes(tmp_path / "outbox.db.devices"))
    await converse(scale, again)
    assert [request[0] for request in scale.asked] == [1, 2, 2]


async def test_a_scale_that_lost_its_users_is_registered_with_anew(
    home: Home, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    scale = Scale()
    await converse(scale, home)
    scale.take_batteries_out()
    scale.waiting.append(bytes.fromhex("04 8738 01"))
    await converse(scale, home)
    assert [request[0] for request in scale.asked] == [1, 2, 2, 4, 1, 2]
    assert outbox.depth() == 2
    assert "users on it: 0" in caplog.text


async def test_a_slot_that_somebody_else_has_is_left_to_them(home: Home, outbox: Outbox) -> None:
    scale = Scale()
    await converse(scale, home)
    scale.users = {1: b"\xff\xff"}  # another phone was quicker after the change of battery
    scale.waiting.append(bytes.fromhex("04 8738 02"))
    await converse(scale, home)
    assert set(scale.users) == {1, 2}
    assert outbox.read(2, 2, NOW)[0].user_index == 2


async def test_a_full_scale_is_a_trouble_for_support_and_costs_no_more(
    home: Home, health: Support, caplog: pytest.LogCaptureFixture
) -> None:
    scale = Scale()
    scale.users = {1: b"aa", 2: b"bb"}
    await converse(scale, home)
    assert "all its user slots are taken" in health.troubles["consent-refused"]
    assert "refuses us as its user" in caplog.text
    scale.users.clear()
    await converse(scale, home)
    assert health.troubles == {}


async def test_a_failure_that_may_pass_costs_no_slot(home: Home, health: Support) -> None:
    scale = Scale()
    await converse(scale, home)
    scale.answers_with = {2: 4}
    await converse(scale, home)
    assert [request[0] for request in scale.asked] == [1, 2, 2]
    assert "consent" in health.troubles["consent-refused"]


@pytest.mark.parametrize("outcome", [2, 3, 4, 5, 0x77])
async def test_a_scale_that_registers_nobody_is_told_of(
    home: Home, health: Support, outcome: int
) -> None:
    scale = Scale()
    scale.answers_with = {1: outcome}
    await converse(scale, home)
    assert "consent-refused" in health.troubles


@pytest.mark.parametrize(
    "answer", [b"", b"\x20", b"\x20\x01\x01", b"\x06\x00\x01\x01", b"\x20\x09\x01"]
)
async def test_garbled_answers_are_a_refusal(
    home: Home, health: Support, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = Scale()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(scale, "_answer", lambda _: loop.call_soon(scale.send, POINT, answer))
    await converse(scale, home)
    assert "consent-refused" in health.troubles


async def test_a_write_that_is_refused_is_a_refusal(home: Home, health: Support) -> None:
    def refuse(_value: bytes) -> None:
        raise refusing(0xFE)

    scale = Scale()
    scale.at(POINT).on_write = refuse
    await converse(scale, home)
    assert "consent-refused" in health.troubles


async def test_a_scale_that_falls_silent_costs_its_own_turn(home: Home) -> None:
    scale = Scale()
    scale.is_silent = True
    with pytest.raises(TimeoutError):
        await converse(scale, home)


async def test_a_code_is_on_disk_before_it_is_used(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutboxError("the disk is full")

    scale = Scale()
    monkeypatch.setattr(home.notes, "write", full)
    with pytest.raises(OutboxError):
        await converse(scale, home)
    assert [request[0] for request in scale.asked] == [1]


async def test_the_code_is_never_logged(
    home: Home, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with caplog.at_level("DEBUG"):
        await converse(Scale(), home)
    notes = json.loads((tmp_path / "outbox.db.devices").read_text())
    code = json.loads(notes["C0:FF:EE:00:00:01"]["consent"])["code"]
    assert str(code) not in caplog.text.replace("C0:FF:EE:00:00:01", "")


async def test_user_data_changed_on_the_scale_are_said(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    scale = Scale()
    with caplog.at_level("INFO"):
        await converse(scale, home)
        assert "were changed" not in caplog.text
        scale.increment.value = b"\x02\x00\x00\x00"
        await converse(scale, home)
    assert "were changed on the device" in caplog.text


# -- batteries -------------------------------------------------------------------------------


def with_battery(*levels: Any) -> FakeDevice:
    device = FakeDevice()
    device.add(WEIGHT)
    for level in levels:
        device.add(0x2A19, 0x180F, properties=("read", "notify"), value=level)
    return device


def batteries(outbox: Outbox) -> list[float]:
    kept = outbox.read(1, outbox.last_seq, NOW)
    return [item.value for item in kept if item.quantity is Quantity.BATTERY]


async def test_a_battery_is_a_reading_once_a_day_and_when_it_changed(
    home: Home, outbox: Outbox
) -> None:
    device = with_battery(b"\x50")
    await converse(device, home)
    await converse(device, home)
    assert batteries(outbox) == [80]
    device.characteristics[1].value = b"\x4f"
    await converse(device, home)
    assert batteries(outbox) == [80, 79]
    tomorrow: Any = lambda: NOW + timedelta(days=1)  # noqa: E731
    await converse(device, replace(home, now=tomorrow))
    assert batteries(outbox) == [80, 79, 79]


async def test_the_lowest_of_two_batteries_counts(home: Home, outbox: Outbox) -> None:
    await converse(with_battery(b"\x50", b"\x31"), home)
    assert batteries(outbox) == [49]


@pytest.mark.parametrize("level", [b"", b"\x65", b"\xff", b"\x01\x02", refusing(0x02)])
async def test_a_level_that_is_none_is_nothing(home: Home, outbox: Outbox, level: Any) -> None:
    await converse(with_battery(level), home)
    assert batteries(outbox) == []


async def test_a_low_battery_is_a_trouble_until_a_good_one(home: Home, health: Support) -> None:
    device = with_battery(b"\x13")
    await converse(device, home)
    assert health.troubles == {"device-battery-low": "19 %"}
    device.characteristics[1].value = b"\x1d"
    await converse(device, home)
    assert health.troubles != {}
    device.characteristics[1].value = b"\x1e"
    await converse(device, home)
    assert health.troubles == {}
    assert health.battery_pct == 30


# -- the notes -------------------------------------------------------------------------------


def test_notes_survive_and_damaged_ones_are_moved_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "notes"
    notes = DeviceNotes(path)
    notes.write("aa:bb", "topic", "text")
    notes.write("aa:bb", "other", "text")
    notes.write("aa:bb", "other", None)
    assert DeviceNotes(path).read("AA:BB", "topic") == "text"
    assert DeviceNotes(path).read("AA:BB", "other") is None
    assert path.stat().st_mode & 0o077 == 0
    path.write_text('{"AA:BB": {"topic": 1', encoding="utf-8")
    assert DeviceNotes(path).read("AA:BB", "topic") is None
    assert (tmp_path / "notes.damaged").exists()
    assert "begun anew" in caplog.text


def test_notes_that_cannot_be_written_leave_the_old_ones(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    notes = DeviceNotes(folder / "notes")
    notes.write("AA", "topic", "old")
    (folder / "notes").unlink()
    folder.rmdir()
    with pytest.raises(OutboxError, match="nothing was changed"):
        notes.write("AA", "topic", "new")
    assert notes.read("AA", "topic") == "old"
