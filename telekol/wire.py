"""The messages between a home and the server, and their codec.

Owns the envelope, the receipt and the one error for what cannot be read. Pure: bytes and
values in, values and bytes out; nothing here knows a broker.

Invariants
----------
1. An observation has one sequence number for its whole life, given by the outbox when it
   was written there. A message carries a *run* of consecutive observations: the first has
   the message's ``seq``, the next ``seq + 1``. So a backlog can be cut into other messages
   when it is sent again, and a number never changes its meaning.
2. ``boot`` names one life of the outbox. It changes when the file is made anew, never at a
   restart; a (gateway, boot, seq) is one observation for ever.
3. A message is accepted, or refused with a reason, observation by observation: one bad value
   never holds back its neighbours.

What else changes with it: docs/wire.md, ingest.decode, gateway.delivery and the version.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from telekol import topics
from telekol.errors import WireError
from telekol.observation import Observation, UtcDatetime

WIRE_VERSION: Final = 1

MESSAGE_LIMIT_BYTES: Final = 128 * 1024
"""Largest message either side accepts.

An observation is about 450 bytes of JSON, so 200 of them are 90 kB; brokers are set to the
same limit, since Mosquitto drops a larger message silently and still completes QoS 1.
"""

OBSERVATIONS_PER_MESSAGE: Final = 200
"""Most observations one message may carry; see MESSAGE_LIMIT_BYTES for the arithmetic."""

REASON_LIMIT_BYTES: Final = 240
"""Longest reason in a refusal, in UTF-8.

A receipt may have to refuse 200 observations. Escaping can double a text in JSON, so one refusal
is at most 480 bytes and its frame: 110 kB together, under MESSAGE_LIMIT_BYTES.
"""

_SEQ_MAX: Final = 2**53
"""Largest integer that every JSON reader keeps exactly."""


ABANDONED_RUNS_MOST: Final = 200
"""Most runs of given-up numbers one message may report: 8 kB at the most."""

Seq = Annotated[int, Field(ge=1, le=_SEQ_MAX)]
"""The number of an observation in one life of a gateway's outbox."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _forwards(run: tuple[int, int]) -> tuple[int, int]:
    if run[1] < run[0]:
        raise ValueError(f"expected a last number of {run[0]} or more, found {run[1]}")
    return run


Run = Annotated[tuple[Seq, Seq], AfterValidator(_forwards)]
"""First and last of some numbers, both included."""


class Abandoned(_Message):
    """Numbers that a gateway had given to readings and will never send: a gap with its reason.

    Parameters
    ----------
    reason
        ``outbox-full``: given up to make room. ``unreadable``: its row was damaged.
    runs
        First and last number of each run, both included.
    """

    boot: UUID
    reason: Annotated[str, Field(pattern="^[a-z][a-z-]{0,39}$")]
    runs: Annotated[tuple[Run, ...], Field(min_length=1, max_length=ABANDONED_RUNS_MOST)]


class _Envelope(_Message):
    v: Literal[1]
    gateway: topics.GatewayId
    boot: UUID
    seq: Seq
    sent_at: UtcDatetime
    abandoned: (
        Annotated[tuple[Abandoned, ...], Field(min_length=1, max_length=ABANDONED_RUNS_MOST)] | None
    ) = None


class ObservationMessage(_Envelope):
    """A run of consecutive observations, as a gateway sends them."""

    observations: Annotated[
        tuple[Observation, ...], Field(min_length=1, max_length=OBSERVATIONS_PER_MESSAGE)
    ]


class Refusal(_Message):
    """One observation that the server has put in quarantine and will not store as it is."""

    seq: PositiveInt
    code: str
    reason: str


class Receipt(_Message):
    """The server's word that readings are in its database (or in its quarantine).

    Parameters
    ----------
    through
        Every observation up to and including this number is settled; 0 for none.
    first, last
        The run of the message that this receipt answers; settled too, also when earlier
        ones are still missing.
    refused
        Those of the run that were put in quarantine, with the reason.
    """

    v: Literal[1]
    gateway: topics.GatewayId
    boot: UUID
    through: Annotated[int, Field(ge=0)]
    first: PositiveInt
    last: PositiveInt
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedObservation:
    """An observation of a readable message that could not be read itself."""

    seq: int
    code: str
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class DecodedMessage:
    """What a message held: the good, with their numbers, and the refused beside them."""

    gateway: str
    boot: UUID
    first: int
    last: int
    observations: tuple[tuple[int, Observation], ...]
    refused: tuple[RefusedObservation, ...]
    abandoned: tuple[Abandoned, ...] = ()


def encode(message: ObservationMessage | Receipt) -> bytes:
    """Write a message as JSON; a field without a value is left out.

    So a server of an older version still takes what a newer gateway has nothing to say about.

    Raises
    ------
    WireError
        With code ``too-large`` if it would pass MESSAGE_LIMIT_BYTES; cut the run shorter.
    """
    payload = message.model_dump_json(exclude_none=True).encode()
    check_size(payload)
    return payload


def decode_observations(topic: str, payload: bytes) -> DecodedMessage:
    """Read what a gateway sent, judging every observation for itself.

    Raises
    ------
    WireError
        If the message as a whole cannot be read: ``bad-topic``, ``too-large``, ``not-json``,
        ``wrong-version``, ``bad-envelope`` or ``topic-mismatch``.
    """
    topic_gateway = topics.gateway_of(topic)
    check_size(payload)
    try:
        message = ObservationMessage.model_validate_json(payload)
    except ValidationError:
        return _decode_piecemeal(topic_gateway, payload)
    topics.check_sender(topic_gateway, message.gateway)
    numbered = tuple(enumerate(message.observations, start=message.seq))
    return DecodedMessage(
        message.gateway,
        message.boot,
        message.seq,
        numbered[-1][0],
        numbered,
        (),
        message.abandoned or (),
    )


def decode_receipt(payload: bytes) -> Receipt:
    """Read a receipt.

    Raises
    ------
    WireError
        With code ``bad-receipt`` if it is not one.
    """
    try:
        return Receipt.model_validate_json(payload)
    except ValidationError as error:
        raise WireError("bad-receipt", explain(error)) from error


def _decode_piecemeal(topic_gateway: str, payload: bytes) -> DecodedMessage:
    """Find out what is wrong, and save what is right: the slow road, for bad messages."""
    document = _parse_json(payload)
    if document.get("v") != WIRE_VERSION:
        raise WireError(
            "wrong-version",
            f"expected v = {WIRE_VERSION}, found {str(document.get('v'))[:40]!r}; "
            "upgrade the older side",
        )
    items = _items(document)
    envelope = _envelope(document)
    topics.check_sender(topic_gateway, envelope.gateway)
    good: list[tuple[int, Observation]] = []
    refused: list[RefusedObservation] = []
    for seq, item in enumerate(items, start=envelope.seq):
        raw = json.dumps(item).encode()
        try:
            good.append((seq, Observation.model_validate_json(raw)))
        except ValidationError as error:
            refused.append(RefusedObservation(seq, "bad-observation", explain(error), raw))
    last = envelope.seq + len(items) - 1
    return DecodedMessage(
        envelope.gateway,
        envelope.boot,
        envelope.seq,
        last,
        tuple(good),
        tuple(refused),
        envelope.abandoned or (),
    )


def _items(document: dict[str, Any]) -> list[Any]:
    items = document.get("observations")
    if not isinstance(items, list) or not 1 <= len(items) <= OBSERVATIONS_PER_MESSAGE:
        found = f"{len(items)} of them" if isinstance(items, list) else type(items).__name__
        raise WireError(
            "bad-envelope",
            f"observations: expected a list of 1-{OBSERVATIONS_PER_MESSAGE}, found {found}",
        )
    return items


def _envelope(document: dict[str, Any]) -> _Envelope:
    """Read the envelope by itself, so that no observation, however odd, can spoil it."""
    frame = {name: value for name, value in document.items() if name != "observations"}
    try:
        return _Envelope.model_validate_json(json.dumps(frame))
    except (ValidationError, RecursionError) as error:
        reason = explain(error) if isinstance(error, ValidationError) else "nested too deeply"
        raise WireError("bad-envelope", reason) from error


def _parse_json(payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise WireError("not-json", f"expected a JSON object, found {payload[:60]!r}") from error
    if not isinstance(document, dict):
        raise WireError("not-json", f"expected a JSON object, found {payload[:60]!r}")
    return document


def check_size(payload: bytes, limit_bytes: int = MESSAGE_LIMIT_BYTES) -> None:
    """Refuse a payload over a limit with a ``WireError`` of code ``too-large``."""
    if len(payload) > limit_bytes:
        raise WireError("too-large", f"expected at most {limit_bytes} bytes, found {len(payload)}")


def explain(error: ValidationError) -> str:
    """Say what was wrong in one line, field by field, with no more than a few fields."""
    problems = [
        f"{'.'.join(str(part) for part in item['loc']) or 'message'}: {item['msg']}"
        for item in error.errors(include_url=False, include_context=False)[:5]
    ]
    return shortened("; ".join(problems))


def shortened(reason: str) -> str:
    """Cut a reason to REASON_LIMIT_BYTES of printable UTF-8, at a whole character."""
    printable = "".join(sign if sign.isprintable() else "\ufffd" for sign in reason)
    return printable.encode()[:REASON_LIMIT_BYTES].decode(errors="ignore")
