"""Temperature Measurement (0x2A1C) and Temperature Type (0x2A1D), Bluetooth HTS v1.0.

Owns the byte layout of what a thermometer indicates. Must not know what a fever is.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import IntEnum, IntFlag

from device_sim.encoders.ieee11073 import SpecialFloat, date_time, float32


class TemperatureFlag(IntFlag):
    """First byte: the unit and which fields follow."""

    FAHRENHEIT = 0x01
    TIMESTAMP = 0x02
    TYPE = 0x04


class Site(IntEnum):
    """Where on the body it was measured."""

    ARMPIT = 1
    BODY = 2
    EAR = 3
    MOUTH = 6
    RECTUM = 7


def temperature(
    value: Decimal | SpecialFloat,
    *,
    device_time: datetime | None = None,
    site: Site | None = None,
    fahrenheit: bool = False,
) -> bytes:
    """Write one measurement in degrees Celsius, or Fahrenheit; absent fields are not sent."""
    flags = TemperatureFlag.FAHRENHEIT if fahrenheit else TemperatureFlag(0)
    tail = b""
    if device_time is not None:
        flags |= TemperatureFlag.TIMESTAMP
        tail += date_time(device_time)
    if site is not None:
        flags |= TemperatureFlag.TYPE
        tail += bytes([site])
    return bytes([flags]) + float32(value) + tail
