"""A device on a controller that is opened by a moniker, as a USB stick is.

The controller here is Bumble's own, offered over TCP; the reader is a plain Bumble central on the
same link, which knows nothing of our gateway.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from bumble import core, hci
from bumble.device import Device, Peer

from device_sim.emission import EmissionLog
from device_sim.errors import SimulatorError
from device_sim.home import Home
from device_sim.real_adapter import RealAdapter
from device_sim.virtual_radio import VirtualRadio, static_address

from .conftest import until


@pytest.fixture
async def desk() -> AsyncIterator[VirtualRadio]:
    air = VirtualRadio("desk")
    await air.start()
    yield air
    await air.close()


async def found(phone: Device, address: str) -> None:
    seen = asyncio.Event()

    def on_advertisement(advertisement: object) -> None:
        if str(getattr(advertisement, "address", "")).startswith(address):
            seen.set()

    phone.on("advertisement", on_advertisement)
    await phone.start_scanning()
    async with asyncio.timeout(10):
        await seen.wait()
    await phone.stop_scanning()


async def test_a_phone_reads_a_device_on_an_adapter(desk: VirtualRadio) -> None:
    phone = await desk.add_device("phone", static_address("phone"))
    home = Home(1, EmissionLog(), devices=["cuff"], radio=RealAdapter(desk.moniker))
    await home.start()
    device = home.device("cuff")
    taken = await home.measure("cuff")
    await found(phone, device.address)
    async with asyncio.timeout(20):
        connection = await phone.connect(
            hci.Address(device.address, hci.Address.RANDOM_DEVICE_ADDRESS)
        )
        peer = Peer(connection)
        await peer.discover_all()
        (measurement,) = peer.get_characteristics_by_uuid(core.UUID.from_16_bits(0x2A35))
        received: list[bytes] = []
        await peer.subscribe(measurement, received.append, prefer_notify=False)
        await until(lambda: device.pending_count == 0, 10)
    assert received == list(device.packets(taken))
    assert home.radio.moniker == desk.moniker
    await home.close()


async def test_a_second_device_on_one_adapter_is_refused(desk: VirtualRadio) -> None:
    home = Home(1, EmissionLog(), radio=RealAdapter(desk.moniker))
    with pytest.raises(SimulatorError, match="--device"):
        await home.start()
    await home.close()


@pytest.mark.parametrize("moniker", ["tcp-client:127.0.0.1:1", "nonsense:0", "usb:99"])
async def test_an_adapter_that_is_not_there_is_explained(moniker: str) -> None:
    adapter = RealAdapter(moniker)
    with pytest.raises(SimulatorError, match="Bluetooth controller"):
        await adapter.start()
    with pytest.raises(SimulatorError, match="not open"):
        await adapter.add_device("scale", static_address("scale"))


async def test_an_adapter_that_is_pulled_out_is_noticed(desk: VirtualRadio) -> None:
    adapter = RealAdapter(desk.moniker)
    await adapter.start()
    lost = asyncio.create_task(adapter.wait_lost())
    await until(lambda: desk.has_host)
    desk.drop_host()
    async with asyncio.timeout(5):
        await lost
    with pytest.raises(SimulatorError, match="by hand"):
        adapter.drop_host()
    await adapter.close()
