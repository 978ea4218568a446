"""Days of readings for trends are what a slow query says, whatever came late or was moved."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine, trends
from ingest import writer
from telekol import topics
from telekol.quantities import Quantity
from tests.support.house import Home, add_home
from tests.support.messages import message, observation, sort

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
Day = tuple[UUID, str, date]


def _store(connection: Connection[TupleRow], home: Home, *values: tuple[datetime, float]) -> None:
    payload = message(
        *(observation(value, measured_at=at) for at, value in values), gateway=home.gateway
    )
    writer.store(connection, [sort(topics.observations(home.gateway), payload)])


def _settle(connection: Connection[TupleRow]) -> None:
    while engine.run_round(connection) or trends.refresh(connection):
        pass


def _kept(connection: Connection[TupleRow]) -> dict[Day, tuple[Any, ...]]:
    rows = connection.execute(
        "select patient_id, quantity, day, median, lowest, highest, count from observation_day"
    )
    return {(row[0], row[1], row[2]): row[3:] for row in rows}


def _slow(connection: Connection[TupleRow]) -> dict[Day, tuple[Any, ...]]:
    """The same from every reading there is, with Python's own calendar and median."""
    invalid = {
        row[0]
        for row in connection.execute("select reading_id from reading_validity where not valid")
    }
    days: dict[Day, list[float]] = defaultdict(list)
    rows = connection.execute(
        "select patient_id, quantity, measured_at, value, reading_id from observation "
        "where patient_id is not null"
    )
    for patient, quantity, measured_at, value, reading in rows:
        if reading not in invalid:
            day = measured_at.astimezone(COPENHAGEN).date()
            days[patient, quantity, day].append(value)
    return {
        key: (statistics.median(values), min(values), max(values), len(values))
        for key, values in days.items()
    }


@pytest.fixture
def long_home(connection: Connection[TupleRow]) -> Home:
    """A home whose kit was the patient's for two years."""
    home = add_home(connection)
    connection.execute("update kit_assignment set period = tstzrange('2024-10-01', null)")
    return home


def test_late_readings_change_their_own_day(
    connection: Connection[TupleRow], long_home: Home
) -> None:
    chance = random.Random(4)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(hours=chance.uniform(0, 24 * 20)) for _ in range(120)]
    for some in range(0, 120, 15):
        values = [(at, float(chance.randint(85, 99))) for at in moments[some : some + 15]]
        _store(connection, long_home, *values)
        _settle(connection)
        assert _kept(connection) == _slow(connection)
    assert len(_kept(connection)) > 10


@pytest.mark.parametrize("day", [date(2025, 3, 30), date(2025, 10, 26)])
def test_days_of_23_and_25_hours_end_at_midnight_on_the_wall(
    connection: Connection[TupleRow], long_home: Home, day: date
) -> None:
    begins = datetime(day.year, day.month, day.day, tzinfo=COPENHAGEN).astimezone(UTC)
    hours = 23 if day.month == 3 else 25
    second = timedelta(seconds=1)
    ends = begins + timedelta(hours=hours)
    edges = [(begins - second, 80.0), (begins, 90.0), (ends - second, 92.0), (ends, 99.0)]
    _store(connection, long_home, *edges)
    _settle(connection)
    assert _kept(connection) == _slow(connection)
    assert _kept(connection)[long_home.patient_id, "spo2", day] == (91.0, 90.0, 92.0, 2)


def _reading(connection: Connection[TupleRow]) -> tuple[UUID, datetime]:
    row = connection.execute(
        "select reading_id, measured_at from observation order by value limit 1"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_a_reading_that_is_moved_leaves_one_day_and_joins_another(
    connection: Connection[TupleRow], long_home: Home
) -> None:
    other = add_home(connection, "gw-test-2", "Bodil Prøvesen")
    noon = datetime(2026, 2, 1, 12, tzinfo=UTC)
    _store(connection, long_home, (noon, 80.0), (noon + timedelta(hours=1), 95.0))
    _settle(connection)
    reading, at = _reading(connection)
    connection.execute(
        "select attribute_reading(%s, %s, %s, %s, 'test', 'was the guest''s')",
        [reading, at, long_home.patient_id, other.patient_id],
    )
    _settle(connection)
    assert _kept(connection) == _slow(connection)
    day = date(2026, 2, 1)
    assert _kept(connection)[other.patient_id, "spo2", day][3] == 1
    connection.execute(
        "select refuse_reading(%s, %s, %s, 'test', 'nobody''s')", [reading, at, other.patient_id]
    )
    _settle(connection)
    assert set(_kept(connection)) == {(long_home.patient_id, "spo2", day)}


def test_a_reading_that_does_not_hold_is_outside_and_comes_back(
    connection: Connection[TupleRow], long_home: Home
) -> None:
    _store(connection, long_home, (datetime(2026, 2, 1, 12, tzinfo=UTC), 71.0))
    _settle(connection)
    before = _kept(connection)
    assert len(before) == 1
    reading, at = _reading(connection)
    told = [reading, at, long_home.patient_id]
    connection.execute("select invalidate_reading(%s, %s, %s, 'test', 'cold finger', true)", told)
    _settle(connection)
    assert _kept(connection) == _slow(connection) == {}
    connection.execute("select reinstate_reading(%s, %s, %s, 'test', 'it held')", told)
    _settle(connection)
    assert _kept(connection) == before


def test_unattributed_readings_are_outside(connection: Connection[TupleRow]) -> None:
    home = add_home(connection, assigned=False)
    _store(connection, home, (datetime(2026, 2, 1, 12, tzinfo=UTC), 71.0))
    _settle(connection)
    assert connection.execute("select count(*) from observation").fetchone() == (1,)
    assert _kept(connection) == {}


@pytest.fixture
def other_connection(database_url: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def test_a_change_that_is_committed_while_its_day_is_computed_is_computed_again(
    connection: Connection[TupleRow],
    other_connection: Connection[TupleRow],
    long_home: Home,
) -> None:
    _store(connection, long_home, (datetime(2026, 2, 1, 12, tzinfo=UTC), 71.0))
    _settle(connection)
    reading, at = _reading(connection)
    with other_connection.transaction():
        other_connection.execute(
            "select invalidate_reading(%s, %s, %s, 'test', 'cold finger', true)",
            [reading, at, long_home.patient_id],
        )
        connection.execute(
            "insert into trend_queue (patient_id, quantity, day) values (%s, 'spo2', '2026-02-01')",
            [long_home.patient_id],
        )
        assert trends.refresh(connection) == 1
        assert len(_kept(connection)) == 1
    _settle(connection)
    assert _kept(connection) == {}


def test_two_workers_never_compute_at_once(
    connection: Connection[TupleRow], other_connection: Connection[TupleRow], long_home: Home
) -> None:
    connection.execute(
        "insert into trend_queue (patient_id, quantity, day) values (%s, 'spo2', '2026-02-01')",
        [long_home.patient_id],
    )
    with other_connection.transaction():
        assert trends.refresh(other_connection) == 1
        assert trends.refresh(connection) == 0


def test_what_is_of_the_device_has_days_too(
    connection: Connection[TupleRow], long_home: Home
) -> None:
    """A battery is not judged; its days are kept all the same, for those who mend devices."""
    at = datetime(2026, 2, 1, 12, tzinfo=UTC)
    payload = message(
        observation(40.0, Quantity.BATTERY, measured_at=at), gateway=long_home.gateway
    )
    writer.store(connection, [sort(topics.observations(long_home.gateway), payload)])
    _settle(connection)
    assert (long_home.patient_id, "battery", date(2026, 2, 1)) in _kept(connection)
