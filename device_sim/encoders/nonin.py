"""What Nonin oximeters send: the 3230's own characteristic and the classic four-byte frame.

Owns both byte layouts, from Nonin's OEM descriptions as they are told in public drivers
(../../shared/reference/bluetooth.md of the project's notes; OpenTele's Nonin driver for the
classic frame). Must not know how the bytes travel.

The 3230's characteristic is big-endian, unlike everything else here. Missing values are 127 and
511 in both.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from enum import IntFlag
from typing import Final

SPO2_MISSING: Final = 127
PULSE_MISSING: Final = 511
RECORD_BYTES: Final = 10


class Status3230(IntFlag):
    """The status byte of the 3230."""

    WEAK_SIGNAL = 0x02
    SMART_POINT = 0x04
    SEARCHING = 0x08
    FINGER_PRESENT = 0x10
    LOW_BATTERY = 0x20
    ENCRYPTED = 0x40


class ClassicStatus(IntFlag):
    """The first byte of a classic frame: bit 7 starts a frame, the two lowest are the pulse's."""

    START = 0x80
    ARTEFACT = 0x04
    MARGINAL_PERFUSION = 0x08
    LOW_PERFUSION = 0x10
    OUT_OF_TRACK = 0x20


class ClassicStatus2(IntFlag):
    """The last byte of a classic frame."""

    LOW_BATTERY = 0x01
    FINGER_OFF = 0x08
    SMART_POINT = 0x20


@dataclass(frozen=True, slots=True)
class Moment:
    """What an oximeter shows in one second; ``None``: no value."""

    spo2: int | None
    pulse_rate: int | None
    smart_point: bool = False
    finger_off: bool = False
    weak: bool = False
    low_battery: bool = False


def record_3230(
    moment: Moment,
    counter: int,
    *,
    battery_decivolt: int = 28,
    perfusion_pct: Decimal = Decimal("2.40"),
) -> bytes:
    """Write one second as the 3230 notifies it, ten bytes.

    Parameters
    ----------
    moment
        What it shows.
    counter
        Counts the seconds, 16 bits.
    battery_decivolt
        In 0.1 V.
    perfusion_pct
        Pulse amplitude index in %, in steps of 0.01.
    """
    status = Status3230(0)
    status |= Status3230.WEAK_SIGNAL if moment.weak else Status3230(0)
    status |= Status3230.SMART_POINT if moment.smart_point else Status3230(0)
    status |= Status3230(0) if moment.finger_off else Status3230.FINGER_PRESENT
    status |= Status3230.LOW_BATTERY if moment.low_battery else Status3230(0)
    if moment.spo2 is None and not moment.finger_off:
        status |= Status3230.SEARCHING
    return struct.pack(
        ">BBBHHBH",
        RECORD_BYTES,
        status,
        battery_decivolt,
        int(perfusion_pct * 100),
        counter & 0xFFFF,
        SPO2_MISSING if moment.spo2 is None else moment.spo2,
        PULSE_MISSING if moment.pulse_rate is None else moment.pulse_rate,
    )


def classic_frame(moment: Moment) -> bytes:
    """Write one second as the Onyx II sends it over the serial port profile, four bytes."""
    pulse = PULSE_MISSING if moment.pulse_rate is None else moment.pulse_rate
    first = ClassicStatus.START | ClassicStatus(pulse >> 7 & 0x03)
    if moment.weak:
        first |= ClassicStatus.MARGINAL_PERFUSION
    if moment.spo2 is None:
        first |= ClassicStatus.OUT_OF_TRACK
    last = ClassicStatus2(0)
    last |= ClassicStatus2.SMART_POINT if moment.smart_point else ClassicStatus2(0)
    last |= ClassicStatus2.FINGER_OFF if moment.finger_off else ClassicStatus2(0)
    last |= ClassicStatus2.LOW_BATTERY if moment.low_battery else ClassicStatus2(0)
    spo2 = SPO2_MISSING if moment.spo2 is None else moment.spo2
    return bytes([first, pulse & 0x7F, spo2, last])
