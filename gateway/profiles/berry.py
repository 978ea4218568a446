"""Berry BM1000: the five-byte BCI frame of a finger oximeter that streams.

Owns its layout. Must not know streams: a frame comes in whole. It comes about a hundred times a
second; which of them is the reading is for the caller to say.

Source: the maker's BCI protocol as two independent open decoders read it.

Invariants
----------
1. ``bytes(BciFrame.from_bytes(raw)) == raw``.
2. SpO2 127 and pulse 255 are "missing", and no reading. The pulse has eight bits, the highest
   in the third byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Final, Self

from gateway.errors import ProfileError
from gateway.profiles.ieee11073 import FieldReader
from gateway.profiles.measurement import Reading, flag_names, readings_of
from gateway.profiles.quality import refusal
from telekol.quantities import Quantity

UART_SERVICE: Final = "49535343-fe7d-4ae5-8fa9-9fafd205e455"
UART_NOTIFY: Final = "49535343-1e4d-4bd9-ba61-23c647249616"

_SYNC: Final = 0x80
_SPO2_MISSING: Final = 127
_PULSE_MISSING: Final = 255
_PULSE_HIGH: Final = 0x40


class Probe(IntFlag):
    """Flags of the first byte; bit 6 marks a beat and is no quality."""

    NO_SIGNAL = 0x10
    SENSOR_DISCONNECTED = 0x20


class Finger(IntFlag):
    """Flags of the third byte."""

    FINGER_OFF = 0x10
    SEARCHING = 0x20


@dataclass(frozen=True, slots=True, kw_only=True)
class BciFrame:
    """One frame.

    Parameters
    ----------
    strength
        Of the signal, 0-8; 15 is none.
    beat
        Whether the heart beats just now.
    wave
        The pulse wave, 0-127.
    bar
        Height of the display's bar, 0-15.
    """

    strength: int
    probe: Probe
    beat: bool
    wave: int
    bar: int
    finger: Finger
    pulse: int
    spo2: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one frame.

        Raises
        ------
        ProfileError
            If it is not five bytes, of which the first alone has its highest bit set.
        """
        reader = FieldReader(payload, "BCI frame")
        first, wave, third, low, spo2 = reader.take(5, "frame")
        reader.finish()
        if not first & _SYNC or (wave | third | low | spo2) & _SYNC:
            raise ProfileError(
                "BCI frame: expected the highest bit set in the first byte alone, found "
                f"{payload.hex()}; it does not start at the start of a frame"
            )
        return cls(
            strength=first & 0x0F,
            probe=Probe(first & 0x30),
            beat=bool(first & 0x40),
            wave=wave,
            bar=third & 0x0F,
            finger=Finger(third & 0x30),
            pulse=(third & _PULSE_HIGH) << 1 | low,
            spo2=spo2,
        )

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Saturation and pulse rate, those that are not marked as missing."""
        return readings_of(
            (Quantity.SPO2, None if self.spo2 == _SPO2_MISSING else Decimal(self.spo2)),
            (Quantity.PULSE_RATE, None if self.pulse == _PULSE_MISSING else Decimal(self.pulse)),
        )

    @property
    def device_time(self) -> datetime | None:
        """It has no clock."""
        return None

    @property
    def quality(self) -> tuple[str, ...]:
        """Names of the set flags."""
        return (*flag_names(self.probe), *flag_names(self.finger))

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        first = _SYNC | self.strength | self.probe | self.beat << 6
        third = self.bar | self.finger | (self.pulse & 0x80) >> 1
        return bytes((first, self.wave, third, self.pulse & 0x7F, self.spo2))
