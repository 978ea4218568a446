"""Keeps a radio in use: opens it, watches it, and does what the ladder says when it fails.

Owns opening, probing and the remedies. Must not know devices or conversations; what is done
with the radio comes in as `serve`.

Invariants
----------
1. A lost radio is opened again, for ever, and so is one that fails in a way nobody foresaw;
   only a damaged outbox or the wish for a restart ends the loop.
2. Silence is no fault: a radio that hears nothing is asked, and only no answer, or a wrong one,
   is held against it.
3. Every remedy is bounded in time, and a radio that hangs is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from bleak.exc import BleakError

from gateway.errors import OutboxCorruptError
from gateway.listening.ladder import Fault, Proof, Rung
from gateway.listening.recovery import Recovery, RestartWantedError
from gateway.radio import Radio, RadioUnavailableError
from gateway.radio.tasks import stop

HANG_UP_WITHIN_S: Final = 3.0
PROBE_EVERY_S: Final = 30.0
"""How often a radio that hears nothing is asked. A patient waits by the device for a minute; a
hung adapter is found in half of that, at the cost of one packet."""
PROBE_WITHIN_S: Final = 15.0
"""Above the radios' own limits, 5 s over HCI and 10 s over D-Bus."""
MEND_WITHIN_S: Final = 40.0
"""Switching off and on takes at most two D-Bus calls, or closing and opening an HCI controller."""

_FORESEEN: Final = (RadioUnavailableError, BleakError, TimeoutError, OSError, EOFError)


class StuckDeviceError(Exception):
    """Connecting to a device hangs; `serve` raises it."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(why)
        self.address = address


class RadioKeeper:
    """Keeps `serve` going over a working radio.

    Parameters
    ----------
    open_radio
        Opens the radio; raises RadioUnavailableError if it cannot.
    serve
        Uses a radio until it fails; runs for ever otherwise.
    beat
        Called while the loop makes progress; a blind gateway that tries again does.
    """

    def __init__(
        self,
        open_radio: Callable[[], Awaitable[Radio]],
        serve: Callable[[Radio], Awaitable[None]],
        recovery: Recovery,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._open_radio = open_radio
        self._serve = serve
        self._recovery = recovery
        self._beat = beat

    async def run(self) -> None:
        """Keep the radio in use until cancelled.

        Raises
        ------
        OutboxCorruptError
            If the outbox is damaged: a new start of the process begins a new one.
        RestartWantedError
            If a new process shall try.
        """
        while True:
            try:
                await self._use(await self._open_radio())
            except (OutboxCorruptError, RestartWantedError):
                raise
            except Exception as error:  # noqa: BLE001 - a home without a reader is worse
                await self._climb(Fault.ABSENT, error)

    async def _use(self, radio: Radio) -> None:
        """Use `radio`, and mend it where it stands, until it has to be opened anew."""
        try:
            while True:
                fault, error = await self._until_fault(radio)
                rung = await self._climb(fault, error)
                if fault is Fault.ABSENT or not await self._mend(radio, rung, error):
                    return
        finally:
            with contextlib.suppress(*_FORESEEN):
                async with asyncio.timeout(HANG_UP_WITHIN_S):
                    await radio.close()

    async def _climb(self, fault: Fault, error: Exception) -> Rung:
        foreseen = isinstance(error, (*_FORESEEN, StuckDeviceError))
        self._beat()
        ladder = self._recovery.met(fault, said(error), None if foreseen else error)
        await asyncio.sleep(ladder.wait_s)
        return ladder.rung

    async def _until_fault(self, radio: Radio) -> tuple[Fault, Exception]:
        """Serve and watch until something fails; say what."""
        serving = asyncio.ensure_future(self._serve(radio))
        lost = asyncio.ensure_future(radio.wait_lost())
        watching = asyncio.ensure_future(self._watch(radio))
        tasks = (serving, lost, watching)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                return Fault.ABSENT, RadioUnavailableError("it was lost")
            ended = serving if serving.done() else watching
            try:
                ended.result()
            except OutboxCorruptError:
                raise
            except StuckDeviceError as error:
                return Fault.STUCK, error
            except Exception as error:  # noqa: BLE001 - the ladder sees to all of them
                return (Fault.REFUSED if ended is serving else Fault.HUNG), error
            return Fault.REFUSED, RadioUnavailableError("it was no longer used")
        finally:
            for task in tasks:
                task.cancel()
            # Time to stop a scan and to hang up; then without mercy.
            await asyncio.wait(tasks, timeout=HANG_UP_WITHIN_S)
            await stop(*tasks)
            for task in tasks:
                if not task.cancelled():
                    task.exception()  # looked at, so that asyncio does not complain

    async def _watch(self, radio: Radio) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            if self._recovery.heard_since_last_asked():
                continue
            async with asyncio.timeout(PROBE_WITHIN_S):
                await radio.probe()
            self._recovery.saw(Proof.ANSWERED)

    async def _mend(self, radio: Radio, rung: Rung, error: Exception) -> bool:
        """Do what the rung says; say whether `radio` can still be used."""
        try:
            async with asyncio.timeout(MEND_WITHIN_S):
                if rung is Rung.FORGET and isinstance(error, StuckDeviceError):
                    await radio.forget(error.address)
                elif rung in {Rung.POWER_CYCLE, Rung.BLIND}:
                    await radio.power_cycle()
        except _FORESEEN:
            return False
        return rung in {Rung.RETRY, Rung.FORGET, Rung.POWER_CYCLE}


def said(error: BaseException) -> str:
    """Put an error into a line."""
    return str(error) or repr(error)
