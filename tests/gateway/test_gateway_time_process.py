"""The process before it knows the time: what a kill takes, and what arrives in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from device_sim.emission import EmissionLog
from device_sim.peripherals.pulse_oximeter import PulseOximeter
from device_sim.virtual_radio import VirtualRadio
from telekol.observation import TimeConfidence
from telekol.quantities import Quantity
from tests.gateway.conftest import GATEWAY, Server
from tests.gateway.test_process import until
from tests.support.processes import Broker, telekol


@pytest.fixture
async def radio() -> AsyncIterator[VirtualRadio]:
    radio = VirtualRadio("home-time")
    await radio.start()
    yield radio
    await radio.close()


async def test_readings_wait_on_disk_until_the_time_is_known_and_arrive_with_the_right_times(
    radio: VirtualRadio, broker: Broker, server: Server, tmp_path: Path
) -> None:
    oximeter = PulseOximeter("PLX-1", EmissionLog())
    await oximeter.start(radio)
    broker.start()
    server.start()
    marker = tmp_path / "synchronized"
    gateway = telekol(
        tmp_path,
        "gateway",
        *("--id", GATEWAY, "--outbox", str(tmp_path / "outbox.db")),
        *("--broker-url", broker.url, "--log-level", "DEBUG", "--radio", radio.moniker),
        TELEKOL_GATEWAY_CLOCK=f"file:{marker}",
    )
    try:
        gateway.start()
        began = datetime.now(UTC)
        await oximeter.take_measurement({"spo2": Decimal("92.5"), "pulse_rate": Decimal(72)})
        await until(lambda: oximeter.pending_count == 0, within_s=60)
        measured_by = datetime.now(UTC)
        assert "are held until the time is known" in gateway.output()
        error_before = oximeter.clock.error
        gateway.kill()  # at once: the device has been told that it may forget
        gateway.start()
        await until(lambda: "connected to the broker" in gateway.output(), within_s=60)
        assert not server.arrivals
        assert oximeter.clock.error == error_before  # no clock is set to a time nobody knows
        marker.touch()
        await until(lambda: len(server.stored) == 2, within_s=60)
        arrived = {item.quantity: item for item in server.stored.values()}
        spo2 = arrived[Quantity.SPO2]
        slack = timedelta(seconds=2)
        assert began - slack <= spo2.measured_at <= measured_by + slack
        assert spo2.received_at <= measured_by + slack
        assert spo2.time_confidence is TimeConfidence.CLOCK_CHECKED
    finally:
        if gateway.is_running:
            gateway.kill()
        await oximeter.close()
