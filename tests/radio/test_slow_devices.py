"""A device that answers slowly is connected to; one that answers nothing is called mute."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from device_sim.emission import EmissionLog
from device_sim.home import Home
from gateway.causes import cause_of
from gateway.radio import MuteDeviceError, Radio, bumble_client, hci_radio, open_radio
from gateway.turns import Cause

from .conftest import find

TIMEOUT_S = 1.0
SLOW_S = 0.1


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    home = Home(1, EmissionLog(), devices=("oximeter",))
    await home.start()
    yield home
    await home.close()


@pytest.fixture
async def radio(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Radio]:
    monkeypatch.setattr(hci_radio, "CONNECT_TIMEOUT_S", TIMEOUT_S)
    monkeypatch.setattr(bumble_client, "MUTE_AFTER_S", TIMEOUT_S / 2)
    radio = await open_radio(home.moniker)
    yield radio
    await radio.close()


async def test_each_answer_gives_a_slow_device_more_time(home: Home, radio: Radio) -> None:
    await home.oximeter.begin_fault("answers-slowly", {"seconds": SLOW_S})
    await home.measure("oximeter")
    client = radio.client(await find(radio, home.oximeter))
    began_s = time.monotonic()
    await client.connect()
    assert time.monotonic() - began_s > TIMEOUT_S  # a fixed limit would have ended it
    assert client.services.get_service("1822") is not None
    await client.disconnect()


async def test_however_it_answers_the_set_up_ends(
    home: Home, radio: Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bumble_client, "SET_UP_WITHIN_S", 2 * SLOW_S)
    await home.oximeter.begin_fault("answers-slowly", {"seconds": SLOW_S})
    await home.measure("oximeter")
    with pytest.raises(TimeoutError):
        await radio.client(await find(radio, home.oximeter)).connect()


async def test_a_device_that_answers_nothing_is_mute(home: Home, radio: Radio) -> None:
    await home.oximeter.begin_fault("never-answers")
    await home.measure("oximeter")
    with pytest.raises(MuteDeviceError, match="found silence") as mute:
        await radio.client(await find(radio, home.oximeter)).connect()
    assert cause_of(mute.value, was_connected=False) is Cause.MUTE
