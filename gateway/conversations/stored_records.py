"""Devices with a memory behind the Record Access Control Point: read, and erased after the receipt.

Owns what is asked in which order. Must not know the layout of a record.

Every connection reads the whole memory and erases nothing. Only when all that was read had been
kept before and *released* by the server's receipt, and the device counts no more records than it
just told, is it asked to delete. So the connection that brings a new reading never deletes it; a
later one does. The Pulse Oximeter Service knows no other operator than "all records", so what is
deleted is everything, and a record that is stored in the round trip between counting and deleting
is lost; a device that talks is not measuring. Where records have numbers (Generic Health Sensor)
those up to the highest that was read are deleted, and nothing can come between.

Invariants
----------
1. Nothing is deleted that the server does not have, or that could not be read.
2. A device without delete, count or report is read as far as it goes.
"""

from __future__ import annotations

import logging

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

    def _deletion(self) -> RecordAccess:
        """Say how what was read is deleted."""
        return RecordAccess.request(OpCode.DELETE_RECORDS)

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
        reported = await self._asked(RecordAccess.request(OpCode.REPORT_RECORDS))
        done, self._pass = self._pass, None
        if reported is not None and reported.outcome == Outcome.SUCCESS:
            await self._delete(done)

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
        address = self._talk.device.address
        if not done.is_understood or not self._is_released(done):
            return
        if await self._count() != done.records:
            return
        answer = await self._asked(self._deletion())
        if answer is not None and answer.outcome == Outcome.SUCCESS:
            self._before.forget()
            _LOG.info("%s: %d records deleted, the server has them", address, done.records)

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
