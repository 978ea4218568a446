"""A Nonin 3230: a vendor stream each second, and the standard spot-check when it is sure.

Owns the two ways in which one insertion is told. The rest is in `stream`.

Invariant: the spot-check is the value of the insertion, told once, the first time that the device
vouches for it (SmartPoint).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from bumble import att, core
from bumble.gatt import Characteristic, CharacteristicValue, Service

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog
from device_sim.encoders.nonin import Moment, record_3230
from device_sim.encoders.pulse_oximetry import (
    MeasurementStatus,
    PlxFeature,
    faulty_spot_check,
    features,
)
from device_sim.faults import Trait
from device_sim.peripherals.finger import Shown
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.standard_services import DeviceIdentity, readable
from device_sim.peripherals.stream import Stream

MODEL: Final = "3230"
VENDOR_SERVICE: Final = core.UUID("46A970E0-0D5F-11E2-8B5E-0002A5D5C51B")
VENDOR_STREAM: Final = core.UUID("0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B")
CONTROL_POINT: Final = core.UUID("1447AF80-0D60-11E2-88B6-0002A5D5C51B")


class Nonin3230(Stream):
    """A fingertip oximeter: `spo2` in % and `pulse_rate` per minute."""

    service_uuid = core.UUID.from_16_bits(0x1822)
    stream_uuid = VENDOR_STREAM
    traits = Stream.traits | {Trait.CLOCK}

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(
            DeviceIdentity(serial, MODEL, "Nonin3230_Sim", manufacturer="Nonin Medical, Inc."),
            log,
            clock=clock,
        )
        self._told: Stored | None = None
        self._spot_check = Characteristic[bytes](
            core.UUID.from_16_bits(0x2A5E),
            Characteristic.Properties.INDICATE,
            att.Attribute.Permissions(0),
        )

    def measurement_services(self) -> list[Service]:
        """List the standard service and the vendor's."""
        supported = PlxFeature.MEASUREMENT_STATUS | PlxFeature.TIMESTAMP
        control = Characteristic[bytes](
            CONTROL_POINT,
            Characteristic.Properties.WRITE,
            att.Attribute.Permissions.WRITEABLE,
            CharacteristicValue(write=lambda _connection, _value: None),
        )
        return [
            Service(self.service_uuid, [self._spot_check, readable(0x2A60, features(supported))]),
            Service(VENDOR_SERVICE, [self._stream, control]),
        ]

    def subscribable(self) -> tuple[Characteristic[bytes], ...]:
        """List the stream and the spot-check."""
        return (self._stream, self._spot_check)

    def encode_moment(self, shown: Shown, number: int) -> list[bytes]:
        """Write one second."""
        moment = Moment(
            shown.spo2,
            shown.pulse_rate,
            smart_point=shown.settled,
            finger_off=shown.finger_off,
            weak=self.is_signal_weak,
            low_battery=self.is_battery_low,
        )
        return [record_3230(moment, number)]

    async def after_moment(self, stored: Stored, shown: Shown) -> None:
        """Tell the spot-check, once the device vouches for it, to whom asked for it."""
        link, measurement = self._listening, stored.measurement
        if measurement is None or not shown.settled or stored is self._told:
            return
        self._told = stored
        if link is None or not link.is_up or self._spot_check not in link.indicated:
            return
        payload = self._as_spot_check(dict(measurement.values), measurement.device_time)
        self._log.indicated(measurement)
        await link.indicate(
            self._spot_check, self._spoiled(payload, stored), self.confirm_timeout_s
        )

    def _as_spot_check(self, values: dict[str, Decimal], device_time: datetime | None) -> bytes:
        return faulty_spot_check(
            values,
            device_time or self.clock.now().replace(microsecond=0),
            status=MeasurementStatus.FULLY_QUALIFIED,
        )
