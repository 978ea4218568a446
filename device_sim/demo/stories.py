"""What happens to the demo's patients, so that there is something to see on the board. Pure.

Every home has a story by its number. A story gives, from time to time, the values that the
devices measure instead of the patient's usual ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EVERY_S: Final = 12.0
"""Seconds between two steps of all stories."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one device is to measure now."""

    device: str
    values: dict[str, float]


def _oximeter(spo2: float, pulse_rate: float) -> Measurement:
    return Measurement("oximeter", {"spo2": spo2, "pulse_rate": pulse_rate})


_WORSENING: Final = (
    _oximeter(91, 88),
    _oximeter(89, 95),
    _oximeter(86, 104),
    _oximeter(84, 112),
)
_PASSING: Final = (
    _oximeter(92, 80),
    _oximeter(87, 90),
    _oximeter(93, 82),
    _oximeter(92, 78),
)
_FAST_PULSE: Final = (_oximeter(93, 92), _oximeter(92, 103), _oximeter(93, 106))

STORIES: Final[tuple[tuple[Measurement, ...], ...]] = (_WORSENING, (), _FAST_PULSE, _PASSING, ())
"""Gets worse; stays well; a fast pulse; a fall that passes; stays well."""


def step(home_number: int, step_number: int) -> Measurement | None:
    """Give what a home's patient measures at a step, None for the usual.

    Parameters
    ----------
    home_number, step_number
        Both from 0. A story stays at its last chapter.
    """
    story = STORIES[home_number % len(STORIES)]
    return story[min(step_number, len(story) - 1)] if story else None
