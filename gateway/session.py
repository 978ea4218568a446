"""One conversation with one device, from the connection to its end.

Owns the order of things: who the device is, what its clock shows, set the clock, listen.
Must not know scanning, nor what becomes of a reading.

Invariants
----------
1. The clock is read before it is set, and both happen before the first indication is taken.
   What the setting means for stored readings is on disk before the clock is set.
2. The identity is complete or the conversation is broken off: a serial number that is missing
   because the link failed would give the same readings other ids the next time.
3. The notification callback is a plain function that returns after the commit, or raises.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakCharacteristicNotFoundError, BleakGATTProtocolError

from gateway.clock import ClockSample, DeviceClock, local_time, needs_setting
from gateway.errors import GatewayError, ProfileError
from gateway.intake import Intake
from gateway.profiles import MEASUREMENTS, sig_uuid
from gateway.profiles.current_time import CurrentTime
from gateway.profiles.ieee11073 import DateTime
from telekol.observation import Device

_LOG = logging.getLogger(__name__)

IDLE_S: Final = 20.0
"""How long a connected device may be silent. Spot-check devices send and hang up within seconds;
one that stays connected in silence keeps the radio from the others."""
LONGEST_S: Final = 180.0
"""How long one conversation may last: a full memory of some hundred readings at a connection
interval's pace, with reserve. Whatever is left comes the next time."""

_MANUFACTURER: Final = sig_uuid(0x2A29)
_MODEL: Final = sig_uuid(0x2A24)
_SERIAL: Final = sig_uuid(0x2A25)

_CLOCKS: Final[tuple[tuple[str, type[CurrentTime | DateTime]], ...]] = (
    (sig_uuid(0x2A2B), CurrentTime),
    # A&D scales and cuffs have no Current Time service; their clock is a plain Date Time.
    (sig_uuid(0x2A08), DateTime),
)

_DATA_FIELD_IGNORED: Final = 0x80
"""Current Time Service 1.1: the clock was set, but for a field the device does not keep."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversation went."""

    clock: DeviceClock
    new_readings: int


class Session:
    """A conversation over a connected client.

    Parameters
    ----------
    known_clock
        What earlier conversations taught about the device's clock.
    keep_clock
        Writes down what is known of the clock; returns when that is on disk.
    hung_up
        Set when the device has ended the connection.
    now
        Gives the time, aware.
    """

    def __init__(
        self,
        client: BleakClient,
        *,
        known_clock: DeviceClock,
        keep_clock: Callable[[DeviceClock], None],
        hung_up: asyncio.Event,
        intake: Intake,
        zone: tzinfo,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._hung_up = hung_up
        self._intake = intake
        self._zone = zone
        self._now = now
        self._heard = asyncio.Event()
        self._failure: GatewayError | None = None
        self._keep_clock = keep_clock
        self.clock = known_clock
        self.new_readings = 0

    async def run(self) -> None:
        """Talk until the device hangs up, falls silent or has had its time.

        Raises
        ------
        GatewayError
            If a reading could not be kept.
        """
        measures = {uuid: self._client.services.get_characteristic(uuid) for uuid in MEASUREMENTS}
        if not any(measures.values()):
            # Some scales advertise the standard service and speak a layout of their own.
            _LOG.info("%s has no measurement that can be read here", self._client.address)
            return
        device = await self._identify()
        await self._see_to_clock()
        for uuid, characteristic in measures.items():
            if characteristic is not None:
                await self._listen(characteristic, uuid, device)
        await self._wait_for_the_end()
        if self._failure is not None:
            raise self._failure

    async def _identify(self) -> Device:
        return Device(
            address=self._client.address,
            manufacturer=await self._read_text(_MANUFACTURER),
            model=await self._read_text(_MODEL),
            serial=await self._read_text(_SERIAL),
        )

    async def _read_text(self, uuid: str) -> str:
        try:
            raw = bytes(await self._client.read_gatt_char(uuid))
        except (BleakCharacteristicNotFoundError, BleakGATTProtocolError):
            # The device has none, or refuses, and will the next time. Any other failure is
            # the link's and ends the conversation.
            return ""
        text = raw.decode("utf-8", errors="replace")
        return "".join(sign for sign in text if sign.isprintable()).strip()[:120]

    async def _see_to_clock(self) -> None:
        for uuid, layout in _CLOCKS:
            if self._client.services.get_characteristic(uuid) is not None:
                shown = await self._read_clock(uuid, layout)
                if needs_setting(shown, self._now(), self._zone):
                    await self._set_clock(uuid, layout)
                return

    async def _read_clock(self, uuid: str, layout: type[CurrentTime | DateTime]) -> datetime | None:
        try:
            payload = bytes(await self._client.read_gatt_char(uuid))
            shown = layout.from_bytes(payload).moment
        except BleakGATTProtocolError as error:
            _LOG.info("%s does not tell its time: %s", self._client.address, error)
            return None
        except ProfileError as error:
            _LOG.warning("%s tells a time that cannot be read: %s", self._client.address, error)
            return None
        if shown is not None:
            self.clock = self.clock.compared(ClockSample(shown, self._now()))
        return shown

    async def _set_clock(self, uuid: str, layout: type[CurrentTime | DateTime]) -> None:
        now = self._now()
        shown = local_time(now, self._zone)
        if layout is DateTime:
            shown = shown.replace(microsecond=0)
        before = self.clock
        # Written down first: if we or the link end now, the clock may have been set, and what
        # the device stored until now belongs to the era before. If it was not set after all,
        # the next comparison begins another era.
        self.clock = before.was_set(ClockSample(shown, now))
        self._keep_clock(self.clock)
        try:
            await self._client.write_gatt_char(uuid, bytes(layout.of(shown)), response=True)
        except BleakGATTProtocolError as error:
            if error.code != _DATA_FIELD_IGNORED:
                self.clock = before
                self._keep_clock(before)
                _LOG.info("%s does not let its clock be set: %s", self._client.address, error)
                return
        _LOG.info("%s: its clock was set", self._client.address)

    async def _listen(
        self, characteristic: BleakGATTCharacteristic, uuid: str, device: Device
    ) -> None:
        def on_indication(_sender: BleakGATTCharacteristic, payload: bytearray) -> None:
            self._heard.set()
            try:
                self.new_readings += self._intake.take(
                    uuid, bytes(payload), device, self.clock, self._now()
                )
            except GatewayError as error:
                self._failure = error
                self._hung_up.set()
                raise  # so that the indication is not confirmed and the device keeps it

        await self._client.start_notify(characteristic, on_indication)

    async def _wait_for_the_end(self) -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + LONGEST_S
        while not self._hung_up.is_set() and loop.time() < end_s:
            self._heard.clear()
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._hung_up.wait()
            except TimeoutError:
                if not self._heard.is_set():
                    return
