"""A fingertip pulse oximeter that indicates spot-checks (service 0x1822).

Owns which quantities it measures and how they are encoded. The rest is in `base`.
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
from device_sim.encoders.pulse_oximetry import PlxFeature, faulty_spot_check, features
from device_sim.faults import Trait
from device_sim.peripherals.base import Peripheral
from device_sim.peripherals.standard_services import DeviceIdentity, readable

MODEL: Final = "SIM-PLX1"


class PulseOximeter(Peripheral):
    """A pulse oximeter: `spo2` in % and `pulse_rate` per minute in one indication."""

    service_uuid = core.UUID.from_16_bits(0x1822)
    measurement_uuid = core.UUID.from_16_bits(0x2A5E)
    quantities = frozenset({"spo2", "pulse_rate"})

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(DeviceIdentity(serial, MODEL, "Sim Oximeter"), log, clock=clock)

    traits = Peripheral.traits | {Trait.FINGER, Trait.SIGNAL}

    def encode(self, values: Mapping[str, Decimal], device_time: datetime) -> bytes:
        """Write one spot-check with its timestamp, and what is wrong with it."""
        return faulty_spot_check(
            values, device_time, finger_off=self.is_finger_off, weak_signal=self.is_signal_weak
        )

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """PLX Features: stores measurements and timestamps them."""
        return [
            readable(
                0x2A60,
                features(PlxFeature.SENSOR_STATUS | PlxFeature.STORAGE | PlxFeature.TIMESTAMP),
            )
        ]
