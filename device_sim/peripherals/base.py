"""What every spot-check device does: measure, remember, advertise, deliver, hang up.

Owns the device's memory and the delivery of what is in it. Must not know what is measured or how
it is encoded; subclasses do.

Invariants:

1. A measurement leaves the memory only when the other side has confirmed its indication.
2. Measurements are indicated in the order taken, one at a time.
3. A device that repeats its memory sends what it has delivered before what it has not.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from bumble import att, core
from bumble.gatt import Characteristic, Service

from device_sim.clock import NEVER_SET, DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.faults import Parameters, Trait
from device_sim.peripherals.connectable import Connectable
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.link import Link
from device_sim.peripherals.standard_services import DeviceIdentity


class Peripheral(Connectable):
    """A device that indicates each measurement once; subclasses name the service and encode.

    Parameters as for `Instrument`.
    """

    measurement_uuid: core.UUID
    traits: ClassVar[frozenset[Trait]] = Connectable.traits | {Trait.INDICATES, Trait.MEMORY}

    def __init__(
        self,
        identity: DeviceIdentity,
        log: EmissionLog,
        *,
        clock: DeviceClock | None = None,
        battery_percent: int = 90,
    ) -> None:
        super().__init__(identity, log, clock=clock, battery_percent=battery_percent)
        self._memory: deque[Stored] = deque()
        self._more = asyncio.Event()
        self._delivered: list[Stored] = []
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
    def pending_count(self) -> int:
        """How much waits in the memory, unconfirmed."""
        return len(self._memory)

    def pending(self) -> tuple[Measurement, ...]:
        """Tell what is measured and not confirmed."""
        return tuple(stored.measurement for stored in self._memory if stored.measurement)

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write one measurement: one indication."""
        seen = measurement.device_time or NEVER_SET.replace(
            hour=self.clock.now().hour,
            minute=self.clock.now().minute,
            second=self.clock.now().second,
        )
        return (self.encode(dict(measurement.values), seen),)

    def keep(self, stored: Stored) -> None:
        """Store, to be indicated in turn."""
        self._memory.append(stored)
        self.settle()

    def settle(self) -> None:
        """Be on the air while there is something to say."""
        (self._more.set if self._memory else self._more.clear)()
        super().settle()

    def measurement_services(self) -> list[Service]:
        """List the one service: the measurement and what describes it."""
        return [Service(self.service_uuid, [self._measurement, *self.extra_characteristics()])]

    def subscribable(self) -> tuple[Characteristic[bytes], ...]:
        """List the measurement, the only one."""
        return (self._measurement,)

    async def converse(self, link: Link) -> None:
        """Indicate what is in the memory, and what is measured while the link is up."""
        await link.until_subscribed((self._measurement,), self.patience_s)
        if self.faults.has("repeats-memory"):
            self._remember_all()
        while link.is_subscribed(self._measurement) and link.is_up:
            if self._memory:
                if not await self._deliver(link, self._memory[0]):
                    break
            elif not await link.until_set(self._more, self.linger_s):
                break

    async def _deliver(self, link: Link, stored: Stored) -> bool:
        if stored.measurement:
            self._log.indicated(stored.measurement)
        payload = self._spoiled(stored.packets[0], stored)
        if self.faults.use_up("link-lost"):
            await link.indicate_and_break(self._measurement, payload)
            return False
        confirmed = await link.indicate(self._measurement, payload, self.confirm_timeout_s)
        if confirmed:
            self._forget(stored)
        return confirmed

    def _forget(self, stored: Stored) -> None:
        self._memory.remove(stored)
        self.settle()
        if stored.measurement:
            if stored not in self._delivered:
                self._delivered.append(stored)
            self._log.confirmed(stored.measurement)

    def _remember_all(self) -> None:
        """Take everything that was delivered back into the memory, once, oldest first."""
        known = [stored for stored in self._delivered if stored not in self._memory]
        self._memory.extendleft(reversed(known))
        self.settle()

    def _onsets(self) -> dict[str, Callable[[Parameters], None]]:
        return super()._onsets() | {"repeats-memory": lambda _given: self._remember_all()}
