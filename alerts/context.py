"""What is known of patients beside their readings, as columns; pure.

Owns the shape in which the engine, `telekol evaluate` and sweeps hand it to the rules. It is empty
where nothing is known: rules then propose, or say that they have too little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alerts.reference import References
from alerts.rules import composite


@dataclass(frozen=True, slots=True)
class OwnNumbers:
    """Patients' own numbers in place of one parameter of one rule.

    Parameters
    ----------
    series
        Shape (m,), int32, ascending: whose they are.
    values
        Shape (m,), float64; NaN where this patient has no such limit.
    """

    series: NDArray[np.int32]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, series: ArrayLike, values: ArrayLike) -> Self:
        """Sort numbers that were given in any order, one per series."""
        numbers = np.asarray(series, dtype=np.int32)
        order = np.argsort(numbers, kind="stable")
        return cls(numbers[order], np.asarray(values, dtype=np.float64)[order])

    def over(self, column: NDArray[np.float64], series: NDArray[np.int32]) -> NDArray[np.float64]:
        """Give the column with own numbers where a row's patient has one."""
        if not len(self.series):
            return column
        at = np.minimum(np.searchsorted(self.series, series), len(self.series) - 1)
        return np.where(self.series[at] == series, self.values[at], column)


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What patients answered when asked whether they were worse; sorted by `of`.

    Parameters
    ----------
    series
        Shape (m,), int32, ascending, and within it by time.
    answered_us
        Shape (m,), int64: microseconds since 1970, UTC.
    worse
        Shape (m,), bool.
    """

    series: NDArray[np.int32]
    answered_us: NDArray[np.int64]
    worse: NDArray[np.bool_]

    @classmethod
    def of(cls, series: ArrayLike, answered_us: ArrayLike, worse: ArrayLike) -> Self:
        """Sort answers that were given in any order."""
        numbers = np.asarray(series, dtype=np.int32)
        times = np.asarray(answered_us, dtype=np.int64)
        order = np.lexsort((times, numbers))
        return cls(numbers[order], times[order], np.asarray(worse, dtype=np.bool_)[order])

    def at(
        self, series: NDArray[np.int32], measured_us: NDArray[np.int64], within_us: int
    ) -> NDArray[np.int8]:
        """Give the newest answer to each reading: composite.SYMPTOMS, NO_SYMPTOMS or NOT_ASKED.

        An answer counts for readings of up to `within_us` around it; the worse one wins, since
        a patient who said in the morning that it is worse need not say so again.
        """
        found = np.full(len(series), composite.NOT_ASKED, dtype=np.int8)
        for worse, says in ((False, composite.NO_SYMPTOMS), (True, composite.SYMPTOMS)):
            chosen = self.worse == worse
            near = _any_near(
                self.series[chosen], self.answered_us[chosen], series, measured_us, within_us
            )
            found[near] = says
        return found


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside readings.

    Parameters
    ----------
    references
        Reference values, approved or stored as proposals.
    own
        Own numbers by (id of the rule, name of the parameter).
    enrolled_us
        Shape (number of series,), int64: from when each series counts; None for its first
        reading.
    symptoms
        Answers of patients; None where nobody was asked.
    approved
        Whether a physician approved the rule set. Shipped numbers are templates.
    """

    references: References = field(default_factory=References.none)
    own: Mapping[tuple[str, str], OwnNumbers] = field(default_factory=dict)
    enrolled_us: NDArray[np.int64] | None = None
    symptoms: Symptoms | None = None
    approved: bool = False


def _any_near(
    keys: NDArray[np.int32],
    times: NDArray[np.int64],
    wanted: NDArray[np.int32],
    at: NDArray[np.int64],
    within: int,
) -> NDArray[np.bool_]:
    """Whether any (key, time), sorted, lies within `within` of each (wanted, at)."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.bool_)
    # One number for key and time, as ranks: order is kept, and nothing can overflow.
    instants = np.unique(np.concatenate([times, at - within, at + within]))
    width = len(instants) + 1
    place = keys.astype(np.int64) * width + np.searchsorted(instants, times)
    first = wanted.astype(np.int64) * width + np.searchsorted(instants, at - within)
    last = wanted.astype(np.int64) * width + np.searchsorted(instants, at + within)
    near: NDArray[np.bool_] = np.searchsorted(place, last, "right") > np.searchsorted(place, first)
    return near
