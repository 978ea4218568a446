"""A backup of a house that goes on working, restored into another server and compared."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from device_sim.demo.postgres import EmbeddedPostgres
from ingest import writer
from migrations import backup
from migrations.backup_file import BackupError, TableSum, differences, manifest_of
from telekol import topics
from tests.support.databases import empty_database, execute
from tests.support.house import add_home, set_limits
from tests.support.messages import message, observation, sort
from tests.support.processes import telekol, wait_until

Db = Connection[TupleRow]


class Quiet:
    def step(self, words: str, total: int | None) -> None: ...

    def advance(self, parts: int = 1) -> None: ...


@pytest.fixture(scope="module")
def other_server() -> Iterator[EmbeddedPostgres]:
    """A second server, on which nothing of ours has ever been."""
    with (
        tempfile.TemporaryDirectory(prefix="telekol-", ignore_cleanup_errors=True) as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        yield server


@pytest.fixture
def empty(other_server: EmbeddedPostgres) -> Iterator[str]:
    with empty_database(other_server.url()) as url:
        yield url


@pytest.fixture
def house(connection: Db) -> Db:
    """Readings, some nobody's, some refused; limits; words that need every kind of quoting."""
    home = add_home(connection, name='Åse "Prøve" O\'Sen\t\\N')
    set_limits(connection, home.patient_id, "spo2", red_low=88.25)
    boot = uuid4()
    batch = [message(*(observation() for _ in range(5)), boot=boot, seq=n) for n in (1, 6, 14)]
    topic = topics.observations("gw-test-1")
    writer.store(connection, [sort(topic, payload) for payload in [*batch, b"\x00\xff no json"]])
    return connection


def _picture(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, in order of its text; by other means than the code under test."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables "
            "where table_schema = 'public' and table_type = 'BASE TABLE'"
        ).fetchall()
        return {
            name: connection.execute(f"select * from {name} t order by t::text".encode()).fetchall()
            for (name,) in names
        }


def _run(folder: Path, command: str, file: Path, url: str) -> tuple[int, str]:
    process = telekol(folder, command, str(file), TELEKOL_DATABASE_URL=url)
    with process:
        return process.wait(120), " ".join(process.output().split())


def test_restored_into_an_empty_server_every_table_is_the_same(
    tmp_path: Path, house: Db, database_url: str, empty: str
) -> None:
    file = tmp_path / "house.dump"
    status, said = _run(tmp_path, "backup", file, database_url)
    assert status == 0, said
    assert file.stat().st_mode & 0o077 == 0  # what people measured is nobody else's
    before = _picture(database_url)
    status, said = _run(tmp_path, "restore", file, empty)
    assert status == 0, said
    after = _picture(empty)
    assert after == before
    assert len(before["observation"]) == 15
    assert len(before["quarantine"]) == 1
    noted = json.loads(manifest_of(file).read_text(encoding="utf-8"))["tables"]
    assert {name: table["rows"] for name, table in noted.items()} == {
        name: len(rows) for name, rows in before.items()
    }
    # What keeps order is there too: numbers go on, and what must not change still cannot.
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("insert into team values ('team-2', 'Prøve', 'municipal')")
        add_home(connection, "gw-test-2")
        with pytest.raises(psycopg.errors.ExclusionViolation):
            connection.execute(
                "insert into kit_assignment (kit_id, patient_id, period) "
                "select kit_id, patient_id, tstzrange(now(), null) from kit_assignment"
            )


def test_a_backup_is_one_moment_of_a_house_that_goes_on(
    tmp_path: Path, house: Db, database_url: str, empty: str
) -> None:
    """What is stored between the dump and the sums must be in neither."""

    class Busy(Quiet):
        def step(self, words: str, total: int | None) -> None:  # noqa: ARG002 - the protocol's
            house.execute("insert into team values (%s, 'x', 'municipal')", [f"during {words}"])

    file = tmp_path / "house.dump"
    before = _picture(database_url)
    backup.back_up(database_url, file, Busy())
    assert len(_picture(database_url)["team"]) > len(before["team"])
    backup.restore(empty, file, Quiet())
    assert "during dumping" not in str(_picture(empty)["team"])


def test_a_database_that_holds_anything_is_refused_and_left_alone(
    tmp_path: Path, house: Db, database_url: str, empty: str
) -> None:
    file = tmp_path / "house.dump"
    backup.back_up(database_url, file, Quiet())
    execute(empty, "create table somebodys (n integer)")
    status, said = _run(tmp_path, "restore", file, empty)
    assert status == 2
    assert "expected an empty database, found public.somebodys" in said
    assert set(_picture(empty)) == {"somebodys"}


@pytest.mark.parametrize(
    "harm",
    [
        "a bit",
        "the end",
        "the manifest",
        "its bytes",
        "half of it",
        "a newer schema",
        "a newer server",
    ],
)
def test_a_damaged_or_unfit_backup_is_refused_before_anything_is_restored(
    tmp_path: Path, house: Db, database_url: str, empty: str, harm: str
) -> None:
    file = tmp_path / "house.dump"
    backup.back_up(database_url, file, Quiet())
    data, noted = bytearray(file.read_bytes()), json.loads(manifest_of(file).read_text())
    if harm == "a bit":
        data[len(data) // 2] ^= 1
    elif harm == "the end":
        del data[-1]
    elif harm == "a newer schema":
        noted["revision"] = "9999"
    elif harm == "a newer server":
        noted["server_version"] = 999
    file.write_bytes(data)
    manifest_of(file).write_text(json.dumps(noted))
    if harm == "the manifest":
        manifest_of(file).unlink()
    elif harm == "its bytes":
        manifest_of(file).write_bytes(b"\xff\xfe" + manifest_of(file).read_bytes())
    elif harm == "half of it":
        whole = manifest_of(file).read_bytes()
        manifest_of(file).write_bytes(whole[: len(whole) // 2])
    expected = {
        "a bit": "expected the checksum",
        "the end": "the copy is not whole",
        "the manifest": r"expected house.dump.manifest.json beside",
        "its bytes": "found UnicodeDecodeError",
        "half of it": "expected a manifest of version 1",
        "a newer schema": "found 9999 of telekol",
        "a newer server": "expected PostgreSQL 999 or newer",
    }[harm]
    with pytest.raises(BackupError, match=expected):
        backup.restore(empty, file, Quiet())
    assert _picture(empty) == {}


def test_what_was_restored_wrongly_is_found(
    tmp_path: Path, house: Db, database_url: str, empty: str
) -> None:
    """A test of the comparison: a row changed, a row doubled for another, a table missing."""
    file = tmp_path / "house.dump"
    backup.back_up(database_url, file, Quiet())
    noted = json.loads(manifest_of(file).read_text())
    noted["tables"]["patient"]["checksum"] = "1"
    manifest_of(file).write_text(json.dumps(noted))
    with pytest.raises(BackupError, match="patient: as many rows, but not the same ones"):
        backup.restore(empty, file, Quiet())
    one, two = TableSum(rows=1, checksum="5"), TableSum(rows=2, checksum="5")
    assert differences({"a": one, "b": one}, {"a": two}) == [
        "a: expected 1 rows, found 2",
        "b: only in the backup",
    ]


def test_no_file_is_overwritten_and_none_is_left_when_it_fails(
    tmp_path: Path, database_url: str
) -> None:
    file = tmp_path / "house.dump"
    file.write_text("somebody's")
    with pytest.raises(BackupError, match="expected no file"):
        backup.back_up(database_url, file, Quiet())
    assert file.read_text() == "somebody's"
    status, said = _run(tmp_path, "backup", tmp_path / "other", "postgresql://nobody@127.0.0.1:1/x")
    assert status == 2
    assert "cannot be reached" in said
    assert not (tmp_path / "other").exists()


DEFINERS = (
    "select p.oid::regprocedure::text, p.proowner::regrole::text, p.prosecdef, p.proconfig, "
    # Whoever owns the tables owns functions that call these, and may do so either way.
    "(select array_agg(a::text order by a::text) from unnest(p.proacl) a "
    "where a::text !~ '^postgres=') "
    "from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef order by 1"
)


def test_functions_that_lend_their_owners_rights_are_restored_to_the_same_owners(
    tmp_path: Path, house: Db, database_url: str, empty: str
) -> None:
    """Else they would run as whoever restored: a superuser's rights behind a page."""
    before = house.execute(DEFINERS.encode()).fetchall()
    assert {row[1] for row in before} >= {"telekol_readings", "telekol_corrections"}
    backup.back_up(database_url, tmp_path / "house.dump", Quiet())
    backup.restore(empty, tmp_path / "house.dump", Quiet())
    with psycopg.connect(empty) as connection:
        assert connection.execute(DEFINERS.encode()).fetchall() == before
        create = (
            "select has_schema_privilege(r, 'public', 'create') "
            "from unnest(array['telekol_readings', 'telekol_corrections']) r"
        )
        assert connection.execute(create.encode()).fetchall() == [(False,), (False,)]


def test_a_backup_that_was_killed_is_none_and_the_next_is_whole(
    tmp_path: Path, house: Db, database_url: str, empty: str
) -> None:
    """What kill -9 leaves: a part of a dump, or a whole one of which nothing says so."""
    file = tmp_path / "house.dump"
    part = tmp_path / "house.dump.part"
    part.write_bytes(b"PGDMP half of one")
    with pytest.raises(BackupError, match="expected a backup at"):
        backup.restore(empty, file, Quiet())
    backup.back_up(database_url, file, Quiet())
    assert not part.exists()
    manifest_of(file).unlink()
    with pytest.raises(BackupError, match="expected no file"):
        backup.back_up(database_url, file, Quiet())
    assert _picture(empty) == {}


def test_a_restore_that_is_killed_leaves_all_of_it_or_nothing(
    tmp_path: Path, house: Db, database_url: str, empty: str
) -> None:
    """Killed at several moments, with the program that it runs, as a power cut does."""
    file = tmp_path / "house.dump"
    backup.back_up(database_url, file, Quiet())
    whole = _picture(database_url)
    for moment_s in (0.4, 0.8, 1.2, 1.6, 2.0):
        process = telekol(tmp_path, "restore", str(file), TELEKOL_DATABASE_URL=empty)
        with process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment_s)
            if process.is_running:
                family = psutil.Process(process.pid).children(recursive=True)
                process.kill()
                for child in family:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()
                psutil.wait_procs(family, timeout=20)
        wait_until(lambda: _sessions(empty) == 0, "the server to see it")
        there = _picture(empty)
        assert there in ({}, whole)
        if there:
            break
    else:
        status, said = _run(tmp_path, "restore", file, empty)
        assert status == 0, said
        assert _picture(empty) == whole


def _sessions(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
    return int(row[0]) if row else 0


def test_rights_of_roles_are_restored_with_the_roles(
    tmp_path: Path, house: Db, database_url: str, empty: str
) -> None:
    role = f"app_{uuid4().hex[:8]}"
    house.execute(f"create role {role} nologin".encode())
    try:
        house.execute(f"grant select on patient to {role}".encode())
        backup.back_up(database_url, tmp_path / "house.dump", Quiet())
        backup.restore(empty, tmp_path / "house.dump", Quiet())
        with psycopg.connect(empty) as connection:
            row = connection.execute(
                "select has_table_privilege(%s, 'patient', 'select'), rolcanlogin "
                "from pg_roles where rolname = %s",
                [role, role],
            ).fetchone()
        assert row == (True, False)
    finally:
        house.execute(f"drop owned by {role}; drop role {role}".encode())
        execute(empty, f"drop owned by {role}")
        execute(empty, f"drop role {role}")
