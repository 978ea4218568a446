"""An ear thermometer that indicates its measurements (service 0x1809).

Owns which quantity it measures and how it is encoded. The rest is in `base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from bumble import core
from bumble.gatt import Characteristic

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog
from device_sim.encoders.thermometer import Site, temperature
from device_sim.peripherals.base import Peripheral
from device_sim.peripherals.standard_services import DeviceIdentity

MODEL: Final = "SIM-HTS1"


class Thermometer(Peripheral):
    """A thermometer: `body_temperature` in degrees Celsius."""

    service_uuid = core.UUID.from_16_bits(0x1809)
    measurement_uuid = core.UUID.from_16_bits(0x2A1C)
    quantities = frozenset({"body_temperature"})

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(DeviceIdentity(serial, MODEL, "Sim Thermometer"), log, clock=clock)

    def encode(self, values: Mapping[str, Decimal], device_time: datetime) -> bytes:
        """Write one measurement with its timestamp and where it was taken."""
        return temperature(values["body_temperature"], device_time=device_time, site=Site.EAR)

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """None: the site is in each measurement, which rules out Temperature Type (0x2A1D)."""
        return []
