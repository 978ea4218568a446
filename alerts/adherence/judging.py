"""What is missing of a patient at a moment: a function of schedule, what came, and the moment.

Owns the one rule of the family ``adherence``: blue or green, and the numbers behind it. Pure. It
knows no job and no event: whoever asks about a moment, however late, gets the same answer, and so
does whoever asks again (`docs/adherence.md`).

    missing at t  =  the item is asked at t, its newest asked deadline d with d + tell_after <= t
                     has nothing in (opens, d], nothing came in (d, t] either, and no pause ended
                     in (d, t]

Invariants
----------
1. What came counts by when it was measured, never by when it was stored: a reading that was on its
   way for a week fulfils the deadline it was measured for.
2. Green means that something came, or that nothing was asked. Not knowing is never green.
3. What came after the deadline ends the silence; that the deadline was missed stays told.
4. Only blue and green: whether a value is good is another rule's, on another channel.

What else changes with it: `catching_up`, `words`; VERSION, when an answer changes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from alerts.adherence import schedule
from alerts.adherence.schedule import Deadline, Item

NAME: Final = "adherence"
VERSION: Final = 1

TELL_AFTER: Final = timedelta(minutes=5)
"""How long after a deadline its silence is told. A gateway sends what has no receipt again after
five minutes at the most, so what was measured in the last minute is here by then."""

Key = tuple[str, str]
"""Enrolment and item, see `Item.key`."""


class Outcome(StrEnum):
    """How an item stands."""

    NOT_ASKED = "not-asked"
    """Nobody waits for it: a pause, no plan, or no deadline since."""
    IN_TIME = "in-time"
    """Something came in the window of the newest deadline."""
    CAME_SINCE = "came-since"
    """Something came after the newest deadline."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Came:
    """A reading or an answer that counts: measured when, and which."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Stand:
    """How one item stands at a moment, with all that says so.

    Parameters
    ----------
    deadline
        The newest asked one that may be told; None if there is none.
    newest
        The newest that had come by the moment; None for nothing as far back as was looked.
    in_a_row
        How many asked deadlines in a row had nothing; 0 unless MISSING.
    """

    about: str
    enrolment_id: UUID
    outcome: Outcome
    deadline: Deadline | None
    newest: Came | None
    in_a_row: int = 0

    @property
    def key(self) -> Key:
        """Which item of the patient it is."""
        return (str(self.enrolment_id), self.about)

    @property
    def missing_since(self) -> datetime | None:
        """The deadline it misses; None unless MISSING."""
        return self.deadline.at if self.deadline and self.outcome is Outcome.MISSING else None


@dataclass(frozen=True, slots=True)
class State:
    """How a patient stands at a moment: every item of every enrolment."""

    at: datetime
    stands: tuple[Stand, ...]

    @property
    def missing(self) -> tuple[Stand, ...]:
        """The items that are missing."""
        return tuple(one for one in self.stands if one.outcome is Outcome.MISSING)

    @property
    def gist(self) -> frozenset[tuple[Key, datetime]]:
        """What makes two states different to people: which items miss which deadlines."""
        return frozenset((one.key, one.missing_since) for one in self.missing if one.missing_since)


def outcome(deadline: Deadline | None, newest: Came | None) -> Outcome:
    """Judge one item by the newest deadline that may be told and the newest that came."""
    if deadline is None:
        return Outcome.NOT_ASKED
    if newest is None or newest.at <= deadline.opens:
        return Outcome.MISSING
    return Outcome.IN_TIME if newest.at <= deadline.at else Outcome.CAME_SINCE


def stand(
    item: Item, came: Sequence[Came], at: datetime, tell_after: timedelta = TELL_AFTER
) -> Stand:
    """Say how one item stands.

    Parameters
    ----------
    came
        Oldest first: all that came since some moment, and the newest before that.
    """
    known = bisect_right(came, at, key=lambda one: one.at)
    newest = came[known - 1] if known else None
    deadline = _deadline(item, at, at - tell_after)
    found = outcome(deadline, newest)
    row = _in_a_row(item, newest, at, at - tell_after) if found is Outcome.MISSING else 0
    return Stand(item.about, item.enrolment_id, found, deadline, newest, row)


def state(
    items: Sequence[Item],
    came: Mapping[str, Sequence[Came]],
    at: datetime,
    tell_after: timedelta = TELL_AFTER,
) -> State:
    """Say how a patient stands; `came` is by what it is about, for all enrolments alike."""
    stands = (stand(item, came.get(item.about, ()), at, tell_after) for item in items)
    return State(at, tuple(stands))


def _deadline(item: Item, at: datetime, until: datetime) -> Deadline | None:
    if not item.is_asked(at):
        return None
    rested = item.rested_until(at)
    found = schedule.passed(item, until)
    return None if found and rested and found.at < rested else found


def _in_a_row(item: Item, newest: Came | None, at: datetime, until: datetime) -> int:
    rested = item.rested_until(at)
    # A deadline at the very moment at which a pause ends is asked.
    bounds = [newest.at] if newest else []
    bounds += [rested - timedelta.resolution] if rested else []
    asked = schedule.asked_since(item, max(bounds, default=None), until)
    return sum(newest is None or newest.at <= one.opens for one in asked)
