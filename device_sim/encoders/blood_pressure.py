"""Blood Pressure Measurement (0x2A35) and Feature (0x2A49), Bluetooth BLS v1.1.1.

Owns the byte layout of what a cuff indicates. Must not know what is healthy.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntFlag

from device_sim.encoders.ieee11073 import SpecialSfloat, date_time, sfloat


class BloodPressureFlag(IntFlag):
    """First byte: the unit and which fields follow."""

    KILOPASCAL = 0x01
    TIMESTAMP = 0x02
    PULSE_RATE = 0x04
    USER_ID = 0x08
    MEASUREMENT_STATUS = 0x10


class CuffStatus(IntFlag):
    """What was wrong during the measurement; also the bits of the feature."""

    BODY_MOVEMENT = 0x01
    CUFF_TOO_LOOSE = 0x02
    IRREGULAR_PULSE = 0x04
    PULSE_ABOVE_RANGE = 0x08
    PULSE_BELOW_RANGE = 0x10
    IMPROPER_POSITION = 0x20


@dataclass(frozen=True, slots=True)
class Pressures:
    """What the cuff found, in mmHg or, with the flag, in kPa; a code stands for no value."""

    systolic: Decimal | SpecialSfloat
    diastolic: Decimal | SpecialSfloat
    mean: Decimal | SpecialSfloat = SpecialSfloat.NAN


def blood_pressure(
    pressures: Pressures,
    *,
    device_time: datetime | None = None,
    pulse_rate: Decimal | SpecialSfloat | None = None,
    user_id: int | None = None,
    status: CuffStatus | None = None,
    kilopascal: bool = False,
) -> bytes:
    """Write one measurement; fields that are absent are not sent.

    Parameters
    ----------
    pressures
        Systolic, diastolic and mean arterial pressure.
    device_time
        The device's own time without zone.
    pulse_rate
        Per minute.
    user_id
        0-254, or 255 for an unknown person.
    status
        What was wrong.
    kilopascal
        The pressures are in kPa.
    """
    fields = [
        (BloodPressureFlag.TIMESTAMP, None if device_time is None else date_time(device_time)),
        (BloodPressureFlag.PULSE_RATE, None if pulse_rate is None else sfloat(pulse_rate)),
        (BloodPressureFlag.USER_ID, None if user_id is None else bytes([user_id])),
        (
            BloodPressureFlag.MEASUREMENT_STATUS,
            None if status is None else struct.pack("<H", status),
        ),
    ]
    flags = BloodPressureFlag.KILOPASCAL if kilopascal else BloodPressureFlag(0)
    tail = b""
    for flag, field in fields:
        if field is not None:
            flags |= flag
            tail += field
    values = (pressures.systolic, pressures.diastolic, pressures.mean)
    return bytes([flags]) + b"".join(map(sfloat, values)) + tail


def features(detected: CuffStatus) -> bytes:
    """Write Blood Pressure Feature: what the cuff can notice."""
    return struct.pack("<H", detected)
