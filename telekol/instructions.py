"""What the server asks of a home, and the home's acknowledgement; with their codec.

Owns the five kinds of instruction and the answer. Pure: bytes and values in, values and bytes
out. Must not know how a gateway carries one out.

Invariants
----------
1. An instruction has one id for ever; the same id that comes again is the same instruction.
2. Every instruction ends in an acknowledgement: done, refused with a reason, or expired. An
   instruction that cannot be read is refused with a reason, and never stops its neighbours.
3. No name and no measured value of a patient stands in an instruction. Texts are for the person
   at home: Danish first, English complete.

What else changes with it: docs/wire.md, gateway.instruction_book, ingest.health.
"""

from __future__ import annotations

import json
from datetime import time
from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from telekol import topics
from telekol.errors import WireError
from telekol.observation import UtcDatetime
from telekol.quantities import Quantity
from telekol.wire import Seq, check_size, explain

INSTRUCTION_VERSION: Final = 1

INSTRUCTION_LIMIT_BYTES: Final = 64 * 1024
"""Largest instruction: a questionnaire of 30 questions in two languages is about 30 kB. Half of
what a message may hold, so that a broker never drops one in silence."""

ACKNOWLEDGEMENT_LIMIT_BYTES: Final = 4 * 1024
"""An acknowledgement is 300 bytes and a reason of at most 240 signs."""

SLOTS_MOST: Final = 50
"""Most slots of a schedule: seven days with seven times."""


def _text(text: str) -> str:
    if not text.replace("\n", "").isprintable():
        raise ValueError(f"expected printable text and line ends, found {text[:60]!r}")
    return text


def _printable(text: str) -> str:
    # PostgreSQL takes no NUL, and a log line no line end.
    if not text.isprintable():
        raise ValueError("expected printable text")
    return text


def _several(values: tuple[object, ...]) -> tuple[object, ...]:
    if len(set(values)) != len(values):
        raise ValueError("expected each of them once")
    return values


def _local(moment: time) -> time:
    if moment.tzinfo is not None:
        raise ValueError(f"expected a local time without an offset, found {moment.isoformat()}")
    return moment


Line = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_text)]
Paragraphs = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_text)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
LocalTime = Annotated[time, AfterValidator(_local)]
Quantities = Annotated[tuple[Quantity, ...], Field(min_length=1), AfterValidator(_several)]


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LineText(_Part):
    """A short text in both languages."""

    da: Line
    en: Line


class LongText(_Part):
    """A text of some paragraphs in both languages."""

    da: Paragraphs
    en: Paragraphs


class Slot(_Part):
    """When to measure what: from `earliest` to `latest`, local time at home, on these days."""

    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1), AfterValidator(_several)]
    earliest: LocalTime
    latest: LocalTime
    quantities: Quantities

    @model_validator(mode="after")
    def _must_be_in_order(self) -> Self:
        if self.latest <= self.earliest:
            raise ValueError("latest must be after earliest; cut a slot at midnight into two")
        return self


class Option(_Part):
    """One answer that can be chosen; an answer names it by its code, in any language."""

    code: Key
    text: LineText


class Question(_Part):
    """One question; ``several`` says that more than one option may be chosen."""

    id: Key
    text: LineText
    options: Annotated[tuple[Option, ...], Field(min_length=2, max_length=20)]
    several: bool = False

    @model_validator(mode="after")
    def _codes_must_differ(self) -> Self:
        _several(tuple(option.code for option in self.options))
        return self


class _Instruction(_Part):
    v: Literal[1]
    gateway: topics.GatewayId
    id: UUID
    issued_at: UtcDatetime
    expires_at: UtcDatetime

    @model_validator(mode="after")
    def _must_live(self) -> Self:
        if self.expires_at <= self.issued_at:
            raise ValueError("expires_at must be after issued_at")
        return self


class Schedule(_Instruction):
    """When the person at home measures; the highest version holds. No slots: a pause."""

    kind: Literal["schedule"] = "schedule"
    version: Version
    slots: Annotated[tuple[Slot, ...], Field(max_length=SLOTS_MOST)]


class Questionnaire(_Instruction):
    """Questions to answer. An answer will name questionnaire, version, question and option."""

    kind: Literal["questionnaire"] = "questionnaire"
    questionnaire: Key
    version: Version
    title: LineText
    questions: Annotated[tuple[Question, ...], Field(min_length=1, max_length=60)]

    @model_validator(mode="after")
    def _ids_must_differ(self) -> Self:
        _several(tuple(question.id for question in self.questions))
        return self


class TextMessage(_Instruction):
    """Something to read."""

    kind: Literal["message"] = "message"
    text: LongText


class Remeasure(_Instruction):
    """Please measure again, within a time and for a reason."""

    kind: Literal["remeasure"] = "remeasure"
    quantities: Quantities
    within_s: Annotated[int, Field(ge=60, le=7 * 86_400)]
    reason: LineText


class SendAgain(_Instruction):
    """Send readings again that the server has lost, from a sequence number on.

    Parameters
    ----------
    boot
        The life of the outbox the numbers belong to.
    first, last
        Of the readings; without `last`, to the newest.
    """

    kind: Literal["send-again"] = "send-again"
    boot: UUID
    first: Seq
    last: Seq | None = None

    @model_validator(mode="after")
    def _must_be_a_run(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError("last must not be before first")
        return self


Instruction = Schedule | Questionnaire | TextMessage | Remeasure | SendAgain
KINDS: Final = ("schedule", "questionnaire", "message", "remeasure", "send-again")

_ANY: Final[TypeAdapter[Instruction]] = TypeAdapter(
    Annotated[Instruction, Field(discriminator="kind")]
)


class AcknowledgementState(StrEnum):
    """What became of an instruction; the last three are its end."""

    RECEIVED = "received"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"


class Acknowledgement(_Part):
    """A gateway's answer to an instruction."""

    v: Literal[1]
    gateway: topics.GatewayId
    instruction: UUID
    at: UtcDatetime
    state: AcknowledgementState
    reason: Annotated[str, Field(max_length=240), AfterValidator(_printable)] = ""


class InstructionError(WireError):
    """An instruction that cannot be taken; `instruction` is its id, where one can be read."""

    def __init__(self, code: str, reason: str, instruction: UUID | None) -> None:
        super().__init__(code, reason)
        self.instruction = instruction


def encode_instruction(instruction: Instruction) -> bytes:
    """Write an instruction as JSON; a ``WireError`` of code ``too-large`` if it does not fit."""
    payload = instruction.model_dump_json().encode()
    check_size(payload, INSTRUCTION_LIMIT_BYTES)
    return payload


def decode_instruction(gateway: str, payload: bytes) -> Instruction:
    """Read an instruction for `gateway`.

    Raises
    ------
    InstructionError
        With code ``too-large``, ``bad-instruction``, ``unknown-kind`` or ``other-gateway``, and
        the instruction's id if that can be read, so that it can be refused by name.
    """
    if len(payload) > INSTRUCTION_LIMIT_BYTES:
        raise InstructionError("too-large", f"found {len(payload)} bytes", None)
    try:
        instruction = _ANY.validate_json(payload)
    except ValidationError as error:
        raise _unreadable(payload, error) from error
    if instruction.gateway != gateway:
        raise InstructionError(
            "other-gateway", f"it is for {instruction.gateway}, this is {gateway}", instruction.id
        )
    return instruction


def encode_acknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """Write an acknowledgement as JSON."""
    return acknowledgement.model_dump_json().encode()


def decode_acknowledgement(topic: str, payload: bytes) -> Acknowledgement:
    """Read a gateway's answer.

    Raises
    ------
    WireError
        With code ``bad-topic``, ``too-large``, ``bad-acknowledgement`` or ``topic-mismatch``.
    """
    gateway = topics.sender(topic, topics.ACKNOWLEDGEMENTS)
    check_size(payload, ACKNOWLEDGEMENT_LIMIT_BYTES)
    try:
        acknowledgement = Acknowledgement.model_validate_json(payload)
    except ValidationError as error:
        raise WireError("bad-acknowledgement", explain(error)) from error
    topics.check_sender(gateway, acknowledgement.gateway)
    return acknowledgement


def _unreadable(payload: bytes, error: ValidationError) -> InstructionError:
    try:
        document = json.loads(payload)
        frame = document if isinstance(document, dict) else {}
    except (ValueError, RecursionError):
        frame = {}
    kind = frame.get("kind")
    number = _uuid(frame.get("id"))
    if isinstance(kind, str) and kind not in KINDS:
        known = ", ".join(KINDS)
        return InstructionError(
            "unknown-kind", f"expected {known}; found {kind[:40]!r}; upgrade the gateway", number
        )
    return InstructionError("bad-instruction", explain(error), number)


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
