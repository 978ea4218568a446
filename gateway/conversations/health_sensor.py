"""Devices of the Generic Health Sensor standard: live observations and the memory beside them.

Owns what is said to them. Must not know an observation's layout. An observation comes in segments,
each indicated by itself: the last one is confirmed when the observation is on disk. The device
may forget the others before; a link lost in between costs nothing, since a device whose
observation was not confirmed in whole sends it again or has it in its memory.

Live observations are turned on at the control point (0x2BF4). The number of that command was seen
in one vendor's example alone, so a refusal is taken as "they come without being asked for".
"""

from __future__ import annotations

import logging
from typing import Final

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakGATTProtocolError

from gateway.conversations.memory import Pass
from gateway.conversations.stored_records import StoredRecords
from gateway.conversations.talk import Talk, Way
from gateway.errors import ProfileError
from gateway.intake import Taken
from gateway.profiles.generic_health_sensor import HealthObservation, StoredObservation
from gateway.profiles.health_segments import Segment, SegmentAssembler
from gateway.profiles.record_access import Filter, OpCode, Operator, Outcome, RecordAccess

_LOG = logging.getLogger(__name__)

ENABLE_LIVE: Final = b"\x01"

_RECORD_NUMBER_BYTES: Final = 4


class Segments:
    """Puts the observations of one characteristic together."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._assembler = SegmentAssembler()

    def whole(self, chunk: bytes) -> bytes | None:
        """Take a segment in; gives the observation that it completes."""
        lost = self._assembler.given_up
        try:
            self._assembler, body = self._assembler.fed(Segment.from_bytes(chunk))
        except ProfileError as error:
            _LOG.warning("%s: %s", self._address, error)
            return None
        if self._assembler.given_up > lost:
            _LOG.warning("%s: an observation lost one of its segments", self._address)
        return body

    @property
    def lost(self) -> int:
        """How many observations lost a segment."""
        return self._assembler.given_up


class LiveObservations(Way):
    """What is measured while we are there."""

    def __init__(
        self,
        talk: Talk,
        observations: BleakGATTCharacteristic,
        point: BleakGATTCharacteristic | None,
    ) -> None:
        self._talk = talk
        self._observations = observations
        self._point = point
        self._segments = Segments(talk.device.address)

    async def listen(self) -> None:
        """Subscribe to observations and to the control point's answers."""
        await self._talk.link.listen(self._observations, self._take)
        if self._point is not None and "indicate" in self._point.properties:
            await self._talk.link.listen(self._point, self._answer)

    async def talk(self) -> None:
        """Turn live observations on."""
        if self._point is None:
            return
        try:
            await self._talk.link.write(self._point, ENABLE_LIVE)
        except BleakGATTProtocolError as error:
            _LOG.info("%s turns no live observations on: %s", self._talk.device.address, error)

    def _take(self, chunk: bytes) -> None:
        body = self._segments.whole(chunk)
        if body is not None:
            self._talk.take(HealthObservation, body)

    def _answer(self, answer: bytes) -> None:
        _LOG.debug("%s: control point says %s", self._talk.device.address, answer.hex())


class StoredObservations(StoredRecords):
    """The memory: records have numbers, and come in segments."""

    def __init__(
        self, talk: Talk, records: BleakGATTCharacteristic, point: BleakGATTCharacteristic
    ) -> None:
        super().__init__(talk, HealthObservation, records, point)
        self._segments = Segments(talk.device.address)
        self._highest = 0

    def _record(self, chunk: bytes) -> bytes | None:
        lost = self._segments.lost
        body = self._segments.whole(chunk)
        if self._segments.lost > lost and self._pass is not None:
            self._pass.is_understood = False
        if body is not None:
            self._note_number(body)
        return body

    def _note_number(self, body: bytes) -> None:
        self._highest = max(self._highest, int.from_bytes(body[:_RECORD_NUMBER_BYTES], "little"))

    def _keep(self, record: bytes) -> Taken:
        try:
            stored = StoredObservation.from_bytes(record)
        except ProfileError as error:
            _LOG.warning(
                "%s sent what cannot be read, bytes %s: %s",
                self._talk.device.address,
                record.hex(),
                error,
            )
            self._talk.unreadable()
            return Taken(is_understood=False)
        return self._talk.take_measurement(stored.observation, record, self._talk.home.now())

    async def _report(self) -> bool:
        """Ask for a combined report, which this service has; for a plain one where it has not."""
        answer = await self._asked(RecordAccess.request(OpCode.COMBINED_REPORT))
        if answer is not None and answer.number_of_records is not None:
            return True
        return await super()._report()

    async def _deleted(self, done: Pass) -> bool:
        """Have the records up to the highest number deleted: nothing can come between.

        A device that does not filter is asked to delete all, if it has no more than was read.
        """
        upto = RecordAccess.compared(
            OpCode.DELETE_RECORDS,
            Operator.LESS_OR_EQUAL,
            Filter.RECORD_NUMBER,
            self._highest.to_bytes(_RECORD_NUMBER_BYTES, "little"),
        )
        answer = await self._asked(upto)
        if answer is not None and answer.outcome == Outcome.SUCCESS:
            return True
        return await super()._deleted(done)
