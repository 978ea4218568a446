"""What a gateway does with a device: find, connect, identify, set the clock, take readings."""

from __future__ import annotations

import asyncio
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError, BleakGATTProtocolError

from device_sim.emission import EmissionLog
from device_sim.home import Home
from gateway.radio import LinkEndedError, Radio

from .conftest import (
    CURRENT_TIME,
    MEASUREMENTS,
    OXIMETRY,
    PLX_SPOT_CHECK,
    WEIGHING,
    WEIGHT_MEASUREMENT,
    backend,
    find,
    session,
    until,
    within,
)


async def test_a_device_is_found_by_its_service(home: Home, radio: Radio) -> None:
    await home.measure("oximeter")
    await home.measure("scale")
    seen: dict[str, AdvertisementData] = {}

    def on_detected(device: BLEDevice, data: AdvertisementData) -> None:
        seen[device.address] = data

    async with radio.scanner(on_detected, ["0000181d-0000-1000-8000-00805f9b34fb"]):
        await asyncio.sleep(0.5)
    assert list(seen) == [home.scale.address]
    data = seen[home.scale.address]
    assert data.local_name == "Sim Scale"
    assert data.service_uuids == ["0000181d-0000-1000-8000-00805f9b34fb"]


async def test_a_device_with_nothing_to_say_is_silent(home: Home, radio: Radio) -> None:
    with pytest.raises(TimeoutError):
        await find(radio, home.scale, timeout_s=0.5)


async def test_two_scanners_share_the_adapter(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    async with radio.scanner():
        await find(radio, home.scale)
    await find(radio, home.scale)


async def test_identity_battery_and_mtu(home: Home, radio: Radio) -> None:
    home.oximeter.battery_percent = 42
    await home.measure("oximeter")
    async with session(radio, home.oximeter) as link:
        client = link.client
        texts = [(await client.read_gatt_char(uuid)).decode() for uuid in ("2a29", "2a24", "2a25")]
        assert texts == ["Tele-KOL Simulator", "SIM-PLX1", "PLX-000001"]
        assert await client.read_gatt_char("2a19") == bytes([42])
        assert await client.read_gatt_char("2a60") == bytes.fromhex("0e00")
        assert client.mtu_size == 247
        assert client.name == "Sim Oximeter"
        characteristic = client.services.get_characteristic(PLX_SPOT_CHECK)
        assert characteristic is not None
        assert characteristic.properties == ["indicate"]


async def test_the_clock_can_be_read_and_set(home: Home, radio: Radio) -> None:
    home.scale.clock.error = timedelta(days=-365)
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        before = await link.client.read_gatt_char(CURRENT_TIME)
        year = (datetime.now(UTC) - timedelta(days=365)).year
        assert struct.unpack_from("<H", before)[0] == year
        now = datetime.now(UTC)
        await link.client.write_gatt_char(CURRENT_TIME, _current_time(now), response=True)
    assert abs(home.scale.clock.error) < timedelta(seconds=2)


async def test_a_nonsense_clock_setting_is_refused(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        with pytest.raises(BleakGATTProtocolError):
            await link.client.write_gatt_char(CURRENT_TIME, bytes(10), response=True)


@pytest.mark.parametrize("kind", ["oximeter", "scale"])
async def test_measurements_arrive_in_order_and_leave_the_memory(
    home: Home, radio: Radio, log: EmissionLog, kind: str
) -> None:
    device = home.device(kind)
    taken = [await home.measure(kind) for _ in range(2)]
    expected = [packet for each in taken for packet in device.packets(each)]
    async with session(radio, device) as link:
        await link.client.start_notify(MEASUREMENTS[kind], link.on_value)
        await within(5, link.ended.wait())
    assert link.received == expected
    assert device.pending_count == 0
    assert log.counts(device.serial).confirmed == 2
    assert {each.quantity for each in log.emissions} == device.quantities


async def test_a_measurement_taken_while_connected_shares_the_link(
    home: Home, radio: Radio
) -> None:
    home.scale.linger_s = 2
    await home.scale.take_measurement(WEIGHING)
    async with session(radio, home.scale) as link:
        await link.client.start_notify(WEIGHT_MEASUREMENT, link.on_value)
        await until(lambda: link.received)
        await home.scale.take_measurement({"body_weight": Decimal(75)})
        await until(lambda: len(link.received) == 2)


async def test_raw_bytes_can_be_indicated(home: Home, radio: Radio, log: EmissionLog) -> None:
    home.oximeter.indicate_raw(b"\x01")
    await home.oximeter.take_measurement(OXIMETRY)
    async with session(radio, home.oximeter) as link:
        await link.client.start_notify(PLX_SPOT_CHECK, link.on_value)
        await within(5, link.ended.wait())
    assert link.received[0] == b"\x01"
    assert len(link.received) == 2
    assert log.counts().confirmed == 1


async def test_after_unsubscribing_nothing_arrives(home: Home, radio: Radio) -> None:
    home.scale.linger_s = 2
    await home.scale.take_measurement(WEIGHING)
    async with session(radio, home.scale) as link:
        await link.client.start_notify(WEIGHT_MEASUREMENT, link.on_value)
        await until(lambda: home.scale.pending_count == 0)
        await link.client.stop_notify(WEIGHT_MEASUREMENT)
        await home.scale.take_measurement(WEIGHING)
        await within(5, link.ended.wait())
    assert len(link.received) == 1
    assert home.scale.pending_count == 1


async def test_a_bare_address_is_enough_to_connect(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    client = radio.client(BLEDevice(home.scale.address, None, None))
    await client.connect()
    assert client.is_connected
    await client.disconnect()


async def test_pairing_and_unpairing(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        await link.client.pair()
        await link.client.unpair()
        assert not link.client.is_connected


async def test_a_bonded_device_is_encrypted_when_it_comes_back(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        await link.client.pair()
    async with session(radio, home.scale) as link:
        assert backend(link)._connection.is_encrypted


async def test_using_a_client_that_is_not_connected(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        characteristic = link.client.services.get_characteristic(CURRENT_TIME)
        assert characteristic is not None
        with pytest.raises(BleakError, match="there is one"):
            await link.client.connect()
    with pytest.raises(LinkEndedError, match="Connect first"):
        await link.client._backend.read_gatt_char(characteristic)
    await link.client.disconnect()


async def test_a_device_that_went_silent_times_out_and_the_next_connect_works(
    home: Home, radio: Radio
) -> None:
    await home.measure("scale")
    seen = await find(radio, home.scale)
    device = home.scale._device
    assert device is not None
    await device.stop_advertising()
    client = radio.client(seen)
    client._backend._timeout = 0.3
    with pytest.raises(TimeoutError):
        await client.connect()
    await device.start_advertising()
    client = radio.client(seen)
    await client.connect()
    await client.disconnect()


async def test_a_cancelled_connect_leaves_no_link_behind(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    seen = await find(radio, home.scale)
    for delay_s in (0, 0.005, 0.02, 0.05):
        client = radio.client(seen)
        connecting = asyncio.create_task(client.connect())
        await asyncio.sleep(delay_s)
        connecting.cancel()
        await asyncio.wait({connecting})
        # On a fast machine the connection may have won. Then it has an owner, who hangs up; a
        # link that nobody owns is what must never be left.
        assert connecting.cancelled() or client.is_connected
        if client.is_connected:
            await client.disconnect()
    await until(lambda: not home.scale.is_connected)
    async with session(radio, home.scale) as link:
        assert link.client.is_connected


def _current_time(now: datetime) -> bytes:
    return struct.pack(
        "<H8B",
        now.year,
        now.month,
        now.day,
        now.hour,
        now.minute,
        now.second,
        now.isoweekday(),
        0,
        0,
    )
