"""A pulse oximeter that keeps spot-checks as records (0x1822 with 0x2A52).

Owns which quantities it measures and how they are encoded. The rest is in `recorder`.
"""

from __future__ import annotations

from typing import Final

from bumble import att, core
from bumble.gatt import Characteristic, Service

from device_sim.clock import NEVER_SET, DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.encoders.pulse_oximetry import (
    MeasurementStatus,
    PlxFeature,
    faulty_spot_check,
    features,
)
from device_sim.encoders.record_access import Outcome, Request, number, response
from device_sim.faults import Trait
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.link import Link
from device_sim.peripherals.recorder import Recorder
from device_sim.peripherals.standard_services import DeviceIdentity, readable

MODEL: Final = "SIM-PLX2"


class RecordingOximeter(Recorder):
    """A pulse oximeter: `spo2` in % and `pulse_rate` per minute, told when asked for."""

    service_uuid = core.UUID.from_16_bits(0x1822)
    quantities = frozenset({"spo2", "pulse_rate"})
    traits = Recorder.traits | {Trait.FINGER, Trait.SIGNAL}

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(DeviceIdentity(serial, MODEL, "Sim Recorder"), log, clock=clock)
        self._measurement = Characteristic[bytes](
            core.UUID.from_16_bits(0x2A5E),
            Characteristic.Properties.INDICATE,
            att.Attribute.Permissions(0),
        )

    def measurement_services(self) -> list[Service]:
        """List the one service: spot-checks, features and the control point."""
        supported = (
            PlxFeature.MEASUREMENT_STATUS
            | PlxFeature.SENSOR_STATUS
            | PlxFeature.STORAGE
            | PlxFeature.TIMESTAMP
        )
        described = readable(0x2A60, features(supported))
        return [Service(self.service_uuid, [self._measurement, described, self._control_point])]

    def subscribable(self) -> tuple[Characteristic[bytes], ...]:
        """List the spot-check and the control point."""
        return (self._measurement, self._control_point)

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write one spot-check, marked as coming from the storage."""
        sure, none = MeasurementStatus.FULLY_QUALIFIED, MeasurementStatus.UNAVAILABLE
        how_sure = none if self.is_finger_off else sure
        return (
            faulty_spot_check(
                dict(measurement.values),
                measurement.device_time or NEVER_SET,
                status=how_sure | MeasurementStatus.FROM_STORAGE,
                finger_off=self.is_finger_off,
                weak_signal=self.is_signal_weak,
            ),
        )

    def answer_number(self, count: int) -> bytes:
        """Write how many records there are."""
        return number(count)

    def answer_report(self, request: Request, count: int) -> bytes:
        """Write that the records were reported, or that there are none."""
        return response(request.op, Outcome.SUCCESS if count else Outcome.NO_RECORDS)

    async def send_record(self, link: Link, stored: Stored) -> bool:
        """Indicate one record."""
        payload = self._spoiled(stored.packets[0], stored)
        return await self.send_packet(link, self._measurement, payload)
