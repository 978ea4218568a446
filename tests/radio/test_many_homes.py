"""Ten homes in one process, each with its own gateway radio."""

from __future__ import annotations

import asyncio

from device_sim.emission import EmissionLog
from device_sim.home import Home
from gateway.radio import open_radio

from .conftest import MEASUREMENTS, session, within


async def test_ten_homes_deliver_at_once() -> None:
    log = EmissionLog()
    homes = [Home(number, log, seed=7) for number in range(1, 11)]
    for home in homes:
        await home.start()
    received = await asyncio.gather(*(_deliver(home) for home in homes))
    for home in homes:
        await home.close()
    assert log.counts().confirmed == 20
    assert len({value for values in received for value in values}) >= 11


async def _deliver(home: Home) -> list[bytes]:
    radio = await open_radio(home.moniker)
    values: list[bytes] = []
    for kind, uuid in MEASUREMENTS.items():
        device = home.device(kind)
        device.linger_s = 0.05
        await home.measure(kind)
        async with session(radio, device) as link:
            await link.client.start_notify(uuid, link.on_value)
            await within(10, link.ended.wait())
        values += link.received
    await radio.close()
    return values
