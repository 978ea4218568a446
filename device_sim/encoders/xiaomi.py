"""The service data of Xiaomi's scales, as their adverts carry it.

Owns both layouts, from the public decoders of openScale and ESPHome: version 1 (Mi Smart Scale,
0x181D, 10 bytes) and version 2 (Mi Body Composition Scale, 0x181B, 13 bytes). Must not know when
they are sent. They look like the standard's measurements and are not.
"""

from __future__ import annotations

import struct
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Final

from device_sim.encoders.ieee11073 import date_time
from device_sim.encoders.weight_scale import KG_RESOLUTION, weight_steps

IMPEDANCE_UNKNOWN: Final = 0


class ControlV1(IntFlag):
    """The first byte of version 1."""

    POUND = 0x01
    CATTY = 0x10
    STABLE = 0x20
    REMOVED = 0x80


class ControlV2(IntFlag):
    """The first two bytes of version 2, as one little-endian number."""

    POUND = 0x0001
    IMPEDANCE = 0x0200
    STABLE = 0x2000
    CATTY = 0x4000
    REMOVED = 0x8000


def advert_v1(
    weight_kg: Decimal, device_time: datetime, *, stable: bool, removed: bool = False
) -> bytes:
    """Write the service data of version 1; the weight counts 5 g as everywhere."""
    control = ControlV1(0)
    control |= ControlV1.STABLE if stable else ControlV1(0)
    control |= ControlV1.REMOVED if removed else ControlV1(0)
    return struct.pack("<BH", control, weight_steps(weight_kg)) + date_time(device_time)


def advert_v2(
    weight_kg: Decimal,
    device_time: datetime,
    *,
    stable: bool,
    removed: bool = False,
    impedance_ohm: int | None = None,
) -> bytes:
    """Write the service data of version 2; impedance is known only some time after stable."""
    control = ControlV2(0)
    control |= ControlV2.STABLE if stable else ControlV2(0)
    control |= ControlV2.REMOVED if removed else ControlV2(0)
    control |= ControlV2(0) if impedance_ohm is None else ControlV2.IMPEDANCE
    impedance = IMPEDANCE_UNKNOWN if impedance_ohm is None else impedance_ohm
    tail = struct.pack("<HH", impedance, weight_steps(weight_kg))
    return struct.pack("<H", control) + date_time(device_time) + tail


def rising(weight_kg: Decimal) -> tuple[Decimal, ...]:
    """Tell what the scale shows while somebody steps on, before it has come to rest."""
    parts = (Decimal("0.35"), Decimal("0.8"), Decimal("1.04"))
    return tuple(round(weight_kg * part / KG_RESOLUTION) * KG_RESOLUTION for part in parts)
