"""Devices behind a serial port: over a real TCP connection and a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.conversations import Home
from gateway.errors import OutboxCorruptError, OutboxError
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.kit import Medium, SerialSource
from gateway.profiles.nonin import ClassicSignal, ClassicState, NoninClassic
from gateway.profiles.vitalograph import LungMonitorBlow
from gateway.streams import serial_devices, serial_port
from gateway.streams.serial_devices import ACK, NAK, ClassicOximeter, LungMonitor, SerialReader
from telekol.quantities import Quantity
from tests.gateway.conftest import GATEWAY, NOW
from tests.gateway.test_conversations import CPH


def blow(fev1: int = 112, clock: str = "260314092500", *, is_bad: bool = False) -> bytes:
    return bytes(
        LungMonitorBlow(
            serial="0000012345",
            fev1=fev1,
            fev6=201,
            fev1_fev6=56,
            fef_25_75=40,
            best_fev1=150,
            fev1_pct=75,
            zones=(80, 60, 40),
            clock=clock,
            is_bad=is_bad,
            software=101,
        )
    )


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


@pytest.fixture
def home(outbox: Outbox) -> Home:
    intake = Intake(GATEWAY, outbox, CPH, lambda: None)
    return Home(intake, CPH, lambda: NOW)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_devices, "CUT_AFTER_S", 0.05)
    monkeypatch.setattr(LungMonitor, "first_wait_s", 0.02)


def broken(frame: bytes) -> bytes:
    return frame[:20] + bytes((frame[20] ^ 1,)) + frame[21:]


# -- what is answered -----------------------------------------------------------------------------


def test_a_blow_is_acknowledged_when_it_is_on_disk(home: Home, outbox: Outbox) -> None:
    monitor = LungMonitor(home, "10:00:E8:00:00:01")
    assert monitor.fed(blow()[:30]) == b""
    assert outbox.depth() == 0
    assert monitor.fed(blow()[30:]) == ACK
    fev1, fev6 = outbox.read(1, 9, NOW)
    assert (fev1.quantity, fev1.value) == (Quantity.FEV1, 1.12)
    assert (fev6.quantity, fev6.value) == (Quantity.FEV6, 2.01)
    assert fev1.device.serial == "0000012345"
    assert monitor.fed(blow()) == ACK  # it missed our answer
    assert outbox.depth() == 2


def test_a_changed_frame_is_asked_for_again(home: Home, outbox: Outbox) -> None:
    monitor = LungMonitor(home, "10:00:E8:00:00:01")
    assert monitor.fed(broken(blow())) == NAK
    assert monitor.fed(blow()) == ACK
    assert outbox.depth() == 2


def test_a_frame_cut_short_is_asked_for_again_and_spoils_no_other(
    home: Home, outbox: Outbox
) -> None:
    monitor = LungMonitor(home, "10:00:E8:00:00:01")
    assert monitor.fed(blow()[:40]) == b""
    assert monitor.fed(blow()) == ACK
    assert monitor.fed(blow(clock="260314093000")[:40]) == b""
    assert monitor.quiet() == NAK
    assert monitor.quiet() == b""
    assert monitor.fed(blow(clock="260314093000")) == ACK
    assert outbox.depth() == 4


def test_a_bad_blow_is_acknowledged_and_no_reading(home: Home, outbox: Outbox) -> None:
    assert LungMonitor(home, "10:00:E8:00:00:01").fed(blow(is_bad=True)) == ACK
    assert outbox.depth() == 0


def test_a_blow_the_disk_did_not_take_is_not_acknowledged(
    home: Home, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_observations: object) -> None:
        raise OutboxError("the disk is full")

    monkeypatch.setattr(outbox, "put", full)
    with pytest.raises(OutboxError):
        LungMonitor(home, "10:00:E8:00:00:01").fed(blow())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=80), max_size=10))
def test_no_bytes_stop_a_lung_monitor(home: Home, chunks: list[bytes]) -> None:
    monitor = LungMonitor(home, "10:00:E8:00:00:01")
    for chunk in chunks:
        assert set(monitor.fed(chunk)) <= {ACK[0], NAK[0]}


def frame(*, state: ClassicState = ClassicState(0), spo2: int = 91) -> bytes:  # noqa: B008
    return bytes(NoninClassic(signal=ClassicSignal(0), pulse=140, spo2=spo2, state=state))


async def test_a_classic_oximeter_gives_one_reading_for_a_finger(
    home: Home, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, now_s = asyncio.get_running_loop(), [100.0]
    oximeter = ClassicOximeter(home, "00:1C:05:00:00:01")
    monkeypatch.setattr(loop, "time", lambda: now_s[0])
    try:
        for second in range(30):
            now_s[0] += 1
            smart = ClassicState.SMART_POINT if second == 20 else ClassicState(0)
            for _ in range(3):
                oximeter.fed(frame(state=smart | ClassicState.LOW_BATTERY))
        for _ in range(5):
            now_s[0] += 1
            oximeter.fed(frame(state=ClassicState.FINGER_OFF, spo2=127))
        oximeter.closed()
    finally:
        monkeypatch.undo()
    assert [item.value for item in outbox.read(1, 9, NOW)] == [91, 140]
    (trouble,) = home.condition.snapshot().troubles
    assert trouble.code == "device-battery-low"


# -- over a real port -----------------------------------------------------------------------------

Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Served], Awaitable[SerialSource]]]:
    servers: list[asyncio.Server] = []

    async def start(served: Served) -> SerialSource:
        server = await asyncio.start_server(served, "127.0.0.1", 0)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return SerialSource("vitalograph", Medium.TCP, "127.0.0.1", port)

    yield start
    for server in servers:
        server.close()


async def until(task: asyncio.Task[None], event: asyncio.Event) -> None:
    waiting = asyncio.create_task(event.wait())
    async with asyncio.timeout(20):
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not event.is_set():
        task.result()


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=5)


async def test_a_monitor_behind_a_bridge_is_read_over_lost_links(
    home: Home, outbox: Outbox, serve: Callable[[Served], Awaitable[SerialSource]]
) -> None:
    """It hangs up in the middle of a frame, sends garbage, and is acknowledged in the end."""
    answers, connections, done = list[bytes](), [0], asyncio.Event()

    async def monitor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[0] += 1
        if connections[0] == 1:
            writer.write(blow()[:30])
            await writer.drain()
        else:
            writer.write(b"garbage" + broken(blow()))
            answers.append(await reader.readexactly(1))
            writer.write(blow())
            answers.append(await reader.readexactly(1))
            done.set()
        writer.close()

    task = asyncio.create_task(SerialReader(await serve(monitor), home).run())
    await until(task, done)
    await stop(task)
    assert answers == [NAK, ACK]
    assert outbox.depth() == 2


async def test_a_disk_that_fails_breaks_the_connection_off_unacknowledged(
    home: Home,
    outbox: Outbox,
    serve: Callable[[Served], Awaitable[SerialSource]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, done, put, failures = list[bytes](), asyncio.Event(), outbox.put, [2]

    def failing(observations: list[object]) -> object:
        if failures[0]:
            failures[0] -= 1
            raise OutboxError("the disk is full")
        return put(observations)  # type: ignore[arg-type]

    async def monitor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(blow())
        answers.append(await reader.read(1))
        if answers[-1] == ACK:
            done.set()
        writer.close()

    monkeypatch.setattr(outbox, "put", failing)
    task = asyncio.create_task(SerialReader(await serve(monitor), home).run())
    await until(task, done)
    await stop(task)
    assert answers[:3] == [b"", b"", ACK]


async def test_a_damaged_outbox_ends_the_reader(
    home: Home,
    outbox: Outbox,
    serve: Callable[[Served], Awaitable[SerialSource]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def damaged(_observations: object) -> None:
        raise OutboxCorruptError("damaged")

    async def monitor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(blow())
        await reader.read()
        writer.close()

    monkeypatch.setattr(outbox, "put", damaged)
    with pytest.raises(OutboxCorruptError):
        async with asyncio.timeout(20):
            await SerialReader(await serve(monitor), home).run()


async def test_a_device_that_is_not_there_is_tried_again_and_said_once(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        source = SerialSource("vitalograph", Medium.TCP, "127.0.0.1", port)
        with caplog.at_level("INFO"):
            task = asyncio.create_task(SerialReader(source, home).run())
            await asyncio.sleep(0.5)
            assert not task.done()
            await stop(task)
    assert caplog.text.count("trying again") == 1


async def test_a_device_file_is_read_and_answered(home: Home, outbox: Outbox) -> None:
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    source = SerialSource("vitalograph", Medium.FILE, os.ttyname(theirs))
    task = asyncio.create_task(SerialReader(source, home).run())
    answered = asyncio.Event()
    answers = bytearray()

    def on_answer() -> None:
        answers.extend(os.read(ours, 10))
        answered.set()

    asyncio.get_running_loop().add_reader(ours, on_answer)
    await asyncio.sleep(0.2)
    os.write(ours, blow()[:25])
    os.write(ours, blow()[25:])
    await until(task, answered)
    asyncio.get_running_loop().remove_reader(ours)
    await stop(task)
    os.close(ours)
    os.close(theirs)
    assert bytes(answers) == ACK
    assert outbox.depth() == 2


async def test_a_python_without_bluetooth_says_what_to_do_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(socket, "AF_BLUETOOTH", raising=False)
    source = SerialSource("vitalograph", Medium.RFCOMM, "10:00:E8:00:00:01", 1)
    with pytest.raises(serial_port.SerialPortError, match="rfcomm bind 0 10:00:E8:00:00:01 1"):
        await serial_port.open_port(source)
