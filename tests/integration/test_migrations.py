"""The schema's history on plain PostgreSQL, and on TimescaleDB where there is a server.

Set TELEKOL_TEST_TIMESCALE_URL to run the same tests on TimescaleDB as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory

from alerts import engine
from device_sim.demo.postgres import EmbeddedPostgres
from ingest import writer
from migrations.commands import run
from telekol import topics
from tests.support.databases import TIMESCALE_URL, empty_database, sqlalchemy_url
from tests.support.house import add_home, set_limits
from tests.support.messages import message, observation, sort
from tests.support.processes import telekol

SERVERS = ["embedded", *(["timescale"] if TIMESCALE_URL else [])]


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, postgres: EmbeddedPostgres) -> Iterator[str]:
    """An empty database on each kind of server."""
    server = TIMESCALE_URL if request.param == "timescale" else postgres.url()
    assert server is not None
    with empty_database(server) as address:
        yield address


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select tablename from pg_tables where schemaname = 'public'")
        return {name for (name,) in rows}


def _columns(url: str) -> set[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'public'"
        )
        return {(table, column) for table, column in rows}


def test_up_and_down_and_up_again(url: str) -> None:
    address = sqlalchemy_url(url)
    run(address)
    built = _tables(url)
    assert {"observation", "finding", "triage_case", "quarantine"} <= built
    run(address, "base", down=True)
    assert _tables(url) == {"alembic_version"}
    run(address)
    assert _tables(url) == built


def test_each_step_goes_up_and_down_and_up_with_data_in_the_tables(url: str) -> None:
    address = sqlalchemy_url(url)
    script = ScriptDirectory(str(resources.files("migrations")))
    steps = [step.revision for step in script.walk_revisions()][::-1]
    for before, step in zip(["base", *steps], steps, strict=False):
        run(address, step)
        built = _columns(url)
        if step == "0002":
            with psycopg.connect(url) as connection:
                set_limits(connection, add_home(connection).patient_id, "spo2", red_low=88)
        if before != "base":
            run(address, before, down=True)
            run(address, step)
            assert _columns(url) == built, step
    with psycopg.connect(url) as connection:
        joined = connection.execute("select clinician_id, team_id, role from membership")
        assert joined.fetchall() == [("nurse-1", "team-akut", "nurse")]
        assert connection.execute("select count(*) from patient_limit").fetchone() == (1,)


def test_two_that_migrate_at_once_build_it_once(url: str, tmp_path: Path) -> None:
    one, other = (telekol(tmp_path, "migrate", TELEKOL_DATABASE_URL=url) for _ in range(2))
    with one, other:
        assert (one.wait(30), other.wait(30)) == (0, 0), one.output()
    assert "observation" in _tables(url)


def test_a_reading_goes_all_the_way_on_either_kind_of_server(url: str) -> None:
    run(sqlalchemy_url(url))
    with psycopg.connect(url, autocommit=True) as connection:
        home = add_home(connection)
        set_limits(connection, home.patient_id, "spo2", red_low=88)
        payload = message(observation(84.0), observation(93.0))
        for _ in range(2):
            writer.store(connection, [sort(topics.observations(home.gateway), payload)])
        engine.run_round(connection)
        assert connection.execute("select count(*) from observation").fetchone() == (2,)
        found = connection.execute("select severity from finding order by severity").fetchall()
        assert found == [("green",), ("red",)]


def test_readings_are_a_hypertable_exactly_where_timescaledb_is(url: str) -> None:
    run(sqlalchemy_url(url))
    with psycopg.connect(url) as connection:
        available = connection.execute(
            "select exists (select 1 from pg_available_extensions where name = 'timescaledb')"
        ).fetchone()
        hypertables = connection.execute(
            "select count(*) from pg_tables where tablename = 'hypertable'"
        ).fetchone()
        assert available is not None
        assert hypertables is not None
        assert bool(hypertables[0]) == available[0]
        if available[0]:
            named = connection.execute(
                "select hypertable_name from timescaledb_information.hypertables"
            ).fetchall()
            assert named == [("observation",)]


def test_a_database_that_is_away_is_one_message_and_status_2(tmp_path: Path) -> None:
    away = telekol(tmp_path, "migrate", TELEKOL_DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    with away:
        assert away.wait(30) == 2
    assert "cannot reach the database" in away.output()
    assert "Traceback" not in away.output()
