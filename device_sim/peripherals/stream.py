"""An oximeter that tells each moment while a finger is in it, and keeps nothing.

Owns the insertion as it goes by, heard or not. Must not know how a moment is encoded; subclasses
do.

Invariants:

1. Nothing is repeated: a moment that nobody listens to is gone.
2. The device is on the air from the insertion until the finger has been out for a while.
3. A measurement counts as confirmed only if somebody listened from before the first value to the
   end; then there must be a reading. If nobody was there for any value, there must be none.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar, Final

from bumble import att, core
from bumble.gatt import Characteristic, Service

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.faults import Readings, Trait
from device_sim.peripherals.connectable import Connectable
from device_sim.peripherals.finger import WANDER, Course, Shown, insertion, slipped_out
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.link import Link
from device_sim.peripherals.standard_services import DeviceIdentity
from device_sim.tasks import stop

# How long a finger waits in the device for a gateway to come: people hold still for that long.
FINGER_WAITS_S: Final = 20.0


class Stream(Connectable):
    """A device that notifies moments. Parameters as for `Instrument`."""

    stream_uuid: core.UUID
    quantities = frozenset({"spo2", "pulse_rate"})
    traits: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.BATTERY, Trait.LINK, Trait.FINGER, Trait.SIGNAL, Trait.REPEATS}
    )

    def __init__(
        self,
        identity: DeviceIdentity,
        log: EmissionLog,
        *,
        clock: DeviceClock | None = None,
        battery_percent: int = 90,
    ) -> None:
        super().__init__(identity, log, clock=clock, battery_percent=battery_percent)
        self.course = Course()
        self.moment_s = 1.0
        self.finger_waits_s = FINGER_WAITS_S
        self._fingers: deque[Stored] = deque()
        self._listening: Link | None = None
        self._heard = asyncio.Event()
        self._inserting: asyncio.Task[None] | None = None
        self._stream = Characteristic[bytes](
            self.stream_uuid, Characteristic.Properties.NOTIFY, att.Attribute.Permissions(0)
        )

    @abstractmethod
    def encode_moment(self, shown: Shown, number: int) -> list[bytes]:
        """Write one moment as this kind of device notifies it, in one packet or many."""

    @property
    def pending_count(self) -> int:
        """How many insertions are going on or wait for their turn."""
        return len(self._fingers)

    def pending(self) -> tuple[Measurement, ...]:
        """Tell which insertion is going on."""
        return tuple(stored.measurement for stored in self._fingers if stored.measurement)

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write every moment of the insertion."""
        values = dict(measurement.values)
        return tuple(
            packet
            for number, shown in enumerate(self._moments(values))
            for packet in self.encode_moment(shown, number)
        )

    def keep(self, stored: Stored) -> None:
        """Insert the finger."""
        self._fingers.append(stored)
        self.settle()
        if self._inserting is None or self._inserting.done():
            self._inserting = asyncio.create_task(self._pass_by(), name=f"finger in {self.serial}")

    async def close(self) -> None:
        """Switch the device off."""
        if self._inserting:
            await stop(self._inserting)
        await super().close()

    def measurement_services(self) -> list[Service]:
        """List the service with the stream."""
        return [Service(self.service_uuid, [self._stream, *self.extra_characteristics()])]

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """List the service's other characteristics."""
        return []

    def subscribable(self) -> tuple[Characteristic[bytes], ...]:
        """List the stream."""
        return (self._stream,)

    async def converse(self, link: Link) -> None:
        """Let the link listen for as long as there is something to hear."""
        if not await link.until_subscribed(self.subscribable(), self.patience_s):
            return
        self._listening = link
        self._heard.set()
        try:
            while link.is_up and (
                self._fingers or await link.until_set(self._ready, self.linger_s)
            ):
                await link.pause(self.moment_s)
        finally:
            self._listening = None

    # -- insertions, one after the other ---------------------------------------------------

    async def _pass_by(self) -> None:
        while self._fingers:
            await self._wait_for_a_listener()
            stored = self._fingers[0]
            heard = await self._tell(stored)
            if stored.measurement:
                self._conclude(stored.measurement, heard)
            self._fingers.popleft()
            self.settle()
            if not self._fingers:
                self._heard.clear()

    async def _wait_for_a_listener(self) -> None:
        self._heard.clear()
        if self._listening is None:
            wait = asyncio.create_task(self._heard.wait())
            await asyncio.wait({wait}, timeout=self.finger_waits_s)
            await stop(wait)

    async def _tell(self, stored: Stored) -> list[bool]:
        """Notify each moment; returns for each one with a value whether somebody listened."""
        heard: list[bool] = []
        if stored.measurement is None:
            await self._notify(stored, stored.packets)
            return heard
        for number, shown in enumerate(self._moments(dict(stored.measurement.values))):
            before = asyncio.get_running_loop().time()
            arrived = await self._notify(stored, self.encode_moment(shown, number))
            if shown.spo2 is not None:
                heard.append(arrived)
                if arrived:
                    self._log.indicated(stored.measurement)
            await self.after_moment(stored, shown)
            elapsed_s = asyncio.get_running_loop().time() - before
            await asyncio.sleep(max(self.moment_s - elapsed_s, 0))
        return heard

    async def after_moment(self, stored: Stored, shown: Shown) -> None:
        """Do what else the device does when a moment has passed."""

    async def _notify(self, stored: Stored, packets: tuple[bytes, ...] | list[bytes]) -> bool:
        link = self._listening
        if link is None or not link.is_up:
            return False
        for number, packet in enumerate(packets):
            if number:  # spread over the moment, as they come from a real device
                await link.pause(self.moment_s / len(packets))
            await link.notify(self._stream, self._spoiled(packet, stored))
        return link.is_up

    def _conclude(self, measurement: Measurement, heard: list[bool]) -> None:
        known = self._log.expected(measurement)
        if heard and all(heard):
            self._log.confirmed(measurement)
        elif any(heard):
            self._log.expect(measurement, replace(known, readings=Readings.ANY_WHILE_ON))
        else:
            self._log.expect(measurement, replace(known, readings=Readings.NONE_WHILE_ON))

    def _moments(self, values: Mapping[str, Decimal]) -> Iterator[Shown]:
        if self.is_finger_off:
            return slipped_out(self.course)
        return insertion(values["spo2"], values["pulse_rate"], self.course)

    def _margins(self) -> Mapping[str, Decimal]:
        return {quantity: Decimal(wander) for quantity, wander in WANDER.items()}

    def _time_tolerance_s(self) -> float:
        """Any moment of the insertion may be the reading, and the finger may have waited."""
        moments = self.course.searching + self.course.showing + self.course.off
        return self.finger_waits_s + moments * self.moment_s + 2
