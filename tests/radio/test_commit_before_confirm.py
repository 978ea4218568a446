"""An indication is confirmed after its callback returned, and never when it raised."""

from __future__ import annotations

import asyncio
import logging

import pytest
from bumble import att
from bumble.gatt import ClientCharacteristicConfigurationBits as Cccd

from device_sim.emission import EmissionLog
from device_sim.home import Home
from gateway.radio import Radio
from gateway.radio.commit_first import CommitFirstClient

from .conftest import PLX_SPOT_CHECK, WEIGHT_MEASUREMENT, backend, session, until, within


async def test_the_confirmation_leaves_after_the_callback_returned(
    home: Home, radio: Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    original = CommitFirstClient.send_confirmation

    def send_confirmation(
        self: CommitFirstClient, confirmation: att.ATT_Handle_Value_Confirmation
    ) -> None:
        order.append("confirmed")
        original(self, confirmation)

    monkeypatch.setattr(CommitFirstClient, "send_confirmation", send_confirmation)

    def commit(_characteristic: object, _value: bytearray) -> None:
        assert home.scale.pending_count == 1
        order.append("committed")

    await home.measure("scale")
    async with session(radio, home.scale) as link:
        await link.client.start_notify(WEIGHT_MEASUREMENT, commit)
        await within(5, link.ended.wait())
    assert order == ["committed", "confirmed"]


async def test_a_callback_that_raises_leaves_the_reading_on_the_device(
    home: Home, radio: Radio, log: EmissionLog, caplog: pytest.LogCaptureFixture
) -> None:
    await home.measure("scale")

    def disk_is_full(_characteristic: object, _value: bytearray) -> None:
        raise OSError(28, "No space left on device")

    with caplog.at_level(logging.ERROR):
        async with session(radio, home.scale) as link:
            await link.client.start_notify(WEIGHT_MEASUREMENT, disk_is_full)
            await within(2, link.ended.wait())
    assert "No space left on device" in caplog.text
    assert home.scale.pending_count == 1
    assert log.counts().indicated == 1
    assert log.counts().confirmed == 0

    async with session(radio, home.scale) as link:
        await link.client.start_notify(WEIGHT_MEASUREMENT, link.on_value)
        await within(5, link.ended.wait())
    assert len(link.received) == 1
    assert log.counts().confirmed == 1
    assert len(log.emissions) == 1


async def test_an_indication_before_anybody_listens_is_held_not_confirmed(
    home: Home, radio: Radio
) -> None:
    await home.measure("oximeter")
    async with session(radio, home.oximeter) as link:
        characteristic = link.client.services.get_characteristic(PLX_SPOT_CHECK)
        assert characteristic is not None
        # A bonded device remembers the subscription: it indicates before we listen.
        await backend(link)._write_cccd(characteristic, Cccd.INDICATION)
        await asyncio.sleep(0.1)
        assert home.oximeter.pending_count == 1
        await link.client.start_notify(PLX_SPOT_CHECK, link.on_value)
        await until(lambda: home.oximeter.pending_count == 0)
    assert len(link.received) == 1


async def test_a_coroutine_callback_is_refused(home: Home, radio: Radio) -> None:
    async def commit_later(_characteristic: object, _value: bytearray) -> None:
        await asyncio.sleep(0)

    await home.measure("scale")
    async with session(radio, home.scale) as link:
        with pytest.raises(TypeError, match="plain function"):
            await link.client.start_notify(WEIGHT_MEASUREMENT, commit_later)
