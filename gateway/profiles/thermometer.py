"""Health Thermometer Service 1.0: the temperature measurement, 0x2A1C.

Owns its byte layout and the conversion to degrees Celsius. Must not know where readings go.

Invariants
----------
1. ``bytes(Temperature.from_bytes(raw)) == raw``; reserved bits and unknown sites survive.
2. Fahrenheit becomes Celsius here and nowhere else: (F - 32) * 5 / 9, rounded to 0.01 degrees,
   half to even, since ninths never end. Thermometers show tenths.
3. Bytes beyond the known fields are accepted only when a reserved flag is set; see
   `gateway.profiles.pulse_oximeter` for the reason.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from enum import IntEnum, IntFlag
from typing import Final, Self

from gateway.profiles.ieee11073 import DateTime, FieldReader, Float, little_endian
from gateway.profiles.measurement import DIGITS, Reading, hundredths, readings_of
from telekol.quantities import Quantity


class Presence(IntFlag):
    """The flags byte: the unit, and which fields follow."""

    FAHRENHEIT = 0x01
    TIMESTAMP = 0x02
    SITE = 0x04


_KNOWN: Final = 0x07


class Site(IntEnum):
    """Where it was measured (Temperature Type, 0x2A1D)."""

    ARMPIT = 1
    BODY = 2
    EAR = 3
    FINGER = 4
    GASTROINTESTINAL = 5
    MOUTH = 6
    RECTUM = 7
    TOE = 8
    TYMPANUM = 9


_SITES: Final = frozenset(Site)


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """One measurement, in the thermometer's own unit.

    A field is None when its flag is not set. ``extra`` holds bytes of a later version.
    """

    presence: Presence
    temperature: Float
    timestamp: DateTime | None = None
    site_number: int | None = None
    extra: bytes = b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one measurement.

        Raises
        ------
        ProfileError
            If it is cut short, or longer than its flags explain.
        """
        reader = FieldReader(payload, "temperature")
        flags = Presence(reader.unsigned(1, "flags"))
        measurement = cls(
            presence=flags,
            temperature=Float(reader.unsigned(4, "temperature")),
            timestamp=DateTime.take(reader) if Presence.TIMESTAMP in flags else None,
            site_number=reader.unsigned(1, "site") if Presence.SITE in flags else None,
            extra=reader.rest() if flags & ~_KNOWN else b"",
        )
        reader.finish()
        return measurement

    @property
    def celsius(self) -> Decimal | None:
        """The temperature in degrees Celsius; None if the thermometer has none."""
        value = self.temperature.value
        if value is None or Presence.FAHRENHEIT not in self.presence:
            return value
        return fahrenheit_to_celsius(value)

    @property
    def site(self) -> Site | None:
        """Where it was measured; None if it was not said, or by a number that has no name."""
        return Site(self.site_number) if self.site_number in _SITES else None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The temperature, if it is a number."""
        return readings_of((Quantity.BODY_TEMPERATURE, self.celsius))

    @property
    def device_time(self) -> datetime | None:
        """The time stamp, if there is a usable one."""
        return None if self.timestamp is None else self.timestamp.moment

    @property
    def quality(self) -> tuple[str, ...]:
        """A thermometer has no quality flags."""
        return ()

    @property
    def refusal(self) -> str | None:
        """A thermometer marks a missing value as no number."""
        return None

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<B", self.presence),
                bytes(self.temperature),
                b"" if self.timestamp is None else bytes(self.timestamp),
                little_endian(self.site_number, 1),
                self.extra,
            )
        )


def fahrenheit_to_celsius(value: Decimal) -> Decimal:
    """Convert a temperature, rounded to 0.01 degrees Celsius."""
    with localcontext(prec=DIGITS):
        return hundredths((value - 32) * 5 / 9)
