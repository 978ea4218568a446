"""Devices with a memory behind the Record Access Control Point: read, and erased after the receipt.

Owns what is asked in which order. Must not know the layout of a record.

Every connection reads the whole memory and erases nothing yet. Then the device is held for
RECEIPT_WITHIN_S: most come with a new record each time they come at all, so a memory that may
only go when nothing in it is new would never go. Only when all that was read is *released* by the
server's receipt, in this connection or an earlier one, and the device counts no more records than
it just told, is it asked to delete. The Pulse Oximeter Service knows no other operator than "all
records", so what is deleted is everything, and a record that is stored in the round trip between
counting and deleting is lost; a device that talks is not measuring. Where records have numbers
(Generic Health Sensor) those up to the highest that was read are deleted, and nothing can come
between.

Invariants
----------
1. Nothing is deleted that the server does not have, or that could not be read.
2. A device without delete, count or report is read as far as it goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakGATTProtocolError

from gateway.conversations.memory import Pass, ReadBefore
from gateway.conversations.questions import Questions
from gateway.conversations.talk import Talk, Way
from gateway.errors import ProfileError
from gateway.intake import Taken
from gateway.profiles.measurement import Measurement
from gateway.profiles.record_access import OpCode, Outcome, RecordAccess

_LOG = logging.getLogger(__name__)

RECEIPT_WITHIN_S: Final = 5.0
"""A receipt takes well under a second when the server is there (measured: 0.1-0.3 s); when it is
not, five seconds are lost to the other devices, which wait 10-30 s for their turn."""
_LOOK_EVERY_S: Final = 0.2


class StoredRecords(Way):
    """A measurement characteristic with its memory."""

    def __init__(
        self,
        talk: Talk,
        kind: type[Measurement],
        measurement: BleakGATTCharacteristic,
        point: BleakGATTCharacteristic,
    ) -> None:
        self._talk = talk
        self._kind = kind
        self._measurement = measurement
        self._questions = Questions(talk.link, point)
        self._before = ReadBefore(talk.home.notes, talk.device.address)
        self._pass: Pass | None = None

    def _record(self, chunk: bytes) -> bytes | None:
        """Give the record that `chunk` completes; every indication is one, unless it is cut."""
        return chunk

    def _keep(self, record: bytes) -> Taken:
        """Keep one record; on disk when this returns."""
        return self._talk.take(self._kind, record)

    async def listen(self) -> None:
        """Subscribe to records and to answers."""
        await self._talk.link.listen(self._measurement, self._take)
        await self._questions.open()

    async def talk(self) -> None:
        """Read the memory; delete it if the server has all of it."""
        count = await self._count()
        if count == 0:
            return
        self._pass = Pass(self._before, count)
        is_reported = await self._report()
        done, self._pass = self._pass, None
        if is_reported:
            await self._delete(done)

    async def _report(self) -> bool:
        """Have all records sent; say whether the device sent all it has."""
        answer = await self._asked(RecordAccess.request(OpCode.REPORT_RECORDS))
        return answer is not None and answer.outcome == Outcome.SUCCESS

    def _take(self, chunk: bytes) -> None:
        """Keep a record, or a fresh reading: a device sends both alike."""
        reading, record = self._pass, self._record(chunk)
        if record is None or (reading is not None and reading.known(record)):
            return
        taken = self._keep(record)
        if reading is not None:
            reading.kept(
                record,
                taken.ids,
                is_understood=taken.is_understood,
                is_by_arrival=taken.is_by_arrival,
            )

    async def _delete(self, done: Pass) -> None:
        """Delete what was read, if all of it is released and there is no more."""
        if not done.records or not done.is_understood or not await self._is_answered_for(done):
            return
        if await self._deleted(done):
            self._before.forget()
            _LOG.info(
                "%s: %d records deleted, the server has them",
                self._talk.device.address,
                done.records,
            )

    async def _deleted(self, done: Pass) -> bool:
        """Have all records deleted if there are no more than were read; say whether that went."""
        if await self._count() != done.records:
            return False
        answer = await self._asked(RecordAccess.request(OpCode.DELETE_RECORDS))
        return answer is not None and answer.outcome == Outcome.SUCCESS

    async def _is_answered_for(self, done: Pass) -> bool:
        """Wait a little for the receipt; say whether it came."""
        link, loop = self._talk.link, asyncio.get_running_loop()
        end_s = loop.time() + RECEIPT_WITHIN_S
        while not self._is_released(done):
            if loop.time() >= end_s:
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await link.over.wait()
            link.must_hold()
        return True

    def _is_released(self, done: Pass) -> bool:
        """Say whether the server has all of it; what held no reading needs no receipt."""
        return self._talk.home.receipts.released(done.ids) >= frozenset(done.ids)

    async def _count(self) -> int | None:
        answer = await self._asked(RecordAccess.request(OpCode.REPORT_NUMBER))
        return None if answer is None else answer.number_of_records

    async def _asked(self, request: RecordAccess) -> RecordAccess | None:
        """Ask; None if the device refuses the question."""
        address = self._talk.device.address
        try:
            answer = RecordAccess.from_bytes(await self._questions.ask(bytes(request)))
        except (BleakGATTProtocolError, ProfileError) as error:
            _LOG.info("%s: request %#04x was not answered: %s", address, request.opcode, error)
            return None
        if answer.outcome not in (None, Outcome.SUCCESS, Outcome.NO_RECORDS_FOUND):
            _LOG.info(
                "%s: request %#04x was answered with %#04x",
                address,
                request.opcode,
                answer.outcome,
            )
        return answer
