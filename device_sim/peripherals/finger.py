"""A finger in an oximeter that tells each moment: what is shown from insertion to removal.

Owns the course of one insertion. Must not know how a moment is encoded or sent.

Invariants:

1. The values wander around those measured by at most `WANDER`, so that every moment that shows a
   value is a right reading within it.
2. Of the settled moments, the one in which the device vouches for its value shows it exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

WANDER: Final[Mapping[str, int]] = {"spo2": 1, "pulse_rate": 3}
"""What a steady finger shows within half a minute: oximeters round to 1 %, and state an accuracy
of 3 beats (ISO 80601-2-61)."""

_COURSE: Final = (0, 1, 0, 0, -1, 0, 0, 0, 1, 0)
# The values of the first moments after the pulse is found are no finer than this.
_SETTLES_AFTER: Final = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """One moment: the values, or why there are none."""

    spo2: int | None
    pulse_rate: int | None
    finger_off: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """How long the parts of an insertion last, in moments.

    Parameters
    ----------
    searching
        Until the pulse is found.
    showing
        With values.
    off
        After the finger is out.
    """

    searching: int = 3
    showing: int = 15
    off: int = 3


def insertion(spo2: Decimal, pulse_rate: Decimal, course: Course) -> Iterator[Shown]:
    """Yield each moment of one insertion."""
    for _ in range(course.searching):
        yield Shown(None, None)
    for moment in range(course.showing):
        off = _COURSE[moment % len(_COURSE)]
        settled = off == 0 and moment >= min(_SETTLES_AFTER, course.showing - 1)
        yield Shown(
            min(int(spo2) + off * WANDER["spo2"], 100),
            int(pulse_rate) + off * WANDER["pulse_rate"],
            settled=settled,
        )
    for _ in range(course.off):
        yield Shown(None, None, finger_off=True)


def slipped_out(course: Course) -> Iterator[Shown]:
    """Yield each moment of a finger that is not in the oximeter."""
    for _ in range(course.searching + course.showing + course.off):
        yield Shown(None, None, finger_off=True)
