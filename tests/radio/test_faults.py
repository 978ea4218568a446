"""Each fault, as it shows on the air, and what the emission log then asks of a gateway."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from bleak.exc import BleakError

from device_sim.control_server import ControlServer
from device_sim.emission import EmissionLog
from device_sim.errors import DeviceStateError
from device_sim.faults import FAULTS, FaultBoard, Readings, Trait, described
from device_sim.home import Home
from device_sim.kit import KINDS, traits_by_kind
from gateway.radio import Radio

from .conftest import MEASUREMENTS, OXIMETRY, find, session, until, within
from .test_families import at_home, hexes

ISSUE = {
    "repeats-memory",
    "clock-1970",
    "clock-drift",
    "clock-jump",
    "daylight-saving",
    "finger-off",
    "weak-signal",
    "battery-low",
    "lost-bond",
    "link-lost",
    "truncated",
    "bit-flipped",
    "wrong-person",
    "never-answers",
    "answers-slowly",
}


async def read(radio: Radio, home: Home, kind: str) -> list[bytes]:
    async with session(radio, home.device(kind)) as link:
        await link.client.start_notify(MEASUREMENTS[kind], link.on_value)
        await within(20, link.ended.wait())
    return link.received


def test_every_fault_that_was_asked_for_is_there() -> None:
    assert FAULTS.keys() >= ISSUE
    for fault in FAULTS.values():
        assert fault.does.endswith(".")
        assert fault.server_shows.endswith(".")


def test_every_fault_can_happen_to_some_device_and_every_device_can_fail() -> None:
    told = described(traits_by_kind())
    assert all(fault["devices"] for fault in told)
    for kind in KINDS:
        names = {fault["name"] for fault in told if kind in fault["devices"]}
        assert names >= {"truncated", "bit-flipped", "silent"}


async def test_a_memory_that_repeats_sends_what_it_has_delivered(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    first = await read(radio, home, "scale")
    await home.scale.begin_fault("repeats-memory")
    assert await read(radio, home, "scale") == first
    taken = await home.measure("scale")
    assert await read(radio, home, "scale") == [*first, home.scale.packets(taken)[0]]
    await home.scale.heal_fault("repeats-memory")
    await home.measure("scale")
    assert len(await read(radio, home, "scale")) == 1
    assert home.log.counts().confirmed == 3


@pytest.mark.parametrize(
    ("fault", "parameters", "bytes_of_date"),
    [("clock-1970", {}, "b2070101"), ("clock-never-set", {}, "00000000")],
)
async def test_a_clock_without_a_date(
    home: Home, radio: Radio, fault: str, parameters: dict[str, float], bytes_of_date: str
) -> None:
    await home.oximeter.begin_fault(fault, parameters)
    taken = await home.measure("oximeter")
    (payload,) = await read(radio, home, "oximeter")
    assert payload[5:9].hex() == bytes_of_date
    assert bool(payload[0] & 0x10) is (fault == "clock-never-set")
    assert home.log.expected(taken).time_tolerance_s is None
    assert (taken.device_time is None) is (fault == "clock-never-set")


async def test_a_clock_that_is_set_is_right_again(home: Home, radio: Radio) -> None:
    await home.scale.begin_fault("clock-never-set")
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        now = bytes.fromhex("e907030e081e05050000")
        await link.client.write_gatt_char("2a2b", now, response=True)
    await home.scale.heal_fault()
    taken = await home.measure("scale")
    assert taken.device_time is not None
    assert taken.device_time.year == 2025
    assert home.log.expected(taken).time_tolerance_s == 2.0


async def test_a_clock_that_jumps_makes_what_waits_doubtful(home: Home) -> None:
    before = await home.measure("scale")
    await home.scale.begin_fault("clock-jump", {"seconds": 7200})
    after = await home.measure("scale")
    assert before.device_time is not None
    assert after.device_time is not None
    assert timedelta(hours=1.9) < after.device_time - before.device_time < timedelta(hours=2.1)
    assert home.log.expected(before).time_tolerance_s is None
    assert home.log.expected(after).time_tolerance_s == 2.0
    await home.scale.begin_fault("daylight-saving", {"forward": 0})
    assert home.log.expected(after).time_tolerance_s == 3600
    assert timedelta(minutes=59) < home.scale.clock.error < timedelta(minutes=61)


async def test_a_clock_that_drifts_gains_and_stops_when_healed(home: Home) -> None:
    await home.scale.begin_fault("clock-drift", {"s_per_day": 86400})
    await asyncio.sleep(0.2)
    assert home.scale.clock.error > timedelta(seconds=0.15)
    await home.scale.heal_fault("clock-drift")
    gained = home.scale.clock.error
    assert gained > timedelta(seconds=0.15)
    assert home.scale.clock.error - gained < timedelta(milliseconds=1)


async def test_a_finger_that_is_off_has_no_value(home: Home, radio: Radio) -> None:
    await home.oximeter.begin_fault("finger-off")
    taken = await home.measure("oximeter")
    (payload,) = await read(radio, home, "oximeter")
    assert payload[1:5].hex() == "ff07ff07"
    assert int.from_bytes(payload[12:15], "little") == 1 << 11
    assert home.log.expected(taken).readings is Readings.NONE_WHILE_ON
    await home.oximeter.heal_fault("finger-off")
    assert home.log.expected(await home.measure("oximeter")).readings is Readings.ALL


async def test_a_weak_signal_is_marked_and_keeps_its_value(home: Home, radio: Radio) -> None:
    await home.oximeter.begin_fault("weak-signal")
    taken = await home.oximeter.take_measurement(OXIMETRY)
    (payload,) = await read(radio, home, "oximeter")
    assert payload[:5].hex() == "055b005000"
    assert int.from_bytes(payload[12:15], "little") == 1 << 4 | 1 << 5
    assert home.log.expected(taken).readings is Readings.MARKED


async def test_a_low_battery_is_told(home: Home, radio: Radio) -> None:
    await home.scale.begin_fault("battery-low", {"percent": 3})
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        assert await link.client.read_gatt_char("2a19") == bytes([3])


async def test_a_link_lost_in_the_middle_tells_the_same_again(home: Home, radio: Radio) -> None:
    await home.scale.begin_fault("link-lost")
    taken = await home.measure("scale")
    first = await read(radio, home, "scale")
    assert first in ([], list(home.scale.packets(taken)))
    assert home.scale.pending_count == 1
    assert await read(radio, home, "scale") == list(home.scale.packets(taken))
    assert home.log.counts().confirmed == 1


async def test_spoiled_packets_are_spoiled_as_often_as_asked(home: Home, radio: Radio) -> None:
    await home.scale.begin_fault("truncated", {"count": 1, "bytes": 3})
    taken = [await home.measure("scale") for _ in range(2)]
    received = await read(radio, home, "scale")
    whole = [home.scale.packets(each)[0] for each in taken]
    assert received == [whole[0][:3], whole[1]]
    assert home.log.expected(taken[0]).readings is Readings.NONE_WHILE_ON
    assert home.log.expected(taken[1]).readings is Readings.ALL

    await home.scale.begin_fault("bit-flipped", {"bit": 9, "count": 0})
    taken = [await home.measure("scale") for _ in range(2)]
    received = await read(radio, home, "scale")
    for payload, each in zip(received, taken, strict=True):
        intact = home.scale.packets(each)[0]
        assert payload[1] == intact[1] ^ 0x02
        assert payload[:1] + payload[2:] == intact[:1] + intact[2:]
        assert home.log.expected(each).readings is Readings.ANY_WHILE_ON


async def test_somebody_else_on_the_scale(home: Home, radio: Radio) -> None:
    await home.scale.begin_fault("wrong-person", {"weight_kg": 22})
    taken = await home.measure("scale")
    assert dict(taken.values)["body_weight"] == Decimal("22.0")
    (payload,) = await read(radio, home, "scale")
    assert int.from_bytes(payload[1:3], "little") == 4400
    assert home.log.expected(taken).readings is Readings.UNATTRIBUTED


async def test_a_device_that_never_answers_and_then_does(home: Home, radio: Radio) -> None:
    home.scale.patience_s = 0.5
    await home.measure("scale")
    await home.scale.begin_fault("never-answers")
    seen = await find(radio, home.scale)
    client = radio.client(seen)
    with pytest.raises((BleakError, TimeoutError)):
        await asyncio.wait_for(client.connect(), 5)
    await client.disconnect()
    await home.scale.heal_fault("never-answers")
    assert len(await read(radio, home, "scale")) == 1


async def test_a_device_that_answers_slowly_is_heard(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    await home.scale.begin_fault("answers-slowly", {"seconds": 0.05})
    assert len(await read(radio, home, "scale")) == 1


async def test_a_silent_device_cannot_be_found_until_healed(home: Home, radio: Radio) -> None:
    await home.scale.begin_fault("silent")
    await home.measure("scale")
    with pytest.raises(TimeoutError):
        await find(radio, home.scale, timeout_s=0.6)
    await home.scale.heal_fault("silent")
    assert len(await read(radio, home, "scale")) == 1


async def test_a_lost_bond_asks_for_a_new_one() -> None:
    async with at_home("scale") as (home, radio):
        await home.measure("scale")
        async with session(radio, home.scale) as link:
            await link.client.pair()
        device = home.scale._device
        assert device is not None
        assert device.keystore is not None
        assert await device.keystore.get_all()
        await home.scale.begin_fault("lost-bond")
        await until(lambda: home.scale._forgetting and home.scale._forgetting.done())
        assert not await device.keystore.get_all()


async def test_records_are_kept_although_a_delete_was_answered() -> None:
    async with at_home("recording-oximeter") as (home, radio):
        device = home.device("recording-oximeter")
        await device.begin_fault("repeats-memory")
        await home.measure("recording-oximeter")
        answers: list[str] = []
        async with session(radio, device) as link:
            await link.client.start_notify("2a5e", link.on_value)
            await link.client.start_notify("2a52", hexes(answers))
            for request in ("0101", "0201", "0101"):
                await link.client.write_gatt_char("2a52", bytes.fromhex(request), response=True)
            await until(lambda: len(answers) == 3)
        assert len(link.received) == 2


def test_a_device_has_only_its_own_faults() -> None:
    board = FaultBoard(frozenset({Trait.CLOCK}))
    with pytest.raises(DeviceStateError, match="clock-1970"):
        board.begin("finger-off")
    with pytest.raises(DeviceStateError, match="s_per_day"):
        board.begin("clock-drift", {"speed": 1})
    board.begin("clock-drift")
    board.begin("truncated")
    board.heal()
    assert not board.on
    assert board.spoil(b"") == b""


async def test_faults_over_the_control_channel() -> None:
    home = Home(1, EmissionLog())
    await home.start()
    server = ControlServer({home.gateway_id: home}, asyncio.Event())
    at = b'"home": "gateway-0001", "device": "oximeter"'
    begun = await server.answer(b'{"command": "fault", "name": "truncated", "bytes": 2, %s}' % at)
    assert begun == {"ok": True, "faults": {"truncated": {"count": 1.0, "bytes": 2.0}}}
    status = await server.answer(b'{"command": "status"}')
    assert "truncated" in status["homes"]["gateway-0001"]["devices"]["oximeter"]["faults"]
    assert (await server.answer(b'{"command": "heal", %s}' % at))["faults"] == {}
    told = await server.answer(b'{"command": "faults"}')
    assert {fault["name"] for fault in told["faults"]} == FAULTS.keys()
    wrong = await server.answer(b'{"command": "fault", "name": "wrong-person", %s}' % at)
    assert wrong["ok"] is False
    assert "finger-off" in wrong["error"]
    pressed = await server.answer(b'{"command": "press-pairing", %s}' % at)
    assert "paired by a button" in pressed["error"]
    user = await server.answer(b'{"command": "choose-user", "user": 2, %s}' % at)
    assert "users" in user["error"]
    await home.close()


def _named_in(heading: str) -> list[str]:
    page = (Path(__file__).parents[2] / "docs" / "simulated-devices.md").read_text("utf-8")
    section = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.MULTILINE)


def test_the_document_lists_every_kind_and_every_fault() -> None:
    assert _named_in("Kinds") == list(KINDS)
    assert _named_in("Faults") == list(FAULTS)
