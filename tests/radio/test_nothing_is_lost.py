"""Every measurement taken arrives, while adapters and links are dropped at random."""

from __future__ import annotations

import asyncio
import logging
import random

from bleak.exc import BleakError

from device_sim.emission import EmissionLog
from device_sim.errors import DeviceStateError
from device_sim.home import Home
from gateway.radio import Radio, RadioUnavailableError, open_radio

from .conftest import MEASUREMENTS, session, until

SECONDS_OF_TROUBLE = 4
FULL_DISK_PROBABILITY = 0.05


async def test_nothing_is_lost_when_adapters_and_links_drop() -> None:
    # The full disks below are logged with their tracebacks; they are meant.
    logging.getLogger("gateway.radio.commit_first").setLevel(logging.CRITICAL)
    chance = random.Random(20260314)
    log = EmissionLog()
    homes = [Home(number, log) for number in range(1, 4)]
    received: dict[str, set[bytes]] = {home.gateway_id: set() for home in homes}
    for home in homes:
        for device in home.devices.values():
            device.linger_s = 0.05
        await home.start()
        home.start_measuring(1)
    gateways = [
        asyncio.create_task(_keep_reading(home, received[home.gateway_id], chance))
        for home in homes
    ]
    await _trouble(homes, chance)
    for home in homes:
        await home.stop_measuring()
    await until(lambda: sum(home.pending_count for home in homes) == 0, timeout_s=20)
    for gateway in gateways:
        gateway.cancel()
    outcomes = await asyncio.gather(*gateways, return_exceptions=True)
    for home in homes:
        await home.close()
    logging.getLogger("gateway.radio.commit_first").setLevel(logging.NOTSET)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    counts = log.counts()
    assert counts.taken == counts.confirmed == sum(map(len, received.values()))
    assert counts.taken > 10


async def _trouble(homes: list[Home], chance: random.Random) -> None:
    async with asyncio.TaskGroup() as group:
        for home in homes:
            group.create_task(_trouble_one(home, chance))


async def _trouble_one(home: Home, chance: random.Random) -> None:
    end = asyncio.get_running_loop().time() + SECONDS_OF_TROUBLE
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(chance.uniform(0.1, 0.6))
        if chance.random() < 0.5:
            home.radio.drop_host()
            continue
        try:
            await chance.choice([home.oximeter, home.scale]).drop_link()
        except DeviceStateError:
            continue


async def _keep_reading(home: Home, received: set[bytes], chance: random.Random) -> None:
    def commit(characteristic: object, value: bytearray) -> None:
        if chance.random() < FULL_DISK_PROBABILITY:
            raise OSError(28, "No space left on device")
        received.add(str(characteristic).encode() + bytes(value))

    while True:
        try:
            radio = await open_radio(home.moniker)
        except RadioUnavailableError:
            continue
        try:
            while True:
                await _read_one(home, radio, commit)
        except (BleakError, TimeoutError):
            continue
        finally:
            await radio.close()


async def _read_one(home: Home, radio: Radio, commit: object) -> None:
    for kind, uuid in MEASUREMENTS.items():
        if home.device(kind).pending_count:
            async with session(radio, home.device(kind)) as link:
                assert callable(commit)
                await link.client.start_notify(uuid, commit)
                async with asyncio.timeout(5):
                    await link.ended.wait()
    await asyncio.sleep(0.02)
