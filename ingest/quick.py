"""The quick road through a message that is as it should be. Pure.

Owns no rule: what a message must be is said in `telekol.wire` and `telekol.observation`, once,
by pydantic. Nearly every message is right, and for those msgspec reads the same JSON in a sixth
of the time (benchmarks/README.md). Whatever looks unusual here in any way is not judged here:
the answer is None, and the message takes the other road, which finds the words for it.

Invariant: what is read here is what the other road would have read, value for value; the other
way round does not hold. tests/unit/test_quick_road.py compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from ingest.reading import WORDS, DeviceIdentity, Reading, reading
from telekol import topics
from telekol.observation import CLOCK_SLACK, EARLIEST, USER_INDEX_MOST
from telekol.plausibility import bounds
from telekol.quantities import FACTS
from telekol.wire import MESSAGE_LIMIT_BYTES, OBSERVATIONS_PER_MESSAGE

_SEQ_MOST: Final = 2**53

_ShortText = Annotated[str, msgspec.Meta(max_length=120)]
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_Naive = Annotated[datetime, msgspec.Meta(tz=False)]


class _Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    address: _ShortText
    manufacturer: _ShortText = ""
    model: _ShortText = ""
    serial: _ShortText = ""


class _Observation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    id: UUID
    device: _Device
    quantity: str
    value: float
    unit: str
    measured_at: _Aware
    time_confidence: str
    received_at: _Aware
    device_time: _Naive | None = None
    clock_offset_s: float | None = None
    quality: Annotated[tuple[_ShortText, ...], msgspec.Meta(max_length=32)] = ()
    entered: str = "automatic"
    user_index: Annotated[int, msgspec.Meta(ge=0, le=USER_INDEX_MOST)] | None = None


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    gateway: Annotated[str, msgspec.Meta(pattern=topics.GATEWAY_ID_PATTERN)]
    boot: UUID
    seq: Annotated[int, msgspec.Meta(ge=1, le=_SEQ_MOST)]
    sent_at: _Aware
    observations: Annotated[
        tuple[_Observation, ...], msgspec.Meta(min_length=1, max_length=OBSERVATIONS_PER_MESSAGE)
    ]


class QuickMessage(msgspec.Struct, frozen=True):
    """A message that was right in every part."""

    gateway: str
    boot: UUID
    first: int
    readings: tuple[Reading, ...]


_DECODER: Final = msgspec.json.Decoder(_Message)
_LIMITS: Final = {
    str(quantity): (facts.unit, limits.lowest, limits.highest)
    for quantity, facts in FACTS.items()
    for limits in [bounds(quantity)]
}
_TOPIC: Final = re.compile(rf"{topics.ROOT}/([a-z0-9-]+)/observations")

_FINER_THAN_MICROSECONDS: Final = re.compile(rb"\.[0-9]{7,}[^0-9.,}\]eE]")
"""A time that the two roads round differently: pydantic cuts off, msgspec rounds. Read from the
text, since nothing of it is left afterwards; a number of so many digits does not match."""


class _UnusualError(Exception):
    """Something that the other road shall judge."""


def read(topic: str, payload: bytes, now: datetime) -> QuickMessage | None:
    """Read a message that is right in every part; None if anything at all is unusual.

    Parameters
    ----------
    now
        When it arrived; a reading that claims to be from later is unusual.
    """
    match = _TOPIC.fullmatch(topic)
    if match is None or _looks_unusual(payload):
        return None
    try:
        message = _DECODER.decode(payload)
        if match[1] != message.gateway:
            return None
        message.sent_at.astimezone(UTC)
        readings = _readings(message.seq, message.observations, now + CLOCK_SLACK)
    except (msgspec.MsgspecError, _UnusualError, OverflowError, UnicodeError):
        return None
    return QuickMessage(message.gateway, message.boot, message.seq, readings)


def _looks_unusual(payload: bytes) -> bool:
    # An escape could hide what the third question looks for, and no gateway of ours writes one.
    return (
        len(payload) > MESSAGE_LIMIT_BYTES
        or b"\\" in payload
        or _FINER_THAN_MICROSECONDS.search(payload) is not None
    )


def _readings(
    first: int, observations: Sequence[_Observation], latest: datetime
) -> tuple[Reading, ...]:
    devices: dict[_Device, DeviceIdentity] = {}
    readings = []
    for seq, item in enumerate(observations, start=first):
        device = devices.get(item.device)
        if device is None:
            device = devices[item.device] = _identity(item.device)
        readings.append(_reading(seq, item, device, latest))
    return tuple(readings)


def _identity(device: _Device) -> DeviceIdentity:
    texts = (device.address, device.manufacturer, device.model, device.serial)
    if not "".join(texts).isprintable():
        raise _UnusualError
    return texts


def _reading(seq: int, item: _Observation, device: DeviceIdentity, latest: datetime) -> Reading:
    words = WORDS.get((item.quantity, item.time_confidence, item.entered))
    if words is None:
        raise _UnusualError
    unit, lowest, highest = _LIMITS[item.quantity]
    measured = item.measured_at
    is_right = (
        item.unit == unit
        and lowest <= item.value <= highest
        and EARLIEST <= measured <= latest
        and measured - item.received_at <= CLOCK_SLACK
        and (not item.quality or "".join(item.quality).isprintable())
    )
    if not is_right:
        raise _UnusualError
    return reading(
        seq,
        item.id,
        item.value,
        device,
        # In UTC: a time that its zone carries past the first year is no time, here as there.
        (measured, item.received_at.astimezone(UTC), item.device_time),
        words,
        item.quality,
        item.user_index,
    )
