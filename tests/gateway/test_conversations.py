"""The order of a conversation, and devices that indicate, with a device made of Python."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bleak.exc import BleakError

from gateway.conversations import Conversation, Home, conversation
from gateway.errors import OutboxError
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.profiles import sig_uuid
from gateway.profiles.current_time import CurrentTime
from gateway.profiles.ieee11073 import DateTime
from gateway.timing.device_clock import DeviceClock
from tests.gateway.conftest import GATEWAY, NOW
from tests.gateway.fake_device import FakeDevice, refusing

CPH = ZoneInfo("Europe/Copenhagen")
LOCAL = NOW.astimezone(CPH).replace(tzinfo=None)
WEIGHT = bytes.fromhex("00 8638")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


@pytest.fixture
def home(outbox: Outbox) -> Home:
    return Home(Intake(GATEWAY, outbox, CPH, lambda: None), CPH, lambda: NOW)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "IDLE_S", 0.05)


def talk_with(device: FakeDevice, home: Home) -> Conversation:
    def keep(clock: DeviceClock) -> None:
        device.order.append(f"keep {len(clock.eras)}")

    client: Any = device
    return Conversation(
        client, home, known_clock=DeviceClock(), keep_clock=keep, hung_up=device.over
    )


async def converse(
    device: FakeDevice, home: Home, then: Callable[[], object] = lambda: None
) -> Conversation:
    """Hold a conversation; `then` happens once the device is listened to."""
    talk = talk_with(device, home)
    task = asyncio.create_task(talk.run())
    listened = asyncio.create_task(device.listened.wait())
    async with asyncio.timeout(20):
        await asyncio.wait({task, listened}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            then()
        listened.cancel()
        await task
    return talk


def scale(*, identity: bool = True) -> FakeDevice:
    device = FakeDevice()
    if identity:
        device.add(0x2A29, 0x180A, value=b"Maker\x00")
        device.add(0x2A24, 0x180A, value="Mødel".encode())
        device.add(0x2A25, 0x180A, value=b"\xff1")
    device.add(0x2A9D)
    return device


async def test_the_clock_is_read_then_set_to_local_time_then_readings_are_taken(
    outbox: Outbox, home: Home
) -> None:
    shown = datetime(1970, 1, 1)  # noqa: DTZ001
    device = scale()
    device.add(0x2A2B, 0x1805, value=bytes(CurrentTime.of(shown)))
    stored = b"\x02\x86\x38" + bytes(DateTime.of(shown))
    talk = await converse(device, home, lambda: device.send(0x2A9D, stored))
    assert device.order[-5:] == [
        "read 2a2b",
        "keep 2",
        "write 2a2b",
        "read 2a2b",
        "listen 2a9d",
    ]
    assert device.written == [(sig_uuid(0x2A2B), bytes(CurrentTime.of(LOCAL)))]
    assert talk.new_readings == 1
    (kept,) = outbox.read(1, 1, NOW)
    assert kept.measured_at == NOW
    assert (kept.device.manufacturer, kept.device.model) == ("Maker", "Mødel")
    assert kept.device.serial == "\ufffd1"


async def test_a_right_clock_is_left_alone(home: Home) -> None:
    device = scale()
    device.add(0x2A2B, 0x1805, value=bytes(CurrentTime.of(LOCAL)))
    await converse(device, home)
    assert device.written == []


async def test_a_clock_inside_the_measurement_service_is_read_and_set(home: Home) -> None:
    device = scale(identity=False)
    device.add(0x2A08, 0x181D, value=bytes(DateTime.of(LOCAL + timedelta(hours=1))))
    talk = await converse(device, home)
    assert device.written == [(sig_uuid(0x2A08), bytes(DateTime.of(LOCAL)))]
    assert len(talk.clock.eras) == 2


@pytest.mark.parametrize("shown", [bytes(10), b"\x01", refusing(0x02)])
async def test_a_clock_that_cannot_be_read_is_set(home: Home, shown: Any) -> None:
    device = scale(identity=False)
    device.add(0x2A2B, 0x1805, value=shown)
    talk = await converse(device, home)
    assert len(device.written) == 1
    assert len(talk.clock.eras) == 1


@pytest.mark.parametrize(("code", "eras"), [(0x80, 2), (0x03, 1)])
async def test_a_clock_that_refuses_to_be_set_stays_as_it_is(
    home: Home, code: int, eras: int
) -> None:
    def refuse(_value: bytes) -> None:
        raise refusing(code)

    device = scale(identity=False)
    wrong = bytes(CurrentTime.of(LOCAL - timedelta(hours=1)))
    device.add(0x2A2B, 0x1805, value=wrong, on_write=refuse)
    talk = await converse(device, home)
    assert len(talk.clock.eras) == eras
    assert [step for step in device.order if "keep" in step][-1] == f"keep {eras}"


async def test_a_device_without_information_or_clock_is_read_all_the_same(
    outbox: Outbox, home: Home
) -> None:
    device = FakeDevice()
    device.add(0x2A5E, 0x1822)
    device.add(0x2A25, 0x180A, value=refusing(0x02))
    await converse(device, home, lambda: device.send(0x2A5E, bytes.fromhex("00cff34800")))
    assert outbox.depth() == 2
    assert outbox.read(1, 1, NOW)[0].device.serial == ""


async def test_an_identity_cut_off_by_the_link_ends_the_conversation(home: Home) -> None:
    device = scale()
    device.at(0x2A25).value = BleakError("the link is gone")
    with pytest.raises(BleakError, match="the link is gone"):
        await converse(device, home)
    assert device.at(0x2A9D).listener is None


async def test_a_device_that_asks_to_be_paired_with_is_paired_with_and_read_again(
    outbox: Outbox, home: Home
) -> None:
    device = scale()
    device.at(0x2A25).value = refusing(0x05)
    device.at(0x2A9D).refuses_listeners = refusing(0x05)
    await converse(device, home, lambda: device.send(0x2A9D, WEIGHT))
    assert device.order.count("pair") == 1
    assert outbox.read(1, 1, NOW)[0].device.serial == "paired"


async def test_a_device_that_will_not_pair_costs_its_own_turn_and_is_asked_once(
    home: Home,
) -> None:
    device = scale()
    device.at(0x2A25).value = refusing(0x05)
    device.at(0x2A9D).refuses_listeners = refusing(0x05)
    device.pair_error = BleakError("not in pairing mode")
    with pytest.raises(BleakError):
        await converse(device, home)
    assert device.order.count("pair") == 1


async def test_a_device_that_falls_silent_is_left(home: Home) -> None:
    async with asyncio.timeout(5):
        await talk_with(scale(), home).run()


async def test_a_device_that_never_stops_is_left_when_it_has_had_its_time(
    home: Home, monkeypatch: pytest.MonkeyPatch, outbox: Outbox
) -> None:
    monkeypatch.setattr(conversation, "LONGEST_S", 0.3)
    device = scale()

    async def chatter() -> None:
        while True:
            device.send(0x2A9D, WEIGHT)
            await asyncio.sleep(0.01)

    chatting = asyncio.create_task(chatter())
    await converse(device, home)
    chatting.cancel()
    assert outbox.depth() > 1


async def test_a_device_that_never_answers_a_read_is_left(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.conversations.link.ANSWER_S", 0.05)
    device = scale()

    async def never(_characteristic: object) -> bytearray:
        await asyncio.Event().wait()
        return bytearray()

    monkeypatch.setattr(device, "read_gatt_char", never)
    with pytest.raises(TimeoutError):
        await converse(device, home)


async def test_a_device_that_measures_nothing_we_know_is_left_at_once(home: Home) -> None:
    device = FakeDevice()
    device.add(0x2A2B, 0x1805, value=bytes(CurrentTime.of(LOCAL - timedelta(hours=1))))
    talk = await converse(device, home)
    assert (device.order, talk.new_readings) == ([], 0)


async def test_a_scale_of_xiaomis_is_not_taken_for_one_of_the_standard(home: Home) -> None:
    device = scale()
    device.add("00001543-0000-3512-2118-0009af100700", "00001530-0000-3512-2118-0009af100700")
    await converse(device, home)
    assert device.order == []


async def test_a_disk_that_fails_ends_the_conversation_unconfirmed(
    home: Home, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_observations: object) -> None:
        raise OutboxError("the disk is full")

    device = scale()
    confirmed: list[bool] = []
    monkeypatch.setattr(outbox, "put", full)
    with pytest.raises(OutboxError, match="the disk is full"):
        await converse(device, home, lambda: confirmed.append(device.send(0x2A9D, WEIGHT)))
    assert confirmed == [False]


async def test_a_finished_measurement_and_a_stream_of_one_device_are_one_reading(
    home: Home,
) -> None:
    device = FakeDevice()
    device.add(0x2A5E, 0x1822)
    device.add(0x2A5F, 0x1822)
    await converse(device, home)
    assert "listen 2a5e" in device.order
    assert "listen 2a5f" not in device.order
