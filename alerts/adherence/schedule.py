"""When what was due: deadlines and their windows from plans, phases, pauses and the wall clock.

Owns OpenTele's semantics of a schedule: weekdays with a due time, an intensive first period and a
steady one after it, a window of grace before each deadline, clipped at the deadline before. Pure;
it knows no database, no reading and no severity.

Invariants
----------
1. A deadline is an instant in UTC that follows from a plan, a local date and a time on the wall in
   Copenhagen alone: computing it again, later or for another stretch gives the same.
2. A wall time that a night in March skips, or one in October shows twice, is the later of the two
   instants it could mean: nobody is late because the clocks changed.
3. Windows of one item never overlap: `(opens, at]`, and `opens` is never before the deadline that
   came before. So one reading fulfils at most one deadline of an item.
4. A plan holds from its start up to its end; what it asked before or asks after does not count.
   The window of a new plan's first deadline may reach back before the plan: a change of plan on
   Wednesday noon does not undo what was measured that morning.
5. A pause takes deadlines away and moves none: a deadline within it is not asked, and it still
   clips the window that follows it. What was missed before a pause is not asked for after it.

What else changes with it: docs/adherence.md, the candidates in adherence.sql.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

ZONE: Final = ZoneInfo("Europe/Copenhagen")
"""Where the walls with the clocks are."""

WEEK: Final = timedelta(days=7)
"""Every slot comes back after this; no window is longer (a constraint of ``plan_time``)."""

LONGEST_COUNT: Final = timedelta(days=63)
"""How far back missed deadlines in a row are counted: nine of a weekly plan. A patient who has been
silent for longer is a question of the enrolment, and "at least nine" says enough."""


class Phase(StrEnum):
    """Which part of a plan a slot belongs to."""

    INTENSIVE = "intensive"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment up to, not including, another; None is without end."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Say whether a moment lies within."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class Slot:
    """One weekday and time by which an item is due.

    Parameters
    ----------
    weekday
        ISO: 1 is Monday.
    due
        On the wall.
    counts_from
        How long before the deadline a reading counts for it, in elapsed time.
    """

    phase: Phase
    weekday: int
    due: time
    counts_from: timedelta
    remind_before: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What one plan asks of one item.

    Parameters
    ----------
    intensive_days
        Local days, counted from the one on which the plan begins.
    required
        Whether it is missed when it does not come.
    """

    plan_id: UUID
    period: Span
    intensive_days: int
    slots: tuple[Slot, ...]
    required: bool = True

    def phase(self, day: date) -> Phase:
        """Give the phase of a local day; a plan without a beginning is steady."""
        if self.period.start is None:
            return Phase.STEADY
        days = (day - self.period.start.astimezone(ZONE).date()).days
        return Phase.INTENSIVE if days < self.intensive_days else Phase.STEADY

    def waits(self, at: datetime) -> bool:
        """Say whether the item is waited for: the plan holds, and its phase has slots."""
        if not self.required or not self.period.holds(at):
            return False
        phase = self.phase(at.astimezone(ZONE).date())
        return any(slot.phase is phase for slot in self.slots)

    def turns(self) -> Iterator[datetime]:
        """Give the moments at which it begins, goes over into its other phase, and ends."""
        start, end = self.period.start, self.period.end
        if start is not None:
            yield start
            steady = start.astimezone(ZONE).date() + timedelta(days=self.intensive_days)
            yield instant(steady, time.min)
        if end is not None:
            yield end


@dataclass(frozen=True, slots=True)
class Item:
    """A quantity or questionnaire of one enrolment, through all its plans.

    Parameters
    ----------
    about
        A quantity's name, or ``questionnaire:NAME``.
    enrolled
        Nothing is asked outside it.
    pauses
        Nothing is asked within them.
    """

    about: str
    enrolment_id: UUID
    enrolled: Span
    plans: tuple[Asked, ...]
    pauses: tuple[Span, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from other items of the same patient."""
        return (str(self.enrolment_id), self.about)

    def is_asked(self, at: datetime) -> bool:
        """Say whether somebody waits for it at a moment: in a plan, enrolled, and no pause."""
        return (
            self.enrolled.holds(at)
            and any(plan.waits(at) for plan in self.plans)
            and not any(pause.holds(at) for pause in self.pauses)
        )

    def rested_until(self, at: datetime) -> datetime | None:
        """Give the end of the last pause before a moment; None without one."""
        return max((p.end for p in self.pauses if p.end and p.end <= at), default=None)

    def turns(self) -> Iterator[datetime]:
        """Give the moments at which what is asked begins or ends."""
        for span in (self.enrolled, *self.pauses):
            yield from (moment for moment in (span.start, span.end) if moment is not None)
        for plan in self.plans:
            yield from plan.turns()


@dataclass(frozen=True, slots=True)
class Deadline:
    """One time by which an item was due.

    Parameters
    ----------
    opens
        Whatever came after this and until `at` fulfils it.
    remind_at
        When the patient is to be reminded; None for never.
    is_asked
        False within a pause, or where the plan does not require the item: it only ends a window.
    """

    at: datetime
    opens: datetime
    remind_at: datetime | None
    is_asked: bool
    plan_id: UUID


def instant(day: date, due: time) -> datetime:
    """Give the instant of a wall time; of two that it could mean, the later.

    Examples
    --------
    The clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 to 02:00 on 25 October.

    >>> instant(date(2026, 3, 29), time(2, 30)).isoformat()
    '2026-03-29T01:30:00+00:00'
    >>> instant(date(2026, 10, 25), time(2, 30)).isoformat()
    '2026-10-25T01:30:00+00:00'
    """
    wall = datetime.combine(day, due, tzinfo=ZONE)
    return max(wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def between(item: Item, after: datetime, until: datetime) -> list[Deadline]:
    """Give an item's deadlines with ``after < at <= until``, oldest first.

    Those that are not asked are among them, as they end windows.
    """
    # What clips a window is less than a week before it: no window is longer.
    raw = sorted(_raw(item, after - WEEK, until), key=lambda one: one[0])
    found: list[Deadline] = []
    before: datetime | None = None
    for at, slots, plan in _by_instant(raw):
        deadline = _deadline(item, at, slots, plan, before)
        if at > after:
            found.append(deadline)
        before = at
    return found


def passed(item: Item, until: datetime) -> Deadline | None:
    """Give the newest asked deadline that is not after a moment, as far back as is counted.

    A week is looked at first: there the answer is for everybody whose plan is older than that.
    """
    for reach in (WEEK, LONGEST_COUNT):
        asked = [one for one in between(item, until - reach, until) if one.is_asked]
        if asked:
            return asked[-1]
    return None


def asked_since(item: Item, after: datetime | None, until: datetime) -> list[Deadline]:
    """Give the asked deadlines with ``after < at <= until``, as far back as is counted."""
    far = until - LONGEST_COUNT
    start = far if after is None else max(after, far)
    return [one for one in between(item, start, until) if one.is_asked]


_Raw = tuple[datetime, Slot, Asked]


def _raw(item: Item, after: datetime, until: datetime) -> Iterator[_Raw]:
    first, last = after.astimezone(ZONE).date(), until.astimezone(ZONE).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for plan in item.plans:
        for day in days:
            if not _may_hold(plan.period, day):
                continue
            phase = plan.phase(day)
            for slot in plan.slots:
                if slot.weekday != day.isoweekday() or slot.phase is not phase:
                    continue
                at = instant(day, slot.due)
                if after < at <= until and plan.period.holds(at):
                    yield at, slot, plan


def _may_hold(period: Span, day: date) -> bool:
    """Leave out days on which a plan does not hold at all, cheaply and a day generously."""
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    a_day = timedelta(days=1, hours=12)
    begun = period.start is None or period.start <= noon + a_day
    return begun and (period.end is None or noon - a_day < period.end)


def _by_instant(raw: Sequence[_Raw]) -> Iterator[tuple[datetime, list[Slot], Asked]]:
    """Join slots that fall on one instant, as 02:30 and 03:30 do on one night in March."""
    at = 0
    while at < len(raw):
        end = at
        while end < len(raw) and raw[end][0] == raw[at][0]:
            end += 1
        yield raw[at][0], [slot for _, slot, _ in raw[at:end]], raw[at][2]
        at = end


def _deadline(
    item: Item, at: datetime, slots: Sequence[Slot], plan: Asked, before: datetime | None
) -> Deadline:
    opens = at - max(slot.counts_from for slot in slots)
    opens = opens if before is None else max(opens, before)
    reminders = [slot.remind_before for slot in slots if slot.remind_before is not None]
    is_asked = (
        plan.required
        and item.enrolled.holds(at)
        and not any(pause.holds(at) for pause in item.pauses)
    )
    # A reminder before the window opens would ask for a reading that does not count.
    remind_at = max(at - max(reminders), opens) if reminders else None
    return Deadline(at, opens, remind_at, is_asked, plan.plan_id)
