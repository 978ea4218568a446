"""Body Composition Service 1.0: the body composition measurement, 0x2A9C.

Owns its byte layout and the exact conversion to kilograms. Must not know where readings go. Of
all its fields only the weight is a quantity of this house; fat, muscle and water stay in the
decoded value.

Invariants
----------
1. ``bytes(BodyComposition.from_bytes(raw)) == raw``; reserved bits survive.
2. Body fat above 100 % is refused as another layout. Xiaomi's scale sends 13 bytes of its own
   under this characteristic, and while somebody steps on, they have exactly the length of a
   time stamp and a weight here: its year stands where the fat does, and reads as 197 % (1970)
   or more. Without this line an unfinished weighing would pass for a reading.
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

from gateway.errors import ProfileError
from gateway.profiles.ieee11073 import DateTime, FieldReader, little_endian
from gateway.profiles.measurement import Reading, readings_of
from gateway.profiles.quality import refusal
from gateway.profiles.weight_scale import KG_PER_LB, KG_PER_STEP, LB_PER_STEP
from telekol.quantities import Quantity

_PCT_PER_STEP: Final = Decimal("0.1")
_MOST_FAT_STEPS: Final = 1000
_UNSUCCESSFUL: Final = 0xFFFF
_UNKNOWN_USER: Final = 0xFF


class Presence(IntFlag):
    """The flags: units, which fields follow, and whether another packet does."""

    IMPERIAL = 1 << 0
    TIMESTAMP = 1 << 1
    USER_ID = 1 << 2
    BASAL_METABOLISM = 1 << 3
    MUSCLE_PERCENTAGE = 1 << 4
    MUSCLE_MASS = 1 << 5
    FAT_FREE_MASS = 1 << 6
    SOFT_LEAN_MASS = 1 << 7
    BODY_WATER_MASS = 1 << 8
    IMPEDANCE = 1 << 9
    WEIGHT = 1 << 10
    HEIGHT = 1 << 11
    MULTIPLE_PACKETS = 1 << 12


_KNOWN: Final = 0x1FFF
_WORDS: Final = (
    Presence.BASAL_METABOLISM,
    Presence.MUSCLE_PERCENTAGE,
    Presence.MUSCLE_MASS,
    Presence.FAT_FREE_MASS,
    Presence.SOFT_LEAN_MASS,
    Presence.BODY_WATER_MASS,
    Presence.IMPEDANCE,
    Presence.WEIGHT,
    Presence.HEIGHT,
)
"""The optional 16-bit fields, in the order they are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyComposition:
    """One measurement, in the scale's own steps.

    Parameters
    ----------
    words
        The optional 16-bit fields that were sent, in the order of their flags.
    extra
        Bytes of a later version.
    """

    presence: Presence
    fat_steps: int
    timestamp: DateTime | None = None
    user_number: int | None = None
    words: tuple[int, ...] = ()
    extra: bytes = b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one measurement.

        Raises
        ------
        ProfileError
            If it is cut short, longer than its flags explain, or has more fat than body.
        """
        reader = FieldReader(payload, "body composition")
        flags = Presence(reader.unsigned(2, "flags"))
        fat_steps = reader.unsigned(2, "body fat")
        if _MOST_FAT_STEPS < fat_steps != _UNSUCCESSFUL:
            raise ProfileError(
                f"body composition: expected body fat up to 100 %, found {fat_steps / 10} %; "
                "it is another layout, as Xiaomi scales send under this characteristic"
            )
        measurement = cls(
            presence=flags,
            fat_steps=fat_steps,
            timestamp=DateTime.take(reader) if Presence.TIMESTAMP in flags else None,
            user_number=reader.unsigned(1, "user id") if Presence.USER_ID in flags else None,
            words=tuple(reader.unsigned(2, str(word.name)) for word in _WORDS if word in flags),
            extra=reader.rest() if flags & ~_KNOWN else b"",
        )
        reader.finish()
        return measurement

    def word(self, which: Presence) -> int | None:
        """Give one of the optional 16-bit fields; None if it was not sent or not measured."""
        sent = [word for word in _WORDS if word in self.presence]
        value = self.words[sent.index(which)] if which in sent else _UNSUCCESSFUL
        return None if value == _UNSUCCESSFUL else value

    @property
    def fat_pct(self) -> Decimal | None:
        """Body fat in percent; None if the measurement failed."""
        return None if self.fat_steps == _UNSUCCESSFUL else self.fat_steps * _PCT_PER_STEP

    @property
    def weight_kg(self) -> Decimal | None:
        """Weight in kilograms, exactly; None if there is none."""
        steps = self.word(Presence.WEIGHT)
        if steps is None:
            return None
        if Presence.IMPERIAL in self.presence:
            return steps * LB_PER_STEP * KG_PER_LB
        return steps * KG_PER_STEP

    @property
    def user(self) -> int | None:
        """The scale's own number for who stood on it; None if it does not know."""
        return None if self.user_number == _UNKNOWN_USER else self.user_number

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The weight, if it came along; many scales send it as 0x2A9D alone."""
        return readings_of((Quantity.BODY_WEIGHT, self.weight_kg))

    @property
    def device_time(self) -> datetime | None:
        """The time stamp, if there is a usable one; a second packet may come without."""
        return None if self.timestamp is None else self.timestamp.moment

    @property
    def quality(self) -> tuple[str, ...]:
        """Whether the composition itself failed."""
        return ("body-composition-unsuccessful",) * (self.fat_steps == _UNSUCCESSFUL)

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<HH", self.presence, self.fat_steps),
                b"" if self.timestamp is None else bytes(self.timestamp),
                little_endian(self.user_number, 1),
                struct.pack(f"<{len(self.words)}H", *self.words),
                self.extra,
            )
        )
