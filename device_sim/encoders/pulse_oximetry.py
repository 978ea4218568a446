"""PLX Spot-check Measurement (0x2A5E) and PLX Features (0x2A60), Bluetooth PLXP v1.0.1.

Owns the byte layout of what a fingertip oximeter indicates. Must not know what is healthy.
"""

from __future__ import annotations

import struct
from datetime import datetime
from decimal import Decimal
from enum import IntFlag

from device_sim.encoders.ieee11073 import SpecialSfloat, date_time, sfloat


class PlxFlag(IntFlag):
    """First byte of a spot-check: which fields follow."""

    TIMESTAMP = 0x01
    MEASUREMENT_STATUS = 0x02
    SENSOR_STATUS = 0x04
    PULSE_AMPLITUDE_INDEX = 0x08
    CLOCK_NOT_SET = 0x10


class PlxFeature(IntFlag):
    """What the oximeter says it can do."""

    MEASUREMENT_STATUS = 0x01
    SENSOR_STATUS = 0x02
    STORAGE = 0x04
    TIMESTAMP = 0x08


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


def features(supported: PlxFeature) -> bytes:
    """Write PLX Features without the optional support fields."""
    return struct.pack("<H", supported)
