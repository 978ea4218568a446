"""Absolute limits: a reading against the red and yellow limits a physician set.

Owns the comparison. It knows neither patients nor texts.

Invariants
----------
1. The comparison is strict: a reading that lies on a limit has not passed it (OpenTele's
   semantics: value > high or value < low).
2. Any limit may be absent, and then it flags nothing; 0 is a limit like any other (OpenTele's
   blood-pressure predicate tested truth, so a limit of 0 was silently no limit).
3. Red outranks yellow.
4. What cannot be compared (a reading that is no number, or infinite) is insufficient data,
   never green.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.window import Window

NAME: Final = "absolute-limits"
VERSION: Final = 1

INSUFFICIENT: Final = -1
GREEN: Final = 0
YELLOW: Final = 1
RED: Final = 2

NO_LIMIT: Final = -1
LIMIT_NAMES: Final = ("red_low", "red_high", "yellow_low", "yellow_high")
"""Which limit was passed, by its number in `Judgement.passed`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force, one row per reading under test.

    Each is an array of shape (n,), float64, in the quantity's unit; NaN where there is none.
    """

    red_low: NDArray[np.float64]
    yellow_low: NDArray[np.float64]
    yellow_high: NDArray[np.float64]
    red_high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rule found, one row per reading under test.

    Parameters
    ----------
    severity
        Shape (n,), int8: INSUFFICIENT, GREEN, YELLOW or RED.
    passed
        Shape (n,), int8: index into LIMIT_NAMES of the limit that was passed, NO_LIMIT if none.
    score
        Shape (n,), float64: how far past that limit, in the quantity's unit; 0 when none was
        passed, NaN when data was insufficient.
    """

    severity: NDArray[np.int8]
    passed: NDArray[np.int8]
    score: NDArray[np.float64]


def judge(window: Window, limits: Limits) -> Judgement:
    """Compare the readings under test with their limits.

    Raises
    ------
    ValueError
        If a limit array is not one number per row of the window.

    Notes
    -----
    Limits are rounded to the readings' precision before they are compared. Rounding keeps
    order, so equal decimals stay equal: against a float64 limit of 97.3 a float32 reading of
    97.3 would lie above it and page somebody.
    """
    value = window.under_test
    _check_rows(limits, len(value))
    # In order of rank: what comes first wins.
    past = np.stack(
        [
            limits.red_low.astype(value.dtype) - value,
            value - limits.red_high.astype(value.dtype),
            limits.yellow_low.astype(value.dtype) - value,
            value - limits.yellow_high.astype(value.dtype),
        ]
    )
    passed_any = past > 0
    first = passed_any.argmax(axis=0)
    flagged = passed_any.any(axis=0)
    unknown = ~np.isfinite(value)
    flagged &= ~unknown
    severity = np.where(flagged, np.where(first < 2, RED, YELLOW), GREEN)
    severity[unknown] = INSUFFICIENT
    score = np.where(flagged, past[first, np.arange(len(value))], 0.0)
    score[unknown] = np.nan
    return Judgement(
        severity.astype(np.int8),
        np.where(flagged, first, NO_LIMIT).astype(np.int8),
        score.astype(np.float64),
    )


def _check_rows(limits: Limits, rows: int) -> None:
    for field in fields(limits):
        shape = getattr(limits, field.name).shape
        if shape != (rows,):
            raise ValueError(f"{field.name} must have shape ({rows},), found {shape}")
