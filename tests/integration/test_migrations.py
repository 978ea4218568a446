"""The schema's history on plain PostgreSQL, and on TimescaleDB where there is a server.

Set TELEKOL_TEST_TIMESCALE_URL to run the same tests on TimescaleDB as well.
"""

from __future__ import annotations

import tempfile
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
from telekol import corrections, topics
from telekol.corrections import Said
from tests.support.databases import (
    TIMESCALE_URL,
    as_service,
    empty_database,
    execute,
    make_logins,
    sqlalchemy_url,
)
from tests.support.house import Home, add_home, set_limits
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


# --------------------------------------------------------------- an owner who is no superuser

ROLES = ("ingest", "alerts", "api", "readings", "operator", "corrections")


@pytest.fixture
def own_server() -> Iterator[str]:
    """A server on which no role of ours has ever been."""
    with (
        tempfile.TemporaryDirectory(prefix="telekol-", ignore_cleanup_errors=True) as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        yield server.url()


def _owned(server: str, role: str) -> str:
    """A database of an owner with no more rights than that; give its address for the owner."""
    execute(server, f"create role {role} login")
    execute(server, f"create database {role} owner {role}")
    return server.replace("//postgres@/postgres", f"//{role}@/{role}")


def test_an_owner_who_is_no_superuser_migrates_up_and_down_and_makes_logins(
    own_server: str, tmp_path: Path
) -> None:
    url = _owned(own_server, "owner_1")
    poor = telekol(tmp_path, "migrate", TELEKOL_DATABASE_URL=url)
    with poor:
        assert poor.wait(60) == 2
    said = " ".join(poor.output().split())
    assert "cannot make the role telekol_ingest" in said
    assert "create role telekol_ingest nologin" in said
    assert "Traceback" not in said
    execute(own_server, "alter role owner_1 createrole")
    run(sqlalchemy_url(url))
    make_logins(url)
    home = _reading_goes_through(url)
    with psycopg.connect(url, autocommit=True) as owner:
        assert owner.execute(
            "select patient_id from observation where patient_id = %s", [home.patient_id]
        ).fetchall()
    run(sqlalchemy_url(url), "0018", down=True)
    run(sqlalchemy_url(url))
    run(sqlalchemy_url(url), "base", down=True)
    assert _tables(url) == {"alembic_version"}


def test_an_owner_without_any_right_to_roles_migrates_when_they_are_there(
    own_server: str,
) -> None:
    url = _owned(own_server, "owner_2")
    for role in ROLES:
        execute(own_server, f"create role telekol_{role} nologin")
    execute(own_server, "grant telekol_readings, telekol_corrections to owner_2")
    execute(own_server, "grant telekol_ingest to telekol_operator")
    run(sqlalchemy_url(url))
    make_logins(own_server)
    _reading_goes_through(url)


def _reading_goes_through(url: str) -> Home:
    """Store a reading as ingest's login and correct it as an operator's."""
    with psycopg.connect(url, autocommit=True) as owner:
        home = add_home(owner)
        set_limits(owner, home.patient_id, "spo2", red_low=88)
    reading = observation(84.0)
    as_owner = url.rpartition("@")[0].rpartition("/")[2]
    ingest, operator = (
        as_service(url.replace(f"//{as_owner}@", "//postgres@"), who)
        for who in ("ingest", "operator")
    )
    with psycopg.connect(ingest, autocommit=True) as connection:
        payload = message(reading)
        writer.store(connection, [sort(topics.observations(home.gateway), payload)])
    with psycopg.connect(operator, autocommit=True) as connection:
        said = Said("drift", "cold finger")
        corrections.invalidate(connection, reading.id, home.patient_id, said, counts=True)
    return home
