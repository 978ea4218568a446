"""Which statements follow since the last one: the states of a patient at every moment that matters.

Owns how a job that was away for a day says what it would have said on time. Pure: schedule, what
came, the last statement and `now` in; states to be told out.

Invariants
----------
1. A state is told when it differs from the one told before, and only then. Running again, or
   beside another, therefore tells nothing more.
2. The moments looked at are those at which a state can change: a deadline that may be told, the
   time of a reading, the beginning or end of a plan, pause or enrolment; and `now`. So it does not
   matter when, or how often, somebody looks: the statements are the same.
3. The last state told is the state at `now`, also where the past was rewritten meanwhile: a reading
   that came late, one that was withdrawn, a pause that was entered afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from alerts.adherence import judging, schedule
from alerts.adherence.judging import TELL_AFTER, Came, Key, State
from alerts.adherence.schedule import Item


@dataclass(frozen=True, slots=True)
class Told:
    """The last statement about a patient.

    Parameters
    ----------
    as_of
        The moment it was about.
    gist
        As `State.gist`.
    """

    finding_id: UUID
    as_of: datetime
    gist: frozenset[tuple[Key, datetime]]


def untold(
    told: Told | None,
    items: Sequence[Item],
    came: Mapping[str, Sequence[Came]],
    since: datetime,
    now: datetime,
    tell_after: timedelta = TELL_AFTER,
) -> list[State]:
    """Give the states to be told, oldest first.

    Parameters
    ----------
    told
        None if nothing was ever said of the patient.
    since
        Up to when somebody has looked, whatever was said then.
    """
    after = max(since, min(told.as_of, now)) if told else since
    gist = told.gist if told else frozenset()
    states: list[State] = []
    for moment in moments(items, came, after, now, tell_after):
        state = judging.state(items, came, moment, tell_after)
        if state.gist != gist:
            states.append(state)
            gist = state.gist
    return states


def moments(
    items: Sequence[Item],
    came: Mapping[str, Sequence[Came]],
    after: datetime,
    now: datetime,
    tell_after: timedelta = TELL_AFTER,
) -> list[datetime]:
    """Give the moments in ``(after, now]`` at which a state can change, and `now`."""
    found = {now}
    for item in items:
        told_at = schedule.between(item, after - tell_after, now - tell_after)
        found.update(one.at + tell_after for one in told_at if one.is_asked)
        found.update(item.turns())
    for some in came.values():
        found.update(one.at for one in some)
    return sorted(one for one in found if after < one <= now or one == now)
