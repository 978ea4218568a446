"""A spirometer that speaks the Generic Health Sensor standard (0x1840).

Owns which observations make a test, their two ways out (live and stored), and the clock, Elapsed
Time (0x183F). The bytes are in `encoders.health_sensor`, the records in `recorder`.

Invariant: a test is told live only once, to the first who listens, and stays a record until it is
deleted. Live and stored are the same observations.
"""

from __future__ import annotations

from typing import Final

from bumble import att, core
from bumble.gatt import Characteristic, CharacteristicValue, Service

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.encoders import health_sensor
from device_sim.encoders.record_access import Op, Outcome, Request, number_32, response
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.link import Link
from device_sim.peripherals.recorder import Recorder
from device_sim.peripherals.standard_services import (
    DeviceIdentity,
    battery_service,
    clock_characteristic,
    information_service,
    readable,
)

MODEL: Final = "SIM-GHS1"
BOTH_WAYS: Final = Characteristic.Properties.NOTIFY | Characteristic.Properties.INDICATE


class HealthSensor(Recorder):
    """A spirometer: `fev1` and `fvc` in L, `pef` in L/min."""

    service_uuid = core.UUID.from_16_bits(0x1840)
    quantities = frozenset({"fev1", "fvc", "pef"})
    operations = frozenset({Op.COMBINED_REPORT, Op.DELETE, Op.ABORT, Op.NUMBER})

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(DeviceIdentity(serial, MODEL, "Sim Spirometer"), log, clock=clock)
        self._sequence = 0
        self._record = 0
        self._unheard: list[Stored] = []
        self._live_observations = _observations(0x2B8B)
        self._stored_observations = _observations(0x2BDD)
        self._ghs_control = Characteristic[bytes](
            core.UUID.from_16_bits(0x2BF4),
            Characteristic.Properties.WRITE | Characteristic.Properties.INDICATE,
            att.Attribute.Permissions.WRITEABLE,
            CharacteristicValue(write=lambda _connection, _value: None),
        )

    def measurement_services(self) -> list[Service]:
        """List the sensor and its clock."""
        sixteen = core.UUID.from_16_bits
        clock = clock_characteristic(
            self.clock, 0x2BF2, health_sensor.clock_shown, health_sensor.read_elapsed_time
        )
        sensor = [
            readable(0x2BF3, health_sensor.features(self.quantities)),
            self._live_observations,
            self._stored_observations,
            self._control_point,
            self._ghs_control,
        ]
        return [Service(self.service_uuid, sensor), Service(sixteen(0x183F), [clock])]

    def services(self) -> list[Service]:
        """List the services; Elapsed Time stands where others have Current Time."""
        return [
            *self.measurement_services(),
            information_service(self.identity),
            battery_service(lambda: self.battery_percent),
        ]

    def subscribable(self) -> tuple[Characteristic[bytes], ...]:
        """List both ways out and the control points."""
        return (
            self._live_observations,
            self._stored_observations,
            self._control_point,
            self._ghs_control,
        )

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write one observation for each quantity, whole, before they are cut into segments."""
        return tuple(
            health_sensor.numeric(quantity, value, measurement.device_time)
            for quantity, value in sorted(measurement.values)
        )

    def told_as(self, stored: Stored) -> int:
        """Count observations: each is a record with a number of its own."""
        return len(stored.packets)

    def answer_number(self, count: int) -> bytes:
        """Write how many records there are."""
        return number_32(Op.NUMBER_IS, count)

    def answer_report(self, request: Request, count: int) -> bytes:
        """Write how many records were reported, or that there are none."""
        if not count:
            return response(request.op, Outcome.NO_RECORDS)
        return number_32(Op.COMBINED_REPORT_IS, count)

    async def send_record(self, link: Link, stored: Stored) -> bool:
        """Send one test as records, in segments."""
        for observation in stored.packets:
            body = health_sensor.stored(self._record, observation)
            self._record += 1
            if not await self._send(link, self._stored_observations, body, stored):
                return False
        return True

    def keep(self, stored: Stored) -> None:
        """Store, and tell live if somebody listens."""
        self._unheard.append(stored)
        super().keep(stored)
        self._asked.set()

    async def between_requests(self, link: Link) -> None:
        """Tell live what was measured while somebody listens."""
        unheard, self._unheard = self._unheard, []
        for stored in unheard:
            if link.is_subscribed(self._live_observations):
                await self._tell_live(link, stored)

    async def _tell_live(self, link: Link, stored: Stored) -> None:
        if stored.measurement:
            self._log.indicated(stored.measurement)
        for observation in stored.packets:
            if not await self._send(link, self._live_observations, observation, stored):
                return
        self.got_through(stored)

    async def _send(
        self, link: Link, way: Characteristic[bytes], body: bytes, stored: Stored
    ) -> bool:
        for segment in health_sensor.segments(body, link.room, self._sequence):
            self._sequence += 1
            if not await self.send_packet(link, way, self._spoiled(segment, stored)):
                return False
        return True


class SixSecondSensor(HealthSensor):
    """A spirometer that stops after six seconds: `fev1` and `fev6` in L, `pef` in L/min."""

    quantities = frozenset({"fev1", "fev6", "pef"})


def _observations(number: int) -> Characteristic[bytes]:
    return Characteristic[bytes](
        core.UUID.from_16_bits(number), BOTH_WAYS, att.Attribute.Permissions(0)
    )
