"""Blood Pressure Service 1.1: the blood pressure measurement, 0x2A35.

Owns its byte layout and the conversion to mmHg. Must not know where readings go.

Invariants
----------
1. ``bytes(BloodPressure.from_bytes(raw)) == raw``; reserved bits survive.
2. Kilopascals become mmHg here and nowhere else: divided by 0.133322387415 (exact, ISO 80000-4)
   and rounded to 0.01 mmHg, half to even, since the quotient never ends. A cuff that shows
   kilopascals has steps of 0.1 kPa, which is 0.75 mmHg.
3. Bytes beyond the known fields are accepted only when a reserved flag is set; see
   `gateway.profiles.pulse_oximeter` for the reason.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from enum import IntFlag
from typing import Final, Self

from gateway.profiles.ieee11073 import DateTime, FieldReader, Sfloat, little_endian
from gateway.profiles.measurement import DIGITS, Reading, flag_names, hundredths, readings_of
from gateway.profiles.quality import refusal
from telekol.quantities import Quantity

_KPA_PER_MMHG: Final = Decimal("0.133322387415")
_UNKNOWN_USER: Final = 0xFF


class Presence(IntFlag):
    """The flags byte: the unit, and which fields follow."""

    KILOPASCAL = 0x01
    TIMESTAMP = 0x02
    PULSE_RATE = 0x04
    USER_ID = 0x08
    MEASUREMENT_STATUS = 0x10


_KNOWN: Final = 0x1F


class Status(IntFlag):
    """What the cuff says of the measurement. Bits 3 and 4 are one field; both set is reserved."""

    BODY_MOVEMENT = 1 << 0
    CUFF_TOO_LOOSE = 1 << 1
    IRREGULAR_PULSE = 1 << 2
    PULSE_ABOVE_RANGE = 1 << 3
    PULSE_BELOW_RANGE = 1 << 4
    IMPROPER_POSITION = 1 << 5


_PULSE_RANGE: Final = Status.PULSE_ABOVE_RANGE | Status.PULSE_BELOW_RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class BloodPressure:
    """One measurement, in the cuff's own unit.

    A field is None when its flag is not set. ``extra`` holds bytes of a later version.
    """

    presence: Presence
    systolic: Sfloat
    diastolic: Sfloat
    mean: Sfloat
    timestamp: DateTime | None = None
    pulse_per_min: Sfloat | None = None
    user_number: int | None = None
    status: Status | None = None
    extra: bytes = b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one measurement.

        Raises
        ------
        ProfileError
            If it is cut short, or longer than its flags explain.
        """
        reader = FieldReader(payload, "blood pressure")
        flags = Presence(reader.unsigned(1, "flags"))
        has_status = Presence.MEASUREMENT_STATUS in flags
        measurement = cls(
            presence=flags,
            systolic=reader.sfloat("systolic pressure"),
            diastolic=reader.sfloat("diastolic pressure"),
            mean=reader.sfloat("mean pressure"),
            timestamp=DateTime.take(reader) if Presence.TIMESTAMP in flags else None,
            pulse_per_min=reader.sfloat("pulse rate") if Presence.PULSE_RATE in flags else None,
            user_number=reader.unsigned(1, "user id") if Presence.USER_ID in flags else None,
            status=Status(reader.unsigned(2, "measurement status")) if has_status else None,
            extra=reader.rest() if flags & ~_KNOWN else b"",
        )
        reader.finish()
        return measurement

    def mmhg(self, pressure: Sfloat) -> Decimal | None:
        """Give one of the three pressures in mmHg; None if the cuff has none."""
        value = pressure.value
        if value is None or Presence.KILOPASCAL not in self.presence:
            return value
        return kilopascals_to_mmhg(value)

    @property
    def user(self) -> int | None:
        """The cuff's own number for who wore it; None if it does not know."""
        return None if self.user_number == _UNKNOWN_USER else self.user_number

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The pressures and the pulse, those that are numbers."""
        pulse = self.pulse_per_min
        return readings_of(
            (Quantity.SYSTOLIC_BP, self.mmhg(self.systolic)),
            (Quantity.DIASTOLIC_BP, self.mmhg(self.diastolic)),
            (Quantity.MEAN_BP, self.mmhg(self.mean)),
            (Quantity.PULSE_RATE, None if pulse is None else pulse.value),
        )

    @property
    def device_time(self) -> datetime | None:
        """The time stamp, if there is a usable one."""
        return None if self.timestamp is None else self.timestamp.moment

    @property
    def quality(self) -> tuple[str, ...]:
        """Names of the set flags."""
        status = self.status or Status(0)
        if _PULSE_RANGE in status:
            status &= ~_PULSE_RANGE
        return tuple(flag_names(status))

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<B", self.presence),
                bytes(self.systolic),
                bytes(self.diastolic),
                bytes(self.mean),
                b"" if self.timestamp is None else bytes(self.timestamp),
                b"" if self.pulse_per_min is None else bytes(self.pulse_per_min),
                little_endian(self.user_number, 1),
                little_endian(self.status, 2),
                self.extra,
            )
        )


def kilopascals_to_mmhg(value: Decimal) -> Decimal:
    """Convert a pressure, rounded to 0.01 mmHg."""
    with localcontext(prec=DIGITS):
        return hundredths(value / _KPA_PER_MMHG)
