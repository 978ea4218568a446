"""Pulse Oximeter Service 1.0.1: the spot-check measurement, 0x2A5E.

Owns its byte layout and the names of its flags. Must not know where readings go.

Invariants
----------
1. ``bytes(SpotCheck.from_bytes(raw)) == raw``; reserved bits survive.
2. Every flag goes along as a quality name; which of them refuse the reading says
   `gateway.profiles.quality`.
3. Bytes beyond the known fields are accepted only when a reserved flag is set, since later
   versions append their fields and announce them by a flag. Without one the payload is of
   another layout than it claims, and a number out of a wrong layout is a false reading.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Final, Self

from gateway.profiles.ieee11073 import DateTime, FieldReader, Sfloat, little_endian
from gateway.profiles.measurement import Reading, flag_names, readings_of
from gateway.profiles.quality import refusal
from telekol.quantities import Quantity


class Presence(IntFlag):
    """The flags byte: which fields follow, and whether the clock was ever set."""

    TIMESTAMP = 0x01
    MEASUREMENT_STATUS = 0x02
    SENSOR_STATUS = 0x04
    PULSE_AMPLITUDE_INDEX = 0x08
    DEVICE_CLOCK_NOT_SET = 0x10


_KNOWN: Final = 0x1F


class MeasurementStatus(IntFlag):
    """What the device says of the measurement; bits 0-4 are reserved."""

    MEASUREMENT_ONGOING = 1 << 5
    EARLY_ESTIMATE = 1 << 6
    VALIDATED = 1 << 7
    FULLY_QUALIFIED = 1 << 8
    FROM_STORAGE = 1 << 9
    DEMONSTRATION = 1 << 10
    TESTING = 1 << 11
    CALIBRATION_ONGOING = 1 << 12
    MEASUREMENT_UNAVAILABLE = 1 << 13
    QUESTIONABLE_MEASUREMENT = 1 << 14
    INVALID_MEASUREMENT = 1 << 15


class SensorStatus(IntFlag):
    """What the device says of itself and its sensor; bits 16-23 are reserved."""

    EXTENDED_DISPLAY_UPDATE = 1 << 0
    EQUIPMENT_MALFUNCTION = 1 << 1
    SIGNAL_PROCESSING_IRREGULARITY = 1 << 2
    INADEQUATE_SIGNAL = 1 << 3
    POOR_SIGNAL = 1 << 4
    LOW_PERFUSION = 1 << 5
    ERRATIC_SIGNAL = 1 << 6
    NON_PULSATILE_SIGNAL = 1 << 7
    QUESTIONABLE_PULSE = 1 << 8
    SIGNAL_ANALYSIS_ONGOING = 1 << 9
    SENSOR_INTERFERENCE = 1 << 10
    SENSOR_NOT_ON_USER = 1 << 11
    UNKNOWN_SENSOR = 1 << 12
    SENSOR_DISPLACED = 1 << 13
    SENSOR_MALFUNCTIONING = 1 << 14
    SENSOR_DISCONNECTED = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotCheck:
    """One spot-check: saturation and pulse, with what the device says about them.

    A field is None when its flag is not set. ``extra`` holds bytes of a later version.
    """

    presence: Presence
    spo2_pct: Sfloat
    pulse_per_min: Sfloat
    timestamp: DateTime | None = None
    measurement_status: MeasurementStatus | None = None
    sensor_status: SensorStatus | None = None
    amplitude_index_pct: Sfloat | None = None
    extra: bytes = b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a spot-check.

        Raises
        ------
        ProfileError
            If it is cut short, or longer than its flags explain.
        """
        reader = FieldReader(payload, "PLX spot-check")
        flags = Presence(reader.unsigned(1, "flags"))
        measurement = cls(
            presence=flags,
            spo2_pct=reader.sfloat("SpO2"),
            pulse_per_min=reader.sfloat("pulse rate"),
            timestamp=DateTime.take(reader) if Presence.TIMESTAMP in flags else None,
            measurement_status=(
                MeasurementStatus(reader.unsigned(2, "measurement status"))
                if Presence.MEASUREMENT_STATUS in flags
                else None
            ),
            sensor_status=(
                SensorStatus(reader.unsigned(3, "sensor status"))
                if Presence.SENSOR_STATUS in flags
                else None
            ),
            amplitude_index_pct=(
                reader.sfloat("pulse amplitude index")
                if Presence.PULSE_AMPLITUDE_INDEX in flags
                else None
            ),
            extra=reader.rest() if flags & ~_KNOWN else b"",
        )
        reader.finish()
        return measurement

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Saturation, pulse rate and perfusion, those that are numbers."""
        return readings_of(
            (Quantity.SPO2, self.spo2_pct.value),
            (Quantity.PULSE_RATE, self.pulse_per_min.value),
            (Quantity.PERFUSION_INDEX, self.amplitude_index),
        )

    @property
    def device_time(self) -> datetime | None:
        """The time stamp, unless the device says that its clock was never set."""
        if self.timestamp is None or Presence.DEVICE_CLOCK_NOT_SET in self.presence:
            return None
        return self.timestamp.moment

    @property
    def quality(self) -> tuple[str, ...]:
        """Names of the set flags that people and rules should know of."""
        clock = ("device-clock-not-set",) * (Presence.DEVICE_CLOCK_NOT_SET in self.presence)
        return (
            *status_names(self.measurement_status, self.sensor_status),
            *clock,
        )

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<B", self.presence),
                bytes(self.spo2_pct),
                bytes(self.pulse_per_min),
                b"" if self.timestamp is None else bytes(self.timestamp),
                little_endian(self.measurement_status, 2),
                little_endian(self.sensor_status, 3),
                b"" if self.amplitude_index_pct is None else bytes(self.amplitude_index_pct),
                self.extra,
            )
        )

    @property
    def amplitude_index(self) -> Decimal | None:
        """Pulse amplitude index in percent, if the device gave one."""
        return None if self.amplitude_index_pct is None else self.amplitude_index_pct.value


def status_names(
    measurement: MeasurementStatus | None, sensor: SensorStatus | None
) -> tuple[str, ...]:
    """Name the set flags of both status fields."""
    return (
        *flag_names(measurement or MeasurementStatus(0)),
        *flag_names(sensor or SensorStatus(0)),
    )
