"""Logins of the services: made by a command, no stronger than their roles."""

from __future__ import annotations

import base64
import hashlib
import hmac
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from device_sim.demo.postgres import EmbeddedPostgres
from ingest import writer
from migrations import logins
from migrations.commands import run
from telekol import topics
from telekol.errors import TelekolError
from tests.support.databases import as_service, execute, sqlalchemy_url
from tests.support.house import add_home
from tests.support.messages import message, observation, sort
from tests.support.processes import telekol

Db = Connection[TupleRow]
SERVICES = tuple(logins.ROLES)


@pytest.fixture(scope="module")
def fresh() -> Iterator[EmbeddedPostgres]:
    """A server of its own: logins belong to all of a server."""
    with (
        tempfile.TemporaryDirectory(prefix="telekol-", ignore_cleanup_errors=True) as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        yield server


def _verifies(stored: str, password: str) -> bool:
    """Hold a password against what the server keeps (RFC 5802, RFC 7677)."""
    kind, rounds_and_salt, keys = stored.split("$")
    rounds, salt = rounds_and_salt.split(":")
    stored_key = base64.b64decode(keys.split(":")[0])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return kind == "SCRAM-SHA-256" and hashlib.sha256(client_key).digest() == stored_key


def test_the_command_makes_logins_and_changes_their_passwords(
    fresh: EmbeddedPostgres, tmp_path: Path
) -> None:
    address = {"TELEKOL_DATABASE_URL": fresh.url()}
    first, second = "first-0123456789abcdef", "second-0123456789abcdef"
    with telekol(tmp_path, "database", "logins", **address) as nothing:
        assert nothing.wait(60) == 2
    assert "found none of them" in " ".join(nothing.output().split())
    nothing.log.unlink()
    with telekol(tmp_path, "database", "logins", TELEKOL_API_PASSWORD=first, **address) as too_soon:
        assert too_soon.wait(60) == 2
    assert "run `telekol migrate`" in " ".join(too_soon.output().split())
    run(sqlalchemy_url(fresh.url()))
    # As on a server on which a backup was restored: no backup holds who is a member of what.
    execute(fresh.url(), "revoke telekol_ingest from telekol_operator")
    for password in (first, second):
        variables = {f"TELEKOL_{who.upper()}_PASSWORD": password + who for who in SERVICES}
        with telekol(tmp_path, "database", "logins", **address, **variables) as made:
            assert made.wait(60) == 0, made.output()
        with psycopg.connect(fresh.url()) as admin:
            for who in SERVICES:
                row = admin.execute(
                    "select rolpassword, rolcanlogin from pg_authid where rolname = %s",
                    [logins.name_of(who)],
                ).fetchone()
                assert row is not None
                assert row[1]
                assert _verifies(row[0], password + who)
                assert not _verifies(row[0], password)
        assert password not in made.output()
    assert first not in (fresh._folder / "log").read_text(encoding="utf-8")
    with psycopg.connect(fresh.url()) as admin:
        asked = "select pg_has_role('telekol_operator_login', 'telekol_ingest', 'usage')"
        assert admin.execute(asked).fetchone() == (True,)
    # One that is not named keeps its password.
    with telekol(tmp_path, "database", "logins", TELEKOL_API_PASSWORD=first, **address) as one:
        assert one.wait(60) == 0
    with psycopg.connect(fresh.url()) as admin:
        rows: dict[str, str] = dict(
            admin.execute("select rolname, rolpassword from pg_authid").fetchall()
        )
    assert _verifies(rows["telekol_api_login"], first)
    assert _verifies(rows["telekol_ingest_login"], second + "ingest")


def test_who_may_not_make_logins_is_told_and_none_is_changed(
    connection: Db, database_url: str
) -> None:
    asked = "select rolname, rolpassword from pg_authid where rolname ~ '^telekol_' order by 1"
    before = connection.execute(asked).fetchall()
    with (
        psycopg.connect(as_service(database_url, "api"), autocommit=True) as api,
        pytest.raises(TelekolError, match="expected somebody who may make logins"),
    ):
        logins.make(api, {"api": "another-0123456789abcdef"})
    with pytest.raises(TelekolError, match="16 signs or more for alerts, found 5"):
        logins.make(connection, {"ingest": "another-0123456789abcdef", "alerts": "short"})
    assert connection.execute(asked).fetchall() == before


@pytest.mark.parametrize("service", SERVICES)
def test_a_login_is_its_role_and_nothing_more(connection: Db, service: str) -> None:
    rows = connection.execute(
        "select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication, "
        "(select array_agg(r.rolname order by 1) from pg_auth_members m "
        "join pg_roles r on r.oid = m.roleid where m.member = l.oid) "
        "from pg_roles l where rolname = %s",
        [logins.name_of(service)],
    ).fetchall()
    assert rows == [(False, [logins.ROLES[service]])]


FORBIDDEN = (
    "update observation set value = 99",
    "update observation set patient_id = null",
    "delete from observation",
    "truncate observation",
    "alter table observation disable trigger all",
    "drop trigger observation_is_immutable on observation",
    "set session_replication_role = replica",
    "delete from observation_identity",
    "update observation_identity set value = 1",
    "update finding set severity = 'green'",
    "delete from finding",
    "delete from case_event",
    "update attribution_event set by_whom = 'x'",
    "delete from attribution_event",
    "delete from validity_event",
    "delete from access_log",
    "update access_log set reason = 'x'",
    "delete from quarantine",
    "update quarantine set payload = ''",
    "delete from gap_explanation",
    "update kit_assignment set patient_id = patient_id",
    (
        "insert into kit_assignment (kit_id, patient_id, period) "
        "select kit_id, patient_id, period from kit_assignment"
    ),
    "insert into patient (name, team_id) values ('x', 'team-akut')",
    "update clinician set role = 'physician'",
    (
        "insert into membership (clinician_id, team_id, role, period) "
        "values ('nurse-1', 'team-akut', 'physician', tstzrange(now(), null))"
    ),
    "update membership set period = tstzrange(now(), null)",
    "update patient_limit set red_low = 0",
    "delete from patient_limit",
    "create table mine (n int)",
    "create function mine() returns int language sql return 1",
    "create role mine",
    "set role telekol_readings",
    "set role telekol_corrections",
    "select place_reading(reading_id, measured_at, patient_id, null, 'x') from observation",
    "copy observation to program 'true'",
    "select pg_read_file('/etc/passwd')",
    "select lo_import('/etc/passwd')",
)


@pytest.mark.parametrize("service", SERVICES)
def test_what_no_service_may_do_is_refused_and_changes_nothing(
    connection: Db, database_url: str, service: str
) -> None:
    home = add_home(connection)
    writer.store(connection, [sort(topics.observations(home.gateway), message(observation()))])
    before = connection.execute("select * from observation").fetchall()
    done = []
    with psycopg.connect(as_service(database_url, service), autocommit=True) as connected:
        for statement in FORBIDDEN:
            try:
                connected.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege:
                continue
            done.append(statement)
    assert done == []
    assert connection.execute("select * from observation").fetchall() == before


def test_two_homes_of_one_kit_at_a_time_are_impossible_whatever_is_tried(connection: Db) -> None:
    """By a constraint, so that the database's owner cannot either."""
    one, other = add_home(connection), add_home(connection, "gw-test-2", "Bodil Prøvesen")
    for statement in (
        (
            "insert into kit_assignment (kit_id, patient_id, period) "
            "values ({kit}, {other}, tstzrange(now(), null))"
        ),
        (
            "insert into kit_assignment (kit_id, patient_id, period) "
            "values ({kit}, {other}, tstzrange(null, now()))"
        ),
        (
            "insert into kit_assignment (kit_id, patient_id, period) "
            "values ({kit}, {other}, tstzrange(null, null))"
        ),
        "update kit_assignment set kit_id = {kit}",
        "update kit_assignment set period = tstzrange(now(), now())",
        "update kit_assignment set period = tstzrange(lower(period), now(), '[]')",
        (
            "insert into kit_assignment (kit_id, patient_id, period) "
            "values ({kit}, {other}, tstzrange(now() - interval '40 days', "
            "now() - interval '29 days')) on conflict (id) do nothing"
        ),
    ):
        with pytest.raises(psycopg.errors.IntegrityError):
            connection.execute(
                sql.SQL(statement).format(
                    kit=sql.Literal(one.kit), other=sql.Literal(other.patient_id)
                )
            )
    assert connection.execute("select count(*) from kit_assignment").fetchone() == (2,)


@pytest.mark.parametrize(
    "statement",
    [
        "update observation set value = 99",
        "update observation set measured_at = now()",
        "update observation set patient_id = null",
        "delete from observation",
        "truncate observation",
        "update attribution_event set reason = 'x'",
        "delete from validity_event",
    ],
)
def test_a_reading_is_kept_from_its_owner_too(connection: Db, statement: str) -> None:
    home = add_home(connection)
    reading = observation()
    writer.store(connection, [sort(topics.observations(home.gateway), message(reading))])
    connection.execute(
        "select refuse_reading(%s, %s, %s, 'test', 'x')",
        [reading.id, reading.measured_at, home.patient_id],
    )
    connection.execute(
        "select attribute_reading(%s, %s, null, %s, 'test', 'x')",
        [reading.id, reading.measured_at, home.patient_id],
    )
    connection.execute(
        "select invalidate_reading(%s, %s, %s, 'test', 'x', true)",
        [reading.id, reading.measured_at, home.patient_id],
    )
    before = connection.execute("select * from observation").fetchall()
    with pytest.raises(psycopg.errors.RaiseException):
        connection.execute(statement.encode())
    assert connection.execute("select * from observation").fetchall() == before
