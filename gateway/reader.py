"""The radio loop: finds devices and talks to them one after another.

Owns scanning and whose turn it is. Must not know what is said in a conversation, nor how a
radio that fails is mended; see `gateway.radio_keeper`.

Invariants
----------
1. One device at a time: many adapters cannot scan or connect beside a connection.
2. A device that fails waits longer each time and never keeps the others waiting: whose turn
   it is, is decided by who has waited longest.
3. Each failure has a cause, and its cause decides the wait; a connection attempt that hangs is
   the radio's trouble and goes to its ladder.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from typing import Final

from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from gateway.causes import cause_of
from gateway.clock_book import ClockBook
from gateway.conversations import Conversation, Home
from gateway.device_clock import DeviceClock
from gateway.errors import OutboxCorruptError
from gateway.intake import Intake
from gateway.ladder import Proof
from gateway.overheard import Overheard
from gateway.radio import BondLostError, DeviceStuckError, PairingRefusedError, Radio
from gateway.radio_keeper import RadioKeeper, StuckDeviceError, said
from gateway.recovery import DeviceTrouble, Recovery
from gateway.turns import Cause, Turns

_LOG = logging.getLogger(__name__)

HANG_UP_WITHIN_S: Final = 3.0
YIELD_S: Final = 0.5
"""How long the device served last lets others be heard before it is served again; devices with a
value to deliver advertise every 20-200 ms."""
SCAN_CHANGE_WITHIN_S: Final = 10.0
"""A radio that cannot start or stop a scan in this time has lost its adapter."""
SCAN_ANEW_AFTER_S: Final = 900.0
"""A scan in which nothing came is begun anew: BlueZ has been seen to stop scanning and to say
that it scans (field lesson 10). It costs a few packets and is no fault."""
BEAT_EVERY_S: Final = 30.0
UNREACHABLE_AFTER: Final = 8
"""Failures in a row, about four minutes in which the device was heard: longer than a device stays
awake after one measurement, so at least the second measurement does not come through."""
MUTE_AFTER: Final = 3
"""The same for a device that was connected to and answered nothing: three times in a row it is
neither the distance nor chance, and only a person can switch it off and on."""


class _ScanAnewError(Exception):
    """Nothing was heard for long."""


class Reader:
    """Reads every device of the home, for ever.

    Parameters
    ----------
    open_radio
        Opens the radio; raises RadioUnavailableError if it cannot.
    clocks
        Remembers the devices' clocks between connections.
    now
        Gives the time, aware.
    home
        What conversations need besides; a home without notes, receipts and health if left out.
    recovery
        Knows what is done about a radio that fails; without one it is never given to a new
        process, and nobody is told.
    beat
        Called while the loop makes progress, at least every `BEAT_EVERY_S` in an idle home.
    """

    def __init__(
        self,
        open_radio: Callable[[], Awaitable[Radio]],
        intake: Intake,
        clocks: ClockBook,
        zone: tzinfo,
        now: Callable[[], datetime],
        recovery: Recovery | None = None,
        beat: Callable[[], None] = lambda: None,
        home: Home | None = None,
    ) -> None:
        self._open_radio = open_radio
        self._home = home or Home(intake, zone, now)
        self._overheard = Overheard(self._home.adverts, intake, now)
        self._clocks = clocks
        self._now = now
        self._turns = Turns()
        self._seen: dict[str, BLEDevice] = {}
        self._sighting = asyncio.Event()
        self._last_served: str | None = None
        self._listened = False
        self._let_in = False
        self._recovery = recovery or Recovery(now=now)
        self._beat = beat

    async def run(self) -> None:
        """Read devices until cancelled; see `RadioKeeper.run`."""
        await RadioKeeper(self._open_radio, self._serve, self._recovery, self._beat).run()

    async def _serve(self, radio: Radio) -> None:
        while True:
            device = await self._find(radio)
            await self._talk(radio, device)

    async def _find(self, radio: Radio) -> BLEDevice:
        """Scan until a device is there whose turn it is."""
        while True:
            self._seen.clear()
            self._sighting.clear()
            scanner = radio.scanner(self._on_sighting, self._overheard.services)
            async with asyncio.timeout(SCAN_CHANGE_WITHIN_S):
                await scanner.start()
            self._say_that_we_listen()
            try:
                with contextlib.suppress(_ScanAnewError):
                    return await self._wait_for_a_turn()
            finally:
                async with asyncio.timeout(SCAN_CHANGE_WITHIN_S):
                    await scanner.stop()

    async def _wait_for_a_turn(self) -> BLEDevice:
        until_s = self._now_s() + SCAN_ANEW_AFTER_S
        while True:
            await self._wait_for_a_sighting(until_s)
            self._overheard.keep()
            if self._turns.next(self._seen, self._now_s()) is None:
                continue
            if self._last_served in self._seen and len(self._seen) == 1:
                # It may only be the quickest to advertise; let the others be heard too.
                await asyncio.sleep(YIELD_S)
            address = self._turns.next(self._seen, self._now_s())
            if address is not None:
                self._last_served = address
                return self._seen[address]

    async def _wait_for_a_sighting(self, until_s: float) -> None:
        while not self._sighting.is_set():
            self._beat()
            if self._now_s() > until_s:
                raise _ScanAnewError
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_EVERY_S):
                    await self._sighting.wait()
        self._sighting.clear()
        self._beat()

    def _say_that_we_listen(self) -> None:
        self._recovery.listening()
        if not self._listened:
            self._listened = True
            _LOG.info("the radio is open; listening for devices")

    def _on_sighting(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        self._recovery.saw(Proof.HEARD)
        if self._overheard.admits(device.address, advertisement):
            self._seen[device.address] = device
        elif not self._overheard.has_news:
            return
        self._sighting.set()

    async def _talk(self, radio: Radio, device: BLEDevice) -> None:
        """Hold one conversation; whatever the device does, the others get their turn."""
        self._let_in = False
        try:
            new_readings = await self._converse(radio, device)
        except OutboxCorruptError:
            raise
        except Exception as error:  # noqa: BLE001 - one device must not stop the others
            self._take_failure(device.address, error)
        else:
            self._turns.served(device.address, self._now_s(), had_news=new_readings > 0)
            self._recovery.report.device_works(device.address)
        finally:
            self._beat()

    def _take_failure(self, address: str, error: Exception) -> None:
        cause = cause_of(error, was_connected=self._let_in)
        wait_s = self._turns.failed(address, self._now_s(), random.random(), cause)  # noqa: S311
        if cause is Cause.UNFORESEEN:
            _LOG.error("%s: the conversation broke off unexpectedly", address, exc_info=error)
        else:
            _LOG.warning("%s: %s; trying again in %.1f s", address, said(error), wait_s)
        trouble = _trouble_of(error, cause, self._turns.setbacks(address))
        if trouble is not None:
            self._recovery.report.device_fails(address, trouble, said(error))
        if cause is Cause.STUCK:
            raise StuckDeviceError(address, said(error)) from error

    async def _converse(self, radio: Radio, device: BLEDevice) -> int:
        hung_up = asyncio.Event()
        client = radio.client(device, lambda _client: hung_up.set())
        known = self._clocks.clock(device.address)
        conversation = Conversation(
            client,
            self._home,
            known_clock=known,
            keep_clock=lambda clock: self._keep_clock(device, clock),
            hung_up=hung_up,
        )
        try:
            await self._connect(client, radio.connect_within_s)
            await conversation.run()
        finally:
            with contextlib.suppress(BleakError, TimeoutError, OSError, EOFError):
                async with asyncio.timeout(HANG_UP_WITHIN_S):
                    await client.disconnect()
            # Kept also after a failure: a comparison holds for what comes the next time.
            if conversation.clock != known:
                self._keep_clock(device, conversation.clock)
        return conversation.new_readings

    async def _connect(self, client: BleakClient, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s) as limit:
                await client.connect()
        except TimeoutError as error:
            if limit.expired():
                raise DeviceStuckError(
                    f"Expected the radio to give up connecting by itself, found that it hangs "
                    f"({within_s:g} s)"
                ) from error
            raise
        self._let_in = True
        self._recovery.saw(Proof.CONNECTED)

    def _keep_clock(self, device: BLEDevice, clock: DeviceClock) -> None:
        self._clocks.keep(device.address, clock, self._now())

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


def _trouble_of(error: Exception, cause: Cause, setbacks: int) -> DeviceTrouble | None:
    """Say whether a person has to see to the device, and why."""
    if isinstance(error, BondLostError):
        return DeviceTrouble.BOND_LOST
    if isinstance(error, PairingRefusedError):
        return DeviceTrouble.REFUSED
    enough = {Cause.UNREACHABLE: UNREACHABLE_AFTER, Cause.MUTE: MUTE_AFTER}.get(cause)
    return None if enough is None or setbacks < enough else DeviceTrouble.UNREACHABLE
