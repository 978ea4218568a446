"""What a device's fault comes to on the wire, where there is no radio.

Owns that one column; the faults themselves stand in `device_sim.faults`, and a test holds the
names together.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class OnTheWire(StrEnum):
    """What a right gateway makes of a fault."""

    REPEATS = "repeats"
    """Every reading again, with its old id, at each session."""
    OTHER_CLOCK = "other-clock"
    """Another device time; the corrected time stays right."""
    NO_CLOCK = "no-clock"
    """No device time; the time of arrival stands in."""
    NO_READING = "no-reading"
    MARKED = "marked"
    """A reading with the flag of a weak signal."""
    BATTERY = "battery"
    """A reading of the battery beside each measurement."""
    SOMEBODY_ELSE = "somebody-else"
    HELD = "held"
    """Readings stay in the device until the fault is over."""
    UNSEEN = "unseen"
    """Nothing of it is left on the wire."""
    RADIO_ONLY = "radio-only"
    """What comes of it depends on bytes on the air; a fleet cannot say."""


ON_THE_WIRE: Final[dict[str, OnTheWire]] = {
    "repeats-memory": OnTheWire.REPEATS,
    "clock-1970": OnTheWire.OTHER_CLOCK,
    "clock-never-set": OnTheWire.NO_CLOCK,
    "clock-drift": OnTheWire.OTHER_CLOCK,
    "clock-jump": OnTheWire.OTHER_CLOCK,
    "daylight-saving": OnTheWire.OTHER_CLOCK,
    "finger-off": OnTheWire.NO_READING,
    "weak-signal": OnTheWire.MARKED,
    "battery-low": OnTheWire.BATTERY,
    "battery-removed": OnTheWire.OTHER_CLOCK,
    "lost-bond": OnTheWire.HELD,
    "link-lost": OnTheWire.UNSEEN,
    "truncated": OnTheWire.RADIO_ONLY,
    "bit-flipped": OnTheWire.RADIO_ONLY,
    "wrong-person": OnTheWire.SOMEBODY_ELSE,
    "never-answers": OnTheWire.HELD,
    "answers-slowly": OnTheWire.UNSEEN,
    "silent": OnTheWire.HELD,
}
