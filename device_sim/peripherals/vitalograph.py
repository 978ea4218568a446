"""A Vitalograph lung monitor: one frame for each test, sent again until it is acknowledged.

Owns which quantities it measures and the handshake. The bytes are in `encoders.vitalograph`, the
port in `wired`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from device_sim.clock import NEVER_SET, DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.encoders.vitalograph import ACK, Blow, frame
from device_sim.faults import Trait
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.standard_services import DeviceIdentity
from device_sim.peripherals.wired import Wired

MODEL: Final = "4000 lung monitor"
# How long the monitor waits for ACK or NAK before it sends the frame again.
ANSWER_S: Final = 3.0


class LungMonitor(Wired):
    """A spirometer: `fev1` and `fev6` in L."""

    quantities = frozenset({"fev1", "fev6"})
    is_set_by_hand = True
    traits = Wired.traits | {Trait.CLOCK, Trait.CHECKSUM}

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        identity = DeviceIdentity(serial, MODEL, f"LUNG_{serial[-6:]}", manufacturer="Vitalograph")
        super().__init__(identity, log, clock=clock)
        self.answer_s = ANSWER_S

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write one frame."""
        values = dict(measurement.values)
        blow = Blow(values["fev1"], values["fev6"])
        return (frame(self.serial, blow, measurement.device_time or NEVER_SET),)

    async def speak(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stored: Stored
    ) -> bool:
        """Send the frame and wait for the answer; anything but ACK asks for it again."""
        if stored.measurement:
            self._log.indicated(stored.measurement)
        writer.write(self._spoiled(stored.packets[0], stored))
        await writer.drain()
        try:
            async with asyncio.timeout(self.answer_s):
                answer = await reader.readexactly(1)
        except TimeoutError:
            return False
        if answer[0] != ACK:
            return False
        if stored.measurement:
            self._log.confirmed(stored.measurement)
        return True
