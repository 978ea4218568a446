"""Links and adapters that go away, and homes that heal afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from bleak.exc import BleakError
from bumble.device import Device
from bumble.hci import HCI_Read_BD_ADDR_Command
from bumble.transport.common import TransportLostError

from device_sim.emission import EmissionLog
from device_sim.errors import DeviceStateError, SimulatorError
from device_sim.home import Home
from device_sim.virtual_radio import VirtualRadio
from gateway.radio import LinkEndedError, Radio, RadioUnavailableError, hci, open_radio, waiting

from .conftest import (
    MEASUREMENTS,
    WEIGHT_MEASUREMENT,
    backend,
    find,
    session,
    until,
    within,
)


async def test_a_link_lost_before_the_confirmation_delivers_again(
    home: Home, radio: Radio, log: EmissionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.measure("scale")
    drops: list[asyncio.Task[None]] = []
    async with session(radio, home.scale) as link:

        def drop_instead(_confirmation: object) -> None:
            drops.append(asyncio.create_task(home.scale.drop_link()))

        monkeypatch.setattr(backend(link)._client, "send_confirmation", drop_instead)
        await link.client.start_notify(WEIGHT_MEASUREMENT, link.on_value)
        await within(2, link.ended.wait())
    await asyncio.gather(*drops)
    assert len(link.received) == 1
    assert home.scale.pending_count == 1
    async with session(radio, home.scale) as again:
        await again.client.start_notify(WEIGHT_MEASUREMENT, again.on_value)
        await within(5, again.ended.wait())
    assert again.received == link.received
    assert log.counts().confirmed == 1


async def test_a_confirmation_that_never_comes_ends_the_link(
    home: Home, radio: Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.scale.confirm_timeout_s = 0.2
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        client = backend(link)._client
        monkeypatch.setattr(client, "send_confirmation", lambda _confirmation: None)
        await link.client.start_notify(WEIGHT_MEASUREMENT, link.on_value)
        await within(2, link.ended.wait())
    assert home.scale.pending_count == 1


async def test_an_operation_stops_when_its_link_ends(
    home: Home, radio: Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        server = home.scale._device
        assert server is not None
        monkeypatch.setattr(server.gatt_server, "on_gatt_pdu", lambda *_arguments: None)
        reading = asyncio.create_task(link.client.read_gatt_char("2a25"))
        await asyncio.sleep(0.05)
        await home.scale.drop_link()
        with pytest.raises(LinkEndedError):
            await within(2, reading)


async def test_no_link_to_drop_is_a_clear_error(home: Home) -> None:
    with pytest.raises(DeviceStateError, match="Nobody is connected"):
        await home.scale.drop_link()


async def test_the_adapter_goes_away_and_is_opened_again(home: Home, log: EmissionLog) -> None:
    radio = await open_radio(home.moniker)
    await home.measure("scale")
    async with session(radio, home.scale) as link:
        await link.client.start_notify("2a9d", link.on_value)
        home.radio.drop_host()
        await within(2, radio.wait_lost())
        await within(2, link.ended.wait())
        with pytest.raises(BleakError):
            await link.client.read_gatt_char("2a25")
    with pytest.raises(LinkEndedError):
        async with radio.scanner():
            pass
    await radio.close()
    await until(lambda: not home.scale.is_connected)

    await home.measure("scale")
    radio = await open_radio(home.moniker)
    async with session(radio, home.scale) as link:
        await link.client.start_notify("2a9d", link.on_value)
        await within(5, link.ended.wait())
    await radio.close()
    assert home.scale.pending_count == 0
    assert log.counts().confirmed == 2


async def test_losing_the_adapter_stops_a_connect(home: Home, radio: Radio) -> None:
    await home.measure("scale")
    seen = await find(radio, home.scale)
    device = home.scale._device
    assert device is not None
    await device.stop_advertising()
    connecting = asyncio.create_task(radio.client(seen).connect())
    await asyncio.sleep(0.05)
    home.radio.drop_host()
    with pytest.raises(LinkEndedError):
        await within(2, connecting)


async def test_a_second_gateway_process_takes_the_controller_over(home: Home) -> None:
    first = await open_radio(home.moniker)
    second = await open_radio(home.moniker)
    await within(2, first.wait_lost())
    await home.measure("oximeter")
    await find(second, home.oximeter)
    await first.close()
    await second.close()


async def test_a_controller_that_hangs_does_not_answer_the_probe(
    home: Home, radio: Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hci, "ANSWER_WITHIN_S", 0.2)
    await radio.probe()
    assert isinstance(home.radio, VirtualRadio)
    monkeypatch.setattr(home.radio.controller, "on_packet", lambda _packet: None)
    with pytest.raises(RadioUnavailableError, match="to answer, found that it does not"):
        await within(5, radio.probe())


@pytest.mark.parametrize("cycle_kind", ["oximeter", "scale"])
async def test_reconnecting_again_and_again(
    home: Home, radio: Radio, log: EmissionLog, cycle_kind: str
) -> None:
    device = home.device(cycle_kind)
    for _ in range(4):
        await home.measure(cycle_kind)
        async with session(radio, device) as link:
            await link.client.start_notify(MEASUREMENTS[cycle_kind], link.on_value)
            await within(5, link.ended.wait())
    assert log.counts().confirmed == 4


@pytest.mark.parametrize(
    "moniker", ["", "nonsense", "nonsense:1", "tcp-client:here", "usb:99", "hci-socket:77"]
)
async def test_a_moniker_without_a_controller(moniker: str) -> None:
    with pytest.raises(RadioUnavailableError, match="Expected a Bluetooth controller at"):
        await open_radio(moniker)


async def test_nothing_listens_on_the_port() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises(RadioUnavailableError, match="plugged in"):
            await open_radio(f"tcp-client:127.0.0.1:{port}")


async def test_the_port_hangs_up_at_once() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(RadioUnavailableError, match="did not complete its reset"):
        await open_radio(f"tcp-client:127.0.0.1:{port}")
    server.close()
    await server.wait_closed()


async def test_the_port_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hci, "OPEN_TIMEOUT_S", 0.2)

    hung_up = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(RadioUnavailableError, match="did not complete its reset"):
        await open_radio(f"tcp-client:127.0.0.1:{port}")
    await within(2, hung_up.wait())
    server.close()
    await server.wait_closed()


async def test_a_host_that_does_not_speak_hci_is_hung_up_on(home: Home) -> None:
    port = int(home.moniker.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    radio = await open_radio(home.moniker)
    await radio.close()


async def test_a_port_in_use_is_a_clear_error(home: Home) -> None:
    other = Home(2, EmissionLog())
    port = int(home.moniker.rsplit(":", 1)[1])
    with pytest.raises(SimulatorError, match="Choose another port"):
        await other.start(port)
    await other.close()


async def test_bumbles_own_word_for_a_lost_adapter_comes_out_as_ours(
    home: Home, radio: Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Found by dropping adapters at random: Bumble may notice before our event does.
    async def lost(*_arguments: object, **_options: object) -> None:
        raise TransportLostError("transport lost")

    await home.measure("scale")
    seen = await find(radio, home.scale)
    monkeypatch.setattr(Device, "start_scanning", lost)
    monkeypatch.setattr(Device, "connect", lost)
    with pytest.raises(LinkEndedError):
        async with radio.scanner():
            pass
    with pytest.raises(LinkEndedError):
        await radio.client(seen).connect()


async def test_a_command_that_nobody_waits_for_any_more_disturbs_no_other(
    home: Home, radio: Radio, caplog: pytest.LogCaptureFixture
) -> None:
    device = radio._adapter.device  # type: ignore[attr-defined]
    for _ in range(5):
        asking = asyncio.create_task(device.send_sync_command(HCI_Read_BD_ADDR_Command()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        await home.measure("scale")
        await find(radio, home.scale)
    assert "command result mismatch" not in caplog.text
    assert "Exception in on_packet" not in caplog.text


@pytest.mark.parametrize("error", [AssertionError(), asyncio.InvalidStateError("twice")])
async def test_whatever_bumble_raises_is_bleaks_error(error: Exception) -> None:
    with pytest.raises(BleakError, match="radio: "), waiting.bleak_errors("radio"):
        raise error
