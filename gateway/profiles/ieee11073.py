"""Numbers and times as IEEE 11073-20601 and the GATT Specification Supplement write them.

Owns SFLOAT, FLOAT, Date Time and the reader that every profile cuts its fields with. Must not know
any profile.

Invariants
----------
1. ``bytes(X.from_bytes(raw)) == raw`` for every accepted input: special values, unknown
   and impossible dates and odd exponents survive.
2. A number is a `Decimal` with the device's own digits. In binary floating point 966e-1
   would be 96.60000000000001.
3. "No value" is None, never a number: a special that passes for a number is a false reading.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Final, Self

from gateway.errors import ProfileError

_MANTISSA_BITS: Final = 12
_MANTISSA_MASK: Final = 0x0FFF
_MANTISSA_LEAST: Final = -2045
"""Least mantissa of a number; -2048 to -2046 are specials (IEEE 11073-20601, annex F.8)."""
_MANTISSA_MOST: Final = 2045


class Special(IntEnum):
    """The SFLOAT bit patterns that are not numbers; their exponent is 0."""

    POSITIVE_INFINITY = 0x07FE
    NAN = 0x07FF
    NOT_AT_THIS_RESOLUTION = 0x0800
    RESERVED = 0x0801
    NEGATIVE_INFINITY = 0x0802


_SPECIALS: Final = frozenset(Special)

_FLOAT_MANTISSA_BITS: Final = 24
_FLOAT_MANTISSA_MASK: Final = 0x00FF_FFFF
_FLOAT_MANTISSA_MOST: Final = 0x7F_FFFD
"""Greatest mantissa of a number; the two above it are specials (annex F.7), and as many below."""


class FloatSpecial(IntEnum):
    """The FLOAT bit patterns that are not numbers; their exponent is 0."""

    POSITIVE_INFINITY = 0x007F_FFFE
    NAN = 0x007F_FFFF
    NOT_AT_THIS_RESOLUTION = 0x0080_0000
    RESERVED = 0x0080_0001
    NEGATIVE_INFINITY = 0x0080_0002


_FLOAT_SPECIALS: Final = frozenset(FloatSpecial)


@dataclass(frozen=True, slots=True)
class Sfloat:
    """A 16-bit decimal number: a 4-bit exponent over a 12-bit mantissa, both signed.

    Parameters
    ----------
    raw
        The 16 bits as sent.

    Examples
    --------
    >>> Sfloat.from_bytes(bytes.fromhex("cff3")).value
    Decimal('97.5')
    >>> Sfloat.from_bytes(bytes.fromhex("ff07")).value is None
    True
    """

    raw: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Read the two bytes of an SFLOAT."""
        reader = FieldReader(payload, "SFLOAT")
        number = cls(reader.unsigned(2, "value"))
        reader.finish()
        return number

    @classmethod
    def of(cls, value: Decimal) -> Self:
        """Write `value` with the digits it has.

        Raises
        ------
        ValueError
            If it does not fit: the mantissa is -2045 to 2045, the exponent -8 to 7.
        """
        mantissa, exponent = _split(value)
        if not (-8 <= exponent <= 7 and _MANTISSA_LEAST <= mantissa <= _MANTISSA_MOST):
            raise _misfit(value)
        return cls((exponent & 0xF) << _MANTISSA_BITS | mantissa & _MANTISSA_MASK)

    @property
    def special(self) -> Special | None:
        """Which special this is, or None if it is a number."""
        return Special(self.raw) if self.raw in _SPECIALS else None

    @property
    def value(self) -> Decimal | None:
        """The number, exactly; None if the device says that it has none."""
        if self.special is not None:
            return None
        mantissa = _signed(self.raw & _MANTISSA_MASK, _MANTISSA_BITS)
        exponent = _signed(self.raw >> _MANTISSA_BITS, 4)
        return Decimal(mantissa).scaleb(exponent)

    def __bytes__(self) -> bytes:
        return struct.pack("<H", self.raw)


@dataclass(frozen=True, slots=True)
class Float:
    """A 32-bit decimal number: an 8-bit exponent over a 24-bit mantissa, both signed.

    Parameters
    ----------
    raw
        The 32 bits as sent.

    Examples
    --------
    >>> Float.from_bytes(bytes.fromhex("6e0100ff")).value
    Decimal('36.6')
    >>> Float.from_bytes(bytes.fromhex("ffff7f00")).value is None
    True
    """

    raw: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Read the four bytes of a FLOAT."""
        reader = FieldReader(payload, "FLOAT")
        number = cls(reader.unsigned(4, "value"))
        reader.finish()
        return number

    @classmethod
    def of(cls, value: Decimal) -> Self:
        """Write `value` with the digits it has.

        Raises
        ------
        ValueError
            If it does not fit: the mantissa is -8388605 to 8388605, the exponent -128 to 127.
        """
        mantissa, exponent = _split(value)
        if not -128 <= exponent <= 127 or abs(mantissa) > _FLOAT_MANTISSA_MOST:
            raise ValueError(
                "a FLOAT holds a mantissa of -8388605 to 8388605 and an exponent of -128 to 127, "
                f"found {value}; round it first"
            )
        return cls((exponent & 0xFF) << _FLOAT_MANTISSA_BITS | mantissa & _FLOAT_MANTISSA_MASK)

    @property
    def special(self) -> FloatSpecial | None:
        """Which special this is, or None if it is a number."""
        return FloatSpecial(self.raw) if self.raw in _FLOAT_SPECIALS else None

    @property
    def value(self) -> Decimal | None:
        """The number, exactly; None if the device says that it has none."""
        if self.special is not None:
            return None
        mantissa = _signed(self.raw & _FLOAT_MANTISSA_MASK, _FLOAT_MANTISSA_BITS)
        return Decimal(mantissa).scaleb(_signed(self.raw >> _FLOAT_MANTISSA_BITS, 8))

    def __bytes__(self) -> bytes:
        return struct.pack("<I", self.raw)


@dataclass(frozen=True, slots=True)
class DateTime:
    """A moment by a device's own clock: no time zone, no summer time, maybe not set.

    Fields are kept as sent, so what is unknown (0) or impossible survives a round trip.
    """

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int

    @classmethod
    def of(cls, shown: datetime) -> Self:
        """Write a naive time, cut to the second."""
        return cls(shown.year, shown.month, shown.day, shown.hour, shown.minute, shown.second)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Read the seven bytes of a Date Time."""
        reader = FieldReader(payload, "Date Time")
        moment = cls.take(reader)
        reader.finish()
        return moment

    @classmethod
    def take(cls, reader: FieldReader) -> Self:
        """Cut the next seven bytes of `reader` as a Date Time."""
        return cls(*struct.unpack("<HBBBBB", reader.take(7, "time stamp")))

    @property
    def is_known(self) -> bool:
        """Whether year, month and day are all given; the format writes unknown as 0."""
        return bool(self.year and self.month and self.day)

    @property
    def moment(self) -> datetime | None:
        """The naive time; None if the date is unknown or there is no such date."""
        # The device's time has no zone; that is what this type says (architecture, promise 9).
        fields = (self.year, self.month, self.day, self.hour, self.minute, self.second)
        try:
            return datetime(*fields)  # noqa: DTZ001
        except ValueError:
            return None

    def __bytes__(self) -> bytes:
        return struct.pack(
            "<HBBBBB", self.year, self.month, self.day, self.hour, self.minute, self.second
        )


class FieldReader:
    """Cuts little-endian fields off a payload, and says clearly where it ended too early."""

    __slots__ = ("_at", "_payload", "_what")

    def __init__(self, payload: bytes, what: str) -> None:
        self._payload = bytes(payload)
        self._what = what
        self._at = 0

    def take(self, size: int, field: str) -> bytes:
        """Cut `size` bytes.

        Raises
        ------
        ProfileError
            If fewer are left.
        """
        end = self._at + size
        if end > len(self._payload):
            raise ProfileError(
                f"{self._what}: expected {size} bytes of {field} at byte {self._at}, found "
                f"{len(self._payload) - self._at}; the payload is cut short"
            )
        piece = self._payload[self._at : end]
        self._at = end
        return piece

    def unsigned(self, size: int, field: str) -> int:
        """Cut an unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size, field), "little")

    def sfloat(self, field: str) -> Sfloat:
        """Cut an SFLOAT."""
        return Sfloat(self.unsigned(2, field))

    def rest(self) -> bytes:
        """Cut everything that is left."""
        return self.take(len(self._payload) - self._at, "rest")

    def finish(self) -> None:
        """Insist that nothing is left.

        Raises
        ------
        ProfileError
            If bytes are left that nothing announced.
        """
        extra = len(self._payload) - self._at
        if extra:
            raise ProfileError(
                f"{self._what}: expected {self._at} bytes, found {extra} more that no flag "
                "announces; the layout is not what it claims to be"
            )


def little_endian(value: int | None, size: int) -> bytes:
    """Write an optional field; nothing if it is absent."""
    return b"" if value is None else int(value).to_bytes(size, "little")


def _split(value: Decimal) -> tuple[int, int]:
    """Mantissa and exponent; an exponent that fits nowhere for NaN and infinity."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return 0, 1 << 16
    return int("".join(map(str, digits))) * (-1 if sign else 1), exponent


def _misfit(value: Decimal) -> ValueError:
    return ValueError(
        "an SFLOAT holds a mantissa of -2045 to 2045 and an exponent of -8 to 7, "
        f"found {value}; round it first"
    )


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
