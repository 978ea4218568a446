"""Vendors' own ways: records on request, adverts, and frames on a serial port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import xor

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from device_sim.emission import EmissionLog
from device_sim.encoders import po60, vitalograph, xiaomi
from device_sim.errors import NotEncodableError
from device_sim.home import Home
from device_sim.peripherals.finger import Course
from device_sim.peripherals.instrument import Instrument
from device_sim.peripherals.nonin_classic import NoninClassic
from device_sim.peripherals.xiaomi import XiaomiScale
from device_sim.physiology.living import HOME_ZONE

from .conftest import Session, session, until
from .test_families import at_home

TIME = datetime(2025, 3, 14, 8, 30, 5)  # noqa: DTZ001 - a device's clock has no zone


async def enough(link: Session, count: int) -> None:
    await until(lambda: len(link.received) == count)


async def test_a_po60_tells_its_records_when_asked_and_keeps_them() -> None:
    async with at_home("beurer-po60") as (home, radio):
        device = home.device("beurer-po60")
        taken = [
            await home.measure("beurer-po60", {"spo2": Decimal(91), "pulse_rate": Decimal(140)})
            for _ in range(2)
        ]
        for request in ("990019", "99007f"):
            async with session(radio, device) as link:
                await link.client.start_notify("ff02", link.on_value)
                await link.client.write_gatt_char("ff01", bytes.fromhex(request), response=False)
                if request == "990019":
                    await enough(link, 4)
                    await until(lambda: home.log.counts().confirmed == 2)
                else:
                    await asyncio.sleep(0.2)
                    assert not link.received  # the checksum is wrong
            if request == "990019":
                received = link.received
                await home.measure("beurer-po60")
        assert [len(part) for part in received] == [20, 4, 20, 4]
        assert received[0] + received[1] == device.packets(taken[0])[0]
        assert received[2][1] == 1
        assert received[1][:3].hex() == "10090c"  # 144, 137, 140 without their eighth bits
        assert received[0][14] == 0b111000
        assert home.log.counts().confirmed == 2


def test_a_po60_record_by_hand() -> None:
    """The places of end time, SpO2 and pulse are those of a public script for the PO60."""
    start = TIME.replace(minute=29)
    sent = po60.record(3, start, TIME, po60.Spread(97, 95, 96), po60.Spread(130, 70, 72))
    assert (
        sent[:-1].hex() == "e903" + "19030e081d05" + "19030e081e05" + "20003c" + "615f60" + "024648"
    )
    assert sent[-1] == sum(sent[:-1]) & 0x7F
    assert len(sent) == po60.RECORD_BYTES
    assert not any(byte & 0x80 for byte in sent[1:])
    assert po60.is_fetch(bytes.fromhex("990019"))
    assert po60.is_fetch(bytes.fromhex("99011a"))
    assert not po60.is_fetch(bytes.fromhex("990119"))


@pytest.mark.parametrize(
    ("kind", "uuid", "stable"),
    [
        ("xiaomi-scale-v1", "0000181d-0000-1000-8000-00805f9b34fb", "20"),
        ("xiaomi-scale-v2", "0000181b-0000-1000-8000-00805f9b34fb", "0020"),
    ],
)
async def test_a_xiaomi_scale_repeats_its_weighing_to_nobody(
    kind: str, uuid: str, stable: str
) -> None:
    async with at_home(kind) as (home, radio):
        device = home.device(kind)
        assert isinstance(device, XiaomiScale)
        device.stable_s = 1.0
        seen: list[bytes] = []

        def on_detected(found: BLEDevice, data: AdvertisementData) -> None:
            if found.address == device.address:
                seen.append(data.service_data[uuid])

        async with radio.scanner(on_detected):
            taken = await home.measure(kind, {"body_weight": Decimal("74.205")})
            await until(lambda: device.pending_count == 0, 20)
        told = set(seen)
        assert told == set(device.packets(taken))
        assert sum(payload.hex().startswith(stable) for payload in seen) > 2
        assert home.log.counts().confirmed == 1


def test_xiaomi_by_hand() -> None:
    """74.205 kg is 14841 = 39f9 times 5 g."""
    weight = Decimal("74.205")
    assert xiaomi.advert_v1(weight, TIME, stable=True).hex() == "20f939e907030e081e05"
    gone = xiaomi.advert_v1(weight, TIME, stable=True, removed=True)
    assert gone.hex() == "a0f939e907030e081e05"
    with_impedance = xiaomi.advert_v2(weight, TIME, stable=True, impedance_ohm=520)
    assert with_impedance.hex() == "0022" + "e907030e081e05" + "0802" + "f939"
    assert xiaomi.advert_v2(weight, TIME, stable=False).hex()[:4] == "0000"
    assert len(with_impedance) == 13


@asynccontextmanager
async def port(
    device: Instrument,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    kind, host, number = device.where.split(":")
    assert kind == "tcp"
    reader, writer = await asyncio.open_connection(host, int(number))
    yield reader, writer
    writer.close()
    await writer.wait_closed()


async def test_a_lung_monitor_sends_until_it_is_acknowledged() -> None:
    async with at_home("vitalograph") as (home, _radio):
        device = home.device("vitalograph")
        taken = await home.measure(
            "vitalograph", {"fev1": Decimal("1.12"), "fev6": Decimal("2.31")}
        )
        expected = device.packets(taken)[0]
        async with port(device) as (reader, writer):
            assert await reader.readexactly(len(expected)) == expected
            writer.write(bytes([vitalograph.NAK]))
            assert await reader.readexactly(len(expected)) == expected
            assert device.pending_count == 1
            writer.write(bytes([vitalograph.ACK]))
            await until(lambda: device.pending_count == 0)
        assert home.log.counts().confirmed == 1


async def test_a_lost_port_keeps_the_test_for_the_next_host() -> None:
    async with at_home("vitalograph") as (home, _radio):
        device = home.device("vitalograph")
        await home.measure("vitalograph")
        async with port(device) as (reader, _writer):
            first = await reader.readexactly(59)
            await device.drop_link()
        async with port(device) as (reader, writer):
            assert await reader.readexactly(59) == first
            writer.write(bytes([vitalograph.ACK]))
            await until(lambda: device.pending_count == 0)


def test_a_lung_monitor_frame_by_hand() -> None:
    """FEV1 1.12 L, FEV6 2.31 L, their ratio 0.48; the XOR takes in STX and ETX."""
    sent = vitalograph.frame("1000E80042", vitalograph.Blow(Decimal("1.12"), Decimal("2.31")), TIME)
    text = "FTD1000E80042" + "112231048" + "062130086" + "080060050" + "250314083005" + "0120"
    assert sent[1:57].decode() == text
    assert (sent[0], sent[57]) == (0x02, 0x03)
    assert sent[58] == reduce(xor, sent[:58])
    assert len(sent) == 59
    with pytest.raises(NotEncodableError, match="steps of"):
        vitalograph.frame("1", vitalograph.Blow(Decimal("1.125"), Decimal(2)), TIME)


async def test_an_onyx_sends_a_frame_each_second() -> None:
    async with at_home("nonin-classic") as (home, _radio):
        device = home.device("nonin-classic")
        assert isinstance(device, NoninClassic)
        device.moment_s, device.course = 0.01, Course(searching=1, showing=6, off=1)
        async with port(device) as (reader, _writer):
            taken = await home.measure("nonin-classic")
            frames = await within_bytes(reader, 32)
        assert frames == b"".join(device.packets(taken))
        assert frames[2] == 127
        assert frames[-1] == 0x08
        await until(lambda: device.pending_count == 0)
        assert home.log.counts().confirmed == 1


async def within_bytes(reader: asyncio.StreamReader, count: int) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readexactly(count)


def test_the_clock_of_a_po60_is_set_by_a_command_of_its_own() -> None:
    right = bytes.fromhex("8319030e081e05000058")
    assert po60.time_set(right) == TIME
    assert po60.time_set(right[:-1] + b"\x00") is None
    assert po60.time_set(bytes.fromhex("990019")) is None


async def test_a_clock_that_no_host_can_read_shows_the_time_on_the_wall() -> None:
    home = Home(1, EmissionLog(), devices=("scale", "vitalograph", "beurer-po60"))
    wall = datetime.now(HOME_ZONE).replace(tzinfo=None)
    for kind in ("vitalograph", "beurer-po60"):
        assert abs(home.device(kind).clock.now() - wall) < timedelta(minutes=1)
    assert home.scale.clock.error == timedelta()


async def test_a_po60_takes_the_time_although_the_host_hangs_up_at_once() -> None:
    async with at_home("beurer-po60") as (home, radio):
        device = home.device("beurer-po60")
        await home.measure("beurer-po60")
        async with session(radio, device) as link:
            set_clock = bytes.fromhex("8319030e081e05000058")
            await link.client.write_gatt_char("ff01", set_clock, response=False)
            await link.client.disconnect()
        await until(lambda: abs(device.clock.now() - TIME) < timedelta(minutes=1))
