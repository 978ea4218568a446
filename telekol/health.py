"""The health message: how a home's gateway is, and its codec.

Owns the shape of what a gateway says of itself; retained by the broker, so that the newest is
always there. The Last Will is the same message with ``online`` false and little else. Pure:
bytes and values in, values and bytes out. The words of troubles are in `telekol.troubles`.

Invariants
----------
1. No measured value, name or patient stands in it.
2. ``connection`` orders messages of one gateway, whatever its clock says: a later connection has
   the higher number, within one the later report has, and the Last Will ends its connection. A
   new ``life`` means that the gateway lost its count.
3. A trouble's code that we do not know survives: newer gateways know more troubles.
4. A message built from these bounds always fits into HEALTH_LIMIT_BYTES.

What else changes with it: docs/wire.md, gateway.condition, ingest.health.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from telekol import topics
from telekol.errors import WireError
from telekol.observation import UtcDatetime
from telekol.troubles import TROUBLES, TroubleCode, Words, words
from telekol.wire import check_size, explain

__all__ = [
    "DEVICES_MOST",
    "HEALTH_LIMIT_BYTES",
    "TROUBLES",
    "TROUBLES_MOST",
    "ClockHealth",
    "ConnectionCount",
    "DeviceHealth",
    "HealthMessage",
    "OutboxHealth",
    "RadioHealth",
    "RadioState",
    "Trouble",
    "TroubleCode",
    "Words",
    "decode_health",
    "encode_health",
    "words",
]

HEALTH_VERSION: Final = 1

DEVICES_MOST: Final = 32
"""Most devices in one message: a kit has three to five, a hallway of a care home some twenty."""

TROUBLES_MOST: Final = 32
"""Most troubles in one message; more at once help nobody."""

HEALTH_LIMIT_BYTES: Final = 64 * 1024
"""Largest health message.

A sign takes at most 4 bytes. 32 troubles of 40 + 64 + 160 signs and 32 devices of 64 + 64, each
with 160 bytes of frame, come to 60 kB; in a home it is about 1 kB.
"""

_COUNT_MOST: Final = 2**53


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"expected printable text, found {text!r}")
    return text


Name = Annotated[str, Field(max_length=64), AfterValidator(_printable)]
Detail = Annotated[str, Field(max_length=160), AfterValidator(_printable)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Count = Annotated[int, Field(ge=0, le=_COUNT_MOST)]


class RadioState(StrEnum):
    """What the gateway's radio does."""

    LISTENING = "listening"
    TALKING = "talking"
    UNAVAILABLE = "unavailable"
    BLIND = "blind"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ConnectionCount(_Part):
    """Which connection and report this is; see invariant 2 of the module.

    Parameters
    ----------
    life
        Names the file that counts; another one begins at 1 again.
    number
        Of the connection, from 1.
    report
        Of the message within the connection, from 1; 0 in the Last Will.
    """

    life: UUID
    number: Annotated[int, Field(ge=1, le=_COUNT_MOST)]
    report: Count


class ClockHealth(_Part):
    """Whether the gateway knows the time, and why it thinks so."""

    trusted: bool
    why: Detail = ""


class RadioHealth(_Part):
    """What the radio does, and since when."""

    state: RadioState
    since: UtcDatetime


class OutboxHealth(_Part):
    """What waits for its receipt; ``limit_bytes`` is None where no limit is set."""

    depth: Count
    oldest_age_s: Count | None = None
    size_bytes: Count
    limit_bytes: Count | None = None
    last_seq: Count


class DeviceHealth(_Part):
    """A device that the gateway knows."""

    address: Name
    model: Name = ""
    battery_pct: Annotated[int, Field(ge=0, le=100)] | None = None
    last_heard_at: UtcDatetime | None = None


class Trouble(_Part):
    """Something that is wrong now; ``device`` is an address, None for the gateway itself."""

    code: Code
    device: Name | None = None
    since: UtcDatetime
    detail: Detail = ""


class HealthMessage(_Part):
    """How a gateway is.

    Parameters
    ----------
    boot
        The outbox's life, as in an observation message; None if there is no outbox to speak of.
    sent_at
        By the gateway's clock, which may be wrong; of a Last Will, when it connected.
    uptime_s
        Seconds since the process started, by a clock that never jumps.
    """

    v: Literal[1]
    gateway: topics.GatewayId
    boot: UUID | None = None
    sent_at: UtcDatetime
    online: bool
    connection: ConnectionCount
    version: Name = ""
    started_at: UtcDatetime | None = None
    uptime_s: Count | None = None
    clock: ClockHealth | None = None
    radio: RadioHealth | None = None
    outbox: OutboxHealth | None = None
    devices: Annotated[tuple[DeviceHealth, ...], Field(max_length=DEVICES_MOST)] = ()
    troubles: Annotated[tuple[Trouble, ...], Field(max_length=TROUBLES_MOST)] = ()


def encode_health(message: HealthMessage) -> bytes:
    """Write a health message as JSON."""
    payload = message.model_dump_json().encode()
    check_size(payload, HEALTH_LIMIT_BYTES)
    return payload


def decode_health(topic: str, payload: bytes) -> HealthMessage:
    """Read what a gateway says of itself.

    Raises
    ------
    WireError
        With code ``bad-topic``, ``too-large``, ``bad-health`` or ``topic-mismatch``.
    """
    gateway = topics.sender(topic, topics.HEALTH)
    check_size(payload, HEALTH_LIMIT_BYTES)
    try:
        message = HealthMessage.model_validate_json(payload)
    except ValidationError as error:
        raise WireError("bad-health", explain(error)) from error
    topics.check_sender(gateway, message.gateway)
    return message
