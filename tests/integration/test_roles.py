"""Services need no more than their roles have: each one's work is done in its role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine, trends
from alerts.clock import clockwork, jobs
from ingest import letter_desk, writer
from telekol import topics
from tests.support.house import add_home, set_limits
from tests.support.messages import message, observation, sort
from tests.support.plans import WALL, enrol, plan

ROLES = ("telekol_ingest", "telekol_alerts", "telekol_api")


@contextmanager
def acting_as(connection: Connection[TupleRow], role: str) -> Iterator[None]:
    connection.execute(f"set role {role}".encode())
    try:
        yield
    finally:
        connection.execute("reset role")


def test_a_reading_goes_all_the_way_in_the_services_own_roles(
    connection: Connection[TupleRow],
) -> None:
    home = add_home(connection)
    set_limits(connection, home.patient_id, "spo2", red_low=88)
    payload = message(observation(84.0), observation(93.0))
    with acting_as(connection, "telekol_ingest"):
        for _ in range(2):
            writer.store(connection, [sort(topics.observations(home.gateway), payload)])
        writer.store(connection, [sort("telekol/nonsense", b"{")])
    with acting_as(connection, "telekol_alerts"):
        while engine.run_round(connection) or trends.refresh(connection):
            pass
    assert connection.execute("select count(*) from observation").fetchone() == (2,)
    assert connection.execute("select count(*) from quarantine").fetchone() == (1,)
    assert connection.execute("select count from observation_day").fetchone() == (2,)
    assert connection.execute("select severity from triage_case").fetchall() == [("red",)]


def test_silence_is_told_and_a_home_reminded_in_the_services_own_roles(
    connection: Connection[TupleRow],
) -> None:
    """A plan from a month ago, nothing measured, a gateway never heard, a reminder in an hour."""
    home = add_home(connection)
    month_ago = datetime.now(UTC) - timedelta(days=30)
    soon = datetime.now(WALL) + timedelta(hours=1)
    enrolment = enrol(connection, home.patient_id, month_ago)
    plan(
        connection,
        enrolment,
        month_ago,
        due=soon.time().replace(second=0, microsecond=0),
        counts_from=timedelta(hours=20),
        remind_before=timedelta(hours=2),
    )
    connection.execute("update gateway set enrolled_at = %s", [month_ago])
    with acting_as(connection, "telekol_alerts"):
        for job in clockwork.made():
            assert jobs.run_due(connection, job, datetime.now(UTC) - timedelta(hours=2))
            jobs.run_due(connection, job)
    channels = connection.execute("select channel, severity from triage_case order by channel")
    assert channels.fetchall() == [("missing", "blue"), ("technical", "blue")]
    sent: list[str] = []
    with acting_as(connection, "telekol_ingest"):
        letter_desk.send_due(
            connection, lambda topic, _payload: sent.append(topic), datetime.now(UTC)
        )
    assert sent == [topics.instructions(home.gateway)]


def test_the_api_reaches_readings_only_through_the_patients_team(
    connection: Connection[TupleRow],
) -> None:
    home = add_home(connection)
    writer.store(connection, [sort(topics.observations(home.gateway), message(observation()))])
    connection.execute("insert into team values ('elsewhere', 'Andetsteds', 'municipal')")
    connection.execute("insert into clinician values ('nurse-2', 'Anden', 'elsewhere', 'nurse')")
    since = datetime.now(UTC) - timedelta(days=1)

    def seen(clinician: str | None) -> int:
        with connection.transaction():
            if clinician is not None:
                connection.execute("select set_config('telekol.clinician', %s, true)", [clinician])
            rows = connection.execute(
                "select * from patient_readings(%s, %s)", [home.patient_id, since]
            )
            return len(rows.fetchall())

    with acting_as(connection, "telekol_api"):
        assert seen("nurse-1") == 1
        assert seen("nurse-2") == 0
        assert seen(None) == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from observation")
    connection.execute(
        "update membership set period = tstzrange(lower(period), now()) "
        "where clinician_id = 'nurse-1'"
    )
    with acting_as(connection, "telekol_api"):
        assert seen("nurse-1") == 0


@pytest.mark.parametrize("role", ROLES)
def test_no_role_is_more_than_it_must_be(connection: Connection[TupleRow], role: str) -> None:
    (attributes,) = connection.execute(
        "select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolcanlogin "
        "from pg_roles where rolname = %s",
        [role],
    ).fetchone() or (True,)
    assert not attributes
    owned = connection.execute(
        "select relname from pg_class where relowner = %s::regrole", [role]
    ).fetchall()
    assert owned == []


@pytest.mark.parametrize("role", ["telekol_ingest", "telekol_alerts"])
def test_only_the_api_can_read_sealed_numbers(connection: Connection[TupleRow], role: str) -> None:
    with acting_as(connection, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select * from civil_registration")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", ["observation", "finding", "access_log"])
def test_nobody_takes_back_what_was_written(
    connection: Connection[TupleRow], role: str, table: str
) -> None:
    for statement in (f"delete from {table}", f"truncate {table}"):
        with acting_as(connection, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    ["update access_log set reason = 'other'", "delete from access_log", "truncate access_log"],
)
def test_the_access_log_is_refused_to_its_owner_too(
    connection: Connection[TupleRow], statement: str
) -> None:
    connection.execute(
        "insert into access_log (system, clinician_id, patient_id, activity, reason, allowed) "
        "values ('api', 'nurse-1', %s, 'patient.read', 'case', true)",
        [uuid4()],
    )
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(statement.encode())
    assert connection.execute("select count(*) from access_log").fetchone() == (1,)
