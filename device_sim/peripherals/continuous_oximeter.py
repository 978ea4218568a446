"""A pulse oximeter that notifies PLX Continuous (0x2A5F) each second.

Owns how a moment is encoded. The rest is in `stream`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bumble import core
from bumble.gatt import Characteristic

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog
from device_sim.encoders.ieee11073 import SpecialSfloat
from device_sim.encoders.pulse_oximetry import (
    WEAK,
    MeasurementStatus,
    PlxFeature,
    SensorStatus,
    continuous,
    features,
)
from device_sim.peripherals.finger import Shown
from device_sim.peripherals.standard_services import DeviceIdentity, readable
from device_sim.peripherals.stream import Stream

MODEL: Final = "SIM-PLX3"


class ContinuousOximeter(Stream):
    """A pulse oximeter without memory: `spo2` in % and `pulse_rate` per minute, each second."""

    service_uuid = core.UUID.from_16_bits(0x1822)
    stream_uuid = core.UUID.from_16_bits(0x2A5F)

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(DeviceIdentity(serial, MODEL, "Sim Stream"), log, clock=clock)

    def encode_moment(self, shown: Shown, number: int) -> list[bytes]:  # noqa: ARG002 - no counter
        """Write one moment, with the marks for how sure it is."""
        missing = SpecialSfloat.NAN
        sensor = WEAK if self.is_signal_weak else SensorStatus(0)
        if shown.finger_off:
            sensor = SensorStatus.NOT_ON_USER
        return [
            continuous(
                missing if shown.spo2 is None else Decimal(shown.spo2),
                missing if shown.pulse_rate is None else Decimal(shown.pulse_rate),
                measurement_status=_status(shown),
                sensor_status=sensor,
            )
        ]

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """PLX Features: says how sure it is, stores nothing."""
        supported = PlxFeature.MEASUREMENT_STATUS | PlxFeature.SENSOR_STATUS
        return [readable(0x2A60, features(supported))]


def _status(shown: Shown) -> MeasurementStatus:
    if shown.spo2 is None:
        return MeasurementStatus.UNAVAILABLE
    if shown.settled:
        return MeasurementStatus.ONGOING | MeasurementStatus.FULLY_QUALIFIED
    return MeasurementStatus.ONGOING
