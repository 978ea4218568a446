"""A Nonin Onyx II as it speaks over the serial port: four bytes each second, never repeated.

Owns the insertion as it goes by. The bytes are in `encoders.nonin`, the port in `wired`.

Invariant: somebody who is connected from before the first value to the end gets all of one
insertion; then the measurement counts as confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.encoders.nonin import Moment, classic_frame
from device_sim.faults import Trait
from device_sim.peripherals.finger import WANDER, Course, Shown, insertion, slipped_out
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.standard_services import DeviceIdentity
from device_sim.peripherals.wired import Wired

MODEL: Final = "9560"


class NoninClassic(Wired):
    """A fingertip oximeter: `spo2` in % and `pulse_rate` per minute."""

    quantities = frozenset({"spo2", "pulse_rate"})
    traits = Wired.traits | {Trait.FINGER, Trait.SIGNAL}

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        identity = DeviceIdentity(
            serial, MODEL, "Nonin_Medical", manufacturer="Nonin Medical, Inc."
        )
        super().__init__(identity, log, clock=clock)
        self.course = Course()
        self.moment_s = 1.0

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write every second of the insertion."""
        return tuple(self._frame(shown) for shown in self._moments(dict(measurement.values)))

    async def speak(
        self,
        reader: asyncio.StreamReader,  # noqa: ARG002 - it listens to nobody
        writer: asyncio.StreamWriter,
        stored: Stored,
    ) -> bool:
        """Send the insertion, a frame each moment."""
        for packet in stored.packets:
            writer.write(self._spoiled(packet, stored))
            await writer.drain()
            if stored.measurement:
                self._log.indicated(stored.measurement)
            await asyncio.sleep(self.moment_s)
        if stored.measurement:
            self._log.confirmed(stored.measurement)
        return True

    def _frame(self, shown: Shown) -> bytes:
        return classic_frame(
            Moment(
                shown.spo2,
                shown.pulse_rate,
                smart_point=shown.settled,
                finger_off=shown.finger_off,
                weak=self.is_signal_weak,
                low_battery=self.is_battery_low,
            )
        )

    def _moments(self, values: Mapping[str, Decimal]) -> Iterator[Shown]:
        if self.is_finger_off:
            return slipped_out(self.course)
        return insertion(values["spo2"], values["pulse_rate"], self.course)

    def _margins(self) -> Mapping[str, Decimal]:
        return {quantity: Decimal(wander) for quantity, wander in WANDER.items()}

    def _time_tolerance_s(self) -> None:
        """Tell that the time of arrival counts: the insertion waits for a host."""
