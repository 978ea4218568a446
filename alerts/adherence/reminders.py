"""Reminders before a deadline: whom, of what, by when. Pure.

Owns which reminders are due and the instruction that carries each to a home. It sends nothing:
`ingest` does, from the table of instructions.

Invariants
----------
1. Nobody is reminded of what has come already, in a pause, or after the deadline.
2. A reminder's id is made of gateway, deadline and time of the reminder: decided twice, by two
   processes or after a crash, it is one.
3. It names what to measure and until when; no name, no value (`telekol.instructions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from alerts.adherence import schedule, words
from alerts.adherence.judging import Came
from alerts.adherence.schedule import Deadline, Item
from alerts.adherence.words import Titles
from telekol.instructions import LongText, TextMessage

_NAMESPACE: Final = UUID("3d1b4b86-0d5a-5a0c-b3a5-7f2f0f6a9c51")

AHEAD: Final = timedelta(days=7)
"""No reminder comes earlier than this before its deadline: it would lie before the window, which is
a week at the most."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder of everything that is due at one time and to be reminded of at one time."""

    abouts: tuple[str, ...]
    deadline: datetime
    remind_at: datetime


def due(
    items: Sequence[Item], came: Mapping[str, Sequence[Came]], since: datetime, now: datetime
) -> list[Reminder]:
    """Give the reminders whose time lies in ``(since, now]``, as far as they are still of use."""
    found: dict[tuple[datetime, datetime], list[str]] = {}
    for item in items:
        for deadline in schedule.between(item, now, now + AHEAD):
            if _is_due(deadline, since, now) and not _has_come(came.get(item.about, ()), deadline):
                assert deadline.remind_at is not None  # noqa: S101 - it is due
                found.setdefault((deadline.at, deadline.remind_at), []).append(item.about)
    return [
        Reminder(tuple(dict.fromkeys(abouts)), at, remind_at)
        for (at, remind_at), abouts in sorted(found.items())
    ]


def instruction(reminder: Reminder, gateway: str, now: datetime, titles: Titles) -> TextMessage:
    """Write the reminder for a gateway; it is of no use after the deadline."""
    name = f"{gateway}|{reminder.deadline.isoformat()}|{reminder.remind_at.isoformat()}"
    said = words.reminder(reminder.abouts, reminder.deadline, now, titles)
    return TextMessage(
        v=1,
        gateway=gateway,
        id=uuid5(_NAMESPACE, name),
        issued_at=now,
        expires_at=reminder.deadline,
        text=LongText(da=said.danish, en=said.english),
    )


def _is_due(deadline: Deadline, since: datetime, now: datetime) -> bool:
    at = deadline.remind_at
    return deadline.is_asked and at is not None and since < at <= now


def _has_come(came: Iterable[Came], deadline: Deadline) -> bool:
    return any(deadline.opens < one.at <= deadline.at for one in came)
