"""A Beurer PO60: records in a memory, sent when asked for, over a vendor's service.

Owns the memory and the answers to requests. The bytes are in `encoders.po60`.

Invariants:

1. A record leaves the memory only when a host asks for that, or when a hundred newer ones push it
   out.
2. A record that went out spoiled counts as never sent.
3. Records are sent oldest first, ten for each request, cut into notifications of 20 bytes; the
   pulse is in the second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from typing import Final

from bumble import att, core
from bumble.gatt import Characteristic, CharacteristicValue, Service

from device_sim.clock import NEVER_SET, DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.encoders import po60
from device_sim.faults import Trait
from device_sim.peripherals.connectable import Connectable
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.link import Link
from device_sim.peripherals.standard_services import (
    DeviceIdentity,
    battery_service,
    information_service,
)

MODEL: Final = "PO60"
MEMORY_RECORDS: Final = 100
NOTIFICATION_BYTES: Final = 20
MEASURED_FOR: Final = timedelta(seconds=15)
# A host asks for the records after it has done other things.
REQUEST_PATIENCE_S: Final = 5.0
# The device needs a moment between two records.
RECORD_PAUSE_S: Final = 0.02


class Po60(Connectable):
    """A pulse oximeter with records: `spo2` in % and `pulse_rate` per minute."""

    service_uuid = core.UUID.from_16_bits(0xFF12)
    quantities = frozenset({"spo2", "pulse_rate"})
    is_set_by_hand = True
    traits = Connectable.traits | {Trait.MEMORY, Trait.CHECKSUM, Trait.REPEATS}

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        identity = DeviceIdentity(serial, MODEL, "PO60", manufacturer="Beurer GmbH")
        super().__init__(identity, log, clock=clock)
        self.request_patience_s = REQUEST_PATIENCE_S
        self._memory: deque[Stored] = deque(maxlen=MEMORY_RECORDS)
        self._unsent: set[int] = set()
        self._sent_to = 0
        self._requests: asyncio.Queue[bytes] = asyncio.Queue()
        self._asked = asyncio.Event()
        self._answers = Characteristic[bytes](
            core.UUID.from_16_bits(0xFF02),
            Characteristic.Properties.NOTIFY,
            att.Attribute.Permissions(0),
        )

    @property
    def pending_count(self) -> int:
        """How many records were never sent."""
        return len(self._unsent)

    def pending(self) -> tuple[Measurement, ...]:
        """Tell what is in the memory."""
        return tuple(stored.measurement for stored in self._memory if stored.measurement)

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write the record; its values did not move during the measurement."""
        end = measurement.device_time or NEVER_SET + MEASURED_FOR
        spo2, pulse = (int(dict(measurement.values)[each]) for each in ("spo2", "pulse_rate"))
        return (
            po60.record(
                0,
                end - MEASURED_FOR,
                end,
                po60.Spread(min(spo2 + 1, 100), spo2 - 1, spo2),
                po60.Spread(pulse + 4, pulse - 3, pulse),
            ),
        )

    def keep(self, stored: Stored) -> None:
        """Store; the oldest record makes room."""
        if len(self._memory) == MEMORY_RECORDS:
            self._unsent.discard(id(self._memory[0]))
        self._memory.append(stored)
        self._unsent.add(id(stored))
        self.settle()

    def measurement_services(self) -> list[Service]:
        """List the vendor's service."""
        asked = Characteristic[bytes](
            core.UUID.from_16_bits(0xFF01),
            Characteristic.Properties.WRITE | Characteristic.Properties.WRITE_WITHOUT_RESPONSE,
            att.Attribute.Permissions.WRITEABLE,
            CharacteristicValue(write=self._on_request),
        )
        return [Service(self.service_uuid, [asked, self._answers])]

    def services(self) -> list[Service]:
        """List the services; its clock can be set by the vendor's and read by none."""
        return [
            *self.measurement_services(),
            information_service(self.identity),
            battery_service(lambda: self.battery_percent),
        ]

    def subscribable(self) -> tuple[Characteristic[bytes], ...]:
        """List the answers."""
        return (self._answers,)

    async def converse(self, link: Link) -> None:
        """Answer requests until none comes for a while."""
        self._requests = asyncio.Queue()  # what the last host asked for is nobody's any more
        await link.until_subscribed((self._answers,), self.patience_s)
        while link.is_up:
            if self._requests.empty():
                self._asked.clear()
                if not await link.until_set(self._asked, self.request_patience_s):
                    break
            request = self._requests.get_nowait()
            if po60.is_fetch(request):
                await self._fetch(link, request[1])

    async def _fetch(self, link: Link, which: int) -> None:
        if which == po60.FETCH_DELETE:
            self._delete()
            return
        start = 0 if which == po60.FETCH_FIRST else self._sent_to
        for number, stored in enumerate(list(self._memory)[start : start + po60.RECORDS_PER_FETCH]):
            await self._send(link, stored, number)
            self._sent_to = start + number + 1

    async def _send(self, link: Link, stored: Stored, number: int) -> None:
        intact = _numbered(stored.packets[0], number)
        record = self._spoiled(intact, stored)
        if stored.measurement:
            self._log.indicated(stored.measurement)
        for start in range(0, len(record), NOTIFICATION_BYTES):
            await link.notify(self._answers, record[start : start + NOTIFICATION_BYTES])
        if await link.pause(RECORD_PAUSE_S) and record == intact:
            self._unsent.discard(id(stored))
            self.settle()
            if stored.measurement:
                self._log.confirmed(stored.measurement)

    def _delete(self) -> None:
        if not self.faults.has("repeats-memory"):
            self._memory.clear()
            self._unsent.clear()
            self.settle()

    def _on_request(self, _connection: object, value: bytes) -> None:
        shown = po60.time_set(value)
        if shown is not None:  # at once: hosts hang up after it
            self.clock.set_to(shown)
            return
        self._requests.put_nowait(value)
        self._asked.set()


def _numbered(record: bytes, number: int) -> bytes:
    body = record[:1] + bytes([number & 0x0F]) + record[2:-1]
    return body + bytes([po60.checksum(body)]) if len(record) == po60.RECORD_BYTES else record
