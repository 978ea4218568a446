"""The radio over BlueZ: the real client code, a real message bus, and a BlueZ made for the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from bleak.backends.bluezdbus import manager as bleak_manager
from bleak.backends.bluezdbus.manager import get_global_bluez_manager
from bleak.backends.bluezdbus.version import BlueZFeatures
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDBusError
from dbus_fast import MessageType, Variant

from gateway.radio import (
    PLATFORM,
    BondLostError,
    BondRepairError,
    DeviceStuckError,
    PairingPolicy,
    Radio,
    RadioUnavailableError,
    bluez,
    bluez_bus,
    open_radio,
)
from gateway.radio.bluez_agent import REJECTED, address_of
from tests.support.fake_bluez import ADAPTER, FakeBlueZ, message_bus

SCALE = "C0:FF:EE:00:00:01"
STRANGER = "C0:FF:EE:00:00:02"
OURS = PairingPolicy(devices=frozenset({SCALE}))


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(bluez, "OFF_FOR_S", 0.05)
    # bleak asks the program bluetoothctl which version of BlueZ this is.
    monkeypatch.setattr(BlueZFeatures, "checked_bluez_version", True)
    with message_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield address


@pytest.fixture
async def daemon(bus: str) -> AsyncIterator[FakeBlueZ]:
    daemon = FakeBlueZ(bus)
    await daemon.start()
    yield daemon
    await daemon.stop()


@pytest.fixture
async def radio(daemon: FakeBlueZ) -> AsyncIterator[Radio]:
    radio = await open_radio(PLATFORM, policy=OURS)
    yield radio
    await radio.close()


async def within(seconds: float, work: Awaitable[object]) -> None:
    async with asyncio.timeout(seconds):
        await work


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is on the other side of a bus
            await asyncio.sleep(0.01)


def seen(path: str, address: str = SCALE) -> BLEDevice:
    return BLEDevice(address, "A scale", {"path": path, "props": {}})


# -- opening -----------------------------------------------------------------------------------


async def test_without_bluez_on_the_bus_the_reason_is_said(
    bus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RadioUnavailableError, match=r"the service bluetooth \(BlueZ\) runs"):
        await open_radio(PLATFORM)


async def test_without_an_adapter_the_reason_is_said(daemon: FakeBlueZ) -> None:
    daemon.has_adapter = False
    with pytest.raises(RadioUnavailableError, match=r"found none\. Plug one in"):
        await open_radio(PLATFORM)


async def test_a_bluez_that_hangs_is_not_waited_for(
    daemon: FakeBlueZ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bluez_bus, "CALL_WITHIN_S", 0.3)
    daemon.answers = False
    with pytest.raises(RadioUnavailableError, match="TimeoutError"):
        await within(10, open_radio(PLATFORM))


# -- the agent ---------------------------------------------------------------------------------


async def test_an_agent_is_registered_and_made_the_default(daemon: FakeBlueZ, radio: Radio) -> None:
    assert daemon.agent is not None
    assert daemon.agent[2] == "NoInputNoOutput"
    assert "RequestDefaultAgent bluez" in daemon.asked


async def test_the_agent_lets_in_the_homes_devices_and_nobody_else(
    daemon: FakeBlueZ, radio: Radio
) -> None:
    ours, stranger = daemon.add_device(SCALE), daemon.add_device(STRANGER)
    reply = await daemon.ask_agent("RequestAuthorization", "o", ours)
    assert reply.message_type is MessageType.METHOD_RETURN
    for member, signature, *rest in (
        ("RequestAuthorization", "o"),
        ("AuthorizeService", "os", "1810"),
        ("RequestPasskey", "o"),
        ("RequestPinCode", "o"),
    ):
        reply = await daemon.ask_agent(member, signature, stranger, *rest)
        assert reply.error_name == REJECTED, member


async def test_the_agent_gives_a_printed_passkey_and_compares_no_numbers(
    daemon: FakeBlueZ,
) -> None:
    policy = PairingPolicy(frozenset({SCALE, STRANGER}), {SCALE: 42})
    radio = await open_radio(PLATFORM, policy=policy)
    assert daemon.agent is not None
    assert daemon.agent[2] == "KeyboardOnly"
    path, other = daemon.add_device(SCALE), daemon.add_device(STRANGER)
    assert (await daemon.ask_agent("RequestPasskey", "o", path)).body == [42]
    assert (await daemon.ask_agent("RequestPinCode", "o", path)).body == ["000042"]
    assert (await daemon.ask_agent("RequestPasskey", "o", other)).error_name == REJECTED
    reply = await daemon.ask_agent("RequestConfirmation", "ou", path, 123456)
    assert reply.error_name == REJECTED
    for member, signature, body in (
        ("DisplayPasskey", "ouq", [path, 1, 0]),
        ("DisplayPinCode", "os", [path, "1"]),
        ("Cancel", "", []),
        ("Release", "", []),
    ):
        reply = await daemon.ask_agent(member, signature, *body)
        assert reply.message_type is MessageType.METHOD_RETURN
    await radio.close()


def test_an_address_is_read_from_a_devices_path() -> None:
    assert address_of(f"{ADAPTER}/dev_C0_FF_EE_00_00_01/service001") == SCALE


# -- the probe ---------------------------------------------------------------------------------


async def test_an_idle_adapter_answers_the_probe(daemon: FakeBlueZ, radio: Radio) -> None:
    await radio.probe()
    async with radio.scanner():
        await radio.probe()
    await radio.probe()


async def test_a_scan_that_stopped_by_itself_is_found(daemon: FakeBlueZ, radio: Radio) -> None:
    async with radio.scanner():
        daemon.adapter["Discovering"] = Variant("b", False)
        with pytest.raises(RadioUnavailableError, match="without having been told to"):
            await radio.probe()


async def test_an_adapter_that_hangs_or_is_off_is_found(
    daemon: FakeBlueZ, radio: Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bluez_bus, "CALL_WITHIN_S", 0.3)
    daemon.adapter["Powered"] = Variant("b", False)
    with pytest.raises(RadioUnavailableError, match="it is off"):
        await radio.probe()
    daemon.answers = False
    with pytest.raises(RadioUnavailableError, match="TimeoutError"):
        await radio.probe()


# -- lost --------------------------------------------------------------------------------------


async def test_a_restart_of_bluetoothd_is_noticed_and_bleak_asks_everything_anew(
    daemon: FakeBlueZ, radio: Radio
) -> None:
    async with radio.scanner():
        pass
    before = await get_global_bluez_manager()
    lost = asyncio.create_task(radio.wait_lost())
    await daemon.stop()
    await within(10, lost)
    await daemon.start()
    await radio.close()
    again = await open_radio(PLATFORM)
    async with again.scanner():
        await again.probe()
    assert await get_global_bluez_manager() is not before
    await again.close()


async def test_an_adapter_that_is_pulled_out_is_noticed(daemon: FakeBlueZ, radio: Radio) -> None:
    lost = asyncio.create_task(radio.wait_lost())
    await daemon.signal(
        "/", "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", "oas", "/other", ["x"]
    )
    await radio.probe()  # an answer comes behind the signal
    assert not lost.done()
    await daemon.signal(
        "/",
        "org.freedesktop.DBus.ObjectManager",
        "InterfacesRemoved",
        "oas",
        ADAPTER,
        ["org.bluez.Adapter1"],
    )
    await within(10, lost)


async def test_an_adapter_that_somebody_switches_off_is_noticed(
    daemon: FakeBlueZ, radio: Radio
) -> None:
    lost = asyncio.create_task(radio.wait_lost())
    await daemon.changed(ADAPTER, "org.bluez.Adapter1", Discovering=Variant("b", True))
    await asyncio.sleep(0.1)
    assert not lost.done()
    await daemon.changed(ADAPTER, "org.bluez.Adapter1", Powered=Variant("b", False))
    await within(10, lost)


# -- remedies ----------------------------------------------------------------------------------


async def test_power_is_cut_and_given_back_and_that_is_no_loss(
    daemon: FakeBlueZ, radio: Radio
) -> None:
    lost = asyncio.create_task(radio.wait_lost())
    await radio.power_cycle()
    sets = [line for line in daemon.asked if line.startswith("Set ")]
    assert sets == ["Set Powered False", "Set Powered True"]
    await asyncio.sleep(0.1)
    assert not lost.done()
    lost.cancel()


async def test_an_adapter_that_does_not_come_back_is_said(daemon: FakeBlueZ, radio: Radio) -> None:
    daemon.errors["Set"] = ("org.bluez.Error.Failed", "no")
    daemon.adapter["Powered"] = Variant("b", False)
    with pytest.raises(RadioUnavailableError):
        await radio.power_cycle()


async def test_forgetting_spares_a_bond(daemon: FakeBlueZ, radio: Radio) -> None:
    bonded, unknown = daemon.add_device(SCALE, bonded=True), daemon.add_device(STRANGER)
    await radio.forget(SCALE)
    await radio.forget(STRANGER)
    await radio.forget("C0:FF:EE:00:00:03")
    assert list(daemon.devices) == [bonded]
    assert unknown not in daemon.devices
    assert daemon.asked.count("Disconnect " + bonded.rpartition("/")[2]) == 1


# -- connecting --------------------------------------------------------------------------------


async def connect(daemon: FakeBlueZ, radio: Radio, path: str) -> None:
    async with radio.scanner():  # bleak learns of the device
        pass
    await radio.client(seen(path)).connect()


async def test_an_attempt_that_hangs_in_bluez_is_the_ladders(
    daemon: FakeBlueZ, radio: Radio
) -> None:
    path = daemon.add_device(SCALE)
    daemon.errors["Connect"] = ("org.bluez.Error.InProgress", "Operation already in progress")
    with pytest.raises(DeviceStuckError, match="an earlier attempt hangs"):
        await connect(daemon, radio, path)


@pytest.mark.parametrize(
    ("error", "text", "by_signal"),
    [
        ("org.bluez.Error.Failed", "br-connection-key-missing", False),
        ("org.bluez.Error.AuthenticationFailed", "Authentication Failed", False),
        ("org.bluez.Error.Failed", "le-connection-refused", True),
    ],
)
async def test_keys_that_a_device_lost_are_removed_and_it_is_paired_at_its_next_sighting(
    daemon: FakeBlueZ, radio: Radio, error: str, text: str, by_signal: bool
) -> None:
    path = daemon.add_device(SCALE, bonded=True)
    daemon.errors["Connect"] = (error, text)
    if by_signal:
        await daemon.signal(
            path,
            "org.bluez.Device1",
            "Disconnected",
            "ss",
            "org.bluez.Reason.Authentication",
            "Connection terminated due to authentication failure",
        )
        await asyncio.sleep(0.1)
    with pytest.raises(BondRepairError, match="paired anew at its next sighting"):
        await connect(daemon, radio, path)
    assert daemon.devices == {}
    daemon.add_device(SCALE)
    daemon.errors = {"Pair": ("org.bluez.Error.AuthenticationFailed", "no")}
    with pytest.raises(BondLostError, match="pairing mode"):
        await connect(daemon, radio, path)
    assert "Pair dev_C0_FF_EE_00_00_01" in daemon.asked


async def test_a_bond_is_never_removed_on_suspicion(daemon: FakeBlueZ, radio: Radio) -> None:
    path = daemon.add_device(SCALE, bonded=True)
    daemon.errors["Connect"] = ("org.bluez.Error.Failed", "le-connection-refused")
    for attempt in range(6):
        with pytest.raises(BleakDBusError if attempt < 4 else BondLostError):
            await connect(daemon, radio, path)
    assert path in daemon.devices


async def test_a_bonded_device_that_lets_us_in_is_trusted(daemon: FakeBlueZ, radio: Radio) -> None:
    path = daemon.add_device(SCALE, bonded=True)
    inner = daemon._answer

    def answer(message: object, member: str) -> object:
        if member == "Connect":
            daemon.put(path, Connected=Variant("b", True))
            daemon.put(path, ServicesResolved=Variant("b", True))
        return inner(message, member)  # type: ignore[arg-type]

    daemon._answer = answer  # type: ignore[assignment, method-assign]
    async with radio.scanner():
        pass
    client = radio.client(seen(path))
    await within(20, client.connect())
    await within(20, client.disconnect())
    assert "Set Trusted True" in daemon.asked


def test_what_we_reach_into_bleak_for_is_there() -> None:
    assert isinstance(bleak_manager._global_instances, dict)
    assert "_bus" in vars(bleak_manager.BlueZManager())
