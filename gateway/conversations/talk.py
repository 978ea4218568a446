"""One conversation as its ways of talking share it: the link, the device, its clock, the count.

Owns the road from a way's bytes to the intake. Must not know any layout.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gateway.clock import DeviceClock
from gateway.conversations.home import Home
from gateway.conversations.link import Link
from gateway.intake import Taken
from gateway.profiles.measurement import Decoded, Measurement
from telekol.observation import Device

BATTERY_LOW: Final = "device-battery-low"
_LOW_FLAG: Final = "low-battery"


class Talk:
    """What is common to the ways of one conversation."""

    def __init__(self, link: Link, home: Home, device: Device, clock: DeviceClock) -> None:
        self.link = link
        self.home = home
        self.device = device
        self.clock = clock
        self.new_readings = 0
        self.has_battery_level = False

    def take(self, kind: type[Measurement], payload: bytes) -> Taken:
        """Keep what `payload` says; on disk when this returns.

        Raises
        ------
        OutboxError
            If it could not be written.
        """
        taken = self.home.intake.take_as(kind, payload, self.device, self.clock, self.home.now())
        return self._counted(taken)

    def take_measurement(self, measurement: Decoded, payload: bytes, at: datetime) -> Taken:
        """Keep a measurement that was heard at `at`; on disk when this returns.

        Raises
        ------
        OutboxError
            If it could not be written.
        """
        intake = self.home.intake
        return self._counted(
            intake.take_measurement(measurement, payload, self.device, self.clock, at)
        )

    def _counted(self, taken: Taken) -> Taken:
        self.new_readings += taken.new
        if _LOW_FLAG in taken.flags:
            self.home.health.trouble(BATTERY_LOW, self.device.address, "the device says so")
        elif taken.new and not self.has_battery_level:
            self.home.health.over(BATTERY_LOW, self.device.address)
        return taken


class Way:
    """One way of talking; a device may have several at once. Each step may be nothing."""

    async def listen(self) -> None:
        """Subscribe to what the device sends."""

    async def talk(self) -> None:
        """Say what must be said, once every way listens."""

    def close(self) -> None:
        """Take in that the connection is over."""
