"""Nonin's own oximeter layouts: the 3230's characteristic and the classic four-byte frame.

Owns both. Must not know streams: a frame comes in whole. The 3230 offers the standard service
too; this one tells its battery and every second, and is big-endian.

Sources: Nonin 113142-000-02 rev. B as rendered by two independent open decoders (length byte,
status bits, missing marks); the classic frame by OpenTele's tests for the Onyx II.

Invariants
----------
1. ``bytes(X.from_bytes(raw)) == raw``; reserved bits survive.
2. SpO2 127 and pulse 511 are "missing", and no reading.
"""

from __future__ import annotations

import struct
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

OXIMETRY_SERVICE: Final = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"
OXIMETRY_MEASUREMENT: Final = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"

_SPO2_MISSING: Final = 127
_PULSE_MISSING: Final = 511
_FIXED_BYTES: Final = 10


class Status3230(IntFlag):
    """The status byte of the 3230; bits 0 and 7 are reserved."""

    WEAK_SIGNAL = 0x02
    SMART_POINT = 0x04
    SEARCHING = 0x08
    ON_FINGER = 0x10
    LOW_BATTERY = 0x20
    ENCRYPTED = 0x40


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonin3230:
    """One second of a Nonin 3230 (or 3150).

    Parameters
    ----------
    battery_decivolts
        Battery voltage in 0.1 V. It is no percentage, so it is no reading.
    amplitude_steps
        Pulse amplitude index in 0.01 %.
    counter
        Seconds since it was switched on, wrapping at 65536.
    extra
        Fields that a later firmware appends, announced by the length byte.
    """

    status: Status3230
    battery_decivolts: int
    amplitude_steps: int
    counter: int
    spo2: int
    pulse: int
    extra: bytes = b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one notification.

        Raises
        ------
        ProfileError
            If it is cut short, or its length is not the one it states.
        """
        reader = FieldReader(payload, "Nonin oximetry")
        length, status, volts = struct.unpack(">BBB", reader.take(3, "length, status and battery"))
        amplitude, counter, spo2, pulse = struct.unpack(">HHBH", reader.take(7, "values"))
        extra = reader.rest()
        if length != len(payload):
            raise ProfileError(
                f"Nonin oximetry: expected {length} bytes as its first one says, found "
                f"{len(payload)}; the payload is cut or of another layout"
            )
        return cls(
            status=Status3230(status),
            battery_decivolts=volts,
            amplitude_steps=amplitude,
            counter=counter,
            spo2=spo2,
            pulse=pulse,
            extra=extra,
        )

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Saturation, pulse rate and perfusion, those that are not marked as missing."""
        return readings_of(
            *_saturation_and_pulse(self.spo2, self.pulse),
            (Quantity.PERFUSION_INDEX, Decimal(self.amplitude_steps).scaleb(-2)),
        )

    @property
    def device_time(self) -> datetime | None:
        """It counts seconds and keeps no clock here."""
        return None

    @property
    def quality(self) -> tuple[str, ...]:
        """Names of the set flags, and ``finger-off`` where the one for the finger is not."""
        said = self.status & ~Status3230.ON_FINGER
        off = () if Status3230.ON_FINGER in self.status else ("finger-off",)
        return (*flag_names(said), *off)

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        fixed = struct.pack(
            ">BBBHHBH",
            _FIXED_BYTES + len(self.extra),
            self.status,
            self.battery_decivolts,
            self.amplitude_steps,
            self.counter,
            self.spo2,
            self.pulse,
        )
        return fixed + self.extra


class ClassicSignal(IntFlag):
    """First byte of the classic frame: bit 7 is always set, 0 and 1 are the pulse's bits 7-8."""

    OUT_OF_TRACK = 0x20
    LOW_PERFUSION = 0x10
    MARGINAL_PERFUSION = 0x08
    ARTEFACT = 0x04


class ClassicState(IntFlag):
    """Last byte of the classic frame; bit 7 is never set."""

    SMART_POINT = 0x20
    FINGER_OFF = 0x08
    LOW_BATTERY = 0x01


_SYNC: Final = 0x80
_PULSE_HIGH: Final = 0x03


@dataclass(frozen=True, slots=True, kw_only=True)
class NoninClassic:
    """One classic frame, as sent over the serial port profile.

    Parameters
    ----------
    signal
        The first byte without its sync bit and the pulse's high bits.
    """

    signal: ClassicSignal
    pulse: int
    spo2: int
    state: ClassicState

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one frame.

        Raises
        ------
        ProfileError
            If it is not four bytes, of which the first alone has its highest bit set.
        """
        reader = FieldReader(payload, "Nonin frame")
        first, low, spo2, state = reader.take(4, "frame")
        reader.finish()
        if not first & _SYNC or (low | spo2 | state) & _SYNC:
            raise ProfileError(
                "Nonin frame: expected the highest bit set in the first byte alone, found "
                f"{payload.hex()}; it does not start at the start of a frame"
            )
        return cls(
            signal=ClassicSignal(first & ~_SYNC & ~_PULSE_HIGH),
            pulse=(first & _PULSE_HIGH) << 7 | low,
            spo2=spo2,
            state=ClassicState(state),
        )

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Saturation and pulse rate, those that are not marked as missing."""
        return readings_of(*_saturation_and_pulse(self.spo2, self.pulse))

    @property
    def device_time(self) -> datetime | None:
        """The frame has none."""
        return None

    @property
    def quality(self) -> tuple[str, ...]:
        """Names of the set flags."""
        return (*flag_names(self.signal), *flag_names(self.state))

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        first = _SYNC | self.signal | self.pulse >> 7
        return bytes((first, self.pulse & 0x7F, self.spo2, self.state))


def _saturation_and_pulse(
    spo2: int, pulse: int
) -> tuple[tuple[Quantity, Decimal | None], tuple[Quantity, Decimal | None]]:
    return (
        (Quantity.SPO2, None if spo2 == _SPO2_MISSING else Decimal(spo2)),
        (Quantity.PULSE_RATE, None if pulse == _PULSE_MISSING else Decimal(pulse)),
    )
