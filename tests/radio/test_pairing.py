"""Pairing, bonds that a device has lost, and bonds that move to another gateway, over HCI."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bumble import att, hci
from bumble.device import Connection
from bumble.hci import Address
from bumble.keys import PairingKeys
from bumble.pairing import PairingConfig, PairingDelegate

from device_sim.home import Home
from device_sim.peripherals.base import Peripheral
from device_sim.virtual_radio import VirtualRadio
from gateway.radio import (
    BondLostError,
    BondRepairError,
    PairingPolicy,
    PairingRefusedError,
    PairingWindow,
    Radio,
    RadioUnavailableError,
    StrangerError,
    open_radio,
)
from gateway.radio.bond_store import ASIDE, BondStore, identity_of, read
from gateway.radio.pairing import normal

from .conftest import ANYBODY, backend, find, session, until

OURS = Address("C1:00:00:00:00:01", Address.RANDOM_DEVICE_ADDRESS)
PERMISSIONS = att.Attribute.Permissions


@pytest.fixture
def bonds(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db.bonds"


def guard(device: Peripheral) -> None:
    """Make the device give its serial number and readings to paired hosts only, as A&D's do."""
    stack = device._device
    assert stack is not None
    for attribute in stack.gatt_server.attributes:
        if "2A25" in str(attribute.type):
            attribute.permissions = PERMISSIONS.READABLE | PERMISSIONS.READ_REQUIRES_ENCRYPTION


async def forget_keys(device: Peripheral) -> None:
    """Take the device's battery out."""
    stack = device._device
    assert stack is not None
    assert stack.keystore is not None
    await stack.keystore.delete_all()


def refuse_pairing(device: Peripheral, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(PairingDelegate):
        async def accept(self) -> bool:
            return False

    monkeypatch.setattr(
        device._device,
        "pairing_config_factory",
        lambda _link: PairingConfig(delegate=Refusing()),
        raising=False,
    )
    assert device._device is not None
    device._device.smp_manager.pairing_config_factory = lambda _link: PairingConfig(
        delegate=Refusing()
    )


async def read_serial(radio: Radio, device: Peripheral) -> bytes:
    async with session(radio, device) as link:
        return bytes(await link.client.read_gatt_char("2a25"))


async def test_a_value_for_paired_hosts_is_read_as_if_nothing_had_to_be_done(
    home: Home, radio: Radio
) -> None:
    guard(home.scale)
    await home.measure("scale")
    assert await read_serial(radio, home.scale) == home.scale.serial.encode()


async def test_a_strangers_device_is_not_paired(home: Home) -> None:
    guard(home.scale)
    await home.measure("scale")
    radio = await open_radio(home.moniker)
    async with session(radio, home.scale) as link:
        with pytest.raises(StrangerError, match="telekol gateway bonds pair"):
            await link.client.read_gatt_char("2a25")
        assert not backend(link)._connection.is_encrypted
    await radio.close()


async def test_a_device_of_the_kit_is_paired(home: Home) -> None:
    guard(home.scale)
    await home.measure("scale")
    policy = PairingPolicy(devices=frozenset({normal(home.scale.address)}))
    radio = await open_radio(home.moniker, policy=policy)
    assert await read_serial(radio, home.scale)
    await radio.close()


async def test_a_device_that_asks_for_a_paired_link_gets_one(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        assert home.scale._link is not None
        home.scale._link.connection.request_pairing()
        await until(lambda: backend(link)._connection.is_encrypted)


async def test_a_stranger_that_asks_for_a_paired_link_is_refused(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    await home.measure("scale")
    radio = await open_radio(home.moniker)
    async with session(radio, home.scale) as link:
        assert home.scale._link is not None
        home.scale._link.connection.request_pairing()
        await until(lambda: "asked for a paired link" in caplog.text)
        assert not backend(link)._connection.is_encrypted
    await radio.close()


async def test_a_passkey_printed_on_the_device_is_given(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Printed(PairingDelegate):
        def __init__(self) -> None:
            super().__init__(PairingDelegate.DISPLAY_OUTPUT_ONLY)

        async def generate_passkey(self) -> int:
            return 123456

    guard(home.scale)
    await home.measure("scale")
    assert home.scale._device is not None
    home.scale._device.smp_manager.pairing_config_factory = lambda _link: PairingConfig(
        delegate=Printed()
    )
    for passkey, works in ((654321, False), (123456, True)):
        policy = PairingPolicy(
            devices=frozenset({normal(home.scale.address)}),
            passkeys={normal(home.scale.address): passkey},
        )
        radio = await open_radio(home.moniker, policy=policy)
        if works:
            assert await read_serial(radio, home.scale)
        else:
            with pytest.raises(PairingRefusedError, match="TELEKOL_GATEWAY_PASSKEYS"):
                await read_serial(radio, home.scale)
        await radio.close()


async def pair(home: Home, bonds: Path) -> None:
    radio = await open_radio(home.moniker, bonds=bonds, policy=ANYBODY)
    async with session(radio, home.scale) as link:
        await link.client.pair()
        await until(lambda: any(part for part in read(bonds).values()))
    await radio.close()


async def test_bonds_survive_the_gateway(home: Home, bonds: Path) -> None:
    await home.measure("scale")
    await pair(home, bonds)
    before = read(bonds)
    radio = await open_radio(home.moniker, bonds=bonds)
    async with session(radio, home.scale) as link:
        assert backend(link)._connection.is_encrypted
    await radio.close()
    assert read(bonds) == before
    assert mode_of(bonds) & 0o077 == 0


async def test_a_replacement_gateway_with_the_bonds_is_known_to_the_devices(
    home: Home, bonds: Path
) -> None:
    await home.measure("scale")
    await pair(home, bonds)
    assert isinstance(home.radio, VirtualRadio)
    home.radio.controller.public_address = Address(
        "0A:0B:0C:0D:0E:0F", Address.PUBLIC_DEVICE_ADDRESS
    )
    radio = await open_radio(home.moniker, bonds=bonds)
    async with session(radio, home.scale) as link:
        assert backend(link)._connection.is_encrypted
    await radio.close()


async def test_a_device_that_lost_its_bond_is_paired_anew_without_being_asked_for(
    home: Home, bonds: Path
) -> None:
    guard(home.scale)
    await home.measure("scale")
    await pair(home, bonds)
    old = read(bonds)
    await forget_keys(home.scale)
    radio = await open_radio(home.moniker, bonds=bonds)  # no window: the bond is the permission
    assert await read_serial(radio, home.scale)
    await until(lambda: ASIDE in read(bonds))
    (identity,) = old
    assert read(bonds)[ASIDE] == old[identity]
    assert read(bonds)[identity] != old[identity]
    # The new keys have encrypted a link; the old ones can go.
    assert await read_serial(radio, home.scale)
    assert not read(bonds)[ASIDE]
    await radio.close()


async def test_a_device_that_lost_its_bond_and_does_not_pair_keeps_the_old_one_and_is_reported(
    home: Home, bonds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.measure("scale")
    await pair(home, bonds)
    before = read(bonds)
    await forget_keys(home.scale)
    refuse_pairing(home.scale, monkeypatch)
    radio = await open_radio(home.moniker, bonds=bonds)
    seen = await find(radio, home.scale)
    with pytest.raises(BondLostError, match="pairing mode"):
        await radio.client(seen).connect()
    assert read(bonds) == before
    await radio.close()


async def test_new_keys_that_do_not_work_give_way_to_those_before(home: Home, bonds: Path) -> None:
    await home.measure("scale")
    await pair(home, bonds)
    (identity,) = read(bonds)
    ((device, good),) = read(bonds)[identity].items()
    wrong = PairingKeys.from_dict(good)
    assert wrong.ltk is not None
    wrong.ltk.value = bytes(16)
    await BondStore(bonds, identity).update(device, wrong)
    radio = await open_radio(home.moniker, bonds=bonds)

    async def never(*_: object) -> None:
        raise hci.HCI_Error(hci.HCI_ErrorCode.PIN_OR_KEY_MISSING_ERROR)

    # The virtual link layer encrypts with whatever key it is given, so a device that does not
    # take ours is played by the error that its controller would report.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "encrypt", never)
        with pytest.raises(BondRepairError, match="keys before them"):
            await radio.client(await find(radio, home.scale)).connect()
    assert read(bonds)[identity][device] == good
    async with session(radio, home.scale) as link:
        assert backend(link)._connection.is_encrypted
    await radio.close()


async def test_a_link_that_breaks_while_it_is_encrypted_is_no_lost_bond(
    home: Home, bonds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.measure("scale")
    await pair(home, bonds)
    radio = await open_radio(home.moniker, bonds=bonds)

    async def timeout(*_: object) -> None:
        raise hci.HCI_Error(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "encrypt", timeout)
        with pytest.raises(Exception, match="CONNECTION_TIMEOUT") as caught:
            await radio.client(await find(radio, home.scale)).connect()
    assert not isinstance(caught.value, BondLostError | BondRepairError)
    assert not radio._adapter.stale  # type: ignore[attr-defined]
    await radio.close()


def mode_of(path: Path) -> int:
    return path.stat().st_mode


def put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# -- the file ----------------------------------------------------------------------------------


def keys(value: int) -> PairingKeys:
    made = PairingKeys()
    made.ltk = PairingKeys.Key(value=bytes([value]) * 16)
    return made


async def test_a_bond_is_replaced_as_a_whole_and_can_be_put_back(bonds: Path) -> None:
    store = BondStore(bonds, str(OURS))
    first = keys(1)
    first.irk = PairingKeys.Key(value=b"i" * 16)
    await store.update("D", first)
    await store.update("D", keys(2))
    found = await store.get("D")
    assert found is not None
    assert (found.irk, found.ltk is not None) == (None, True)
    assert store.put_back("D")
    found = await store.get("D")
    assert found is not None
    assert found.irk is not None
    assert not store.put_back("D")
    assert [name for name, _ in await store.get_all()] == ["D"]
    await store.delete("D")
    assert await store.get("D") is None
    with pytest.raises(KeyError):
        await store.delete("D")
    await store.update("D", keys(2))
    await store.delete_all()
    assert await store.get_all() == []


async def test_the_file_names_the_address_that_devices_know_us_by(bonds: Path) -> None:
    assert identity_of(bonds) is None
    await BondStore(bonds, str(OURS)).update("D", keys(1))
    assert identity_of(bonds) == OURS
    await BondStore(bonds, "C2:00:00:00:00:02").update("D", keys(1))
    with pytest.raises(RadioUnavailableError, match="one gateway address"):
        identity_of(bonds)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {"b": 1}}', "\x00"])
async def test_a_torn_file_of_bonds_is_never_taken_for_none(
    bonds: Path, text: str, home: Home
) -> None:
    put(bonds, text)
    with pytest.raises(RadioUnavailableError, match="cannot be read"):
        await open_radio(home.moniker, bonds=bonds)
    assert text_of(bonds) == text


# -- who may be paired -------------------------------------------------------------------------


def test_the_window_opens_closes_and_never_stays_open(tmp_path: Path) -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    path = tmp_path / "pairing"
    assert not PairingWindow(path, lambda: now).is_open()
    PairingWindow(path, lambda: now).open_until(now + timedelta(minutes=10))
    assert PairingWindow(path, lambda: now + timedelta(minutes=9)).is_open()
    assert not PairingWindow(path, lambda: now + timedelta(minutes=10)).is_open()
    assert not PairingWindow(path, lambda: now - timedelta(days=1)).is_open()
    PairingWindow(path, lambda: now).close()
    assert not PairingWindow(path, lambda: now).is_open()
    for text in ("", "{}", '{"until": 3}', json.dumps({"until": "2026-03-02T10:00:00"})):
        path.write_text(text, encoding="utf-8")
        assert not PairingWindow(path, lambda: now).is_open()


@pytest.mark.parametrize(
    "address", ["c1:00:00:00:00:01", "C1-00-00-00-00-01", "C1:00:00:00:00:01/P"]
)
def test_an_address_is_known_however_it_is_written(address: str) -> None:
    policy = PairingPolicy(devices=frozenset({str(OURS)}), passkeys={str(OURS): 7})
    assert policy.allows(address)
    assert policy.passkey(address) == 7
    assert not policy.allows("C1:00:00:00:00:02")
    assert policy.allows("C1:00:00:00:00:02", was_bonded=True)
