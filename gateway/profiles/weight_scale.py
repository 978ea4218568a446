"""Weight Scale Service 1.0: the weight measurement, 0x2A9D.

Owns its byte layout and the exact conversion to kilograms. Must not know where readings go,
nor whose weight it is: the user number is the scale's own and means nobody in particular.

Invariants
----------
1. ``bytes(WeightMeasurement.from_bytes(raw)) == raw``; reserved bits survive.
2. Pounds become kilograms here, exactly, and nowhere else.
3. Bytes beyond the known fields are accepted only when a reserved flag is set; see
   `gateway.profiles.pulse_oximeter` for the reason.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Final, Self

from gateway.profiles.ieee11073 import DateTime, FieldReader
from gateway.profiles.measurement import Reading
from telekol.quantities import FACTS, Quantity

KG_PER_STEP: Final = Decimal("0.005")
LB_PER_STEP: Final = Decimal("0.01")
_M_PER_STEP: Final = Decimal("0.001")
_IN_PER_STEP: Final = Decimal("0.1")
_BMI_PER_STEP: Final = Decimal("0.1")
KG_PER_LB: Final = Decimal("0.45359237")
"""Exact by definition: international yard and pound agreement, 1959."""
_M_PER_IN: Final = Decimal("0.0254")
"""Exact by the same agreement."""

_UNSUCCESSFUL: Final = 0xFFFF
"""Weight of a weighing that failed, as when somebody stepped off too early."""
_UNKNOWN_USER: Final = 0xFF


class Presence(IntFlag):
    """The flags byte: units, and which fields follow."""

    IMPERIAL = 0x01
    TIMESTAMP = 0x02
    USER_ID = 0x04
    BMI_AND_HEIGHT = 0x08


_KNOWN: Final = 0x0F


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightMeasurement:
    """One weighing, in the scale's own steps.

    A field is None when its flag is not set. ``extra`` holds bytes of a later version.
    """

    presence: Presence
    weight_steps: int
    timestamp: DateTime | None = None
    user_number: int | None = None
    bmi_steps: int | None = None
    height_steps: int | None = None
    extra: bytes = b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a weighing.

        Raises
        ------
        ProfileError
            If it is cut short, or longer than its flags explain.
        """
        reader = FieldReader(payload, "weight measurement")
        flags = Presence(reader.unsigned(1, "flags"))
        has_height = Presence.BMI_AND_HEIGHT in flags
        measurement = cls(
            presence=flags,
            weight_steps=reader.unsigned(2, "weight"),
            timestamp=DateTime.take(reader) if Presence.TIMESTAMP in flags else None,
            user_number=reader.unsigned(1, "user id") if Presence.USER_ID in flags else None,
            bmi_steps=reader.unsigned(2, "BMI") if has_height else None,
            height_steps=reader.unsigned(2, "height") if has_height else None,
            extra=reader.rest() if flags & ~_KNOWN else b"",
        )
        reader.finish()
        return measurement

    @property
    def weight_kg(self) -> Decimal | None:
        """Weight in kilograms, exactly; None if the weighing failed."""
        if self.weight_steps == _UNSUCCESSFUL:
            return None
        if Presence.IMPERIAL in self.presence:
            return self.weight_steps * LB_PER_STEP * KG_PER_LB
        return self.weight_steps * KG_PER_STEP

    @property
    def height_m(self) -> Decimal | None:
        """Height in metres, exactly, if the scale gave one."""
        if self.height_steps is None:
            return None
        if Presence.IMPERIAL in self.presence:
            return self.height_steps * _IN_PER_STEP * _M_PER_IN
        return self.height_steps * _M_PER_STEP

    @property
    def bmi(self) -> Decimal | None:
        """Body mass index in kg/m2, if the scale gave one."""
        return None if self.bmi_steps is None else self.bmi_steps * _BMI_PER_STEP

    @property
    def user(self) -> int | None:
        """The scale's own number for who stood on it; None if it does not know."""
        return None if self.user_number == _UNKNOWN_USER else self.user_number

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The weight, if the weighing succeeded."""
        weight = self.weight_kg
        if weight is None:
            return ()
        quantity = Quantity.BODY_WEIGHT
        return (Reading(quantity, weight, FACTS[quantity].unit),)

    @property
    def device_time(self) -> datetime | None:
        """The time stamp, if there is a usable one."""
        return None if self.timestamp is None else self.timestamp.moment

    @property
    def quality(self) -> tuple[str, ...]:
        """A scale has no quality flags."""
        return ()

    @property
    def refusal(self) -> str | None:
        """A scale does not mark simulated values."""
        return None

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<BH", self.presence, self.weight_steps),
                b"" if self.timestamp is None else bytes(self.timestamp),
                b"" if self.user_number is None else struct.pack("<B", self.user_number),
                b"" if self.bmi_steps is None else struct.pack("<H", self.bmi_steps),
                b"" if self.height_steps is None else struct.pack("<H", self.height_steps),
                self.extra,
            )
        )
