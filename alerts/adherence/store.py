"""Schedules, what came and what was told, from the database. Touches PostgreSQL.

Decides nothing: SQL is in adherence.sql, judgement in `judging` and `catching_up`. Works inside the
caller's transaction where it says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from alerts.adherence import statements
from alerts.adherence.catching_up import Told
from alerts.adherence.judging import Came
from alerts.adherence.schedule import WEEK, ZONE, Asked, Item, Phase, Slot, Span
from alerts.adherence.words import QUESTIONNAIRE, Name, Titles
from telekol import queries

_SQL: Final = queries.load("alerts.adherence", "adherence.sql")

_HOUR: Final = timedelta(hours=1)


@dataclass(slots=True)
class Record:
    """What is known of one patient."""

    patient_id: UUID
    items: list[Item] = field(default_factory=list)
    came: dict[str, list[Came]] = field(default_factory=lambda: defaultdict(list))
    told: Told | None = None


def enrolled(
    connection: Connection[Any], since: datetime, now: datetime, beyond: UUID, most: int
) -> list[UUID]:
    """Give the next of everybody whose schedule may say something, in the order of their ids."""
    values = {"since": since, "now": now, "beyond": beyond, "most": most}
    return [row[0] for row in connection.execute(_SQL["all_enrolled"], values)]


def candidates(
    connection: Connection[Any], since: datetime, now: datetime, tell_after: timedelta
) -> list[UUID]:
    """Give those of whom something may have to be told after `since`, in the order of their ids.

    It may name too many. That it names everybody is what the nightly recomputation holds it to.
    """
    values = {"since": since - tell_after, "now": now} | _stretches(since - tell_after, now)
    found: set[UUID] = set()
    for query in ("whose_deadline", "whose_change", "whose_silence_may_end"):
        found.update(row[0] for row in connection.execute(_SQL[query], values))
    return sorted(found)


def to_remind(connection: Connection[Any], since: datetime, now: datetime) -> list[UUID]:
    """Give those with a reminder after `since`; perhaps some more."""
    values = {"since": since, "now": now, "zone": ZONE.key}
    return sorted(row[0] for row in connection.execute(_SQL["whose_reminder"], values))


def lock(connection: Connection[Any], patients: Sequence[UUID]) -> None:
    """Let no other write about these patients until the transaction ends."""
    connection.execute(_SQL["lock_patients"], {"patients": list(patients)})


def records(
    connection: Connection[Any], patients: Sequence[UUID], since: datetime, now: datetime
) -> tuple[list[Record], Titles]:
    """Load some patients: what was asked, what came since, and what was told last."""
    values = {"patients": list(patients), "since": since, "now": now}
    found = {patient: Record(patient) for patient in patients}
    _read_items(connection, found, values)
    _read_readings(connection, found, values)
    for patient, name, at, answer in connection.execute(_SQL["answers"], values):
        found[patient].came[QUESTIONNAIRE + name].append(Came(at, answer))
    for patient, finding_id, evidence in connection.execute(_SQL["told"], values):
        found[patient].told = statements.told_by(finding_id, evidence)
    return list(found.values()), _titles(connection, found.values())


def gateways(
    connection: Connection[Any], patients: Sequence[UUID], now: datetime
) -> Mapping[UUID, list[str]]:
    """Give the gateways in some patients' homes now."""
    found: dict[UUID, list[str]] = defaultdict(list)
    for patient, gateway in connection.execute(
        _SQL["gateways"], {"patients": list(patients), "now": now}
    ):
        found[patient].append(gateway)
    return found


def remind(connection: Connection[Any], values: Mapping[str, object]) -> bool:
    """Put a reminder on record, for ingest to send; False if it was there."""
    return connection.execute(_SQL["remind"], values).rowcount == 1


def _stretches(since: datetime, now: datetime) -> dict[str, list[Any]]:
    """Give the parts of a week that lie in ``(since, now]``, an hour wider for the odd nights."""
    first, last = (since - _HOUR).astimezone(ZONE), (now + _HOUR).astimezone(ZONE)
    if now - since >= WEEK - timedelta(days=1):
        first = last - WEEK
    days = [first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1)]
    return {
        "weekdays": [day.isoweekday() for day in days],
        "lows": [first.time() if day == first.date() else time.min for day in days],
        "highs": [last.time() if day == last.date() else time.max for day in days],
    }


def _read_items(
    connection: Connection[Any], found: Mapping[UUID, Record], values: Mapping[str, object]
) -> None:
    pauses: dict[UUID, list[Span]] = defaultdict(list)
    for enrolment, start, end in connection.execute(_SQL["pauses"], values):
        pauses[enrolment].append(Span(start, end))
    parts: dict[tuple[UUID, UUID, str], _Part] = {}
    for row in connection.execute(_SQL["slots"], values):
        about = str(row[9]) if row[9] is not None else QUESTIONNAIRE + row[10]
        part = parts.setdefault((row[0], row[1], about), _Part(_enrolled(*row[2:5])))
        part.add(*row[5:9], *row[11:])
    for (patient, enrolment, about), part in parts.items():
        rests = tuple(pauses[enrolment])
        found[patient].items.append(Item(about, enrolment, part.enrolled, part.plans(), rests))


@dataclass(slots=True)
class _Part:
    """An item of an enrolment while its rows are read."""

    enrolled: Span
    asked: dict[UUID, tuple[Span, int, bool]] = field(default_factory=dict)
    slots: dict[UUID, list[Slot]] = field(default_factory=lambda: defaultdict(list))

    def add(
        self,
        plan: UUID,
        start: datetime | None,
        end: datetime | None,
        intensive_days: int,
        required: bool,
        phase: str,
        weekday: int,
        due: time,
        counts_from: timedelta,
        remind_before: timedelta | None,
    ) -> None:
        self.asked[plan] = (Span(start, end), intensive_days, required)
        self.slots[plan].append(Slot(Phase(phase), weekday, due, counts_from, remind_before))

    def plans(self) -> tuple[Asked, ...]:
        return tuple(
            Asked(plan, period, days, tuple(self.slots[plan]), required)
            for plan, (period, days, required) in self.asked.items()
        )


def _enrolled(start: datetime | None, end: datetime | None, withdrawn: datetime | None) -> Span:
    ends = [one for one in (end, withdrawn) if one is not None]
    return Span(start, min(ends, default=None))


def _read_readings(
    connection: Connection[Any], found: Mapping[UUID, Record], values: Mapping[str, object]
) -> None:
    asked = sorted(
        {
            (record.patient_id, item.about)
            for record in found.values()
            for item in record.items
            if not item.about.startswith(QUESTIONNAIRE)
        }
    )
    keys = {"keys": [key[0] for key in asked], "quantities": [key[1] for key in asked]}
    for patient, quantity, at, reading in connection.execute(_SQL["readings"], {**values, **keys}):
        found[patient].came[str(quantity)].append(Came(at.astimezone(UTC), reading))


def _titles(connection: Connection[Any], records: Iterable[Record]) -> Titles:
    ids = {
        item.about.removeprefix(QUESTIONNAIRE)
        for record in records
        for item in record.items
        if item.about.startswith(QUESTIONNAIRE)
    }
    if not ids:
        return {}
    rows = connection.execute(_SQL["titles"], {"ids": sorted(ids)})
    return {
        QUESTIONNAIRE + name: Name(f"spørgeskemaet {danish}", f"the questionnaire {english}")
        for name, danish, english in rows
    }
