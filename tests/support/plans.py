"""Rows that tests put into the database: enrolments, plans, pauses, and readings at any time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import TupleRow

Db = Connection[TupleRow]

WALL = ZoneInfo("Europe/Copenhagen")
TEN_HOURS = timedelta(hours=10)
MORNING = time(10)


def wall(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment by the clock on a wall in Copenhagen."""
    return datetime(year, month, day, hour, minute, tzinfo=WALL).astimezone(UTC)


def enrol(connection: Db, patient_id: UUID, start: datetime, end: datetime | None = None) -> UUID:
    connection.execute(
        "insert into programme values ('kol', 'Tele-KOL', 'Tele-COPD') on conflict do nothing"
    )
    row = connection.execute(
        "insert into enrolment (patient_id, programme_id, team_id, period, ended_because) "
        "values (%s, 'kol', 'team-akut', tstzrange(%s, %s), %s) returning id",
        [patient_id, start, end, None if end is None else "completed"],
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def plan(
    connection: Db,
    enrolment: UUID,
    start: datetime,
    *abouts: str,
    end: datetime | None = None,
    weekdays: Sequence[int] = (1, 2, 3, 4, 5, 6, 7),
    intensive: Sequence[int] = (),
    intensive_days: int = 0,
    due: time = MORNING,
    counts_from: timedelta = TEN_HOURS,
    remind_before: timedelta | None = None,
    required: bool = True,
    set_at: datetime | None = None,
) -> UUID:
    """A plan for quantities and ``questionnaire:`` names, the same times for each."""
    row = connection.execute(
        "insert into plan (enrolment_id, period, intensive_days, set_by, set_at) "
        "values (%s, tstzrange(%s, %s), %s, 'nurse-1', %s) returning id",
        [enrolment, start, end, intensive_days, set_at or start],
    ).fetchone()
    assert row is not None
    for about in abouts or ("spo2",):
        kind, _, name = about.partition(":")
        item = connection.execute(
            "insert into plan_item (plan_id, quantity, questionnaire_id, required) "
            "values (%s, %s, %s, %s) returning id",
            [row[0], *((None, name) if name else (kind, None)), required],
        ).fetchone()
        assert item is not None
        slots = [("steady", day) for day in weekdays] + [("intensive", day) for day in intensive]
        for phase, day in slots:
            connection.execute(
                "insert into plan_time (plan_item_id, phase, weekday, due, counts_from, "
                "remind_before) values (%s, %s, %s, %s, %s, %s)",
                [item[0], phase, day, due, counts_from, remind_before],
            )
    return UUID(str(row[0]))


def pause(connection: Db, enrolment: UUID, start: datetime, end: datetime | None = None) -> None:
    connection.execute(
        "insert into enrolment_pause (enrolment_id, period, reason) "
        "values (%s, tstzrange(%s, %s), 'admitted')",
        [enrolment, start, end],
    )


def measure(
    connection: Db,
    patient_id: UUID | None,
    at: datetime,
    quantity: str = "spo2",
    value: float = 93.0,
    *,
    stored_at: datetime | None = None,
) -> UUID:
    """A reading as ingest would have stored it, at once or long after it was measured."""
    reading = uuid4()
    connection.execute(
        "insert into observation (measured_at, received_at, stored_at, seq, value, reading_id, "
        "patient_id, device_id, outbox_id, quantity, time_confidence, entered) "
        "values (%s, %s, %s, 1, %s, %s, %s, 1, 1, %s, 'clock-checked', 'automatic')",
        [at, at, stored_at or at, value, reading, patient_id, quantity],
    )
    return reading


def invalidate(
    connection: Db,
    patient_id: UUID,
    reading: UUID,
    at: datetime,
    *,
    fulfils: bool,
    said_at: datetime,
) -> None:
    connection.execute(
        "insert into validity_event (reading_id, measured_at, patient_id, kind, "
        "counts_as_submitted, reason, by_whom, at) "
        "values (%s, %s, %s, 'invalidated', %s, 'the probe was off', 'nurse-1', %s)",
        [reading, at, patient_id, fulfils, said_at],
    )
    connection.execute(
        "insert into withdrawn_reading values (%s, %s, 'invalid')", [patient_id, reading]
    )
