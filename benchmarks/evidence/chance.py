"""How sure a figure is: patients drawn again with replacement, and areas under curves.

Owns the statistics. Pure and deterministic by seed.

Patients are drawn, not days: days of one person are alike, and intervals from days would be far
too narrow (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 8).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DRAWS: Final = 1000
AREA_DRAWS: Final = 200
"""Areas take a sort each, so fewer draws: the ends of an interval move in the third digit."""

STEPS: Final = 1024
"""Scores are sorted into so many steps for an interval, which is far wider than one."""

LEVEL: Final = (2.5, 97.5)


def draws(patients: int, seed: int, times: int = DRAWS) -> Floats:
    """Draw how often each patient is taken; shape (times, patients)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(patients, np.full(patients, 1 / patients), times).astype(np.float64)


def interval(values: Floats) -> tuple[float, float]:
    """Give the middle 95 % of drawn values; NaN where nothing was."""
    fine = values[np.isfinite(values)]
    if not len(fine):
        return float("nan"), float("nan")
    low, high = np.percentile(fine, LEVEL)
    return float(low), float(high)


def area(score: Floats, sick: Flags, well: Flags, weights: Floats | None = None) -> float:
    """Area under the ROC curve of a score by patient-day, ties counted half.

    Parameters
    ----------
    score, sick, well
        Shape (patients, days); cells that are neither, or without a score, are left out.
    weights
        Shape (patients,): how often each patient is taken.

    Examples
    --------
    >>> score = np.array([[1.0, 2.0, 3.0, 2.0]])
    >>> sick = np.array([[False, False, True, True]])
    >>> area(score, sick, ~sick)
    0.875
    """
    of_patient = np.ones(len(score)) if weights is None else weights
    known = ~np.isnan(score)
    ill = np.where(sick & known, of_patient[:, None], 0.0).ravel()
    fine = np.where(well & known, of_patient[:, None], 0.0).ravel()
    _, at = np.unique(np.where(known, score, np.inf), return_inverse=True)
    steps = at.ravel()
    ill_at, fine_at = np.bincount(steps, ill), np.bincount(steps, fine)
    below = np.cumsum(fine_at) - fine_at
    pairs = ill_at.sum() * fine_at.sum()
    return float((ill_at * (below + fine_at / 2)).sum() / pairs) if pairs else float("nan")


def area_interval(
    score: Floats, sick: Flags, well: Flags, seed: int, times: int = AREA_DRAWS
) -> tuple[float, float]:
    """Give the interval of `area` over drawn patients."""
    taken = draws(len(score), seed, times)
    known = ~np.isnan(score)
    values, at = np.unique(np.where(known, score, np.inf), return_inverse=True)
    size = min(len(values), STEPS)
    at = at.reshape(score.shape) * size // len(values)
    # Per patient once, as counts over the few different scores; each draw is then two products.
    ill = _histograms(at, sick & known, size)
    fine = _histograms(at, well & known, size)
    ill_at, fine_at = taken @ ill, taken @ fine
    below = np.cumsum(fine_at, axis=1) - fine_at
    pairs = ill_at.sum(axis=1) * fine_at.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval((ill_at * (below + fine_at / 2)).sum(axis=1) / pairs)


def _histograms(at: NDArray[np.intp], chosen: Flags, size: int) -> Floats:
    rows = np.repeat(np.arange(len(at)), at.shape[1]).reshape(at.shape)
    flat = np.bincount((rows * size + at)[chosen], minlength=len(at) * size)
    return flat.reshape(len(at), size).astype(np.float64)
