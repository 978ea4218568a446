"""Battery Service 1.1: the level, 0x2A19, and the level status, 0x2BED.

Owns both byte layouts. Must not know when a battery is too low to go on with.

Invariants
----------
1. ``bytes(X.from_bytes(raw)) == raw``; reserved bits and levels survive.
2. A level above 100 is no level.

The fields of the level status were compared with two independent readers of the GATT
Specification Supplement.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, IntFlag
from typing import Final, Self

from gateway.profiles.ieee11073 import FieldReader, little_endian
from gateway.profiles.measurement import Reading, readings_of
from telekol.quantities import Quantity

_FULL_PCT: Final = 100


@dataclass(frozen=True, slots=True)
class BatteryLevel:
    """How full a battery is, by the device's own reckoning."""

    level_pct: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a level.

        Raises
        ------
        ProfileError
            If it is not one byte long.
        """
        reader = FieldReader(payload, "battery level")
        level = cls(reader.unsigned(1, "level"))
        reader.finish()
        return level

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The level, if it is one."""
        return readings_of((Quantity.BATTERY, _level(self.level_pct)))

    @property
    def device_time(self) -> datetime | None:
        """A level is of now."""
        return None

    @property
    def quality(self) -> tuple[str, ...]:
        """A level has no quality flags."""
        return ()

    @property
    def refusal(self) -> str | None:
        """A level is about the device, and always may be sent."""
        return None

    def __bytes__(self) -> bytes:
        return struct.pack("<B", self.level_pct)


class Presence(IntFlag):
    """The flags byte: which fields follow."""

    IDENTIFIER = 0x01
    LEVEL = 0x02
    ADDITIONAL_STATUS = 0x04


_KNOWN: Final = 0x07


class ChargeState(IntEnum):
    """What the battery does: bits 5 and 6 of the power state."""

    UNKNOWN = 0
    CHARGING = 1
    DISCHARGING = 2
    RESTING = 3


class ChargeLevel(IntEnum):
    """The device's own judgement: bits 7 and 8 of the power state."""

    UNKNOWN = 0
    GOOD = 1
    LOW = 2
    CRITICAL = 3


_CHARGE_STATE_SHIFT: Final = 5
_CHARGE_LEVEL_SHIFT: Final = 7
_SERVICE_REQUIRED: Final = 0x03


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryLevelStatus:
    """A battery with what the device says of it.

    A field is None when its flag is not set. ``extra`` holds bytes of a later version.
    """

    presence: Presence
    power_state: int
    identifier: int | None = None
    level_pct: int | None = None
    additional_status: int | None = None
    extra: bytes = b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a level status.

        Raises
        ------
        ProfileError
            If it is cut short, or longer than its flags explain.
        """
        reader = FieldReader(payload, "battery level status")
        flags = Presence(reader.unsigned(1, "flags"))
        has_more = Presence.ADDITIONAL_STATUS in flags
        status = cls(
            presence=flags,
            power_state=reader.unsigned(2, "power state"),
            identifier=reader.unsigned(2, "identifier") if Presence.IDENTIFIER in flags else None,
            level_pct=reader.unsigned(1, "level") if Presence.LEVEL in flags else None,
            additional_status=reader.unsigned(1, "additional status") if has_more else None,
            extra=reader.rest() if flags & ~_KNOWN else b"",
        )
        reader.finish()
        return status

    @property
    def is_present(self) -> bool:
        """Whether there is a battery."""
        return bool(self.power_state & 1)

    @property
    def charge_state(self) -> ChargeState:
        """What the battery does."""
        return ChargeState(self.power_state >> _CHARGE_STATE_SHIFT & 3)

    @property
    def charge_level(self) -> ChargeLevel:
        """How the device judges the level."""
        return ChargeLevel(self.power_state >> _CHARGE_LEVEL_SHIFT & 3)

    @property
    def needs_service(self) -> bool:
        """Whether the device says that somebody must see to its battery."""
        return (self.additional_status or 0) & _SERVICE_REQUIRED == 1

    @property
    def level(self) -> Decimal | None:
        """How full it is in percent, if the device says so."""
        return None if self.level_pct is None else _level(self.level_pct)

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<BH", self.presence, self.power_state),
                little_endian(self.identifier, 2),
                little_endian(self.level_pct, 1),
                little_endian(self.additional_status, 1),
                self.extra,
            )
        )


def _level(pct: int) -> Decimal | None:
    return Decimal(pct) if pct <= _FULL_PCT else None
