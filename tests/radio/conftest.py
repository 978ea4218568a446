"""A home on the virtual radio, and a gateway's radio on its HCI over real TCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from bleak import BleakClient
from bleak.backends.device import BLEDevice

from device_sim.emission import EmissionLog
from device_sim.home import Home
from device_sim.peripherals.instrument import Instrument
from gateway.radio import PairingPolicy, Radio, open_radio
from gateway.radio.bumble_client import BumbleClient

PLX_SPOT_CHECK = "00002a5e-0000-1000-8000-00805f9b34fb"
WEIGHT_MEASUREMENT = "00002a9d-0000-1000-8000-00805f9b34fb"
CURRENT_TIME = "00002a2b-0000-1000-8000-00805f9b34fb"
MEASUREMENTS = {"oximeter": PLX_SPOT_CHECK, "scale": WEIGHT_MEASUREMENT}
OXIMETRY = {"spo2": Decimal(91), "pulse_rate": Decimal(80)}
ANYBODY = PairingPolicy(window_open=lambda: True)
WEIGHING = {"body_weight": Decimal("74.205")}


@dataclass
class Session:
    """One connection: what came in, and whether it has ended."""

    client: BleakClient
    ended: asyncio.Event
    received: list[bytes] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def on_value(self, _characteristic: object, value: bytearray) -> None:
        self.received.append(bytes(value))
        self.arrived.set()


@pytest.fixture
def log() -> EmissionLog:
    return EmissionLog()


@pytest.fixture
async def home(log: EmissionLog) -> AsyncIterator[Home]:
    home = Home(1, log)
    for device in (home.oximeter, home.scale):
        device.linger_s = 0.05
    await home.start()
    yield home
    await home.close()


@pytest.fixture
async def radio(home: Home) -> AsyncIterator[Radio]:
    radio = await open_radio(home.moniker, policy=ANYBODY)
    yield radio
    await radio.close()


async def find(radio: Radio, device: Instrument, timeout_s: float = 3) -> BLEDevice:
    found: asyncio.Future[BLEDevice] = asyncio.get_running_loop().create_future()

    def on_detected(seen: BLEDevice, _data: object) -> None:
        if seen.address == device.address and not found.done():
            found.set_result(seen)

    async with asyncio.timeout(timeout_s), radio.scanner(on_detected):
        return await found


@asynccontextmanager
async def session(radio: Radio, device: Instrument) -> AsyncIterator[Session]:
    seen = await find(radio, device)
    ended = asyncio.Event()
    client = radio.client(seen, lambda _client: ended.set())
    await client.connect()
    yield Session(client, ended)
    await client.disconnect()


def backend(link: Session) -> BumbleClient:
    found = link.client._backend
    assert isinstance(found, BumbleClient)
    return found


async def until(condition: Callable[[], object], timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the condition is in the simulator
            await asyncio.sleep(0.01)


async def within(seconds: float, work: Awaitable[object]) -> None:
    async with asyncio.timeout(seconds):
        await work
