"""One conversation as its ways of talking share it: the link, the device, its clock, the count.

Owns the road from a way's bytes to the intake. Must not know any layout.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gateway.conversations.home import Home
from gateway.conversations.link import Link
from gateway.intake import Taken
from gateway.profiles.measurement import Decoded, Measurement
from gateway.timing.device_clock import DeviceClock
from telekol.health import TroubleCode
from telekol.observation import Device

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
        self._was_unreadable = False

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

    def trouble(self, code: TroubleCode, detail: str) -> None:
        """Tell support of a trouble with this device."""
        self.home.condition.raise_trouble(code, self.device.address, detail, self.home.now())

    def over(self, code: TroubleCode) -> None:
        """Tell support that a trouble with this device is over, if there was one."""
        self.home.condition.clear(code, self.device.address)

    def ended(self) -> None:
        """Take in that the conversation went to its end."""
        if self.new_readings and not self._was_unreadable:
            self.over(TroubleCode.UNREADABLE_MEASUREMENT)

    def unreadable(self) -> None:
        """Tell support that the device sent what cannot be read; the bytes are in the log."""
        self._was_unreadable = True
        self.trouble(TroubleCode.UNREADABLE_MEASUREMENT, "its bytes are in the gateway's log")

    def _counted(self, taken: Taken) -> Taken:
        self.new_readings += taken.new
        if not taken.is_understood:
            self.unreadable()
        if _LOW_FLAG in taken.flags:
            self.trouble(TroubleCode.DEVICE_BATTERY_LOW, "the device says so")
        elif taken.new and not self.has_battery_level:
            self.over(TroubleCode.DEVICE_BATTERY_LOW)
        return taken


class Way:
    """One way of talking; a device may have several at once. Each step may be nothing."""

    async def listen(self) -> None:
        """Subscribe to what the device sends."""

    async def talk(self) -> None:
        """Say what must be said, once every way listens."""

    def close(self) -> None:
        """Take in that the connection is over."""
