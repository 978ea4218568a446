"""The gateway process of a home, over a virtual radio and a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog
from device_sim.peripherals.pulse_oximeter import PulseOximeter
from device_sim.peripherals.scale import Scale
from device_sim.virtual_radio import VirtualRadio
from gateway.listening.recovery import RESTART_STATUS
from telekol.observation import TimeConfidence
from telekol.quantities import Quantity
from telekol.wire import encode
from tests.gateway.conftest import GATEWAY, Server, receipt
from tests.support.processes import Broker, Process, telekol


@dataclass
class Home:
    radio: VirtualRadio
    oximeter: PulseOximeter
    scale: Scale

    async def measure(self, spo2: str = "92.5") -> None:
        await self.oximeter.take_measurement({"spo2": Decimal(spo2), "pulse_rate": Decimal(72)})

    async def weigh(self) -> None:
        await self.scale.take_measurement({"body_weight": Decimal("72.35")})


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    radio = VirtualRadio("home-1")
    await radio.start()
    log = EmissionLog()
    never_set = DeviceClock(datetime(1970, 1, 1) - datetime.now(UTC).replace(tzinfo=None))  # noqa: DTZ001
    oximeter = PulseOximeter("PLX-1", log)
    scale = Scale("WSS-1", log, clock=never_set)
    await oximeter.start(radio)
    await scale.start(radio)
    yield Home(radio, oximeter, scale)
    await oximeter.close()
    await scale.close()
    await radio.close()


@pytest.fixture
def gateway(home: Home, broker: Broker, tmp_path: Path) -> Iterator[Process]:
    process = telekol(
        tmp_path,
        "gateway",
        *("--id", GATEWAY, "--outbox", str(tmp_path / "outbox.db")),
        *("--broker-url", broker.url, "--log-level", "DEBUG", "--radio", home.radio.moniker),
    )
    yield process
    if process.is_running:
        process.kill()
    sys.stdout.write(process.output())  # shown when the test fails


async def until(condition: object, within_s: float = 20.0) -> None:
    end_s = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end_s, "it did not happen in time"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("broker", ["mosquitto", "iotcore"], indirect=True)
async def test_readings_reach_the_server_and_are_released_by_its_receipt(
    home: Home, broker: Broker, server: Server, gateway: Process
) -> None:
    broker.start()
    server.start()
    gateway.start()
    await home.measure()
    await home.weigh()
    await until(lambda: len(server.stored) == 3)
    by_quantity = {item.quantity: item for item in server.stored.values()}
    assert by_quantity[Quantity.SPO2].value == 92.5
    assert by_quantity[Quantity.PULSE_RATE].value == 72
    weight = by_quantity[Quantity.BODY_WEIGHT]
    assert weight.value == 72.35
    assert weight.device.serial == "WSS-1"
    assert weight.device_time is not None
    assert weight.device_time.year == 1970
    assert weight.time_confidence is TimeConfidence.CLOCK_CARRIED
    assert by_quantity[Quantity.SPO2].time_confidence is TimeConfidence.CLOCK_CHECKED
    assert abs(weight.measured_at - datetime.now(UTC)) < timedelta(seconds=20)
    assert abs(by_quantity[Quantity.SPO2].measured_at - datetime.now(UTC)) < timedelta(seconds=20)
    # The devices show local time now, which is an hour or two ahead of UTC.
    for device in (home.oximeter, home.scale):
        assert timedelta(minutes=59) < device.clock.error < timedelta(minutes=121)
    await until(lambda: "receipt through 5" in gateway.output())
    assert {item.device.serial for item in server.batteries.values()} == {"PLX-1", "WSS-1"}
    assert await asyncio.to_thread(gateway.stop, 2) == 0


async def test_a_killed_gateway_sends_what_it_had_after_its_next_start(
    home: Home, broker: Broker, server: Server, gateway: Process
) -> None:
    gateway.start()  # with no broker there
    await home.measure()
    await until(lambda: home.oximeter.pending_count == 0)
    gateway.kill()
    await home.measure()
    broker.start()
    server.start()
    gateway.start()
    await until(lambda: len(server.stored) == 4)
    assert {item.device.serial for item in server.stored.values()} == {"PLX-1"}


async def test_a_poison_payload_and_a_poison_receipt_stop_nothing(
    home: Home, broker: Broker, server: Server, gateway: Process
) -> None:
    broker.start()
    server.start()
    gateway.start()
    home.oximeter.indicate_raw(bytes.fromhex("01cff34800"))
    await home.measure()
    await until(lambda: len(server.stored) == 2)
    assert "01cff34800" in gateway.output()
    assert "cut short" in gateway.output()
    for poison in (b"", b"{}", b"\xff" * 40, b'{"v": 2}'):
        server.send(poison)
    await home.measure("88")
    await until(lambda: len(server.stored) == 4)
    await until(lambda: gateway.output().count("a receipt cannot be read") == 4)


async def test_a_radio_that_is_pulled_out_is_opened_again(
    home: Home, broker: Broker, server: Server, gateway: Process
) -> None:
    broker.start()
    server.start()
    gateway.start()
    await home.measure()
    await until(lambda: len(server.stored) == 2)
    home.radio.drop_host()
    await home.measure()
    await until(lambda: len(server.stored) == 4)


async def test_a_server_that_is_away_misses_nothing_when_it_is_back(
    home: Home, broker: Broker, server: Server, gateway: Process
) -> None:
    broker.start()
    server.answers = False
    server.start()
    gateway.start()
    await home.measure()
    await until(lambda: len(server.arrivals) == 2)
    broker.kill()
    await home.measure()
    await until(lambda: home.oximeter.pending_count == 0)
    server.answers = True
    broker.start()
    await until(lambda: len(server.stored) == 4)
    assert len(set(server.arrivals)) == 4
    server.send(encode(receipt(uuid4(), through=99, first=99, last=99)))
    await until(lambda: "another life" in gateway.output())


async def test_it_stops_in_time_when_neither_broker_nor_radio_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections and says nothing
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        process = telekol(
            tmp_path,
            "gateway",
            *("--id", GATEWAY, "--outbox", str(tmp_path / "outbox.db")),
            *("--broker-url", f"mqtt://{address}", "--radio", f"tcp-client:{address}"),
        )
        with process:
            await until(lambda: "gateway gw-test-001" in process.output())
            deaf.settimeout(10)
            lines = [deaf.accept()[0] for _ in range(2)]  # the radio's and the broker's
            assert await asyncio.to_thread(process.stop, 2) == 0, process.output()
        for line in lines:
            line.close()
    assert "stopped" in process.output()


@pytest.mark.timeout(150)
async def test_a_supervised_gateway_without_a_radio_says_so_and_asks_for_a_new_start(
    tmp_path: Path, home: Home
) -> None:
    deaf = socket.create_server(("127.0.0.1", 0))
    nobody = f"127.0.0.1:{deaf.getsockname()[1]}"
    deaf.close()
    said: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)

        def hear() -> list[str]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    said.append(systemd.recv(4096).decode())
            return said

        arguments = [
            *("--id", GATEWAY, "--outbox", str(tmp_path / "outbox.db")),
            *("--broker-url", f"mqtt://{nobody}"),
        ]
        supervised = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
        lost = telekol(
            tmp_path, "gateway", *arguments, "--radio", f"tcp-client:{nobody}", **supervised
        )
        with lost:
            await until(lambda: (hear(), lost.returncode is not None)[1], within_s=120)
        assert lost.returncode == RESTART_STATUS, lost.output()
        hear()
        assert said[0] == "READY=1"
        assert said.count("WATCHDOG=1") > 5
        assert "STATUS=radio: unavailable" in said
        assert said[-1] == "STOPPING=1"
        assert (tmp_path / "outbox.db.restarts").exists()

        said.clear()
        found = telekol(
            tmp_path, "gateway", *arguments, "--radio", home.radio.moniker, **supervised
        )
        with found:
            await home.measure()
            await until(lambda: home.oximeter.pending_count == 0)
            await until(lambda: "STATUS=radio: listening" in hear())
            assert await asyncio.to_thread(found.stop, 5) == 0
        assert not (tmp_path / "outbox.db.restarts").exists()


async def test_a_gateway_killed_while_it_connects_reads_everything_afterwards(
    home: Home, broker: Broker, server: Server, gateway: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.start()
    server.start()
    for number in range(2):
        asked = asyncio.Event()
        with monkeypatch.context() as patch:
            # The controller takes the request and the device is never reached.
            patch.setattr(
                home.radio.controller,
                "create_le_connection",
                lambda _peer, asked=asked: asked.set(),
            )
            gateway.start()
            await home.measure(str(90 + number))
            async with asyncio.timeout(30):
                await asked.wait()
            gateway.kill()
    gateway.start()
    await until(lambda: len(server.stored) == 4)
