"""Each kind of device, as a plain client sees it over the virtual radio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from device_sim.emission import EmissionLog
from device_sim.errors import SimulatorError
from device_sim.home import Home
from device_sim.kit import KINDS
from gateway.radio import Radio, open_radio

from .conftest import ANYBODY, Session, session, until, within

INDICATING = {
    "oximeter": "2a5e",
    "scale": "2a9d",
    "body-scale": "2a9c",
    "cuff": "2a35",
    "thermometer": "2a1c",
}


@asynccontextmanager
async def at_home(*kit: str, log: EmissionLog | None = None) -> AsyncIterator[tuple[Home, Radio]]:
    home = Home(1, log or EmissionLog(), devices=kit)
    for device in home.devices.values():
        device.linger_s = 0.05
    await home.start()
    radio = await open_radio(home.moniker, policy=ANYBODY)
    try:
        yield home, radio
    finally:
        await radio.close()
        await home.close()


def hexes(into: list[str]) -> Callable[[object, bytearray], None]:
    def keep(_characteristic: object, value: bytearray) -> None:
        into.append(value.hex())

    return keep


async def ask(link: Session, uuid: str, request: str, answers: list[str]) -> str:
    before = len(answers)
    await link.client.write_gatt_char(uuid, bytes.fromhex(request), response=True)
    await until(lambda: len(answers) > before)
    return answers[-1]


@pytest.mark.parametrize("kind", INDICATING)
async def test_a_spot_check_device_indicates_what_it_measured(kind: str) -> None:
    async with at_home(kind) as (home, radio):
        taken = await home.measure(kind)
        device = home.device(kind)
        async with session(radio, device) as link:
            await link.client.start_notify(INDICATING[kind], link.on_value)
            await within(5, link.ended.wait())
        assert link.received == list(device.packets(taken))
        assert device.pending_count == 0
        assert {name for name, _ in taken.values} == KINDS[kind].quantities
        assert home.log.counts().confirmed == 1


async def test_records_stay_until_they_are_deleted() -> None:
    async with at_home("recording-oximeter") as (home, radio):
        taken = [await home.measure("recording-oximeter") for _ in range(2)]
        device = home.device("recording-oximeter")
        async with session(radio, device) as link:
            client = link.client
            answers: list[str] = []
            await client.start_notify("2a5e", link.on_value)
            await client.start_notify("2a52", hexes(answers))
            for request in ("0401", "0101", "0101", "0201", "0401", "0101", "0901", "0100", "0103"):
                await ask(link, "2a52", request, answers)
    records = [device.packets(each)[0] for each in taken]
    assert link.received == records * 2
    assert records[0][0] == 0x03  # time and status, in which bit 9 says: from the storage
    assert int.from_bytes(records[0][12:14], "little") & 1 << 9
    assert answers == [
        "05000200",
        "06000101",
        "06000101",
        "06000201",
        "05000000",
        "06000106",
        "06000902",
        "06000103",
        "06000104",
    ]
    assert home.log.counts().confirmed == 2


async def test_a_kit_has_names() -> None:
    home = Home(3, EmissionLog(), devices={"hers": "scale", "his": "scale"})
    assert [each.serial for each in home.devices.values()] == ["WSS-000003", "WSS-000003B"]
    with pytest.raises(SimulatorError, match="oximeter"):
        Home(1, EmissionLog(), devices=["toaster"])
    with pytest.raises(SimulatorError, match="names"):
        Home(1, EmissionLog(), devices=["scale", "scale"])


async def test_given_values_are_what_is_measured() -> None:
    home = Home(1, EmissionLog(), devices=["cuff"])
    taken = await home.measure("cuff", {"systolic_bp": Decimal(151)})
    assert dict(taken.values)["systolic_bp"] == 151
