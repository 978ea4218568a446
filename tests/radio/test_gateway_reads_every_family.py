"""Every family of the simulator, read over the air by the gateway's own reader.

The peripherals were written without knowing the gateway. What they took as a measurement must be
in the outbox, once, and a device that waits for a confirmation must have got it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from device_sim.emission import EmissionLog
from device_sim.peripherals.and_medical import AndCuff, AndScale
from device_sim.peripherals.berry import BerryOximeter
from device_sim.peripherals.beurer_scale import BeurerScale
from device_sim.peripherals.body_scale import BodyScale
from device_sim.peripherals.continuous_oximeter import ContinuousOximeter
from device_sim.peripherals.cuff import Cuff
from device_sim.peripherals.health_sensor import HealthSensor
from device_sim.peripherals.instrument import Instrument
from device_sim.peripherals.nonin_3230 import Nonin3230
from device_sim.peripherals.nonin_classic import NoninClassic
from device_sim.peripherals.po60 import Po60
from device_sim.peripherals.pulse_oximeter import PulseOximeter
from device_sim.peripherals.recording_oximeter import RecordingOximeter
from device_sim.peripherals.scale import Scale
from device_sim.peripherals.thermometer import Thermometer
from device_sim.peripherals.vitalograph import LungMonitor
from device_sim.peripherals.xiaomi import XiaomiScaleV1, XiaomiScaleV2
from device_sim.virtual_radio import VirtualRadio
from gateway.conversations import Home, conversation, stream
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.kit import kit_devices, serial_sources
from gateway.listening.adverts import Adverts
from gateway.listening.reader import Reader
from gateway.radio import PairingPolicy, open_radio
from gateway.streams import serial_devices, steady
from gateway.streams.serial_devices import SerialReader
from gateway.timing.clock_book import ClockBook
from telekol.observation import Observation
from telekol.quantities import Quantity
from telekol.wire import Receipt

CPH = ZoneInfo("Europe/Copenhagen")

WEIGHT = {"body_weight": "72.35"}
OXIMETRY = {"spo2": "92", "pulse_rate": "78"}
PRESSURE = {"systolic_bp": "125", "diastolic_bp": "80", "mean_bp": "95", "pulse_rate": "72"}


@dataclass
class Case:
    """A family, what it measures, and the name it has in the gateway's settings."""

    kind: type[Instrument]
    values: dict[str, str]
    family: str = ""

    @property
    def name(self) -> str:
        return self.kind.__name__


CASES = (
    Case(PulseOximeter, OXIMETRY),
    Case(RecordingOximeter, OXIMETRY),
    Case(Scale, WEIGHT),
    Case(BodyScale, WEIGHT),
    Case(Cuff, PRESSURE),
    Case(Thermometer, {"body_temperature": "37.2"}),
    Case(AndScale, WEIGHT),
    Case(AndCuff, PRESSURE),
    Case(BeurerScale, WEIGHT),
    Case(Po60, OXIMETRY, "beurer-po60"),
    Case(HealthSensor, {"fev1": "1.12", "fvc": "2.01", "pef": "210"}),
)
STREAMS = (
    Case(ContinuousOximeter, OXIMETRY),
    Case(Nonin3230, OXIMETRY),
    Case(BerryOximeter, OXIMETRY, "berry-bm1000"),
)
ADVERTS = (
    Case(XiaomiScaleV1, WEIGHT, "xiaomi-scale-v1"),
    Case(XiaomiScaleV2, WEIGHT, "xiaomi-scale-v2"),
)
WIRED = (
    Case(LungMonitor, {"fev1": "1.12", "fev6": "2.01"}, "vitalograph"),
    Case(NoninClassic, OXIMETRY, "nonin-classic"),
)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", datetime.now(UTC))
    yield outbox
    outbox.close()


@pytest.fixture
async def air() -> AsyncIterator[VirtualRadio]:
    radio = VirtualRadio("home-1")
    await radio.start()
    yield radio
    await radio.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finger is in for two seconds instead of half a minute."""
    monkeypatch.setattr(steady, "STEADY_S", 0.6)
    monkeypatch.setattr(steady, "OFF_S", 0.2)
    monkeypatch.setattr(stream, "FINGER_WITHIN_S", 3.0)
    monkeypatch.setattr(conversation, "IDLE_S", 1.0)
    monkeypatch.setattr(serial_devices, "NONIN_WAIT_S", 0.2)


def kept(outbox: Outbox) -> list[Observation]:
    found = outbox.read(1, max(outbox.last_seq, 1), datetime.now(UTC))
    return [item for item in found if item.quantity is not Quantity.BATTERY]


def values(outbox: Outbox) -> dict[str, float]:
    return {str(item.quantity): item.value for item in kept(outbox)}


@contextlib.asynccontextmanager
async def reading(air: VirtualRadio, outbox: Outbox, device: Instrument, case: Case) -> Any:
    """Run a gateway beside one device, as its settings would name it."""
    intake = Intake("gw-test-001", outbox, CPH, lambda: None)
    named = f"{case.family}@{device.address}" if case.family else device.address
    wired = case in WIRED
    home = Home(
        intake,
        CPH,
        lambda: datetime.now(UTC),
        receipts=outbox,
        keeps_batteries=True,
        adverts=Adverts(() if wired else kit_devices(named)),
    )
    if wired:
        (source,) = serial_sources(f"{case.family}@{device.where}")
        running = asyncio.create_task(SerialReader(source, home).run())
    else:
        policy = PairingPolicy(frozenset({device.address}))
        reader = Reader(
            lambda: open_radio(air.moniker, policy=policy),
            intake,
            ClockBook(outbox),
            CPH,
            lambda: datetime.now(UTC),
            home=home,
        )
        running = asyncio.create_task(reader.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=5)


async def until(running: asyncio.Task[None], condition: Any, within_s: float = 40) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        if running.done():
            running.result()
        assert time.monotonic() < end_s, "it did not happen in time"
        await asyncio.sleep(0.05)


async def begin(case: Case, air: VirtualRadio) -> Any:
    make: Any = case.kind  # each has its own identity to make of a serial number
    device = make(f"{case.name.upper()}-1", EmissionLog())
    if hasattr(device, "moment_s"):
        device.moment_s = 0.1
    await device.start(air)
    return device


async def measure(device: Any, case: Case) -> None:
    await device.take_measurement({name: Decimal(value) for name, value in case.values.items()})


@pytest.mark.parametrize("case", [*CASES, *ADVERTS], ids=lambda case: case.name)
async def test_a_measurement_is_in_the_outbox(
    case: Case, air: VirtualRadio, outbox: Outbox
) -> None:
    device = await begin(case, air)
    async with reading(air, outbox, device, case) as running:
        await measure(device, case)
        await until(running, lambda: len(kept(outbox)) >= len(case.values))
        await asyncio.sleep(0.5)
    await device.close()
    assert values(outbox) == {name: float(value) for name, value in case.values.items()}
    assert len(kept(outbox)) == len(case.values)


@pytest.mark.parametrize("case", [*STREAMS, WIRED[1]], ids=lambda case: case.name)
async def test_a_finger_in_a_stream_is_one_reading(
    case: Case, air: VirtualRadio, outbox: Outbox
) -> None:
    device = await begin(case, air)
    async with reading(air, outbox, device, case) as running:
        for number in (1, 2):
            await measure(device, case)
            await until(
                running,
                lambda number=number: (
                    sum(item.quantity is Quantity.SPO2 for item in kept(outbox)) == number
                    and device.pending_count == 0
                ),
            )
    await device.close()
    spo2 = [item.value for item in kept(outbox) if item.quantity is Quantity.SPO2]
    assert len(spo2) == 2
    assert all(abs(value - 92) <= 1 for value in spo2)


async def test_a_blow_is_acknowledged_over_a_serial_port(air: VirtualRadio, outbox: Outbox) -> None:
    case = WIRED[0]
    device = await begin(case, air)
    async with reading(air, outbox, device, case) as running:
        await measure(device, case)
        await until(running, lambda: device.pending_count == 0 and len(kept(outbox)) == 2)
    await device.close()
    assert values(outbox) == {"fev1": 1.12, "fev6": 2.01}


async def test_a_memory_is_erased_after_the_receipt_and_not_before(
    air: VirtualRadio, outbox: Outbox
) -> None:
    case = next(case for case in CASES if case.kind is RecordingOximeter)
    device = await begin(case, air)
    async with reading(air, outbox, device, case) as running:
        await measure(device, case)
        await until(running, lambda: len(kept(outbox)) == len(case.values))
        await asyncio.sleep(1)
        assert device.record_count == 1
        answer_for_all(outbox)
        await until(running, lambda: device.record_count == 0)
    await device.close()


def answer_for_all(outbox: Outbox) -> None:
    """Give the receipt of a server that has stored everything."""
    last = outbox.last_seq
    outbox.published(1, last)
    receipt = Receipt(
        v=1, gateway="gw-test-001", boot=outbox.boot, through=last, first=1, last=last
    )
    outbox.settle(receipt, datetime.now(UTC))


async def test_a_scale_that_lost_its_users_is_read_again(air: VirtualRadio, outbox: Outbox) -> None:
    case = next(case for case in CASES if case.kind is BeurerScale)
    device = await begin(case, air)
    async with reading(air, outbox, device, case) as running:
        await measure(device, case)
        await until(running, lambda: len(kept(outbox)) == 1)
        await until(running, lambda: not device.is_connected)
        await device.begin_fault("battery-removed")
        device.press_pairing()
        await measure(device, case)
        await until(running, lambda: len(kept(outbox)) == 2)
    await device.close()
    assert all(item.user_index is not None for item in kept(outbox))
