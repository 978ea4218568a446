"""PLX Spot-check (0x2A5E), Continuous (0x2A5F) and Features (0x2A60), Bluetooth PLXP v1.0.1.

Owns the byte layout of what a fingertip oximeter sends. Must not know what is healthy.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Final

from device_sim.encoders.ieee11073 import FIRST_YEAR, SpecialSfloat, date_time, sfloat


class PlxFlag(IntFlag):
    """First byte of a spot-check: which fields follow."""

    TIMESTAMP = 0x01
    MEASUREMENT_STATUS = 0x02
    SENSOR_STATUS = 0x04
    PULSE_AMPLITUDE_INDEX = 0x08
    CLOCK_NOT_SET = 0x10


class ContinuousFlag(IntFlag):
    """First byte of a continuous measurement: which fields follow."""

    FAST = 0x01
    SLOW = 0x02
    MEASUREMENT_STATUS = 0x04
    SENSOR_STATUS = 0x08
    PULSE_AMPLITUDE_INDEX = 0x10


class PlxFeature(IntFlag):
    """What the oximeter says it can do."""

    MEASUREMENT_STATUS = 0x01
    SENSOR_STATUS = 0x02
    STORAGE = 0x04
    TIMESTAMP = 0x08


class MeasurementStatus(IntFlag):
    """How far the measurement got."""

    ONGOING = 1 << 5
    EARLY_ESTIMATE = 1 << 6
    VALIDATED = 1 << 7
    FULLY_QUALIFIED = 1 << 8
    FROM_STORAGE = 1 << 9
    UNAVAILABLE = 1 << 13
    INVALID = 1 << 15


class SensorStatus(IntFlag):
    """What is wrong with the signal."""

    POOR_SIGNAL = 1 << 4
    LOW_PERFUSION = 1 << 5
    NOT_ON_USER = 1 << 11


WEAK: Final = SensorStatus.POOR_SIGNAL | SensorStatus.LOW_PERFUSION


def spot_check(
    spo2: Decimal | SpecialSfloat,
    pulse_rate: Decimal | SpecialSfloat,
    *,
    device_time: datetime | None = None,
    measurement_status: int | None = None,
    sensor_status: int | None = None,
    clock_not_set: bool = False,
) -> bytes:
    """Write one spot-check.

    Parameters
    ----------
    spo2
        Oxygen saturation in %.
    pulse_rate
        Beats per minute.
    device_time
        The device's own time without zone; absent: no timestamp field.
    measurement_status, sensor_status
        Raw 16 and 24 bit fields; absent: not sent.
    clock_not_set
        The device admits that its clock was never set.
    """
    flags = PlxFlag(0)
    tail = b""
    if device_time is not None:
        flags |= PlxFlag.TIMESTAMP
        tail += date_time(device_time)
    if measurement_status is not None:
        flags |= PlxFlag.MEASUREMENT_STATUS
        tail += struct.pack("<H", measurement_status)
    if sensor_status is not None:
        flags |= PlxFlag.SENSOR_STATUS
        tail += struct.pack("<I", sensor_status)[:3]
    if clock_not_set:
        flags |= PlxFlag.CLOCK_NOT_SET
    return bytes([flags]) + sfloat(spo2) + sfloat(pulse_rate) + tail


def faulty_spot_check(
    values: Mapping[str, Decimal],
    device_time: datetime,
    *,
    status: MeasurementStatus | None = None,
    finger_off: bool = False,
    weak_signal: bool = False,
) -> bytes:
    """Write one spot-check with its time, and the marks for what is wrong with it."""
    sensor = SensorStatus.NOT_ON_USER if finger_off else WEAK if weak_signal else None
    missing = SpecialSfloat.NAN if finger_off else None
    return spot_check(
        missing or values["spo2"],
        missing or values["pulse_rate"],
        device_time=device_time,
        measurement_status=status,
        sensor_status=sensor,
        clock_not_set=device_time.year < FIRST_YEAR,
    )


def continuous(
    spo2: Decimal | SpecialSfloat,
    pulse_rate: Decimal | SpecialSfloat,
    *,
    measurement_status: int | None = None,
    sensor_status: int | None = None,
    pulse_amplitude_index: Decimal | None = None,
) -> bytes:
    """Write one moment of PLX Continuous (0x2A5F); it has no timestamp.

    Parameters
    ----------
    spo2, pulse_rate
        In % and per minute, the normal (not fast, not slow) averages.
    measurement_status, sensor_status
        Raw 16 and 24 bit fields; absent: not sent.
    pulse_amplitude_index
        In %; absent: not sent.
    """
    flags = ContinuousFlag(0)
    tail = b""
    if measurement_status is not None:
        flags |= ContinuousFlag.MEASUREMENT_STATUS
        tail += struct.pack("<H", measurement_status)
    if sensor_status is not None:
        flags |= ContinuousFlag.SENSOR_STATUS
        tail += struct.pack("<I", sensor_status)[:3]
    if pulse_amplitude_index is not None:
        flags |= ContinuousFlag.PULSE_AMPLITUDE_INDEX
        tail += sfloat(pulse_amplitude_index)
    return bytes([flags]) + sfloat(spo2) + sfloat(pulse_rate) + tail


def features(supported: PlxFeature) -> bytes:
    """Write PLX Features without the optional support fields."""
    return struct.pack("<H", supported)
