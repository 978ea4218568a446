"""A device that keeps its measurements as records until it is told to delete them.

Owns the record memory and the conversation by the Record Access Control Point (0x2A52). Must not
know what a record contains; subclasses do.

Invariants:

1. A record leaves the memory only by a delete request, however often it was reported.
2. Requests are answered in the order they come, one at a time.
3. The device is on the air for as long as it has records that nobody has confirmed, and for a
   moment after each measurement.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import ClassVar, Final

from bumble import att, core
from bumble.gatt import Characteristic, CharacteristicValue

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.encoders.record_access import Op, Outcome, Request, read_request, response
from device_sim.faults import Trait
from device_sim.peripherals.connectable import Connectable
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.link import Link
from device_sim.peripherals.standard_services import DeviceIdentity

# A gateway asks for the records after it has done other things; real devices wait some seconds.
REQUEST_PATIENCE_S: Final = 5.0


class Recorder(Connectable):
    """A device with records. Parameters as for `Instrument`."""

    traits: ClassVar[frozenset[Trait]] = Connectable.traits | {
        Trait.INDICATES,
        Trait.MEMORY,
        Trait.REPEATS,
    }
    operations: ClassVar[frozenset[Op]] = frozenset({Op.REPORT, Op.DELETE, Op.ABORT, Op.NUMBER})

    def __init__(
        self,
        identity: DeviceIdentity,
        log: EmissionLog,
        *,
        clock: DeviceClock | None = None,
        battery_percent: int = 90,
    ) -> None:
        super().__init__(identity, log, clock=clock, battery_percent=battery_percent)
        self.request_patience_s = REQUEST_PATIENCE_S
        self._records: list[Stored] = []
        self._unconfirmed: set[int] = set()
        self._requests: asyncio.Queue[Request] = asyncio.Queue()
        self._asked = asyncio.Event()
        self._control_point = Characteristic[bytes](
            core.UUID.from_16_bits(0x2A52),
            Characteristic.Properties.WRITE | Characteristic.Properties.INDICATE,
            att.Attribute.Permissions.WRITEABLE,
            CharacteristicValue(write=self._on_request),
        )

    @abstractmethod
    def answer_number(self, count: int) -> bytes:
        """Write how many records there are."""

    @abstractmethod
    def answer_report(self, request: Request, count: int) -> bytes:
        """Write that `count` records were reported."""

    @abstractmethod
    async def send_record(self, link: Link, stored: Stored) -> bool:
        """Send one record; False if it cannot have arrived."""

    @property
    def pending_count(self) -> int:
        """How many records nobody has confirmed."""
        return len(self._unconfirmed)

    @property
    def record_count(self) -> int:
        """How many records are in the memory, reported or not."""
        return len(self._records)

    def pending(self) -> tuple[Measurement, ...]:
        """Tell what is measured and still in the memory."""
        return tuple(stored.measurement for stored in self._records if stored.measurement)

    def keep(self, stored: Stored) -> None:
        """Store as a record."""
        self._records.append(stored)
        self._unconfirmed.add(id(stored))
        self.settle()

    async def converse(self, link: Link) -> None:
        """Answer requests until none comes for a while."""
        self._drain_requests()
        await link.until_subscribed(self.subscribable(), self.patience_s)
        while link.is_up:
            self._asked.clear()
            await self.between_requests(link)
            if not self._requests.empty():
                await self._answer(link, self._requests.get_nowait())
            elif not await link.until_set(self._asked, self.request_patience_s):
                break

    async def between_requests(self, link: Link) -> None:
        """Do what else the device does over a link."""

    async def _answer(self, link: Link, request: Request) -> None:
        if request.refused is not None:
            answer = response(request.op, request.refused)
        elif request.op == Op.NUMBER:
            answer = self.answer_number(sum(map(self.told_as, self._records)))
        elif request.op == Op.DELETE:
            answer = response(request.op, self._delete())
        elif request.op == Op.ABORT:
            answer = response(request.op, Outcome.SUCCESS)
        else:
            answer = await self._report(link, request)
        await link.indicate(self._control_point, answer, self.confirm_timeout_s)

    async def _report(self, link: Link, request: Request) -> bytes:
        reported = 0
        for stored in list(self._records):
            if not self._requests.empty():  # an abort; answered in its turn
                return response(request.op, Outcome.NOT_COMPLETED)
            if not await self._report_one(link, stored):
                return response(request.op, Outcome.NOT_COMPLETED)
            reported += self.told_as(stored)
        return self.answer_report(request, reported)

    async def _report_one(self, link: Link, stored: Stored) -> bool:
        if stored.measurement:
            self._log.indicated(stored.measurement)
        if not await self.send_record(link, stored):
            return False
        self.got_through(stored)
        return True

    def got_through(self, stored: Stored) -> None:
        """Note that the other side has a measurement; it stays a record."""
        self._unconfirmed.discard(id(stored))
        self.settle()
        if stored.measurement:
            self._log.confirmed(stored.measurement)

    def told_as(self, stored: Stored) -> int:  # noqa: ARG002 - subclasses tell by it
        """Say as how many records one measurement is counted."""
        return 1

    async def send_packet(
        self, link: Link, characteristic: Characteristic[bytes], payload: bytes
    ) -> bool:
        """Send one packet of a record, with the fault of losing the link in the middle of it."""
        if self.faults.use_up("link-lost"):
            await link.indicate_and_break(characteristic, payload)
            return False
        return await link.send(characteristic, payload, self.confirm_timeout_s)

    def _delete(self) -> Outcome:
        if not self._records:
            return Outcome.NO_RECORDS
        if not self.faults.has("repeats-memory"):  # with it, the device only says that it did
            self._records.clear()
            self._unconfirmed.clear()
            self.settle()
        return Outcome.SUCCESS

    def _on_request(self, _connection: object, value: bytes) -> None:
        self._requests.put_nowait(read_request(value, self.operations))
        self._asked.set()

    def _drain_requests(self) -> None:
        while not self._requests.empty():
            self._requests.get_nowait()
