"""Devices that speak classic Bluetooth's serial port profile, offered as byte streams on TCP.

Owns the socket. The virtual radio carries only Bluetooth Low Energy, and a serial port is a byte
stream whatever carries it. Must not know what the bytes mean; subclasses do.

Invariant: one host at a time; a newer connection waits until the older is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections import deque
from typing import ClassVar

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.errors import DeviceStateError
from device_sim.faults import Trait
from device_sim.peripherals.instrument import Instrument, Stored
from device_sim.peripherals.standard_services import DeviceIdentity
from device_sim.tasks import stop
from device_sim.virtual_radio import Air


class Wired(Instrument):
    """A device with a serial port. Parameters as for `Instrument`."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.BATTERY, Trait.REPEATS})

    def __init__(
        self,
        identity: DeviceIdentity,
        log: EmissionLog,
        *,
        clock: DeviceClock | None = None,
        battery_percent: int = 90,
    ) -> None:
        super().__init__(identity, log, clock=clock, battery_percent=battery_percent)
        self._queue: deque[Stored] = deque()
        self._ready = asyncio.Event()
        self._hosts: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.Queue()
        )
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._life: asyncio.Task[None] | None = None

    @abstractmethod
    async def speak(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stored: Stored
    ) -> bool:
        """Send one thing to the host; False if it must be sent again."""

    @property
    def where(self) -> str:
        """Where the bytes come out, for example ``tcp:127.0.0.1:40001``."""
        if self._server is None:
            return "tcp:not started"
        return f"tcp:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def is_connected(self) -> bool:
        """Whether a host is connected now."""
        return self._writer is not None

    @property
    def pending_count(self) -> int:
        """How much waits to be sent."""
        return len(self._queue)

    def pending(self) -> tuple[Measurement, ...]:
        """Tell what waits to be sent."""
        return tuple(stored.measurement for stored in self._queue if stored.measurement)

    def keep(self, stored: Stored) -> None:
        """Take something to be sent."""
        self._queue.append(stored)
        self._ready.set()

    async def start(self, radio: Air) -> None:  # noqa: ARG002 - it is not on that air
        """Offer the serial port on a free port of this machine."""
        self._server = await asyncio.start_server(
            lambda reader, writer: self._hosts.put_nowait((reader, writer)), "127.0.0.1", 0
        )
        self._life = asyncio.create_task(self._live(), name=f"device {self.serial}")

    async def close(self) -> None:
        """Switch the device off."""
        if self._life:
            await stop(self._life)
            self._life = None
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def drop_link(self) -> None:
        """End the connection abruptly."""
        if self._writer is None:
            raise DeviceStateError(f"Nobody is connected to {self.serial}, so no link can drop.")
        self._writer.transport.abort()

    async def _live(self) -> None:
        while True:
            reader, self._writer = await self._hosts.get()
            try:
                await self._serve(reader, self._writer)
            except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
                pass  # the host is gone; what it did not get is sent to the next
            finally:
                writer, self._writer = self._writer, None
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            await self._ready.wait()
            if self.faults.has("silent") or not await self.speak(reader, writer, self._queue[0]):
                await asyncio.sleep(0.1)
                continue
            self._queue.popleft()
            if not self._queue:
                self._ready.clear()
