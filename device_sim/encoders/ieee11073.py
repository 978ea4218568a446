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
# FLOAT has 24 bits for the mantissa, with the same five values set aside, and 8 for the exponent.
_FLOAT_MANTISSA_MAX: Final = 0x007FFFFD
_FLOAT_EXPONENTS: Final = range(-128, 128)

FIRST_YEAR: Final = 1582
"""The first year that Date Time can tell (Bluetooth GSS, Date Time); 0 is an unknown one."""

DATE_TIME_BYTES: Final = 7


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
    mantissa, exponent = _parts(Decimal(value), _MANTISSA_MAX, _EXPONENTS, "an SFLOAT")
    return struct.pack("<H", (exponent & 0xF) << 12 | (mantissa & 0xFFF))


class SpecialFloat(IntEnum):
    """The FLOAT codes that are not numbers."""

    NAN = 0x007FFFFF
    NRES = 0x00800000
    PLUS_INFINITY = 0x007FFFFE
    MINUS_INFINITY = 0x00800002
    RESERVED = 0x00800001


def float32(value: Decimal | int | SpecialFloat) -> bytes:
    """Write a decimal number, or one of the special codes, in four bytes: 24 + 8 bits.

    As for `sfloat`, the exponent is the one the `Decimal` carries.

    Raises
    ------
    NotEncodableError
        When the digits do not fit in 24 bits.
    """
    if isinstance(value, SpecialFloat):
        return struct.pack("<I", value)
    mantissa, exponent = _parts(Decimal(value), _FLOAT_MANTISSA_MAX, _FLOAT_EXPONENTS, "a FLOAT")
    return struct.pack("<I", (exponent & 0xFF) << 24 | (mantissa & 0xFFFFFF))


def _parts(value: Decimal, largest: int, exponents: range, name: str) -> tuple[int, int]:
    sign, digits, exponent = value.as_tuple()
    magnitude = int("".join(map(str, digits)) or "0")
    if not isinstance(exponent, int) or exponent not in exponents or magnitude > largest:
        raise NotEncodableError(
            f"Expected {name}: at most {largest} as digits and an exponent of {exponents[0]}.."
            f"{exponents[-1]}; found {value}. Use fewer digits, or the special code for NaN and "
            "infinity."
        )
    return (-magnitude if sign else magnitude), exponent


def date_time(moment: datetime) -> bytes:
    """Write the seven bytes of Date Time: no zone, no daylight saving, no fraction.

    A year before 1582, as a clock shows that was never set, is written as year, month and day 0:
    not known.
    """
    if moment.tzinfo is not None:
        raise NotEncodableError(
            f"Expected the device's own time, which has no zone; found {moment.isoformat()}."
        )
    known = moment.year >= FIRST_YEAR
    date = (moment.year, moment.month, moment.day) if known else (0, 0, 0)
    return struct.pack("<H5B", *date, moment.hour, moment.minute, moment.second)


def read_date_time(payload: bytes) -> datetime:
    """Read what a client wrote to Date Time, as a device does.

    Raises
    ------
    NotEncodableError
        When it is not seven bytes, or no calendar has such a moment.
    """
    if len(payload) != DATE_TIME_BYTES:
        raise NotEncodableError(f"Expected 7 bytes of Date Time, found {payload.hex()!r}.")
    return _moment(payload, 0)


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
    return _moment(payload, payload[8] * 1_000_000 // 256)


def _moment(payload: bytes, microsecond: int) -> datetime:
    year, month, day, hour, minute, second = struct.unpack_from("<H5B", payload)
    try:
        return datetime(  # noqa: DTZ001 - a device's clock has no zone
            year, month, day, hour, minute, second, microsecond
        )
    except ValueError as error:
        raise NotEncodableError(
            f"Expected a moment that exists, found {payload.hex()!r}: {error}."
        ) from error
