"""Pulse Oximeter Service 1.0.1: the continuous measurement, 0x2A5F, about once a second.

Owns its byte layout. Its status flags are those of `gateway.profiles.pulse_oximeter`. Must not
know which of a stream's moments is the reading of a day.

Invariants
----------
1. ``bytes(Continuous.from_bytes(raw)) == raw``; reserved bits survive.
2. Bytes beyond the known fields are accepted only when a reserved flag is set; see
   `gateway.profiles.pulse_oximeter` for the reason.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from typing import Final, Self

from gateway.profiles.ieee11073 import FieldReader, Sfloat, little_endian
from gateway.profiles.measurement import Reading, readings_of
from gateway.profiles.pulse_oximeter import MeasurementStatus, SensorStatus, status_names
from gateway.profiles.quality import refusal
from telekol.quantities import Quantity

_KNOWN: Final = 0x1F


class Presence(IntFlag):
    """The flags byte of a continuous measurement: which fields follow."""

    FAST = 0x01
    SLOW = 0x02
    MEASUREMENT_STATUS = 0x04
    SENSOR_STATUS = 0x08
    PULSE_AMPLITUDE_INDEX = 0x10


@dataclass(frozen=True, slots=True)
class Averaged:
    """Saturation and pulse over one averaging time."""

    spo2_pct: Sfloat
    pulse_per_min: Sfloat

    @classmethod
    def take(cls, reader: FieldReader, which: str) -> Self:
        """Cut the next four bytes of `reader`."""
        return cls(reader.sfloat(f"{which} SpO2"), reader.sfloat(f"{which} pulse rate"))

    def __bytes__(self) -> bytes:
        return bytes(self.spo2_pct) + bytes(self.pulse_per_min)


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuous:
    """One moment of a continuous measurement; it carries no time.

    The readings are the normal averages. The fast and slow ones are the same blood averaged
    otherwise: kept in the bytes, never a reading of their own nor a stand-in for a missing one.
    """

    presence: Presence
    normal: Averaged
    fast: Averaged | None = None
    slow: Averaged | None = None
    measurement_status: MeasurementStatus | None = None
    sensor_status: SensorStatus | None = None
    amplitude_index_pct: Sfloat | None = None
    extra: bytes = b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one moment.

        Raises
        ------
        ProfileError
            If it is cut short, or longer than its flags explain.
        """
        reader = FieldReader(payload, "PLX continuous measurement")
        flags = Presence(reader.unsigned(1, "flags"))
        known = Presence
        measurement = cls(
            presence=flags,
            normal=Averaged.take(reader, "normal"),
            fast=Averaged.take(reader, "fast") if known.FAST in flags else None,
            slow=Averaged.take(reader, "slow") if known.SLOW in flags else None,
            measurement_status=(
                MeasurementStatus(reader.unsigned(2, "measurement status"))
                if known.MEASUREMENT_STATUS in flags
                else None
            ),
            sensor_status=(
                SensorStatus(reader.unsigned(3, "sensor status"))
                if known.SENSOR_STATUS in flags
                else None
            ),
            amplitude_index_pct=(
                reader.sfloat("pulse amplitude index")
                if known.PULSE_AMPLITUDE_INDEX in flags
                else None
            ),
            extra=reader.rest() if flags & ~_KNOWN else b"",
        )
        reader.finish()
        return measurement

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Saturation, pulse rate and perfusion, those that are numbers."""
        index = self.amplitude_index_pct
        return readings_of(
            (Quantity.SPO2, self.normal.spo2_pct.value),
            (Quantity.PULSE_RATE, self.normal.pulse_per_min.value),
            (Quantity.PERFUSION_INDEX, None if index is None else index.value),
        )

    @property
    def device_time(self) -> datetime | None:
        """The layout has none."""
        return None

    @property
    def quality(self) -> tuple[str, ...]:
        """Names of the set flags."""
        return status_names(self.measurement_status, self.sensor_status)

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<B", self.presence),
                bytes(self.normal),
                b"" if self.fast is None else bytes(self.fast),
                b"" if self.slow is None else bytes(self.slow),
                little_endian(self.measurement_status, 2),
                little_endian(self.sensor_status, 3),
                b"" if self.amplitude_index_pct is None else bytes(self.amplitude_index_pct),
                self.extra,
            )
        )
