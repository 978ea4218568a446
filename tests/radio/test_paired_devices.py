"""Devices that answer only whom they are paired with, and those that ask for consent as well."""

from __future__ import annotations

import asyncio

import pytest
from bleak.exc import BleakError

from device_sim.encoders.user_data import UserBook
from device_sim.errors import DeviceStateError
from device_sim.home import Home
from device_sim.peripherals.beurer_scale import BeurerScale
from gateway.radio import Radio

from .conftest import Session, session, until, within
from .test_families import ask, at_home, hexes

AND = {"and-scale": "2a9d", "and-cuff": "2a35"}


@pytest.mark.parametrize("kind", AND)
async def test_an_and_device_answers_its_host_and_hangs_up(kind: str) -> None:
    async with at_home(kind) as (home, radio):
        device = home.device(kind)
        async with session(radio, device) as link:
            # Its refusal to an unpaired host makes our radio pair, and ask again.
            told = await link.client.read_gatt_char("2a08")
            assert len(told) == 7
            await link.client.write_gatt_char(
                "2a08", bytes.fromhex("e907030e081e05"), response=True
            )
            assert (await link.client.read_gatt_char("2a08"))[:4].hex() == "e907030e"
            assert link.client.services.get_service("1805") is None
            await link.client.start_notify(AND[kind], link.on_value)
            await within(5, link.ended.wait())
        taken = await home.measure(kind)
        assert taken.device_time is not None
        assert taken.device_time.year == 2025
        async with session(radio, device) as link:
            await link.client.start_notify(AND[kind], link.on_value)
            await within(5, link.ended.wait())
        assert link.received == list(device.packets(taken))


async def test_an_and_device_refuses_a_new_host_unless_its_button_is_held() -> None:
    async with at_home("and-scale") as (home, radio):
        device = home.device("and-scale")
        await home.measure("and-scale")
        async with session(radio, device) as link:
            await link.client.pair()
            await link.client.unpair()
        async with session(radio, device) as link:
            with pytest.raises(BleakError):
                await link.client.pair()
        device.press_pairing()
        async with session(radio, device) as link:
            await link.client.pair()
            await link.client.start_notify("2a9d", link.on_value)
            await within(5, link.ended.wait())
        assert len(link.received) == 1


async def test_a_lost_bond_is_noticed_and_paired_again() -> None:
    async with at_home("and-scale") as (home, radio):
        device = home.device("and-scale")
        async with session(radio, device) as link:
            await link.client.pair()
        await device.begin_fault("lost-bond")
        device.press_pairing()
        await home.measure("and-scale")
        received: list[bytes] = []
        for _attempt in range(3):
            try:
                received = await _read_or_pair(radio, home)
            except (BleakError, TimeoutError):
                continue
            if received:
                break
        assert len(received) == 1
        assert home.log.counts().confirmed == 1


async def _read_or_pair(radio: Radio, home: Home) -> list[bytes]:
    async with asyncio.timeout(10), session(radio, home.device("and-scale")) as link:
        await link.client.pair()
        await link.client.start_notify("2a9d", link.on_value)
        await link.ended.wait()
    return link.received


async def _consented(link: Session, *, register: bool) -> list[str]:
    answers: list[str] = []
    await link.client.pair()
    await link.client.start_notify("2a9f", hexes(answers))
    await link.client.start_notify("2a9d", link.on_value)
    if register:
        await ask(link, "2a9f", "01d204", answers)
    await ask(link, "2a9f", "0201d204", answers)
    return answers


async def test_a_beurer_scale_is_silent_until_a_user_has_consented() -> None:
    async with at_home("beurer-scale") as (home, radio):
        device = home.device("beurer-scale")
        assert isinstance(device, BeurerScale)
        taken = await home.measure("beurer-scale")
        async with session(radio, device) as link:
            answers: list[str] = []
            await link.client.pair()
            await link.client.start_notify("2a9f", hexes(answers))
            await link.client.start_notify("2a9d", link.on_value)
            assert await ask(link, "2a9f", "0201d204", answers) == "200205"
            assert await ask(link, "2a9f", "01d204", answers) == "20010101"
            assert not link.received
            assert await ask(link, "2a9f", "0201d304", answers) == "200205"
            assert await ask(link, "2a9f", "0201d204", answers) == "200201"
            await until(lambda: link.received)
            await within(10, link.ended.wait())
        assert link.received == list(device.packets(taken)[:1])
        assert link.received[0][-1] == 1


async def test_each_user_gets_the_own_weighings() -> None:
    async with at_home("beurer-scale") as (home, radio):
        device = home.device("beurer-scale")
        assert isinstance(device, BeurerScale)
        device.choose_user(2)
        await home.measure("beurer-scale")
        device.choose_user(1)
        await home.measure("beurer-scale")
        async with session(radio, device) as link:
            await _consented(link, register=True)
            await within(10, link.ended.wait())
        assert [payload[-1] for payload in link.received] == [1]
        assert device.pending_count == 1
        with pytest.raises(DeviceStateError, match="1-8"):
            device.choose_user(9)


async def test_without_its_battery_a_beurer_scale_forgets_its_users() -> None:
    async with at_home("beurer-scale") as (home, radio):
        device = home.device("beurer-scale")
        await home.measure("beurer-scale")
        async with session(radio, device) as link:
            await _consented(link, register=True)
            await within(10, link.ended.wait())
        await device.begin_fault("battery-removed")
        assert device.clock.now().year == 1970
        await home.measure("beurer-scale")
        async with session(radio, device) as link:
            assert await _consented(link, register=False) == ["200205"]
            assert not link.received
            await link.client.disconnect()
        async with session(radio, device) as link:
            await _consented(link, register=True)
            await within(10, link.ended.wait())
        assert len(link.received) == 1


def test_the_user_book_by_hand() -> None:
    """UDS v1.1: responses are 20, the request's op code, the outcome, a parameter."""
    book = UserBook()
    assert book.answer(bytes.fromhex("04")).hex() == "20040100"
    assert book.answer(bytes.fromhex("01d204")).hex() == "20010101"
    assert book.answer(bytes.fromhex("010f27")).hex() == "20010102"
    assert book.answer(bytes.fromhex("011027")).hex() == "200103"
    assert book.answer(bytes.fromhex("04")).hex() == "20040102"
    assert book.answer(bytes.fromhex("03")).hex() == "200305"
    assert book.answer(bytes.fromhex("02020f27")).hex() == "200201"
    assert book.answer(bytes.fromhex("03")).hex() == "200301"
    assert book.indices == (1,)
    assert book.answer(bytes.fromhex("77")).hex() == "207702"
    assert book.answer(b"").hex() == "200002"
    for _ in range(7):
        book.answer(bytes.fromhex("010100"))
    assert book.answer(bytes.fromhex("010100")).hex() == "200104"
