"""A blood pressure cuff that indicates its measurements (service 0x1810).

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
from device_sim.encoders.blood_pressure import CuffStatus, Pressures, blood_pressure, features
from device_sim.peripherals.base import Peripheral
from device_sim.peripherals.standard_services import DeviceIdentity, readable

MODEL: Final = "SIM-BPM1"
QUANTITIES: Final = frozenset({"systolic_bp", "diastolic_bp", "mean_bp", "pulse_rate"})


class Cuff(Peripheral):
    """A cuff: three pressures in mmHg and the pulse per minute in one indication."""

    service_uuid = core.UUID.from_16_bits(0x1810)
    measurement_uuid = core.UUID.from_16_bits(0x2A35)
    quantities = QUANTITIES

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(DeviceIdentity(serial, MODEL, "Sim Cuff"), log, clock=clock)

    def encode(self, values: Mapping[str, Decimal], device_time: datetime) -> bytes:
        """Write one measurement with its timestamp."""
        return encoded(values, device_time)

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """Blood Pressure Feature: notices movement, a loose cuff and an irregular pulse."""
        noticed = CuffStatus.BODY_MOVEMENT | CuffStatus.CUFF_TOO_LOOSE | CuffStatus.IRREGULAR_PULSE
        return [readable(0x2A49, features(noticed))]


def encoded(values: Mapping[str, Decimal], device_time: datetime) -> bytes:
    """Write one measurement as cuffs do: time, pulse, and a status in which nothing is wrong."""
    return blood_pressure(
        Pressures(values["systolic_bp"], values["diastolic_bp"], values["mean_bp"]),
        device_time=device_time,
        pulse_rate=values["pulse_rate"],
        status=CuffStatus(0),
    )
