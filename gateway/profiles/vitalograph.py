"""Vitalograph lung monitor: one blow, as ASCII between STX and ETX with an XOR behind.

Owns the frame. Must not know the serial port, nor that a frame is answered with ACK (06) or
NAK (15). Source: OpenTele's decoder and its tests, which hold a recorded frame.

Invariants
----------
1. ``bytes(LungMonitorBlow.from_bytes(raw)) == raw``.
2. The device measures FEV6 and never FVC. FEV1/FEV6 is no FEV1/FVC either: it is higher, and
   would hide an obstruction. Neither is ever given another's name.
3. A frame counts only with its checksum, the XOR of all bytes from STX to ETX.
"""

from __future__ import annotations

import functools
import operator
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Self

from gateway.errors import ProfileError
from gateway.profiles.ieee11073 import FieldReader
from gateway.profiles.measurement import Reading, readings_of
from gateway.profiles.quality import refusal
from telekol.quantities import Quantity

FRAME_BYTES: Final = 59
_LAYOUT: Final = re.compile(
    rb"\x02FTD(?P<serial>[ -~]{10})(?P<numbers>[0-9]{27})(?P<clock>[0-9]{12})"
    rb"(?P<bad>[01])(?P<software>[0-9]{3})\x03",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LungMonitorBlow:
    """One blow; volumes in hundredths of a litre.

    Parameters
    ----------
    fef_25_75
        Flow in the middle half, hundredths of a litre per second.
    best_fev1
        The personal best that the device was told, hundredths of a litre.
    fev1_pct
        FEV1 in percent of that best.
    zones
        The device's green, yellow and orange limits, 0 when not set.
    clock
        YYMMDDhhmmss as sent.
    """

    serial: str
    fev1: int
    fev6: int
    fev1_fev6: int
    fef_25_75: int
    best_fev1: int
    fev1_pct: int
    zones: tuple[int, int, int]
    clock: str
    is_bad: bool
    software: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one frame.

        Raises
        ------
        ProfileError
            If its length, its layout or its checksum is not what it must be.
        """
        reader = FieldReader(payload, "lung monitor frame")
        frame, checksum = reader.take(FRAME_BYTES - 1, "frame"), reader.unsigned(1, "checksum")
        reader.finish()
        found = _LAYOUT.fullmatch(frame)
        if found is None:
            raise ProfileError(
                f"lung monitor frame: expected STX, FTD, digits and ETX, found {frame.hex()}; "
                "it is of another layout"
            )
        if checksum != _xor(frame):
            raise ProfileError(
                f"lung monitor frame: expected the checksum {_xor(frame):#04x}, found "
                f"{checksum:#04x}; answer NAK, and it is sent again"
            )
        digits = found["numbers"]
        numbers = [int(digits[at : at + 3]) for at in range(0, len(digits), 3)]
        return cls(
            serial=found["serial"].decode("ascii"),
            fev1=numbers[0],
            fev6=numbers[1],
            fev1_fev6=numbers[2],
            fef_25_75=numbers[3],
            best_fev1=numbers[4],
            fev1_pct=numbers[5],
            zones=(numbers[6], numbers[7], numbers[8]),
            clock=found["clock"].decode("ascii"),
            is_bad=found["bad"] == b"1",
            software=int(found["software"]),
        )

    @property
    def readings(self) -> tuple[Reading, ...]:
        """FEV1 and FEV6."""
        return readings_of(
            (Quantity.FEV1, Decimal(self.fev1).scaleb(-2)),
            (Quantity.FEV6, Decimal(self.fev6).scaleb(-2)),
        )

    @property
    def device_time(self) -> datetime | None:
        """When it was blown, by the device's clock; None if there is no such time."""
        try:
            # The device's time has no zone.
            return datetime.strptime(f"20{self.clock}", "%Y%m%d%H%M%S")  # noqa: DTZ007
        except ValueError:
            return None

    @property
    def quality(self) -> tuple[str, ...]:
        """Whether the device calls the blow bad."""
        return ("bad-test",) * self.is_bad

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        numbers = (
            self.fev1,
            self.fev6,
            self.fev1_fev6,
            self.fef_25_75,
            self.best_fev1,
            self.fev1_pct,
            *self.zones,
        )
        text = "".join(f"{number:03}" for number in numbers)
        frame = f"\x02FTD{self.serial}{text}{self.clock}{self.is_bad:d}{self.software:03}\x03"
        encoded = frame.encode("ascii")
        return encoded + bytes((_xor(encoded),))


def _xor(frame: bytes) -> int:
    return functools.reduce(operator.xor, frame)
