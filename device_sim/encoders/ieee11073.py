"""The number and time formats that Bluetooth health devices share.

Owns SFLOAT (IEEE 11073-20601: four bits of exponent, twelve of mantissa), the seven-byte
date time and the ten-byte current time. Must not know what the numbers mean.

Invariant: a value that cannot be written exactly is refused, never rounded. A simulator that
rounds would hide a decoder's rounding mistake.
"""

from __future__ import annotations

import struct
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Final

from device_sim.errors import NotEncodableError

# Mantissas +-2047 and -2048 with exponent 0 are set aside for the special values below.
_MANTISSA_MAX: Final = 2045
_EXPONENTS: Final = range(-8, 8)


class SpecialSfloat(IntEnum):
    """The SFLOAT codes that are not numbers."""

    NAN = 0x07FF
    NRES = 0x0800
    PLUS_INFINITY = 0x07FE
    MINUS_INFINITY = 0x0802
    RESERVED = 0x0801


def sfloat(value: Decimal | int | SpecialSfloat) -> bytes:
    """Write a decimal number, or one of the special codes, in two bytes.

    The exponent is the one the `Decimal` carries: ``Decimal("1.20")`` becomes 120e-2, as a
    device with two decimals sends it.

    Raises
    ------
    NotEncodableError
        When the digits do not fit in twelve bits.
    """
    if isinstance(value, SpecialSfloat):
        return struct.pack("<H", value)
    sign, digits, exponent = Decimal(value).as_tuple()
    magnitude = int("".join(map(str, digits)) or "0")
    if not isinstance(exponent, int) or exponent not in _EXPONENTS or magnitude > _MANTISSA_MAX:
        raise NotEncodableError(
            f"Expected an SFLOAT: at most {_MANTISSA_MAX} as digits and an exponent of -8..7; "
            f"found {value}. Use fewer digits, or SpecialSfloat for NaN and infinity."
        )
    mantissa = -magnitude if sign else magnitude
    return struct.pack("<H", (exponent & 0xF) << 12 | (mantissa & 0xFFF))


def date_time(moment: datetime) -> bytes:
    """Write the seven bytes of Date Time: no zone, no daylight saving, no fraction."""
    if moment.tzinfo is not None:
        raise NotEncodableError(
            f"Expected the device's own time, which has no zone; found {moment.isoformat()}."
        )
    return struct.pack(
        "<H5B", moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second
    )


def current_time(moment: datetime, *, adjust_reason: int = 0) -> bytes:
    """Write the ten bytes of Current Time: date time, weekday (1 = Monday), 1/256 s, reason."""
    fractions = moment.microsecond * 256 // 1_000_000
    return date_time(moment) + bytes([moment.isoweekday(), fractions, adjust_reason])


def read_current_time(payload: bytes) -> datetime:
    """Read what a client wrote to Current Time, as a device does.

    Raises
    ------
    NotEncodableError
        When it is not ten bytes, or no calendar has such a moment.
    """
    if len(payload) != 10:
        raise NotEncodableError(f"Expected 10 bytes of Current Time, found {payload.hex()!r}.")
    year, month, day, hour, minute, second = struct.unpack_from("<H5B", payload)
    try:
        return datetime(  # noqa: DTZ001 - a device's clock has no zone
            year, month, day, hour, minute, second, payload[8] * 1_000_000 // 256
        )
    except ValueError as error:
        raise NotEncodableError(
            f"Expected a moment that exists, found {payload.hex()!r}: {error}."
        ) from error
