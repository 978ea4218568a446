"""Which numbers of an outbox are missing, and since when. Pure.

Owns the arithmetic of runs and how a gap keeps its age while it shrinks. It knows no database;
`ingest.gap_watch` brings the numbers, and the view ``gateway_gap`` computes the same in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

Run = tuple[int, int]
"""First and last number, both included."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of missing numbers that was noticed at one time."""

    first: int
    last: int
    noticed_at: datetime


def missing(settled: Iterable[Run], highest_given: int = 0) -> list[Run]:
    """Give what is missing from 1 up to the highest number heard or given out.

    Parameters
    ----------
    settled
        Runs that have come, in any order; they may overlap.
    highest_given
        The gateway's own word of its highest number; 0 if it said none.

    Examples
    --------
    >>> missing([(3, 4), (8, 8)], highest_given=10)
    [(1, 2), (5, 7), (9, 10)]
    """
    gaps: list[Run] = []
    expected = 1
    for first, last in sorted(settled):
        if first > expected:
            gaps.append((expected, first - 1))
        expected = max(expected, last + 1)
    if highest_given >= expected:
        gaps.append((expected, highest_given))
    return gaps


def follow(known: Iterable[Gap], now_missing: Sequence[Run], now: datetime) -> list[Gap]:
    """Give the gaps as they are now; each number keeps the time at which it was first missed.

    Parameters
    ----------
    known
        Gaps of the last look; they do not overlap.
    now_missing
        From `missing`.
    """
    gaps: list[Gap] = []
    old = sorted(known, key=lambda gap: gap.first)
    for first, last in now_missing:
        at = first
        for gap in old:
            if gap.last < at or gap.first > last:
                continue
            if gap.first > at:
                gaps.append(Gap(at, gap.first - 1, now))
            end = min(gap.last, last)
            gaps.append(Gap(max(gap.first, at), end, gap.noticed_at))
            at = end + 1
        if at <= last:
            gaps.append(Gap(at, last, now))
    return gaps
