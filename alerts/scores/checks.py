"""Values that a score may be made of: bounds, and what to say about one outside them.

Owns the wording of a refusal. A score of wrong input is worse than none, so nothing is clipped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telekol.errors import TelekolError

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]

MISSING: Final = -1
"""In an array of points or grades: not measured, so there are none."""


class ScoreError(TelekolError):
    """A score cannot be made of what was given; says what was expected, found, and what to do."""


def within(name: str, value: float, lowest: float, highest: float, unit: str = "") -> float:
    """Give `value` if it lies within its bounds, both included.

    Raises
    ------
    ScoreError
        Naming the value, its bounds and what was found.
    """
    if math.isfinite(value) and lowest <= value <= highest:
        return value
    shown = f" {unit}" if unit else ""
    raise ScoreError(
        f"expected {name} of {lowest:g} to {highest:g}{shown}, found {value:g}; "
        f"check the number{' and its unit' if unit else ''}"
    )


def whole(name: str, value: float, lowest: int, highest: int, unit: str = "") -> int:
    """Give `value` as a whole number within its bounds."""
    if within(name, value, lowest, highest, unit) != int(value):
        raise ScoreError(f"expected a whole number for {name}, found {value:g}; round it yourself")
    return int(value)


def one_of(name: str, value: str, choices: Sequence[str]) -> str:
    """Give `value` if it is one of the choices."""
    if value in choices:
        return value
    raise ScoreError(f"expected {name} to be one of {', '.join(choices)}; found {value!r}")


def half_up(values: Floats, steps_per_unit: int = 1) -> Floats:
    """Round to whole steps, halves upwards, and give the number of steps; NaN stays.

    Notes
    -----
    36.05 is 36.049999... in binary and would fall to 36.0; people who round it write 36.1. A
    millionth of a step is far more than binary is wrong by and far less than a device shows.
    """
    rounded: Floats = np.floor(values * steps_per_unit + 0.5 + 1e-6)
    return rounded


def table(values: Floats, edges: Sequence[float], points: Sequence[int]) -> Codes:
    """Look points up: ``points[i]`` from ``edges[i - 1]``, included, up to ``edges[i]``.

    NaN gives MISSING.
    """
    found = np.asarray(points, dtype=np.int8)[np.digitize(values, edges)]
    found[np.isnan(values)] = MISSING
    return found


def one(value: float | None) -> Floats:
    """Give one value as an array of one row; None is NaN."""
    return np.array([math.nan if value is None else value])
