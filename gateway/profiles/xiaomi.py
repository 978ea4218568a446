"""Xiaomi scales: the service data of their adverts, first version (0x181D) and second (0x181B).

Owns both layouts. Must not know adverts, nor that the same one is heard many times: whoever
listens must keep one of (address, device time, bytes).

Nothing in an advert proves who sent it. A neighbour's scale looks like the patient's, and
anybody can send one: a home should name its scale's address.

Sources: adverts recorded with real scales, in the tests of ble_monitor; the mode of weighing
things by theengs/decoder. Where the decoders differ, the jin is half a kilogram, as Chinese law
defines it, so that jin and kilogram have the same steps.

Invariants
----------
1. ``bytes(X.from_bytes(raw)) == raw``; unknown bits survive.
2. A weight is a reading only when the scale has come to rest with a person still on it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Self

from gateway.profiles.ieee11073 import DateTime, FieldReader
from gateway.profiles.measurement import Reading, readings_of
from gateway.profiles.quality import refusal
from gateway.profiles.weight_scale import KG_PER_LB, KG_PER_STEP, LB_PER_STEP
from telekol.quantities import Quantity


class ControlV1(IntFlag):
    """The only control byte of the first version."""

    POUND = 1 << 0
    JIN = 1 << 4
    STABLE = 1 << 5
    SMALL_OBJECT = 1 << 6
    REMOVED = 1 << 7


@dataclass(frozen=True, slots=True, kw_only=True)
class XiaomiV1:
    """One advert of the first version."""

    control: ControlV1
    weight_steps: int
    timestamp: DateTime

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode the ten bytes of service data; raises ProfileError for any other length."""
        reader = FieldReader(payload, "Xiaomi scale v1")
        advert = cls(
            control=ControlV1(reader.unsigned(1, "control")),
            weight_steps=reader.unsigned(2, "weight"),
            timestamp=DateTime.take(reader),
        )
        reader.finish()
        return advert

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The weight."""
        return _weight(self.weight_steps, in_pounds=ControlV1.POUND in self.control)

    @property
    def device_time(self) -> datetime | None:
        """The scale's time of the weighing; a scale whose clock was never set shows 1970."""
        return self.timestamp.moment

    @property
    def quality(self) -> tuple[str, ...]:
        """What of the weighing is not as it should be."""
        control = self.control
        return _weighing(
            is_stable=ControlV1.STABLE in control,
            is_removed=ControlV1.REMOVED in control,
            is_thing=ControlV1.SMALL_OBJECT in control,
        )

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        return struct.pack("<BH", self.control, self.weight_steps) + bytes(self.timestamp)


class ControlV2(IntFlag):
    """The two control bytes of the second version, the first one low."""

    POUND = 1 << 0
    SMALL_OBJECT = 1 << 2
    IMPEDANCE = 1 << 9
    STABLE = 1 << 13
    JIN = 1 << 14
    REMOVED = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class XiaomiV2:
    """One advert of the second version."""

    control: ControlV2
    timestamp: DateTime
    impedance_steps: int
    weight_steps: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode the thirteen bytes of service data; raises ProfileError for another length."""
        reader = FieldReader(payload, "Xiaomi scale v2")
        advert = cls(
            control=ControlV2(reader.unsigned(2, "control")),
            timestamp=DateTime.take(reader),
            impedance_steps=reader.unsigned(2, "impedance"),
            weight_steps=reader.unsigned(2, "weight"),
        )
        reader.finish()
        return advert

    @property
    def impedance_ohm(self) -> int | None:
        """The impedance, once it was measured; no quantity of this house."""
        return self.impedance_steps if ControlV2.IMPEDANCE in self.control else None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The weight."""
        return _weight(self.weight_steps, in_pounds=ControlV2.POUND in self.control)

    @property
    def device_time(self) -> datetime | None:
        """The scale's time of the weighing; a scale whose clock was never set shows 1970."""
        return self.timestamp.moment

    @property
    def quality(self) -> tuple[str, ...]:
        """What of the weighing is not as it should be."""
        control = self.control
        return _weighing(
            is_stable=ControlV2.STABLE in control,
            is_removed=ControlV2.REMOVED in control,
            is_thing=ControlV2.SMALL_OBJECT in control,
        )

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading, by the table of flags."""
        return refusal(self.quality)

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<H", self.control),
                bytes(self.timestamp),
                struct.pack("<HH", self.impedance_steps, self.weight_steps),
            )
        )


def _weight(steps: int, *, in_pounds: bool) -> tuple[Reading, ...]:
    kilograms: Decimal = steps * LB_PER_STEP * KG_PER_LB if in_pounds else steps * KG_PER_STEP
    return readings_of((Quantity.BODY_WEIGHT, kilograms))


def _weighing(*, is_stable: bool, is_removed: bool, is_thing: bool) -> tuple[str, ...]:
    found = (
        ("not-stable", not is_stable),
        ("weight-removed", is_removed),
        ("small-object", is_thing),
    )
    return tuple(name for name, is_so in found if is_so)
