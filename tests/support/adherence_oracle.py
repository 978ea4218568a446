"""Adherence the slow way, straight from the sentences of docs/adherence.md: day by day.

It shares the data classes of `alerts.adherence` and none of its arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from alerts.adherence.judging import Came
from alerts.adherence.schedule import Item

WALL = ZoneInfo("Europe/Copenhagen")
HORIZON = timedelta(days=63)


@cache
def instant(day: date, due: time) -> datetime:
    """Look at every minute of three days for the last one at which the wall says so.

    A time that the wall never says is said an hour later: that is by how much the clocks went.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for hours in (0, 1):
        wanted = datetime.combine(day, due) + timedelta(hours=hours)
        found = [
            minute
            for n in range(-24 * 60, 48 * 60)
            if (minute := midnight + timedelta(minutes=n)).astimezone(WALL).replace(tzinfo=None)
            == wanted
        ]
        if found:
            return found[-1]
    raise AssertionError(f"no {due} on {day}")


def deadlines(item: Item, until: datetime) -> dict[datetime, tuple[datetime, bool]]:
    """Every deadline up to a moment: when its window opens, and whether it is asked."""
    longest: dict[datetime, timedelta] = {}
    asked: dict[datetime, bool] = {}
    for plan in item.plans:
        assert plan.period.start is not None
        first = plan.period.start.astimezone(WALL).date()
        day = first
        while day <= until.astimezone(WALL).date():
            phase = "intensive" if (day - first).days < plan.intensive_days else "steady"
            for slot in plan.slots:
                at = instant(day, slot.due)
                held = plan.period.start <= at and (plan.period.end is None or at < plan.period.end)
                if (
                    slot.phase == phase
                    and slot.weekday == day.isoweekday()
                    and held
                    and at <= until
                ):
                    longest[at] = max(longest.get(at, timedelta(0)), slot.counts_from)
                    asked[at] = plan.required and _asks(item, at)
            day += timedelta(days=1)
    found: dict[datetime, tuple[datetime, bool]] = {}
    before: datetime | None = None
    for at in sorted(longest):
        opens = at - longest[at]
        found[at] = (opens if before is None or before < opens else before, asked[at])
        before = at
    return found


def missing(
    item: Item, came: Sequence[Came], at: datetime, tell_after: timedelta
) -> tuple[datetime, int] | None:
    """The deadline that is missed at a moment and how many in a row; None if none is."""
    if not _asks(item, at) or not _has_slots_now(item, at):
        return None
    here = [one.at for one in came if one.at <= at]
    row: list[datetime] = []
    for due, (opens, is_asked) in sorted(deadlines(item, at - tell_after).items(), reverse=True):
        if due <= at - tell_after - HORIZON or _a_pause_ended_between(item, due, at):
            break
        if not is_asked:
            continue
        if any(opens < one for one in here):
            break
        row.append(due)
    return (row[0], len(row)) if row else None


def _asks(item: Item, at: datetime) -> bool:
    spans = item.enrolled
    begun = spans.start is None or spans.start <= at
    over = spans.end is not None and spans.end <= at
    rests = any(
        (one.start is None or one.start <= at) and (one.end is None or at < one.end)
        for one in item.pauses
    )
    return begun and not over and not rests


def _has_slots_now(item: Item, at: datetime) -> bool:
    for plan in item.plans:
        assert plan.period.start is not None
        if plan.period.start <= at and (plan.period.end is None or at < plan.period.end):
            days = (at.astimezone(WALL).date() - plan.period.start.astimezone(WALL).date()).days
            phase = "intensive" if days < plan.intensive_days else "steady"
            return plan.required and any(slot.phase == phase for slot in plan.slots)
    return False


def _a_pause_ended_between(item: Item, after: datetime, until: datetime) -> bool:
    return any(one.end is not None and after < one.end <= until for one in item.pauses)
