"""Reference values: what is usual for a patient, approved by a physician or proposed from readings.

Owns the proposal and the choice between it and what was given. It knows no rule; pure.

Programmes measure daily for 14 days and then once or twice a week (danish-telekol.md 1.1): the
first period is when a level can be found. Al Rajeh and Hurst 2020 took 14 stable days as well.

    level  = median,  spread = 1.4826 * MAD   of the readings of the first period

Invariants
----------
1. A proposal uses readings measured before the one under test and within the first period, and no
   other; so a replay proposes what was proposed then, and nothing drifts with a slow decline.
2. What a physician approved comes before any proposal. A reading is held against the newest value
   dated no later than itself.
3. A reading whose quality is doubtful is no part of a proposal.
4. Fewer than LEAST_COUNT readings propose nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alerts.readings import US_PER_DAY, Readings
from alerts.rules import judging
from alerts.rules.baseline import MAD_TO_SD

FIRST_PERIOD_DAYS: Final = 14
"""The intensive first period of the Danish programmes (TeleCare Nord: daily for 14 days)."""

LEAST_COUNT: Final = 7
"""As the own baseline: a median of 7 readings stands three wrong ones. Our own template."""

SPARSE_PERIOD_DAYS: Final = 90
"""A home that began at a slower pace: its first LEAST_COUNT readings count, if they came within
this. At once a week 7 readings take 42 days; a quarter leaves room for missed weeks."""

MOST_READINGS: Final = 64
"""Of a first period of several readings a day the first 64 are enough for a median."""

_NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class References:
    """Reference values that were given, in any order; arrays of shape (m,).

    Parameters
    ----------
    series, quantity
        As in `Readings`.
    dated_us
        From when on it holds.
    value
        In the quantity's unit.
    spread
        The patient's SD when stable; NaN where nobody said.
    n
        Of how many readings it was made; 0 where a person set it.
    approved
        Whether a physician approved it; false for a proposal that was stored.
    """

    series: NDArray[np.int32]
    quantity: NDArray[np.int16]
    dated_us: NDArray[np.int64]
    value: NDArray[np.float64]
    spread: NDArray[np.float64]
    n: NDArray[np.intp]
    approved: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        series: ArrayLike,
        quantity: ArrayLike,
        dated_us: ArrayLike,
        value: ArrayLike,
        approved: ArrayLike,
        spread: ArrayLike | None = None,
        n: ArrayLike | None = None,
    ) -> References:
        """Take columns of any kind; without `spread` or `n` nobody knows them."""
        rows = len(np.asarray(series))
        return cls(
            np.asarray(series, dtype=np.int32),
            np.asarray(quantity, dtype=np.int16),
            np.asarray(dated_us, dtype=np.int64),
            np.asarray(value, dtype=np.float64),
            np.full(rows, np.nan) if spread is None else np.asarray(spread, dtype=np.float64),
            np.zeros(rows, dtype=np.intp) if n is None else np.asarray(n, dtype=np.intp),
            np.asarray(approved, dtype=np.bool_),
        )

    @classmethod
    def none(cls) -> References:
        """Nobody has set any."""
        return cls.of([], [], [], [], [])


@dataclass(frozen=True, slots=True)
class Level:
    """What is usual for each of some rows, shape (n,).

    Parameters
    ----------
    value, spread
        In the quantity's unit; NaN where there is none. A spread may be 0: floors are the rule's.
    n
        Of how many readings; 0 where a person set it or there is none.
    dated_us
        From when on it holds; meaningless where there is none.
    approved
        Whether a physician approved it.
    """

    value: NDArray[np.float64]
    spread: NDArray[np.float64]
    n: NDArray[np.intp]
    dated_us: NDArray[np.int64]
    approved: NDArray[np.bool_]

    @classmethod
    def unknown(cls, rows: int) -> Level:
        """Nothing is known of any row."""
        return cls(
            np.full(rows, np.nan),
            np.full(rows, np.nan),
            np.zeros(rows, dtype=np.intp),
            np.full(rows, _NEVER),
            np.zeros(rows, dtype=np.bool_),
        )


@dataclass(frozen=True, slots=True)
class FirstPeriods:
    """Where the first period of each reading's series and quantity lies: rows begin to end."""

    begin: NDArray[np.intp]
    end: NDArray[np.intp]

    @classmethod
    def of(cls, readings: Readings, enrolled_us: NDArray[np.int64] | None = None) -> FirstPeriods:
        """Find them.

        Parameters
        ----------
        enrolled_us
            Shape (number of series,): from when a series counts, if a patient began (or began
            again) later than their first reading. Without it, from the first reading.
        """
        if not len(readings):
            return cls(np.arange(0), np.arange(0))
        rows = readings.all_rows()
        firsts = np.flatnonzero(readings.starts == rows)
        group = np.cumsum(readings.starts == rows) - 1
        counts = np.ones(len(rows), dtype=np.bool_)
        if enrolled_us is not None:
            counts = readings.measured_us >= enrolled_us[readings.series]
        # A row that counts for nobody would begin after the end: it is then empty.
        begin = np.minimum.reduceat(np.where(counts, rows, len(rows)), firsts)[group]
        since = readings.measured_us - readings.measured_us[np.minimum(begin, len(rows) - 1)]
        early = since < FIRST_PERIOD_DAYS * US_PER_DAY
        early |= (rows - begin < LEAST_COUNT) & (since < SPARSE_PERIOD_DAYS * US_PER_DAY)
        early &= counts & (rows - begin < MOST_READINGS)
        return cls(begin, begin + np.add.reduceat(early.astype(np.intp), firsts)[group])


def proposed(readings: Readings, rows: NDArray[np.intp], periods: FirstPeriods) -> Level:
    """Propose a level for each of `rows` from the first period of its series and quantity."""
    begin = periods.begin[rows]
    end = np.maximum(np.minimum(periods.end[rows], rows), begin)
    # Nearly all rows share the whole first period of their series: each is worked out once.
    spans, of_row = np.unique(np.stack([begin, end], axis=1), axis=0, return_inverse=True)
    level = _of_spans(readings, spans)
    chosen = of_row.reshape(-1)
    return Level(*(getattr(level, field.name)[chosen] for field in fields(Level)))


def _of_spans(readings: Readings, spans: NDArray[np.intp]) -> Level:
    longest = int((spans[:, 1] - spans[:, 0]).max(initial=0))
    if longest == 0:
        return Level.unknown(len(spans))
    at = spans[:, :1] + np.arange(longest)
    there = at < spans[:, 1:]
    at = np.minimum(at, len(readings) - 1)
    there &= np.isfinite(readings.values[at]) & ~readings.doubtful[at]
    n = there.sum(axis=1)
    work = np.sort(np.where(there, readings.values[at], np.nan), axis=1)
    median = judging.median_of_sorted(work, n, LEAST_COUNT)
    apart = np.sort(np.abs(work - median[:, None]), axis=1)
    spread = MAD_TO_SD * judging.median_of_sorted(apart, n, LEAST_COUNT)
    dated = np.where(there, readings.measured_us[at], _NEVER).max(axis=1)
    enough = np.where(n >= LEAST_COUNT, n, 0)
    return Level(median, spread, enough, dated, np.zeros(len(spans), dtype=np.bool_))


def in_force(
    readings: Readings, rows: NDArray[np.intp], given: References, periods: FirstPeriods
) -> Level:
    """Give what each of `rows` is held against: approved, else stored, else proposed now."""
    level = proposed(readings, rows, periods)
    for approved in (False, True):  # the last one that knows wins
        level = _over(level, _newest(readings, rows, given, approved=approved))
    return level


def _newest(
    readings: Readings, rows: NDArray[np.intp], given: References, *, approved: bool
) -> Level:
    chosen = np.flatnonzero(given.approved == approved)
    if not len(chosen):
        return Level.unknown(len(rows))
    order = chosen[
        np.lexsort((given.dated_us[chosen], given.quantity[chosen], given.series[chosen]))
    ]
    key = _key(given.series[order], given.quantity[order])
    wanted = _key(readings.series[rows], readings.quantity[rows])
    at = _last_before(key, given.dated_us[order], wanted, readings.measured_us[rows])
    known = at >= 0
    found = order[np.maximum(at, 0)]
    return Level(
        np.where(known, given.value[found], np.nan),
        np.where(known, given.spread[found], np.nan),
        np.where(known, given.n[found], 0),
        np.where(known, given.dated_us[found], _NEVER),
        known & approved,
    )


def _key(series: NDArray[np.int32], quantity: NDArray[np.int16]) -> NDArray[np.int64]:
    key: NDArray[np.int64] = (series.astype(np.int64) << 16) | quantity
    return key


def _last_before(
    keys: NDArray[np.int64],
    times: NDArray[np.int64],
    wanted: NDArray[np.int64],
    at: NDArray[np.int64],
) -> NDArray[np.intp]:
    """Place of the newest of sorted (key, time) with the wanted key, not after `at`; -1 if none."""
    # A stable sort of both together puts what was given at the same instant before its reading.
    asked = np.concatenate(
        [np.zeros(len(keys), dtype=np.int8), np.ones(len(wanted), dtype=np.int8)]
    )
    order = np.lexsort((asked, np.concatenate([times, at]), np.concatenate([keys, wanted])))
    given_so_far = np.cumsum(asked[order] == 0) - 1
    newest = np.empty(len(order), dtype=np.intp)
    newest[order] = given_so_far
    newest = newest[len(keys) :]
    same = (newest >= 0) & (keys[np.maximum(newest, 0)] == wanted)
    return np.where(same, newest, -1)


def _over(level: Level, better: Level) -> Level:
    known = np.isfinite(better.value)
    return Level(
        *(
            np.where(known, getattr(better, field.name), getattr(level, field.name))
            for field in fields(Level)
        )
    )
