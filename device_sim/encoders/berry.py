"""The BCI frame of Berry oximeters (BM1000): five bytes, about a hundred a second.

Owns the byte layout, from Berry's BCI_Protocol (github.com/zh2x/BCI_Protocol) as Adafruit's
``adafruit_ble_berrymed_pulse_oximeter`` tells it: only the first byte has bit 7; the pulse's
eighth bit is bit 6 of the third. Must not know how the bytes travel.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final

SPO2_MISSING: Final = 127
PULSE_MISSING: Final = 255
# Signal strength 15 means that there is none.
NO_STRENGTH: Final = 0x0F
GOOD_STRENGTH: Final = 0x07


class FirstByte(IntFlag):
    """Sync, beep and what is wrong with the probe; the four lowest bits are the strength."""

    NO_SIGNAL = 0x10
    PROBE_UNPLUGGED = 0x20
    PULSE_BEEP = 0x40
    SYNC = 0x80


class ThirdByte(IntFlag):
    """What is wrong with the finger; the four lowest bits are the bar graph."""

    NO_FINGER = 0x10
    SEARCHING = 0x20
    PULSE_BIT_7 = 0x40


def frame(
    spo2: int | None,
    pulse_rate: int | None,
    *,
    pleth: int = 50,
    finger_off: bool = False,
    beep: bool = False,
) -> bytes:
    """Write one frame.

    Parameters
    ----------
    spo2, pulse_rate
        In % and per minute; ``None``: no value.
    pleth
        The curve, 0-100.
    finger_off
        No finger is in the probe.
    beep
        A heart beat falls into this frame.
    """
    found = spo2 is not None
    first = FirstByte.SYNC | FirstByte(0 if found else FirstByte.NO_SIGNAL)
    first |= FirstByte.PULSE_BEEP if beep else FirstByte(0)
    pulse = PULSE_MISSING if pulse_rate is None else pulse_rate
    third = ThirdByte.PULSE_BIT_7 if pulse & 0x80 else ThirdByte(0)
    if finger_off:
        third |= ThirdByte.NO_FINGER
    elif not found:
        third |= ThirdByte.SEARCHING
    strength, bar = (GOOD_STRENGTH, pleth * 15 // 100) if found else (NO_STRENGTH, 0)
    return bytes(
        [
            first | strength,
            pleth if found else 0,
            third | bar,
            pulse & 0x7F,
            SPO2_MISSING if spo2 is None else spo2,
        ]
    )
