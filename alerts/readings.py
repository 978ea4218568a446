"""Readings as columns: what the rules of a whole population look at, without an object per reading.

Owns the order of readings and how windows are cut from them. It knows no rule, no database and
no file; pure.

Invariants
----------
1. Sorted by series, quantity and time. Readings of the same instant keep the order in which they
   were given: who gives them orders them by something that stays, as their ids.
2. A window is cut by index arithmetic, and reaches into no other series and no other quantity.
   So a row's window, and what is judged of it, is the same in whatever company it is judged.
3. Times are whole microseconds since 1970 in UTC, values float64 exactly as stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alerts.window import WIDTH, Floats, Window
from telekol.quantities import Quantity

QUANTITIES: Final = tuple(Quantity)
"""A quantity's number in `Readings.quantity` is its place here; it is kept nowhere."""

NUMBER_OF: Final = {quantity: number for number, quantity in enumerate(QUANTITIES)}

US_PER_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of any number of series, made by `Readings.of`.

    Parameters
    ----------
    names
        What a series is called, by its number: a patient's id, or what a file says.
    series
        Shape (n,), int32: index into `names`.
    quantity
        Shape (n,), int16: index into `QUANTITIES`.
    measured_us
        Shape (n,), int64: microseconds since 1970, UTC.
    values
        Shape (n,), float64, in the quantity's own unit.
    doubtful
        Shape (n,), bool: the device's own quality flags make a second measurement worthwhile.
        Such a reading is judged, and is left out of the windows of later ones.
    starts
        Shape (n,), intp: the first row of the same series and quantity.
    given
        Shape (n,), intp: which of the readings given to `of` each row is.
    """

    names: Sequence[str]
    series: NDArray[np.int32]
    quantity: NDArray[np.int16]
    measured_us: NDArray[np.int64]
    values: NDArray[np.float64]
    doubtful: NDArray[np.bool_]
    starts: NDArray[np.intp]
    given: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        series: ArrayLike,
        quantity: ArrayLike,
        measured_us: ArrayLike,
        values: ArrayLike,
        doubtful: ArrayLike | None = None,
    ) -> Readings:
        """Sort readings that were given in any order.

        Raises
        ------
        ValueError
            If the columns differ in length; names it.

        Examples
        --------
        >>> spo2, day = NUMBER_OF[Quantity.SPO2], US_PER_DAY
        >>> found = Readings.of(["a"], [0, 0], [spo2, spo2], [2 * day, day], [88, 92])
        >>> found.values.tolist(), found.given.tolist()
        ([92.0, 88.0], [1, 0])
        """
        numbers = np.asarray(series, dtype=np.int32)
        columns: dict[str, NDArray[Any]] = {
            "quantity": np.asarray(quantity, dtype=np.int16),
            "measured_us": np.asarray(measured_us, dtype=np.int64),
            "values": np.asarray(values, dtype=np.float64),
            "doubtful": np.zeros(len(numbers), dtype=np.bool_)
            if doubtful is None
            else np.asarray(doubtful, dtype=np.bool_),
        }
        for name, column in columns.items():
            if column.shape != numbers.shape:
                raise ValueError(
                    f"{name} must be one per reading, shape {numbers.shape}; found {column.shape}"
                )
        # lexsort is stable, so readings of the same instant stay as they were given.
        order = np.lexsort((columns["measured_us"], columns["quantity"], numbers))
        cut = {name: column[order] for name, column in columns.items()}
        return cls(
            names=names,
            series=numbers[order],
            starts=_starts(numbers[order], cut["quantity"]),
            given=order,
            **cut,
        )

    def __len__(self) -> int:
        return len(self.series)

    def all_rows(self) -> NDArray[np.intp]:
        """Every reading, as rows to judge."""
        return np.arange(len(self))

    def last_rows(self) -> NDArray[np.intp]:
        """Rows of the last instant of each series and quantity.

        As a rule one each; all of them where two readings are of one instant, for neither is
        the later one, and the worse must not hide behind the other.
        """
        if not len(self):
            return np.arange(0)
        ends = np.append(self.starts[1:] != self.starts[:-1], True)
        last = np.flatnonzero(ends)
        group = np.cumsum(ends) - ends
        newest: NDArray[np.intp] = np.flatnonzero(self.measured_us == self.measured_us[last[group]])
        return newest

    def of_quantity(self, rows: NDArray[np.intp], quantities: Sequence[Quantity]) -> NDArray[Any]:
        """Those of `rows` that are of one of the quantities, in the same order."""
        wanted = [NUMBER_OF[quantity] for quantity in quantities]
        return rows[np.isin(self.quantity[rows], wanted)]

    def window(
        self, rows: NDArray[np.intp], width: int = WIDTH, kind: type[np.floating[Any]] = np.float64
    ) -> Window:
        """Lay out the readings that end in each of `rows`, right-aligned; one gather.

        Parameters
        ----------
        rows
            Shape (m,): the readings under test.
        width
            Columns of the window, the reading under test in the last.
        kind
            float64, or float32 for sweeps that need no more.
        """
        at, there = self._reach(rows, width)
        judged_by = there & ~self.doubtful[at]
        judged_by[:, -1] = True
        values = np.where(judged_by, self.values[at], np.nan)
        ages = (self.measured_us[rows, None] - self.measured_us[at]) / US_PER_DAY
        return Window(_as(values, kind), _as(np.where(judged_by, ages, np.nan), kind))

    def nearest(
        self, rows: NDArray[np.intp], quantity: Quantity, within_us: int
    ) -> NDArray[np.intp]:
        """Find the reading of another quantity of the same series that is nearest in time.

        Returns
        -------
        array
            Shape (m,): a row for each of `rows`, -1 where none lies within `within_us` in either
            direction. Of two as near the earlier; of two of one instant the first.
        """
        others = np.flatnonzero(self.quantity == NUMBER_OF[quantity])
        if not len(others):
            return np.full(len(rows), -1, dtype=np.intp)
        # One number for series and time, by the rank of the instant: exact, and cannot overflow.
        instants = np.unique(self.measured_us[others])
        ranks = len(instants) + 1
        place = self.series[others].astype(np.int64) * ranks + np.searchsorted(
            instants, self.measured_us[others]
        )
        wanted = self.series[rows].astype(np.int64) * ranks + np.searchsorted(
            instants, self.measured_us[rows]
        )
        after = np.searchsorted(place, wanted)
        best = np.full(len(rows), -1, dtype=np.intp)
        nearest_us = np.full(len(rows), within_us + 1)
        for at in (self._first_of_instant(others, after - 1), after):
            candidate = others[np.clip(at, 0, len(others) - 1)]
            apart = np.abs(self.measured_us[candidate] - self.measured_us[rows])
            nearer = (at >= 0) & (at < len(others)) & (apart < nearest_us)
            nearer &= self.series[candidate] == self.series[rows]
            best[nearer], nearest_us[nearer] = candidate[nearer], apart[nearer]
        return best

    def _first_of_instant(self, others: NDArray[np.intp], at: NDArray[np.intp]) -> NDArray[np.intp]:
        """Step back to the first of the readings of one instant."""
        times, series = self.measured_us[others], self.series[others]
        is_first = np.ones(len(others), dtype=np.bool_)
        is_first[1:] = (times[1:] != times[:-1]) | (series[1:] != series[:-1])
        firsts = np.maximum.accumulate(np.where(is_first, np.arange(len(others)), 0))
        return np.where(at >= 0, firsts[np.maximum(at, 0)], at)

    def _reach(
        self, rows: NDArray[np.intp], width: int
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        # Never narrower, though no series be as long: the last digit of a sum along a row depends
        # on how many zeros stand before it, and a replay must find the same digits.
        at = rows[:, None] + np.arange(1 - width, 1)
        there = at >= self.starts[rows, None]
        return np.maximum(at, 0), there


def _starts(series: NDArray[np.int32], quantity: NDArray[np.int16]) -> NDArray[np.intp]:
    if not len(series):
        return np.arange(0)
    is_first = np.ones(len(series), dtype=np.bool_)
    is_first[1:] = (series[1:] != series[:-1]) | (quantity[1:] != quantity[:-1])
    starts: NDArray[np.intp] = np.maximum.accumulate(np.where(is_first, np.arange(len(series)), 0))
    return starts


def _as(numbers: NDArray[np.float64], kind: type[np.floating[Any]]) -> Floats:
    return numbers.astype(kind, copy=False)
