"""Chance that depends on names and moments alone.

Owns how random numbers are made. Two kinds: a stream for what is drawn once for a patient (levels,
episodes, holidays), and numbers *at* a moment for what is drawn at each measurement.

Invariant: a number at a moment is the same whoever asks, whenever, in whatever order. A stream
could not promise that: measuring once more would change everything after it.
"""

from __future__ import annotations

import hashlib
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Moments = NDArray[np.int64]
Flags = NDArray[np.bool_]

# The constants of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), a mixer of 64 bits that passes
# the usual batteries of tests and needs three multiplications.
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_OTHER: Final = np.uint64(0xD1B54A32D192ED03)
_TO_UNIT: Final = 2.0**-53


def stream(*names: object) -> np.random.Generator:
    """Give the stream of random numbers that belongs to `names`."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(names)[:16], "big")))


def key_of(*names: object) -> np.uint64:
    """Give the key under which `uniform_at` and `normal_at` know `names`."""
    return np.uint64(int.from_bytes(_digest(names)[:8], "big"))


def uniform_at(key: np.uint64, moments: Moments) -> Floats:
    """Give a number in (0, 1) for each moment.

    Examples
    --------
    >>> key = key_of("seed 7", "patient-0001", "spo2")
    >>> both = uniform_at(key, np.array([10, 20]))
    >>> bool(uniform_at(key, np.array([20]))[0] == both[1])
    True
    """
    mixed = _mixed(key, moments)
    # 53 bits, and half a step up, so that a logarithm never meets a zero.
    unit: Floats = (np.right_shift(mixed, np.uint64(11)).astype(np.float64) + 0.5) * _TO_UNIT
    return unit


def normal_at(key: np.uint64, moments: Moments) -> Floats:
    """Give a standard normal number for each moment (Box and Muller, 1958)."""
    radius = np.sqrt(-2.0 * np.log(uniform_at(key, moments)))
    normal: Floats = radius * np.cos(2.0 * np.pi * uniform_at(key ^ _OTHER, moments))
    return normal


def autoregression(luck: np.random.Generator, days: int, memory: float) -> Floats:
    """Draw states of order 1, standard normal from the first; shape (days,).

    Parameters
    ----------
    memory
        Correlation of one day's state with the next day's. A longer period only adds.
    """
    shocks = luck.standard_normal(days)
    shocks[1:] *= np.sqrt(1 - memory**2)
    states = accumulate(shocks, lambda before, shock: memory * before + shock)
    return np.fromiter(states, np.float64, days)


def _mixed(key: np.uint64, moments: Moments) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is the point
        state: NDArray[np.uint64] = key + moments.astype(np.uint64) * _STEP
        state = (state ^ np.right_shift(state, np.uint64(30))) * _MIX_1
        state = (state ^ np.right_shift(state, np.uint64(27))) * _MIX_2
        state ^= np.right_shift(state, np.uint64(31))
    return state


def _digest(names: tuple[object, ...]) -> bytes:
    return hashlib.sha256("/".join(str(name) for name in names).encode()).digest()
