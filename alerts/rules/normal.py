"""The normal distribution's tail, as an array function.

Owns one function, because NumPy has no erfc and SciPy would add 100 MB to a service for it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_SPLIT: Final = 2.0
"""Below, erf by its series; above, erfc by its continued fraction: each is quick on its side."""

_SERIES_TERMS: Final = 45
"""At x = 2 term k is below 2**k x**(2k+1) / (2k+1)!!, which passes 1e-17 before k = 40."""

_FRACTION_LEVELS: Final = 60
"""At x = 2, 60 levels agree with erfc to 1e-14; measured against math.erfc in the tests."""


def two_sided_p(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of a standard normal at least as far from 0 as z; NaN for NaN.

    Parameters
    ----------
    z
        Any shape.

    Notes
    -----
    p = erfc(|z| / sqrt 2). Relative error under 1e-12 up to |z| = 37, where p leaves float64.
    Abramowitz and Stegun 7.1.6 (series) and 7.1.14 (continued fraction).

    Examples
    --------
    >>> two_sided_p(np.array([0.0, 1.96])).round(4)
    array([1.  , 0.05])
    """
    x = np.abs(z) / np.sqrt(2.0)
    small = np.minimum(x, _SPLIT)
    large = np.maximum(x, _SPLIT)
    return np.where(x < _SPLIT, 1 - _erf_by_series(small), _erfc_by_fraction(large))


def _erf_by_series(x: NDArray[np.float64]) -> NDArray[np.float64]:
    term = x.copy()
    total = x.copy()
    for k in range(1, _SERIES_TERMS):
        term *= 2 * x * x / (2 * k + 1)
        total += term
    erf: NDArray[np.float64] = 2 / np.sqrt(np.pi) * np.exp(-x * x) * total
    return erf


def _erfc_by_fraction(x: NDArray[np.float64]) -> NDArray[np.float64]:
    rest = x.copy()
    for k in range(_FRACTION_LEVELS, 0, -1):
        rest = x + k / 2 / rest
    erfc: NDArray[np.float64] = np.exp(-x * x) / (np.sqrt(np.pi) * rest)
    return erfc
