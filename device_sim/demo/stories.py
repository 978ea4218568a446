"""What happens to the demo's patients, so that there is something to see on the board. Pure.

Every home has a story by its number. A story is a row of chapters; a chapter is the patient's
usual levels from then on, around which the devices measure.
"""

from __future__ import annotations

from typing import Final

CHAPTER_S: Final = 12.0
"""Seconds that one chapter lasts."""

Chapter = dict[str, float]
"""Usual level by quantity, in the quantity's own unit."""

_WORSENING: Final[tuple[Chapter, ...]] = (
    {"spo2": 92, "pulse_rate": 84},
    {"spo2": 89, "pulse_rate": 95},
    {"spo2": 86, "pulse_rate": 102},
    {"spo2": 84, "pulse_rate": 108},
)
_PASSING: Final[tuple[Chapter, ...]] = (
    {"spo2": 92, "pulse_rate": 80},
    {"spo2": 86, "pulse_rate": 90},
    {"spo2": 93, "pulse_rate": 80},
)
_FAST_PULSE: Final[tuple[Chapter, ...]] = (
    {"spo2": 93, "pulse_rate": 88},
    {"spo2": 93, "pulse_rate": 106},
)
_FLUID: Final[tuple[Chapter, ...]] = (
    {"spo2": 93, "pulse_rate": 76, "body_weight": 74.5},
    {"spo2": 93, "pulse_rate": 78, "body_weight": 76.2},
)
_WELL: Final[tuple[Chapter, ...]] = ({"spo2": 93, "pulse_rate": 74},)

STORIES: Final[tuple[tuple[Chapter, ...], ...]] = (
    _WORSENING,
    _WELL,
    _FAST_PULSE,
    _PASSING,
    _FLUID,
)


def chapter(home_number: int, number: int) -> Chapter:
    """Give the usual levels of a home's patient in a chapter.

    Parameters
    ----------
    home_number, number
        Both from 0. A story stays at its last chapter.

    Examples
    --------
    >>> chapter(0, 1), chapter(0, 99)["spo2"]
    ({'spo2': 89, 'pulse_rate': 95}, 84)
    """
    story = STORIES[home_number % len(STORIES)]
    return story[min(number, len(story) - 1)]
