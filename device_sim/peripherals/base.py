"""What every spot-check device does: measure, remember, advertise, deliver, hang up.

Owns the device's memory, its clock, its standard services and the conversation with a
gateway. Must not know what is measured or how it is encoded; subclasses do.

Invariants:

1. A measurement leaves the memory only when the other side has confirmed its indication.
2. Measurements are indicated in the order taken, one at a time.
3. The device advertises only while it has something to deliver and nobody is connected.
4. On one device no two measurements carry the same timestamp (it has whole seconds).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from bumble import att, core, hci
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, Service

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.errors import DeviceStateError
from device_sim.peripherals.standard_services import (
    DeviceIdentity,
    advertisement,
    battery_service,
    current_time_service,
    information_service,
)
from device_sim.tasks import stop
from device_sim.virtual_radio import VirtualRadio, static_address

_LOG = logging.getLogger(__name__)

# Devices advertise fast (20-60 ms) in their first half minute, so a gateway finds and reaches
# them quickly; Bumble's controller rounds 50 up to 80. Costs 0.1 % of a core per device.
ADVERTISING_INTERVAL_MS: Final = 50.0
# Between attempts when the virtual controller refuses something.
PAUSE_S: Final = 0.2
# Real spot-check devices switch off 2-10 s after the last value; short keeps tests fast and
# still lets a second value share the connection.
LINGER_S: Final = 0.5
# A connected gateway that never subscribes must not keep the device from another one.
PATIENCE_S: Final = 10.0
# The ATT transaction timeout (Core v5.4, Vol 3 Part F 3.3.3): after it the link is of no use.
CONFIRM_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class _Stored:
    """One thing to indicate: a measurement with its bytes, or bytes alone."""

    payload: bytes
    measurement: Measurement | None = None


@dataclass(slots=True)
class _Link:
    """One connection from a gateway."""

    connection: Connection
    subscribed: asyncio.Event
    ended: asyncio.Event


class Peripheral(ABC):
    """A virtual measuring device; subclasses name the service and encode the values.

    Parameters
    ----------
    identity
        What Device Information tells; the address is derived from the serial number.
    log
        Where the life of each measurement is noted.
    clock
        The device's own clock.
    battery_percent
        What the Battery service tells.
    """

    service_uuid: core.UUID
    measurement_uuid: core.UUID
    quantities: frozenset[str]

    def __init__(
        self,
        identity: DeviceIdentity,
        log: EmissionLog,
        *,
        clock: DeviceClock | None = None,
        battery_percent: int = 90,
    ) -> None:
        self.identity = identity
        self.clock = clock or DeviceClock()
        self.battery_percent = battery_percent
        self.linger_s = LINGER_S
        self.confirm_timeout_s = CONFIRM_TIMEOUT_S
        self._log = log
        self._memory: deque[_Stored] = deque()
        self._stored = asyncio.Event()
        self._used_timestamps: set[datetime] = set()
        self._measuring = asyncio.Lock()
        self._arrivals: asyncio.Queue[_Link] = asyncio.Queue()
        self._link: _Link | None = None
        self._device: Device | None = None
        self._life: asyncio.Task[None] | None = None
        self._measurement = Characteristic[bytes](
            self.measurement_uuid,
            Characteristic.Properties.INDICATE,
            att.Attribute.Permissions(0),
        )

    @abstractmethod
    def encode(self, values: Mapping[str, Decimal], device_time: datetime) -> bytes:
        """Write one measurement as this kind of device indicates it."""

    @abstractmethod
    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """List the measurement service's other characteristics."""

    @property
    def serial(self) -> str:
        """The device's serial number."""
        return self.identity.serial

    @property
    def address(self) -> str:
        """The device's Bluetooth address, the same after every restart."""
        return static_address(self.serial).to_string(with_type_qualifier=False)

    @property
    def pending_count(self) -> int:
        """How much waits in the memory, unconfirmed."""
        return len(self._memory)

    @property
    def is_connected(self) -> bool:
        """Whether a gateway is connected now."""
        return self._link is not None

    async def start(self, radio: VirtualRadio) -> None:
        """Put the device on the air of `radio`."""
        device = await radio.add_device(self.identity.name, static_address(self.serial))
        device.add_services(self._services())
        device.advertising_data = advertisement(self.identity, self.service_uuid)
        device.on(device.EVENT_CONNECTION, self._on_connection)
        self._measurement.on(Characteristic.EVENT_SUBSCRIPTION, self._on_subscription)
        self._device = device
        self._life = asyncio.create_task(self._live(device), name=f"device {self.serial}")

    async def close(self) -> None:
        """Switch the device off; what is in its memory stays there."""
        if self._life:
            await stop(self._life)
            self._life = None

    async def take_measurement(self, values: Mapping[str, Decimal]) -> Measurement:
        """Measure `values` now, by the device's own clock, and store them.

        Held back, a second at most per earlier call, until the clock shows a second that no
        earlier measurement has.
        """
        if set(values) != self.quantities:
            raise DeviceStateError(
                f"Expected values for {', '.join(sorted(self.quantities))} from "
                f"{self.identity.model} {self.serial}, found {', '.join(sorted(values)) or 'none'}."
            )
        async with self._measuring:
            device_time = await self._unused_second()
            payload = self.encode(values, device_time)
            measurement = Measurement(self.serial, device_time, tuple(values.items()))
            self._used_timestamps.add(device_time)
            self._log.taken(measurement)
            self._store(_Stored(payload, measurement))
        return measurement

    def indicate_raw(self, payload: bytes) -> None:
        """Store arbitrary bytes to be indicated in turn; they are no emission."""
        self._store(_Stored(payload))

    async def drop_link(self) -> None:
        """End the connection abruptly, as when the device's battery falls out."""
        link = self._link
        if link is None:
            raise DeviceStateError(f"Nobody is connected to {self.serial}, so no link can drop.")
        await self._hang_up(link, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    # -- the device's life -----------------------------------------------------------------

    async def _live(self, device: Device) -> None:
        while True:
            await self._stored.wait()
            try:
                await device.start_advertising(
                    advertising_interval_min=ADVERTISING_INTERVAL_MS,
                    advertising_interval_max=ADVERTISING_INTERVAL_MS,
                )
                await self._serve(await self._arrivals.get())
            except (core.BaseBumbleError, TimeoutError) as error:
                _LOG.warning("%s: the conversation broke off: %s", self.serial, error)
                await asyncio.sleep(PAUSE_S)
            finally:
                self._link = None

    async def _serve(self, link: _Link) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await _first(link.subscribed, link.ended)
        while link.subscribed.is_set() and not link.ended.is_set():
            if self._memory:
                if not await self._deliver(link, self._memory[0]):
                    break
            elif not await self._more_within(self.linger_s, link):
                break
        await self._hang_up(link, hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR)

    async def _deliver(self, link: _Link, stored: _Stored) -> bool:
        if stored.measurement:
            self._log.indicated(stored.measurement)
        indication = asyncio.create_task(
            link.connection.device.indicate_subscriber(
                link.connection, self._measurement, stored.payload
            )
        )
        ended = asyncio.create_task(link.ended.wait())
        try:
            await asyncio.wait(
                {indication, ended},
                timeout=self.confirm_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            confirmed = indication.done() and _succeeded(indication)
        finally:
            await stop(indication, ended)
        if confirmed:
            self._forget(stored)
        return confirmed

    def _store(self, stored: _Stored) -> None:
        self._memory.append(stored)
        self._stored.set()

    def _forget(self, stored: _Stored) -> None:
        self._memory.remove(stored)
        if not self._memory:
            self._stored.clear()
        if stored.measurement:
            self._log.confirmed(stored.measurement)

    async def _more_within(self, seconds: float, link: _Link) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _first(self._stored, link.ended)
        return self._stored.is_set() and not link.ended.is_set()

    async def _hang_up(self, link: _Link, reason: int) -> None:
        if not link.ended.is_set():
            await link.connection.disconnect(reason)

    async def _unused_second(self) -> datetime:
        while True:
            now = self.clock.now()
            second = now.replace(microsecond=0)
            if second not in self._used_timestamps:
                return second
            await asyncio.sleep((second + timedelta(seconds=1) - now).total_seconds())

    # -- GATT ------------------------------------------------------------------------------

    def _on_connection(self, connection: Connection) -> None:
        link = _Link(connection, asyncio.Event(), asyncio.Event())
        connection.on(Connection.EVENT_DISCONNECTION, lambda _reason: link.ended.set())
        self._link = link
        self._arrivals.put_nowait(link)

    def _on_subscription(self, bearer: object, _notify: bool, indicate: bool) -> None:
        if self._link and self._link.connection is bearer:
            (self._link.subscribed.set if indicate else self._link.subscribed.clear)()

    def _services(self) -> list[Service]:
        return [
            Service(self.service_uuid, [self._measurement, *self.extra_characteristics()]),
            information_service(self.identity),
            battery_service(lambda: self.battery_percent),
            current_time_service(self.clock),
        ]


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await stop(*waits)


def _succeeded(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None
