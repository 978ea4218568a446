"""The radio loop: finds devices, talks to them one after another, and survives the radio.

Owns scanning, whose turn it is, and opening the radio again. Must not know what is said in a
conversation.

Invariants
----------
1. One device at a time: many adapters cannot scan or connect beside a connection.
2. A device that fails waits longer each time and never keeps the others waiting: whose turn
   it is, is decided by who has waited longest.
3. A lost radio is opened again, for ever, and so is one that fails in a way nobody foresaw;
   only a damaged outbox ends the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from typing import Final

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from gateway.clock import DeviceClock
from gateway.clock_book import ClockBook
from gateway.conversations import Conversation, Home
from gateway.errors import OutboxCorruptError, OutboxError
from gateway.intake import Intake
from gateway.profiles import SERVICES
from gateway.radio import Radio, RadioUnavailableError
from gateway.turns import Turns
from telekol.backoff import delay_s

_LOG = logging.getLogger(__name__)

CONNECT_WITHIN_S: Final = 20.0
"""Above the radio's own limit of 15 s; only a radio that hangs comes here."""
HANG_UP_WITHIN_S: Final = 3.0
YIELD_S: Final = 0.5
"""How long the device served last lets others be heard before it is served again; devices with a
value to deliver advertise every 20-200 ms."""
COMPLAIN_EVERY_S: Final = 600.0
"""How often the same trouble with the radio is said again; a home may be without it for days."""
SCAN_CHANGE_WITHIN_S: Final = 10.0
"""A radio that cannot start or stop a scan in this time has lost its adapter."""


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
    """

    def __init__(
        self,
        open_radio: Callable[[], Awaitable[Radio]],
        intake: Intake,
        clocks: ClockBook,
        zone: tzinfo,
        now: Callable[[], datetime],
        home: Home | None = None,
    ) -> None:
        self._open_radio = open_radio
        self._home = home or Home(intake, zone, now)
        self._clocks = clocks
        self._now = now
        self._turns = Turns()
        self._seen: dict[str, BLEDevice] = {}
        self._sighting = asyncio.Event()
        self._last_served: str | None = None
        self._listening_since_s: float | None = None
        self._complaint: tuple[str, float] = ("", 0.0)

    async def run(self) -> None:
        """Read devices until cancelled.

        Raises
        ------
        OutboxCorruptError
            If the outbox is damaged: a new start of the process begins a new one.
        """
        failures = 0
        while True:
            self._listening_since_s = None
            try:
                await self._use(await self._open_radio())
                self._complain("it was lost")
            except (RadioUnavailableError, BleakError, TimeoutError, OSError) as error:
                self._complain(_said(error))
            except OutboxCorruptError:
                raise
            except Exception as error:  # noqa: BLE001 - a home without a reader is worse
                self._complain(f"it failed unexpectedly: {error!r}", error)
            failures = 0 if self._has_lasted() else failures + 1
            await asyncio.sleep(delay_s(max(failures, 1), random.random()))  # noqa: S311

    def _has_lasted(self) -> bool:
        since_s = self._listening_since_s
        return since_s is not None and self._now_s() - since_s > CONNECT_WITHIN_S

    def _complain(self, reason: str, unforeseen: Exception | None = None) -> None:
        """Say that the radio cannot be used: what is new at once, the same at intervals."""
        now_s = self._now_s()
        before, said_s = self._complaint
        if reason == before and now_s - said_s < COMPLAIN_EVERY_S:
            _LOG.debug("the radio cannot be used: %s; trying again", reason)
            return
        self._complaint = (reason, now_s)
        _LOG.warning("the radio cannot be used: %s; trying again", reason, exc_info=unforeseen)

    def _say_that_we_listen(self) -> None:
        if self._listening_since_s is None:
            self._listening_since_s = self._now_s()
            _LOG.info("the radio is open; listening for devices")

    async def _use(self, radio: Radio) -> None:
        """Read devices over `radio` until it is lost."""
        serving = asyncio.ensure_future(self._serve(radio))
        lost = asyncio.ensure_future(radio.wait_lost())
        try:
            await asyncio.wait({serving, lost}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done() and not lost.done():
                serving.result()
        finally:
            for task in (serving, lost):
                task.cancel()
            await asyncio.gather(serving, lost, return_exceptions=True)
            with contextlib.suppress(BleakError, RadioUnavailableError, TimeoutError, OSError):
                async with asyncio.timeout(HANG_UP_WITHIN_S):
                    await radio.close()

    async def _serve(self, radio: Radio) -> None:
        while True:
            device = await self._find(radio)
            await self._talk(radio, device)

    async def _find(self, radio: Radio) -> BLEDevice:
        """Scan until a device is there whose turn it is."""
        self._seen.clear()
        self._sighting.clear()
        scanner = radio.scanner(self._on_sighting, list(SERVICES))
        async with asyncio.timeout(SCAN_CHANGE_WITHIN_S):
            await scanner.start()
        self._say_that_we_listen()
        try:
            while True:
                await self._sighting.wait()
                self._sighting.clear()
                if self._turns.next(self._seen, self._now_s()) is None:
                    continue
                if self._last_served in self._seen and len(self._seen) == 1:
                    # It may only be the quickest to advertise; let the others be heard too.
                    await asyncio.sleep(YIELD_S)
                address = self._turns.next(self._seen, self._now_s())
                if address is not None:
                    self._last_served = address
                    return self._seen[address]
        finally:
            async with asyncio.timeout(SCAN_CHANGE_WITHIN_S):
                await scanner.stop()

    def _on_sighting(self, device: BLEDevice, _advertisement: AdvertisementData) -> None:
        self._seen[device.address] = device
        self._sighting.set()

    async def _talk(self, radio: Radio, device: BLEDevice) -> None:
        """Hold one conversation; whatever the device does, the others get their turn."""
        address = device.address
        try:
            new_readings = await self._converse(radio, device)
        except OutboxCorruptError:
            raise
        except (BleakError, TimeoutError, OSError, OutboxError) as error:
            wait_s = self._turns.failed(address, self._now_s(), random.random())  # noqa: S311
            _LOG.warning("%s: %s; trying again in %.1f s", address, _said(error), wait_s)
        except Exception:  # noqa: BLE001 - a bug met by one device must not stop the others
            self._turns.failed(address, self._now_s(), random.random())  # noqa: S311
            _LOG.exception("%s: the conversation broke off unexpectedly", address)
        else:
            self._turns.served(address, self._now_s(), had_news=new_readings > 0)

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
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await client.connect()
            await conversation.run()
        finally:
            with contextlib.suppress(BleakError, TimeoutError, OSError, EOFError):
                async with asyncio.timeout(HANG_UP_WITHIN_S):
                    await client.disconnect()
            # Kept also after a failure: a comparison holds for what comes the next time.
            if conversation.clock != known:
                self._keep_clock(device, conversation.clock)
        return conversation.new_readings

    def _keep_clock(self, device: BLEDevice, clock: DeviceClock) -> None:
        self._clocks.keep(device.address, clock, self._now())

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
