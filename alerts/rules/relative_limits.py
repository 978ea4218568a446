"""Relative limits: a reading against its own reference value, plus or minus what was agreed.

    limit = reference + offset,  then as absolute limits, strict

The reference is a dated value that a clinician set or approved: SpO2 at discharge, the weight at
which ankles are thin, the best FEV1 of a stable time. Units: reference and offsets in the
quantity's own; ages in days.

Invariants
----------
1. A missing reference is insufficient data and says so (`MISSING`): somebody has work to do. It
   never becomes "no limit", which would be green for ever.
2. A limit is reference and offset to LIMIT_DECIMALS: 92.3 - 4 is 88.3 to people, and one bit
   more in float64.
3. A reference older than the longest age is insufficient data and says so (`OUTDATED`); one dated
   after the reading is not yet in force (`NOT_YET`), so that a replay judges as was known then.
4. Offsets are signed: `red_low` is negative where a fall is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.rules import absolute_limits, judging
from alerts.rules.absolute_limits import Limits
from alerts.rules.judging import Judgement, Need
from alerts.window import Window

NAME: Final = "relative-limits"
VERSION: Final = 1

NEED: Final = Need(least_count=1, longest_gap_days=np.inf, longest_age_days=np.inf)
"""Looks at the reading under test alone; what may grow old is the reference."""

LONGEST_REFERENCE_AGE_DAYS: Final = 400.0
"""Our own template: programmes review yearly, and a review five weeks late does not switch off."""

LIMIT_DECIMALS: Final = 6
"""No device here has more than three; a median of two readings has one more."""

IN_FORCE: Final = 0
MISSING: Final = 1
OUTDATED: Final = 2
NOT_YET: Final = 3
STATES: Final = ("in force", "missing", "outdated", "not yet in force")
"""What the reference is, by its number in the evidence `reference_state`."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """One number a row, shape (n,), float64.

    Parameters
    ----------
    reference
        In the quantity's unit; NaN where nobody has set one.
    reference_age_days
        How long before the reading under test it was dated; negative when after.
    red_low, yellow_low, yellow_high, red_high
        Signed offsets from the reference; NaN where there is no limit.
    """

    reference: NDArray[np.float64]
    reference_age_days: NDArray[np.float64]
    red_low: NDArray[np.float64]
    yellow_low: NDArray[np.float64]
    yellow_high: NDArray[np.float64]
    red_high: NDArray[np.float64]


def judge(
    window: Window,
    parameters: Parameters,
    longest_age_days: float = LONGEST_REFERENCE_AGE_DAYS,
) -> Judgement:
    """Compare readings under test with limits around their references.

    Returns
    -------
    Judgement
        Score is how far past the limit, 0 when none was passed. Evidence: `reference`,
        `reference_age_days`, `reference_state` (index into STATES), `difference` from the
        reference, `passed` (index into absolute_limits.LIMIT_NAMES).

    Raises
    ------
    ValueError
        If a parameter is not one number per row.
    """
    judging.check_rows(parameters, len(window.values))
    found = absolute_limits.judge(window, limits_in_force(parameters))
    state = _state(parameters, longest_age_days)
    value = window.under_test.astype(np.float64)
    unknown = (state != IN_FORCE) | ~np.isfinite(value)
    severity = np.where(unknown, judging.INSUFFICIENT, found.severity).astype(np.int8)
    score = np.where(unknown, np.nan, found.score)
    evidence: dict[str, NDArray[Any]] = {
        "reference": parameters.reference,
        "reference_age_days": parameters.reference_age_days,
        "reference_state": state,
        "difference": np.where(unknown, np.nan, value - parameters.reference),
        "passed": np.where(unknown, absolute_limits.NO_LIMIT, found.passed),
    }
    return Judgement(severity, score, evidence)


def limits_in_force(parameters: Parameters) -> Limits:
    """Give the limits themselves: each reference plus its offsets."""
    reference = parameters.reference
    return Limits(
        red_low=np.round(reference + parameters.red_low, LIMIT_DECIMALS),
        yellow_low=np.round(reference + parameters.yellow_low, LIMIT_DECIMALS),
        yellow_high=np.round(reference + parameters.yellow_high, LIMIT_DECIMALS),
        red_high=np.round(reference + parameters.red_high, LIMIT_DECIMALS),
    )


def _state(parameters: Parameters, longest_age_days: float) -> NDArray[np.int8]:
    age = parameters.reference_age_days
    missing = ~np.isfinite(parameters.reference) | np.isnan(age)
    return np.select(
        [missing, age < 0, age > longest_age_days], [MISSING, NOT_YET, OUTDATED], IN_FORCE
    ).astype(np.int8)
