"""What all rules over a window share: severities, what a rule needs, what it answers.

Owns which readings of a window a rule may use and how a score becomes a severity. It knows no
family of rules, no quantity and no limit.

Invariants
----------
1. A reading that is not a number, is infinite, has no age, or claims to have been measured after
   the one under test (a clock that jumped) is not used, by any rule.
2. A rule that has too little says INSUFFICIENT, never GREEN; score is then NaN.
3. Limits are strict: a score on its limit has not passed it. A limit that is NaN flags nothing.
4. A row's answer depends on that row alone, so blocks of any size give the same answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.window import Floats, Window

INSUFFICIENT: Final = -1
GREEN: Final = 0
YELLOW: Final = 1
RED: Final = 2

LOW: Final = -1
"""A fall does harm: SpO2, FEV1."""

EITHER: Final = 0
"""A change in either direction does harm."""

HIGH: Final = 1
"""A rise does harm: pulse, temperature."""

FLOAT32_NOISE: Final = 1e-4
"""How far a difference of two readings may lie past a limit by rounding alone.

A float32 up to 512 (kilograms, mmHg, litres per minute) is right to 1.5e-5, a difference of two
to 3.1e-5. The smallest step of any device here is 0.001 (a litre's third decimal).
"""


@dataclass(frozen=True, slots=True)
class Need:
    """What a rule asks of the readings before it answers.

    Parameters
    ----------
    least_count
        Fewer usable readings are insufficient data.
    longest_gap_days
        What lies before a longer pause is not used: it was another stretch of life.
    longest_age_days
        What was measured longer than this before the reading under test is not used.
    """

    least_count: int
    longest_gap_days: float
    longest_age_days: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule found, one row per reading under test.

    Parameters
    ----------
    severity
        Shape (n,), int8: INSUFFICIENT, GREEN, YELLOW or RED.
    score
        Shape (n,), float64: what was held against the limits, positive towards harm; NaN when
        data was insufficient. The unit is the rule's.
    evidence
        Named arrays of shape (n,): the numbers that explain the answer. They are given when data
        was insufficient, too, as far as they exist.
    """

    severity: NDArray[np.int8]
    score: NDArray[np.float64]
    evidence: Mapping[str, NDArray[Any]]


def usable(window: Window, need: Need) -> NDArray[np.bool_]:
    """Which readings a rule may use, the one under test included; shape (n, width).

    Notes
    -----
    Of a pause that is too long, what lies before it is left out, not the whole window: a patient
    who comes home after three months in a hospital is judged again as soon as there are enough
    new readings.
    """
    ages = window.ages_days
    # Not a number compares false, so what has no age fails here without a test of its own.
    fine = np.isfinite(window.values)
    fine &= ages >= 0
    fine &= ages <= need.longest_age_days
    if np.isfinite(need.longest_gap_days):
        _drop_before_gaps(ages, fine, need.longest_gap_days)
    return fine


def _drop_before_gaps(ages: Floats, fine: NDArray[np.bool_], longest: float) -> None:
    """Set what lies before a gap false, in the few rows that need a look; in place.

    Most rows have no hole and no long pause, and one pass over neighbours shows it: following
    the nearest usable reading through every row took two thirds of the whole baseline.
    """
    # Rows in one stretch of memory: slices of 31 columns take twice as long. What this compares
    # across the ends of two rows is thrown away.
    ages_1d, fine_1d = np.ravel(ages), fine.ravel()
    with np.errstate(invalid="ignore"):
        steps = ages_1d[:-1] - ages_1d[1:]
    plain = steps >= 0
    plain &= steps <= longest
    plain &= fine_1d[1:]
    odd = np.zeros(fine.shape, dtype=np.bool_)
    np.greater(fine_1d[:-1], plain, out=odd.ravel()[:-1])
    odd[:, -1] = False
    doubtful = np.flatnonzero(_any_of_row(odd))
    if len(doubtful):
        fine[doubtful] = _after_gaps(ages[doubtful], fine[doubtful], longest)


def row_counts(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many flags of each row are set; shape (n,).

    Eight flags are one whole number: adding a row's few of those adds eight columns at once, and
    a multiplication adds the eight bytes into the highest. A tenth of NumPy's own sum of a row.
    """
    words = _eight_at_once(flags)
    if words is None or flags.shape[1] > _MOST_IN_A_BYTE:
        counted: NDArray[np.int64] = np.count_nonzero(flags, axis=1)
        return counted
    total = words[:, 0].copy()
    for column in range(1, words.shape[1]):
        total += words[:, column]
    total *= _EACH_BYTE
    total >>= np.uint64(56)
    return total.view(np.int64)


_EACH_BYTE: Final = np.uint64(0x0101010101010101)
_MOST_IN_A_BYTE: Final = 255


def _any_of_row(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    words = _eight_at_once(flags)
    if words is None:
        set_at_all: NDArray[np.bool_] = np.logical_or.reduce(flags, axis=1)
        return set_at_all
    found = words[:, 0].copy()
    for column in range(1, words.shape[1]):
        found |= words[:, column]
    return np.not_equal(found, 0)


def _eight_at_once(flags: NDArray[np.bool_]) -> NDArray[np.uint64] | None:
    """Give rows of flags as whole numbers of eight bytes; None where they do not fit."""
    if not flags.shape[1] or flags.shape[1] % 8 or not flags.flags.c_contiguous:
        return None
    return flags.view(np.uint64)


def _after_gaps(ages: Floats, fine: NDArray[np.bool_], longest: float) -> NDArray[np.bool_]:
    never = ages.dtype.type(np.inf)
    seen = np.where(fine, ages, -never)
    # Age of the nearest usable reading to the right, holes skipped: ages grow to the left.
    nearest = np.maximum.accumulate(seen[:, :0:-1], axis=1)[:, ::-1]
    broken = (seen[:, :-1] > nearest + longest) & (nearest >= 0)
    ended = np.where(broken, nearest, never).min(axis=1, initial=never)
    kept: NDArray[np.bool_] = fine & (ages <= ended[:, None])
    return kept


def towards_harm(score: NDArray[np.float64], direction: NDArray[np.int8]) -> NDArray[np.float64]:
    """Turn a signed score so that harm is positive; EITHER takes its size."""
    return np.where(direction == EITHER, np.abs(score), score * direction)


def grade(
    score: NDArray[np.float64],
    yellow: NDArray[np.float64],
    red: NDArray[np.float64],
    noise: float = FLOAT32_NOISE,
) -> NDArray[np.int8]:
    """Severity of scores that count towards harm; NaN scores are insufficient data."""
    severity = np.where(score > yellow + noise, YELLOW, GREEN)
    severity[score > red + noise] = RED
    severity[np.isnan(score)] = INSUFFICIENT
    return severity.astype(np.int8)


def check_rows(parameters: Any, rows: int) -> None:
    """Make sure that parameters are one number per row of the window.

    Raises
    ------
    ValueError
        If a field of the dataclass has another shape; names it.
    """
    for field in fields(parameters):
        shape = np.shape(getattr(parameters, field.name))
        if shape != (rows,):
            raise ValueError(
                f"{field.name} must have shape ({rows},), one number per row of the window; "
                f"found {shape}"
            )


def blocks(rows: int, size: int) -> Iterator[slice]:
    """Give slices of at most `size` rows, so that temporaries stay in the processor's cache."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def cut(window: Window, rows: slice) -> Window:
    """Give some rows of a window, without copying."""
    return Window(window.values[rows], window.ages_days[rows])


def row_sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of each row, from left to right, so that columns of 0 before it change no bit.

    NumPy's own sum adds in eight strands that depend on the width, and a window is as wide as the
    longest of its company: the same readings would give another last digit in a replay.

    Examples
    --------
    >>> row_sums(np.array([[0.0, 0.1, 0.2, 0.3]]))[0] == row_sums(np.array([[0.1, 0.2, 0.3]]))[0]
    True
    """
    if rows.shape[1] == 0:
        return np.zeros(len(rows))
    return np.cumsum(rows, axis=1)[:, -1]


def median_of_sorted(rows: Floats, counts: NDArray[np.intp], least: int = 1) -> NDArray[np.float64]:
    """Median of each row that is sorted with its missing values last; NaN under `least` values.

    Parameters
    ----------
    rows
        Shape (n, width), sorted along the last axis; NaN or infinity where nothing is.
    counts
        Shape (n,): how many numbers each row holds.
    """
    if rows.shape[1] == 0:
        return np.full(len(rows), np.nan)
    # One index into one stretch of memory is half the work of a pair of them.
    flat, starts = rows.ravel(), np.arange(len(rows)) * rows.shape[1]
    lower = flat[starts + np.maximum(counts - 1, 0) // 2].astype(np.float64)
    upper = flat[starts + np.minimum(counts // 2, rows.shape[1] - 1)]
    return np.where(counts >= least, (lower + upper) / 2, np.nan)
