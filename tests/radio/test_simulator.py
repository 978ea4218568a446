"""The simulated home itself: patients, emission log, and `telekol sim` as a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from device_sim.commands import app
from device_sim.control import SimControl
from device_sim.emission import EmissionLog, Measurement
from device_sim.errors import ControlError, DeviceStateError, NotEncodableError, SimulatorError
from device_sim.faults import FAULTS
from device_sim.home import Home
from device_sim.kit import KINDS
from device_sim.patient import Patient
from gateway.radio import open_radio

from .conftest import MEASUREMENTS, OXIMETRY, session, within

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from device_sim.commands import app; app()"]
# A gateway that connects to the first device it sees, says so, and then hangs with the link up.
HANGING_GATEWAY = """
import asyncio, sys
from gateway.radio import open_radio

async def main():
    radio = await open_radio(sys.argv[1])
    found = asyncio.get_running_loop().create_future()
    async with radio.scanner(lambda d, a: found.done() or found.set_result(d)):
        device = await found
    client = radio.client(device)
    await client.connect()
    print("connected", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_patient_is_reproducible_and_independent_of_the_order() -> None:
    one, other, now = Patient(3), Patient(3), datetime.now(UTC)
    first = [one.values("oximeter", now) for _ in range(5)]
    other.values("scale", now)
    assert [other.values("oximeter", now) for _ in range(5)] == first
    assert [Patient(4).values("oximeter", now) for _ in range(5)] != first


def test_a_patient_stays_near_the_usual() -> None:
    patient, now = Patient(1), datetime.now(UTC)
    spo2 = [float(patient.values("oximeter", now)["spo2"]) for _ in range(200)]
    weights = [float(patient.values("scale", now)["body_weight"]) for _ in range(200)]
    assert 91.5 < sum(spo2) / 200 < 92.5
    assert 73.8 < sum(weights) / 200 < 74.2


async def test_forced_and_given_values(log: EmissionLog) -> None:
    home = Home(1, log)
    home.force_next("oximeter", spo2=Decimal(84))
    taken = await home.measure("oximeter")
    assert dict(taken.values)["spo2"] == 84
    assert dict((await home.measure("oximeter")).values)["spo2"] != 84
    with pytest.raises(DeviceStateError, match="Expected values of the oximeter"):
        home.force_next("oximeter", body_weight=Decimal(74))
    with pytest.raises(DeviceStateError, match="oximeter or scale"):
        await home.measure("toaster")
    with pytest.raises(NotEncodableError):
        await home.measure("scale", {"body_weight": Decimal("74.0001")})
    with pytest.raises(DeviceStateError, match="Expected values for"):
        await home.scale.take_measurement(OXIMETRY)
    with pytest.raises(DeviceStateError, match="above 0"):
        home.start_measuring(0)


async def test_timestamps_are_distinct_even_when_the_clock_is_set_back(log: EmissionLog) -> None:
    home = Home(1, log)
    first = await home.measure("scale")
    home.scale.clock.error = timedelta(seconds=-1)
    taken = [first, await home.measure("scale"), await home.measure("scale")]
    assert len({each.device_time for each in taken}) == 3
    assert home.scale.pending_count == home.pending_count == 3


async def test_the_routine_measures_and_stops(log: EmissionLog) -> None:
    home = Home(1, log)
    home.start_measuring(60)
    await asyncio.sleep(0.05)
    await home.stop_measuring()
    assert log.counts().taken == 2


def test_the_log_keeps_the_first_indication(tmp_path: Path) -> None:
    moments = iter(datetime(2026, 3, 14, 8, 0, second, tzinfo=UTC) for second in range(9))
    log = EmissionLog(tmp_path / "emissions.jsonl", now=lambda: next(moments))
    device_time = datetime(2025, 3, 14, 8, 30, 5)  # noqa: DTZ001 - a device's clock
    measurement = Measurement("WSS-1", device_time, (("body_weight", Decimal("74.205")),))
    log.taken(measurement)
    assert not log.emissions
    log.indicated(measurement)
    log.indicated(measurement)
    log.confirmed(measurement)
    log.close()
    (emission,) = log.emissions
    assert emission == log.confirmed_emissions[0]
    assert (emission.value, emission.unit) == (Decimal("74.205"), "kg")
    assert emission.indicated_at == datetime(2026, 3, 14, 8, 0, 1, tzinfo=UTC)
    lines = [json.loads(line) for line in (tmp_path / "emissions.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["taken", "indicated", "confirmed"]
    assert lines[0]["device_time"] == "2025-03-14T08:30:05"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--homes", "0"], "--homes"),
        (["--interval-s", "-1"], "--interval-s"),
        (["--homes", "9", "--base-port", "65530"], "65535"),
    ],
)
def test_bad_options_are_explained(arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert complaint in result.output


def test_an_emission_file_that_cannot_be_written() -> None:
    with pytest.raises(SimulatorError, match="No such file"):
        EmissionLog(Path("/no/such/place/file.jsonl"))


class Running:
    """`telekol sim` with one home that measures on command only."""

    def __init__(self, emissions: Path) -> None:
        options = ["--base-port", "0", "--control", "0", "--interval-s", "0"]
        self.process = subprocess.Popen(
            [*COMMAND, *options, "--emissions", str(emissions)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        told = [self.process.stdout.readline().split() for _ in range(3)]
        assert told[0][:2] == ["home", "gateway-0001"]
        assert told[2] == ["ready"]
        self.moniker = told[0][2]
        self.control = SimControl(int(told[1][1].rsplit(":", 1)[1]))


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "emissions.jsonl")
    yield running
    running.control.quit()
    running.control.close()
    assert running.process.wait(5) == 0
    assert running.process.stdout is not None
    running.process.stdout.close()


def test_the_control_channel(sim: Running, tmp_path: Path) -> None:
    control = sim.control
    taken = control.measure("gateway-0001", "oximeter", spo2=84)
    assert taken["serial"] == "PLX-000001"
    assert taken["values"]["spo2"] == 84
    shown = control.set_clock("gateway-0001", "scale", -365 * 86400)
    assert shown["device_time"] < taken["device_time"]
    control.indicate_raw("gateway-0001", "scale", b"\x00")
    control.start(60, "gateway-0001")
    control.stop()
    status = control.status()
    assert status["homes"]["gateway-0001"]["moniker"] == sim.moniker
    assert status["total"]["taken"] >= 1
    assert status["total"]["pending"] >= 2
    assert "taken" in (tmp_path / "emissions.jsonl").read_text()


@pytest.mark.parametrize(
    ("command", "arguments", "complaint"),
    [
        ("dance", {}, "measure"),
        ("measure", {"home": "gateway-9999", "device": "scale"}, "gateway-0001"),
        ("measure", {"home": "gateway-0001", "device": "toaster"}, "oximeter or scale"),
        ("measure", {"home": "gateway-0001", "device": "scale", "values": [1]}, "values as"),
        (
            "measure",
            {"home": "gateway-0001", "device": "scale", "values": {"body_weight": "heavy"}},
            "numbers",
        ),
        (
            "measure",
            {"home": "gateway-0001", "device": "scale", "values": {"body_weight": float("inf")}},
            "steps of",
        ),
        ("set-clock", {"home": "gateway-0001", "device": "scale"}, "error_s"),
        ("set-clock", {"home": "gateway-0001", "device": "scale", "error_s": 1e15}, "calendar"),
        ("indicate-raw", {"home": "gateway-0001", "device": "scale", "hex": "zz"}, "hexadecimal"),
        ("drop-link", {"home": "gateway-0001", "device": "scale"}, "Nobody"),
        ("start", {"interval_s": -1}, "above 0"),
    ],
)
def test_bad_commands_are_explained(
    shared_sim: Running, command: str, arguments: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ControlError, match=complaint):
        shared_sim.control.request(command, **arguments)
    assert shared_sim.control.status()["total"]["taken"] == 0


@pytest.fixture(scope="module")
def shared_sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("sim") / "emissions.jsonl")
    yield running
    running.process.send_signal(signal.SIGTERM)
    running.control.close()
    assert running.process.wait(5) == 0
    assert running.process.stdout is not None
    running.process.stdout.close()


def test_no_simulator_is_a_clear_error() -> None:
    with pytest.raises(ControlError, match="Start it first"):
        SimControl(1)


async def test_a_gateway_killed_with_the_link_up_can_come_back(sim: Running) -> None:
    await asyncio.to_thread(sim.control.measure, "gateway-0001", "scale")
    gateway = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HANGING_GATEWAY,
        sim.moniker,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert gateway.stdout is not None
    assert await asyncio.wait_for(gateway.stdout.readline(), 10) == b"connected\n"
    gateway.kill()
    await gateway.wait()

    radio = await open_radio(sim.moniker)
    stand_in = Home(1, EmissionLog()).scale
    async with session(radio, stand_in) as link:
        await link.client.start_notify(MEASUREMENTS["scale"], link.on_value)
        await within(5, link.ended.wait())
    await radio.close()
    assert len(link.received) == 1
    status = await asyncio.to_thread(sim.control.status)
    assert status["total"] == {"taken": 1, "indicated": 1, "confirmed": 1, "pending": 0}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--hci", "usb:0"], "one --device"),
        (["--hci", "usb:0", "--device", "scale", "--homes", "2"], "one --device"),
        (["--hci", "usb:0", "--device", "vitalograph"], "serial port"),
    ],
)
def test_what_one_controller_cannot_carry_is_explained(
    arguments: list[str], complaint: str
) -> None:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
    assert result.exit_code == 2
    assert complaint in result.output


def test_an_unknown_kind_is_explained() -> None:
    result = CliRunner().invoke(app, ["--device", "toaster"])
    assert isinstance(result.exception, SimulatorError)
    assert "oximeter" in str(result.exception)


def test_faults_and_devices_are_listed() -> None:
    told = CliRunner().invoke(app, ["faults"]).output
    assert all(name in told for name in FAULTS)
    one = CliRunner().invoke(app, ["faults", "clock-jump", "--json"]).output
    assert json.loads(one)[0]["parameters"] == {"seconds": 7200.0}
    assert isinstance(CliRunner().invoke(app, ["faults", "hiccups"]).exception, SimulatorError)
    devices = CliRunner().invoke(app, ["devices"]).output
    assert all(name in devices for name in KINDS)
