"""Current Time, 0x2A2B: what a device believes the time is, and how it is set.

Owns its byte layout. Must not know time zones or offsets; `gateway.timing.clock` does.

Invariant: ``bytes(CurrentTime.from_bytes(raw)) == raw``. The layout has no flags, so a
payload of any other length than ten bytes is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from typing import Final, Self

from gateway.profiles.ieee11073 import DateTime, FieldReader

_FRACTIONS_PER_S: Final = 256
_US_PER_FRACTION: Final = 1_000_000 / _FRACTIONS_PER_S


class AdjustReason(IntFlag):
    """Why a clock was last set."""

    MANUAL = 0x01
    EXTERNAL_REFERENCE = 0x02
    TIME_ZONE = 0x04
    DAYLIGHT_SAVING = 0x08


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """A reading of a device's clock, to 1/256 s; weekday 1 is Monday, 0 unknown."""

    date_time: DateTime
    weekday: int
    fractions: int
    adjust_reason: AdjustReason

    @classmethod
    def of(cls, shown: datetime) -> Self:
        """Say that the clock shall show `shown`, a naive local time."""
        return cls(
            DateTime.of(shown),
            shown.isoweekday(),
            int(shown.microsecond / _US_PER_FRACTION),
            AdjustReason.EXTERNAL_REFERENCE,
        )

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a Current Time.

        Raises
        ------
        ProfileError
            If it is not ten bytes long.
        """
        reader = FieldReader(payload, "Current Time")
        current = cls(
            DateTime.take(reader),
            reader.unsigned(1, "day of week"),
            reader.unsigned(1, "fractions"),
            AdjustReason(reader.unsigned(1, "adjust reason")),
        )
        reader.finish()
        return current

    @property
    def moment(self) -> datetime | None:
        """The naive time shown; None if the date is unknown or there is no such date."""
        moment = self.date_time.moment
        if moment is None:
            return None
        return moment.replace(microsecond=int(self.fractions * _US_PER_FRACTION))

    def __bytes__(self) -> bytes:
        return bytes(self.date_time) + struct.pack(
            "<BBB", self.weekday, self.fractions, self.adjust_reason
        )
