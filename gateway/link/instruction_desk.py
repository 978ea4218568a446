"""What becomes of an instruction: kept, carried out or refused, and acknowledged.

Owns the order: on disk first, acknowledged after. Carries out what the gateway can do by itself
(adopt a schedule, send readings again); questionnaires, messages and requests to measure wait
in the book for the home screen. Must not know MQTT.

Invariants
----------
1. Nothing that a peer sends raises; what cannot be read is refused by its id, or logged.
2. Only NotesError leaves `take`: the instruction is not on disk, so it must come again.
3. Logs name the kind and the id, never a text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from gateway.errors import OutboxCorruptError, OutboxError
from gateway.link.instruction_book import InstructionBook, Standing
from telekol.instructions import (
    Acknowledgement,
    AcknowledgementState,
    Instruction,
    InstructionError,
    Schedule,
    SendAgain,
    decode_instruction,
)
from telekol.wire import shortened

_LOG = logging.getLogger(__name__)

_REFUSALS_MOST: Final = 100
"""Refusals of unreadable instructions that wait to be told; they are not kept on disk, since an
unreadable one that comes again is refused again."""


class SendsAgain(Protocol):
    """What lets history wait again; the outbox."""

    def send_again(self, boot: UUID, first: int, last: int | None, now: datetime) -> int:
        """Give how many rows wait again."""


@dataclass(frozen=True, slots=True)
class Told:
    """An acknowledgement to send, and what to call when the broker has it."""

    acknowledgement: Acknowledgement
    confirmed: Callable[[], None]


class InstructionDesk:
    """Takes instructions in and gives acknowledgements out.

    Parameters
    ----------
    is_clock_trusted
        Whether expiry may be judged; a gateway that thinks it is 1970 or 2070 must not.
    """

    def __init__(
        self,
        gateway: str,
        book: InstructionBook,
        outbox: SendsAgain,
        is_clock_trusted: Callable[[], bool],
    ) -> None:
        self._gateway = gateway
        self._book = book
        self._outbox = outbox
        self._is_clock_trusted = is_clock_trusted
        self._refusals: list[Acknowledgement] = []

    def take(self, payload: bytes, now: datetime) -> None:
        """Take an instruction in; when this returns it is on disk or refused.

        Raises
        ------
        NotesError
            If it could not be written; it must come again.
        """
        try:
            instruction = decode_instruction(self._gateway, payload)
        except InstructionError as error:
            self._refuse_unread(error, now)
            return
        state, reason = self._judge(instruction, now)
        is_new = self._book.keep(instruction, state, now, reason)
        _LOG.info(
            "instruction %s %s: %s", instruction.kind, instruction.id, state if is_new else "known"
        )
        if is_new and state is AcknowledgementState.RECEIVED:
            self._carry_out(instruction, now)

    def tidy(self, now: datetime) -> None:
        """Expire what waited too long, try again what failed, forget what is old."""
        if self._is_clock_trusted():
            expired = self._book.expire(now)
            if expired:
                _LOG.info("%d instructions have expired", expired)
            self._book.prune(now)
        for instruction in self._book.open_ones("send-again"):
            self._carry_out(instruction, now)

    def to_tell(self) -> tuple[Told, ...]:
        """Give the acknowledgements that the broker has not taken yet."""
        kept = [self._told(standing) for standing in self._book.untold()]
        refused = [Told(item, self._forgetter(item)) for item in self._refusals]
        return (*refused, *kept)

    def _judge(self, instruction: Instruction, now: datetime) -> tuple[AcknowledgementState, str]:
        if self._is_clock_trusted() and instruction.expires_at <= now:
            return AcknowledgementState.EXPIRED, "it came after its time"
        if isinstance(instruction, Schedule):
            known = self._book.schedule()
            if known is None or known.version < instruction.version or known.id == instruction.id:
                return AcknowledgementState.DONE, ""
            return (
                AcknowledgementState.REFUSED,
                f"expected a version above {known.version}, found {instruction.version}",
            )
        if self._book.is_full():
            return AcknowledgementState.REFUSED, "too many instructions are open here"
        return AcknowledgementState.RECEIVED, ""

    def _carry_out(self, instruction: Instruction, now: datetime) -> None:
        if not isinstance(instruction, SendAgain):
            return
        try:
            count = self._outbox.send_again(
                instruction.boot, instruction.first, instruction.last, now
            )
        except OutboxCorruptError:
            raise
        except OutboxError as error:
            _LOG.error("readings cannot be sent again now; tried again later: %s", error)
            return
        _LOG.info("%d readings are sent again from number %d", count, instruction.first)
        self._book.finish(
            instruction.id, AcknowledgementState.DONE, now, f"{count} readings wait again"
        )

    def _refuse_unread(self, error: InstructionError, now: datetime) -> None:
        _LOG.warning("an instruction cannot be taken: %s", error)
        if error.instruction is None or len(self._refusals) >= _REFUSALS_MOST:
            return
        self._refusals.append(
            self._acknowledgement(
                error.instruction, AcknowledgementState.REFUSED, now, shortened(str(error))
            )
        )

    def _told(self, standing: Standing) -> Told:
        return Told(
            self._acknowledgement(standing.id, standing.state, standing.at, standing.reason),
            lambda: self._book.told(standing),
        )

    def _forgetter(self, item: Acknowledgement) -> Callable[[], None]:
        def forget() -> None:
            if item in self._refusals:
                self._refusals.remove(item)

        return forget

    def _acknowledgement(
        self, instruction: UUID, state: AcknowledgementState, at: datetime, reason: str
    ) -> Acknowledgement:
        return Acknowledgement(
            v=1,
            gateway=self._gateway,
            instruction=instruction,
            at=at,
            state=state,
            reason=reason[:240],
        )
