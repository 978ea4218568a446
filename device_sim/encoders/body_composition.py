"""Body Composition Measurement (0x2A9C) and Feature (0x2A9B), Bluetooth BCS v1.0.

Owns the byte layout of what a body analysing scale indicates, in kilograms. Must not know who
stands on it.
"""

from __future__ import annotations

import struct
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Final

from device_sim.encoders.ieee11073 import date_time
from device_sim.encoders.weight_scale import weight_steps
from device_sim.errors import NotEncodableError

FAT_RESOLUTION_PCT: Final = Decimal("0.1")
WATER_RESOLUTION_KG: Final = Decimal("0.005")
IMPEDANCE_RESOLUTION_OHM: Final = Decimal("0.1")
FAT_UNSUCCESSFUL: Final = 0xFFFF
FEATURE_TIMESTAMP: Final = 0x01
FEATURE_USERS: Final = 0x02
FEATURE_IMPEDANCE: Final = 0x0100
FEATURE_WEIGHT: Final = 0x0200
FEATURE_5_GRAM_RESOLUTION: Final = 7 << 11


class CompositionFlag(IntFlag):
    """The first two bytes: the unit and which fields follow."""

    IMPERIAL = 0x0001
    TIMESTAMP = 0x0002
    USER_ID = 0x0004
    BASAL_METABOLISM = 0x0008
    MUSCLE_PERCENTAGE = 0x0010
    MUSCLE_MASS = 0x0020
    FAT_FREE_MASS = 0x0040
    SOFT_LEAN_MASS = 0x0080
    BODY_WATER_MASS = 0x0100
    IMPEDANCE = 0x0200
    WEIGHT = 0x0400
    HEIGHT = 0x0800
    MULTIPLE_PACKETS = 0x1000


def body_composition(
    fat_pct: Decimal | None,
    *,
    device_time: datetime | None = None,
    user_id: int | None = None,
    water_kg: Decimal | None = None,
    impedance_ohm: Decimal | None = None,
    weight_kg: Decimal | None = None,
) -> bytes:
    """Write one measurement; fields that are absent are not sent.

    Parameters
    ----------
    fat_pct
        Body fat; ``None``: unsuccessful, as with socks on.
    device_time
        The device's own time without zone.
    user_id
        0-254, or 255 for an unknown person.
    water_kg
        Mass of the body's water.
    impedance_ohm
        Between the feet.
    weight_kg
        A whole number of 5 g steps.

    Raises
    ------
    NotEncodableError
        When a value is not a whole number of its steps.
    """
    fat = FAT_UNSUCCESSFUL if fat_pct is None else _steps(fat_pct, FAT_RESOLUTION_PCT, "% fat")
    optional = [
        (CompositionFlag.TIMESTAMP, None if device_time is None else date_time(device_time)),
        (CompositionFlag.USER_ID, None if user_id is None else bytes([user_id])),
        (CompositionFlag.BODY_WATER_MASS, _field(water_kg, WATER_RESOLUTION_KG, "kg water")),
        (CompositionFlag.IMPEDANCE, _field(impedance_ohm, IMPEDANCE_RESOLUTION_OHM, "ohm")),
        (
            CompositionFlag.WEIGHT,
            None if weight_kg is None else struct.pack("<H", weight_steps(weight_kg)),
        ),
    ]
    flags, tail = CompositionFlag(0), b""
    for flag, field in optional:
        if field is not None:
            flags |= flag
            tail += field
    return struct.pack("<HH", flags, fat) + tail


def features() -> bytes:
    """Write Body Composition Feature: time, users, impedance and weight in steps of 5 g."""
    return struct.pack(
        "<I",
        FEATURE_TIMESTAMP
        | FEATURE_USERS
        | FEATURE_IMPEDANCE
        | FEATURE_WEIGHT
        | FEATURE_5_GRAM_RESOLUTION,
    )


def _field(value: Decimal | None, resolution: Decimal, name: str) -> bytes | None:
    return None if value is None else struct.pack("<H", _steps(value, resolution, name))


def _steps(value: Decimal, resolution: Decimal, name: str) -> int:
    steps, rest = divmod(value, resolution)
    if rest or not 0 <= steps < FAT_UNSUCCESSFUL:
        raise NotEncodableError(f"Expected {name} in steps of {resolution}, found {value}.")
    return int(steps)
