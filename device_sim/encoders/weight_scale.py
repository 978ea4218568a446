"""Weight Measurement (0x2A9D) and Weight Scale Feature (0x2A9E), Bluetooth WSS v1.0.

Owns the byte layout of what a scale indicates, in kilograms. Must not know who stands on it.
"""

from __future__ import annotations

import struct
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Final

from device_sim.encoders.ieee11073 import date_time
from device_sim.errors import NotEncodableError

KG_RESOLUTION: Final = Decimal("0.005")
# 0xFFFF means "measurement unsuccessful", so the largest weight is one step below it.
UNSUCCESSFUL: Final = 0xFFFF
FEATURE_TIMESTAMP: Final = 0x01
FEATURE_5_GRAM_RESOLUTION: Final = 7 << 3


class WeightFlag(IntFlag):
    """First byte of a weight measurement: unit and which fields follow."""

    IMPERIAL = 0x01
    TIMESTAMP = 0x02
    USER_ID = 0x04


def weight_measurement(
    weight_kg: Decimal | None,
    *,
    device_time: datetime | None = None,
    user_id: int | None = None,
) -> bytes:
    """Write one weighing.

    Parameters
    ----------
    weight_kg
        A whole number of 5 g steps; ``None`` means that the weighing failed.
    device_time
        The device's own time without zone; absent: no timestamp field.
    user_id
        0-254, or 255 for an unknown person; absent: not sent.

    Raises
    ------
    NotEncodableError
        When the weight is not a whole number of steps, or beyond 327.67 kg.
    """
    flags = WeightFlag(0)
    tail = b""
    if device_time is not None:
        flags |= WeightFlag.TIMESTAMP
        tail += date_time(device_time)
    if user_id is not None:
        flags |= WeightFlag.USER_ID
        tail += struct.pack("<B", user_id)
    steps = UNSUCCESSFUL if weight_kg is None else weight_steps(weight_kg)
    return bytes([flags]) + struct.pack("<H", steps) + tail


def features() -> bytes:
    """Write Weight Scale Feature: timestamps, resolution 0.005 kg."""
    return struct.pack("<I", FEATURE_TIMESTAMP | FEATURE_5_GRAM_RESOLUTION)


def weight_steps(weight_kg: Decimal) -> int:
    """Count the 5 g steps of a weight; raises `NotEncodableError` if it is no whole number."""
    steps, rest = divmod(weight_kg, KG_RESOLUTION) if weight_kg.is_finite() else (weight_kg, 1)
    if rest or not 0 <= steps < UNSUCCESSFUL:
        raise NotEncodableError(
            f"Expected 0-327.67 kg in steps of {KG_RESOLUTION} kg, found {weight_kg}."
        )
    return int(steps)
