"""CAT: the COPD Assessment Test, eight items of 0-5, 0-40 in all.

The wording of the test belongs to GSK and is not here: items go by our own neutral names, and who
asks the test supplies the licensed text (docs/scores.md).

Formula: the sum; with one or two items missing, each takes the mean of those answered and the sum
is rounded to a whole number, halves upwards; with more missing there is no score. Bands of impact:
under 10 low, 10-20 medium, 21-30 high, above 30 very high. A change of 2 points is one that
patients notice.

Sources: Jones et al., Eur Respir J 2009;34:648 (items and sum); Kon et al., Lancet Respir Med
2014;2:195 (smallest important difference 2). The rule for missing items and the bands are from the
test's user guide as others cite it; the guide itself was not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from alerts.scores.checks import Codes, Floats, ScoreError, half_up, table, whole

ITEMS: Final = (
    "cough",
    "phlegm",
    "chest",
    "hills_and_stairs",
    "activities",
    "leaving_home",
    "sleep",
    "energy",
)
"""Our own names, in the order of the test."""

ITEM_MOST: Final = 5
HIGHEST: Final = 40
MISSING_MOST: Final = 2
IMPORTANT_CHANGE: Final = 2
"""Smallest change that patients notice (Kon 2014)."""

BANDS: Final = ("low", "medium", "high", "very-high")


class Change(StrEnum):
    """A CAT beside the one before: higher is worse."""

    WORSE = "worse"
    BETTER = "better"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Cat:
    """One patient's CAT.

    Parameters
    ----------
    points
        By item; None where it was not answered.
    """

    score: int
    points: Mapping[str, int | None]
    band: str
    missing: tuple[str, ...]


def scores(items: Floats) -> Floats:
    """Add the items up, shape (n, 8), NaN where not answered; shape (n,), NaN where too few."""
    answered = np.isfinite(items)
    count = answered.sum(axis=1)
    enough = count >= len(ITEMS) - MISSING_MOST
    sums = np.where(answered, items, 0).sum(axis=1)
    # The mean of those answered in each gap is the sum, stretched from `count` items to eight.
    return np.where(enough, half_up(sums * len(ITEMS) / np.maximum(count, 1)), np.nan)


def bands(score: Floats) -> Codes:
    """Give each score's index into BANDS; -1 where there is no score."""
    return table(score, (10, 21, 31), (0, 1, 2, 3))


def changes(score: Floats, previous: Floats) -> Codes:
    """Hold each score against the one before: 1 worse, -1 better, 0 neither; 0 for NaN."""
    change = score - previous
    signs = np.where(np.abs(change) >= IMPORTANT_CHANGE, np.sign(change), 0)
    return np.nan_to_num(signs).astype(np.int8)


def score(points: Mapping[str, float | None]) -> Cat:
    """Score one patient; items that are absent or None were not answered.

    Raises
    ------
    ScoreError
        If an item is unknown or out of 0-5, or more than two were not answered.
    """
    unknown = sorted(set(points) - set(ITEMS))
    if unknown:
        raise ScoreError(f"expected the items {', '.join(ITEMS)}; found {', '.join(unknown)}")
    given = {item: _points(item, points.get(item)) for item in ITEMS}
    missing = tuple(item for item, value in given.items() if value is None)
    if len(missing) > MISSING_MOST:
        raise ScoreError(
            f"CAT needs at least {len(ITEMS) - MISSING_MOST} of its {len(ITEMS)} items; missing: "
            f"{', '.join(missing)}. Ask them; there is no score of fewer"
        )
    row = np.array([[np.nan if given[item] is None else given[item] for item in ITEMS]], float)
    found = scores(row)
    return Cat(int(found[0]), given, BANDS[bands(found)[0]], missing)


def _points(item: str, value: float | None) -> int | None:
    return None if value is None else whole(f"CAT item {item}", value, 0, ITEM_MOST)


def of_list(values: Sequence[float | None]) -> Mapping[str, float | None]:
    """Name eight values by item, in the order of the test."""
    if len(values) != len(ITEMS):
        raise ScoreError(
            f"expected {len(ITEMS)} values, in this order: {', '.join(ITEMS)}; found {len(values)}"
        )
    return dict(zip(ITEMS, values, strict=True))


def change(now: int, previous: int) -> Change:
    """Say whether a patient would notice the change since the score before."""
    whole("CAT score", previous, 0, HIGHEST)
    sign = changes(np.array([float(now)]), np.array([float(previous)]))[0]
    return {1: Change.WORSE, -1: Change.BETTER, 0: Change.UNCHANGED}[int(sign)]
