"""Generic Health Sensor observations, their segments, and the Elapsed Time they are stamped with.

Owns the byte layouts of GHSS v1.0 and ETS v1.0 as far as a spirometer needs them: numeric
observations named by MDC codes (ISO/IEEE 11073-10101), the segmentation header, and the nine
bytes of Elapsed Time, with two more where the clock is read. Sources: the SIG's Generic Health
Sensor guide, Philips' open GHS server simulator for the order of the fields, and Zephyr's Elapsed
Time Service for the clock. Must not know which values
go together.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, IntFlag
from typing import Final

from device_sim.encoders.ieee11073 import float32
from device_sim.errors import NotEncodableError

NUMERIC: Final = 0x01
"""The class of an observation with one number."""

ELAPSED_TIME_BYTES: Final = 9
EPOCH_2000: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - what Elapsed Time counts from
SOURCE_MANUAL: Final = 0x04
CLOCK_NEEDS_SETTING: Final = 0x01
CLOCK_APPLIES_NEITHER: Final = 0x00
"""It knows neither daylight saving nor time zones."""
SOURCE_UNKNOWN: Final = 0x00
SEGMENT_SEQUENCE: Final = 64


class ObservationFlag(IntFlag):
    """Which optional fields an observation has, in the order they follow."""

    TYPE = 0x0001
    TIMESTAMP = 0x0002
    DURATION = 0x0004
    STATUS = 0x0008


class TimeFlag(IntFlag):
    """The first byte of Elapsed Time; without any, it counts local seconds."""

    TICKS = 0x01
    UTC = 0x02
    ZONE_USED = 0x10
    CURRENT_TIMELINE = 0x20


class Segment(IntFlag):
    """The two lowest bits of a segment's first byte."""

    FIRST = 0x01
    LAST = 0x02


class Unit(IntEnum):
    """MDC codes of units, the 16 bits within their partition."""

    LITRE = 1600
    LITRE_PER_MINUTE = 3072
    PERCENT = 544


@dataclass(frozen=True, slots=True)
class Code:
    """What an observation is called and counted in."""

    mdc: int
    unit: Unit


CODES: Final = {
    "fev1": Code(152586, Unit.LITRE),
    "fev6": Code(152587, Unit.LITRE),
    "fvc": Code(188928, Unit.LITRE),
    "pef": Code(152584, Unit.LITRE_PER_MINUTE),
}
"""Quantity -> code; FEV6 and FVC have codes of their own."""


def elapsed_time(shown: datetime | None) -> bytes:
    """Write what the device's clock shows: whole local seconds since 2000, in nine bytes.

    ``None``, and anything before 2000: a clock that nobody set counts ticks of a second.
    """
    known = shown is not None and shown >= EPOCH_2000
    since = (shown - EPOCH_2000).total_seconds() if known and shown is not None else 0
    flags = TimeFlag.CURRENT_TIMELINE if known else TimeFlag.TICKS
    source = SOURCE_MANUAL if known else SOURCE_UNKNOWN
    return bytes([flags]) + int(since).to_bytes(6, "little") + bytes([source, 0])


def clock_shown(shown: datetime | None) -> bytes:
    """Write what 0x2BF2 is read as: the time, whether it must be set, what the clock can do.

    Elapsed Time Service 1.0, 3.1.1, as in Zephyr's; a client writes the nine bytes alone.
    """
    time = elapsed_time(shown)
    status = 0 if time[0] & TimeFlag.CURRENT_TIMELINE else CLOCK_NEEDS_SETTING
    return time + bytes([status, CLOCK_APPLIES_NEITHER])


def read_elapsed_time(payload: bytes) -> datetime:
    """Read what a client wrote to Elapsed Time, as a device does that keeps whole seconds.

    Raises
    ------
    NotEncodableError
        When it is not nine bytes, or counts ticks.
    """
    if len(payload) != ELAPSED_TIME_BYTES or payload[0] & TimeFlag.TICKS:
        raise NotEncodableError(
            f"Expected 9 bytes of Elapsed Time that tell the time of day, found {payload.hex()!r}."
        )
    resolution_s = (1.0, 0.1, 0.001, 0.0001)[payload[0] >> 2 & 0x03]
    try:
        return EPOCH_2000 + timedelta(seconds=int.from_bytes(payload[1:7], "little") * resolution_s)
    except OverflowError as error:
        raise NotEncodableError(
            f"Expected a moment that exists, found {payload.hex()!r}: {error}."
        ) from error


def numeric(quantity: str, value: Decimal, shown: datetime | None) -> bytes:
    """Write one numeric observation: class, length, flags, code, time, unit, FLOAT.

    The length counts what follows it.
    """
    code = CODES[quantity]
    body = (
        struct.pack("<HI", ObservationFlag.TYPE | ObservationFlag.TIMESTAMP, code.mdc)
        + elapsed_time(shown)
        + struct.pack("<H", code.unit)
        + float32(value)
    )
    return struct.pack("<BH", NUMERIC, len(body)) + body


def stored(number: int, observation: bytes) -> bytes:
    """Write an observation as a record: its number, 32 bits, before it."""
    return struct.pack("<I", number) + observation


def segments(body: bytes, room: int, sequence: int) -> tuple[bytes, ...]:
    """Cut `body` into segments of at most `room` bytes, numbered on from `sequence`."""
    size = room - 1
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return tuple(
        bytes([_header(place, len(parts), sequence + place)]) + part
        for place, part in enumerate(parts)
    )


def _header(place: int, count: int, sequence: int) -> int:
    kind = Segment.FIRST if place == 0 else Segment(0)
    kind |= Segment.LAST if place == count - 1 else Segment(0)
    return kind | (sequence % SEGMENT_SEQUENCE) << 2


def features(quantities: frozenset[str]) -> bytes:
    """Write GHS Features (0x2BF3): no optional feature, and the codes it measures."""
    codes = sorted(CODES[quantity].mdc for quantity in quantities)
    return bytes([0, len(codes)]) + b"".join(struct.pack("<I", code) for code in codes)
