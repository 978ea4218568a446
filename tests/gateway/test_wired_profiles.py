"""Cuff, thermometer and body scale over the virtual radio, by the reader as it is in homes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bumble import core
from bumble.gatt import Characteristic

from device_sim.emission import EmissionLog
from device_sim.peripherals.base import Peripheral
from device_sim.peripherals.standard_services import DeviceIdentity
from device_sim.virtual_radio import VirtualRadio
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.listening.reader import Reader
from gateway.profiles import MEASUREMENTS, SERVICES, berry, beurer, nonin, sig_uuid
from gateway.radio import open_radio
from gateway.timing.clock_book import ClockBook
from tests.gateway.conftest import GATEWAY

CPH = ZoneInfo("Europe/Copenhagen")


class RawDevice(Peripheral):
    """A device that indicates the bytes it is given."""

    def __init__(self, service: int, characteristic: int) -> None:
        self.service_uuid = core.UUID.from_16_bits(service)
        self.measurement_uuid = core.UUID.from_16_bits(characteristic)
        self.quantities = frozenset()
        super().__init__(DeviceIdentity("RAW-1", "RAW", "Raw device"), EmissionLog())

    def encode(self, values: Mapping[str, Decimal], device_time: datetime) -> bytes:
        raise NotImplementedError

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        return []


@pytest.mark.parametrize(
    ("service", "characteristic", "payload", "kept"),
    [
        (
            0x1810,
            0x2A35,
            "14 7d00 5000 5f00 4800 0200",
            {"systolic_bp": 125, "diastolic_bp": 80, "mean_bp": 95, "pulse_rate": 72},
        ),
        (0x1809, 0x2A1C, "00 6e0100ff", {"body_temperature": 36.6}),
        (0x181B, 0x2A9C, "0004 fa00 8638", {"body_weight": 72.35}),
    ],
    ids=["cuff", "thermometer", "body-scale"],
)
async def test_what_a_device_indicates_is_in_the_outbox(
    service: int, characteristic: int, payload: str, kept: dict[str, float], tmp_path: Path
) -> None:
    air, device = VirtualRadio("home-1"), RawDevice(service, characteristic)
    await air.start()
    await device.start(air)
    outbox = Outbox.open(tmp_path / "outbox.db", datetime.now(UTC))
    intake = Intake(GATEWAY, outbox, CPH, lambda: None)
    clocks = ClockBook(outbox)
    reader = Reader(lambda: open_radio(air.moniker), intake, clocks, CPH, lambda: datetime.now(UTC))
    running = asyncio.create_task(reader.run())
    device.indicate_raw(bytes.fromhex(payload))
    end_s = time.monotonic() + 15
    while device.pending_count:
        assert time.monotonic() < end_s, "the device was not read in time"
        await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait({running}, timeout=5)
    await device.close()
    await air.close()
    found = outbox.read(1, 10, datetime.now(UTC))
    outbox.close()
    assert {str(one.quantity): one.value for one in found} == kept
    assert all(one.quality == ("cuff-too-loose",) for one in found) == (service == 0x1810)


def test_the_tables_of_the_gateway_are_those_of_the_profiles() -> None:
    standard = {sig_uuid(n) for n in (0x1822, 0x181D, 0x181B, 0x1810, 0x1809, 0x1840)}
    assert set(SERVICES) == {
        *standard,
        nonin.OXIMETRY_SERVICE,
        berry.UART_SERVICE,
        beurer.SERVICE,
    }
    assert len(set(SERVICES)) == len(SERVICES)
    assert set(MEASUREMENTS) == {sig_uuid(n) for n in (0x2A5E, 0x2A9D, 0x2A9C, 0x2A35, 0x2A1C)}
