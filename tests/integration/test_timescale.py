"""What only a real TimescaleDB can show.

Set TELEKOL_TEST_TIMESCALE_URL to a superuser's address, as that of the compose file's profile
`test` (docs/operating.md). Each test makes a database of its own on that server and drops it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from alerts import engine, trends
from ingest import writer
from migrations import backup
from migrations.commands import run
from migrations.timescale import COMPRESS_AFTER_DAYS
from telekol import corrections, topics
from telekol.corrections import Said
from telekol.observation import Observation
from tests.support.databases import (
    TIMESCALE_URL,
    as_service,
    empty_database,
    execute,
    make_logins,
    sqlalchemy_url,
)
from tests.support.house import Home, add_home
from tests.support.messages import message, observation, sort

pytestmark = pytest.mark.skipif(
    TIMESCALE_URL is None,
    reason="TELEKOL_TEST_TIMESCALE_URL is not set: no server with TimescaleDB to test on",
)


class Quiet:
    def step(self, words: str, total: int | None) -> None: ...

    def advance(self, parts: int = 1) -> None: ...


LONG_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(days=COMPRESS_AFTER_DAYS + 30)


@pytest.fixture
def url() -> Iterator[str]:
    """A database without any table, dropped with its workers when the test is over."""
    assert TIMESCALE_URL is not None
    with empty_database(TIMESCALE_URL) as address:
        yield address


@pytest.fixture
def hypertable(url: str) -> Iterator[Connection[TupleRow]]:
    """A migrated, empty database on TimescaleDB."""
    run(sqlalchemy_url(url))
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@contextmanager
def signed_in(url: str, service: str) -> Iterator[Connection[TupleRow]]:
    """As a service is: by a login of its own, on whatever address the server has."""
    make_logins(url)
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    address = as_service(urlunsplit(parts._replace(netloc=f"postgres@{host}")), service)
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture
def home(hypertable: Connection[TupleRow]) -> Home:
    """A home whose kit has been the patient's for years."""
    found = add_home(hypertable)
    hypertable.execute("update kit_assignment set period = tstzrange('2020-01-01', null)")
    return found


def _readings(count: int, value: float = 93.0) -> list[Observation]:
    return [
        observation(value, measured_at=LONG_AGO + timedelta(minutes=number))
        for number in range(count)
    ]


def _store(connection: Connection[TupleRow], home: Home, readings: list[Observation]) -> None:
    """As one batch, from an outbox of its own: the numbers come for the first time."""
    payload = message(*readings, gateway=home.gateway)
    writer.store(connection, [sort(topics.observations(home.gateway), payload)])


def _settle(connection: Connection[TupleRow]) -> None:
    while engine.run_round(connection) or trends.refresh(connection):
        pass


def _compress(connection: Connection[TupleRow]) -> list[str]:
    """Compress every chunk now, as the policy would; give their names."""
    rows = connection.execute(
        "select compress_chunk(c)::text from show_chunks('observation') c"
    ).fetchall()
    assert rows
    return [name for (name,) in rows]


def _count(connection: Connection[TupleRow]) -> int:
    row = connection.execute("select count(*) from observation").fetchone()
    assert row is not None
    return int(row[0])


def test_chunks_and_the_policy_are_as_documented(hypertable: Connection[TupleRow]) -> None:
    span = hypertable.execute(
        "select time_interval from timescaledb_information.dimensions "
        "where hypertable_name = 'observation'"
    ).fetchone()
    assert span == (timedelta(days=7),)
    policies = hypertable.execute(
        "select proc_name, config from timescaledb_information.jobs "
        "where hypertable_name = 'observation'"
    ).fetchall()
    assert len(policies) == 1, "compression alone: readings are never dropped by themselves"
    assert f"{COMPRESS_AFTER_DAYS} days" in str(policies[0][1])


def test_one_duplicate_first_in_a_batch_and_every_other_row_still_lands(
    hypertable: Connection[TupleRow], home: Home
) -> None:
    known, *new = _readings(20)
    _store(hypertable, home, [known])
    _compress(hypertable)
    _store(hypertable, home, [known, *new])
    assert _count(hypertable) == 20
    ids = hypertable.execute("select reading_id from observation").fetchall()
    assert {found for (found,) in ids} == {one.id for one in (known, *new)}


def test_a_late_reading_lands_in_a_compressed_chunk_and_in_its_day(
    hypertable: Connection[TupleRow], home: Home
) -> None:
    early, late = _readings(2)
    _store(hypertable, home, [early])
    _settle(hypertable)
    _compress(hypertable)
    _store(hypertable, home, [late.model_copy(update={"value": 85.0})])
    _settle(hypertable)
    assert _count(hypertable) == 2
    days = hypertable.execute("select median, lowest, highest, count from observation_day")
    rows = days.fetchall()
    assert rows in ([(89.0, 85.0, 93.0, 2)], [(93.0, 93.0, 93.0, 1), (85.0, 85.0, 85.0, 1)])


def test_a_reading_in_a_compressed_chunk_can_be_moved_and_invalidated(
    hypertable: Connection[TupleRow], home: Home
) -> None:
    other = add_home(hypertable, "gw-test-2", "Bodil Prøvesen")
    readings = _readings(2)
    _store(hypertable, home, readings)
    _settle(hypertable)
    _compress(hypertable)
    hypertable.execute(
        "select attribute_reading(%s, %s, %s, %s, 'test', 'a guest')",
        [readings[0].id, readings[0].measured_at, home.patient_id, other.patient_id],
    )
    hypertable.execute(
        "select invalidate_reading(%s, %s, %s, 'test', 'cold finger', true)",
        [readings[1].id, readings[1].measured_at, home.patient_id],
    )
    _settle(hypertable)
    days = hypertable.execute("select patient_id, count from observation_day").fetchall()
    assert days == [(other.patient_id, 1)]


def _chunks(connection: Connection[TupleRow]) -> list[tuple[str, str]]:
    """Every table in which readings lie beside the hypertable, compressed or not."""
    rows = connection.execute(
        "select schemaname, tablename from pg_tables "
        "where schemaname = '_timescaledb_internal' and tablename ~ '_chunk$'"
    ).fetchall()
    return [(schema, name) for schema, name in rows]


@pytest.mark.parametrize("compressed", [False, True])
def test_no_chunk_can_be_read_by_the_api(
    hypertable: Connection[TupleRow], home: Home, url: str, *, compressed: bool
) -> None:
    """Not those that were there before a grant, and not those that came after."""
    _store(hypertable, home, _readings(1))
    if compressed:
        _compress(hypertable)
    _store(hypertable, home, [observation(92.0)])
    chunks = _chunks(hypertable)
    assert len(chunks) >= 2 + compressed
    with signed_in(url, "api") as api:
        for name in [("public", "observation"), *chunks]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                api.execute(sql.SQL("select * from {}").format(sql.Identifier(*name)))
        with api.transaction():
            api.execute("select set_config('telekol.clinician', 'nurse-1', true)")
            for function in ("patient_readings(%s, '-infinity')", "newest_readings(%s)"):
                asked = f"select count(*) from {function}".encode()
                found = api.execute(asked, [home.patient_id]).fetchone()
                assert found == ((2,) if "patient" in function else (1,))


@pytest.mark.parametrize("service", ["ingest", "alerts", "operator"])
def test_no_service_changes_a_reading_by_way_of_its_chunk(
    hypertable: Connection[TupleRow], home: Home, url: str, service: str
) -> None:
    _store(hypertable, home, _readings(2))
    _compress(hypertable)
    _store(hypertable, home, [observation(92.0)])
    with signed_in(url, service) as connection:
        for name in [("public", "observation"), *_chunks(hypertable)]:
            table = sql.Identifier(*name)
            for statement in ("delete from {}", "truncate {}", "update {} set patient_id = null"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(sql.SQL(statement).format(table))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "statement",
    [
        "delete from observation",
        "delete from observation where patient_id is not null",
        "update observation set value = 1",
        "update observation set patient_id = null",
        "truncate observation",
    ],
)
def test_a_reading_is_kept_from_its_owner_too_however_it_lies(
    hypertable: Connection[TupleRow], home: Home, statement: str, *, compressed: bool
) -> None:
    """A delete of whole segments could pass a row trigger by: it must not."""
    _store(hypertable, home, _readings(5))
    if compressed:
        _compress(hypertable)
    with pytest.raises(psycopg.errors.RaiseException):
        hypertable.execute(statement.encode())
    assert _count(hypertable) == 5


def test_one_more_in_a_full_compressed_chunk_unpacks_little(
    hypertable: Connection[TupleRow], home: Home
) -> None:
    """A backlog of many is added, and one of many is moved, under the least limit there is."""
    many = [
        observation(93.0, measured_at=LONG_AGO + timedelta(seconds=number))
        for number in range(3000)
    ]
    for start in range(0, len(many), 200):
        _store(hypertable, home, many[start : start + 200])
    _compress(hypertable)
    hypertable.execute("set timescaledb.max_tuples_decompressed_per_dml_transaction = 1")
    _store(hypertable, home, _readings(100))
    assert _count(hypertable) == 3100
    # A batch of the columnstore is a thousand rows: the one that holds the reading is unpacked.
    hypertable.execute("set timescaledb.max_tuples_decompressed_per_dml_transaction = 1000")
    said = Said("test", "a guest")
    corrections.refuse(hypertable, many[1500].id, home.patient_id, said)
    assert hypertable.execute(
        "select count(*) from observation where patient_id is null"
    ).fetchone() == (1,)


def test_a_day_is_right_while_its_chunk_is_compressed_beside_it(
    hypertable: Connection[TupleRow], home: Home
) -> None:
    """Compressed, added to, compressed again: each reading is in its day once."""
    for number in range(3):
        late = observation(90.0 + number, measured_at=LONG_AGO + timedelta(seconds=number))
        _store(hypertable, home, [late])
        _settle(hypertable)
        for chunk in _compress_again(hypertable):
            assert chunk
    rows = hypertable.execute("select sum(count), min(lowest), max(highest) from observation_day")
    assert rows.fetchone() == (3, 90.0, 92.0)


def _compress_again(connection: Connection[TupleRow]) -> list[str]:
    """Compress what is not, and what came to compressed chunks since."""
    rows = connection.execute(
        "select compress_chunk(c, if_not_compressed => true)::text "
        "from show_chunks('observation') c"
    ).fetchall()
    return [name for (name,) in rows if name is not None]


def test_ingest_makes_chunks_in_its_own_role(
    hypertable: Connection[TupleRow], home: Home, url: str
) -> None:
    _store(hypertable, home, _readings(1))
    _compress(hypertable)
    with signed_in(url, "ingest") as ingest:
        _store(ingest, home, _readings(3))
        _store(ingest, home, [observation(92.0)])
    assert _count(hypertable) == 5


def test_an_owner_who_is_no_superuser_has_a_hypertable_too(url: str) -> None:
    """The extension is a trusted one: CREATE on the database is enough for it."""
    name = urlsplit(url).path.strip("/")
    owner, password = f"{name}_owner", "only-for-tests-0123456789"
    execute(url, f"create role {owner} login createrole password '{password}'")
    try:
        execute(url, f"alter database {name} owner to {owner}")
        _may_be_member(url, owner)
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        address = urlunsplit(parts._replace(netloc=f"{owner}:{password}@{host}"))
        run(sqlalchemy_url(address))
        with psycopg.connect(address, autocommit=True) as connection:
            home = add_home(connection)
            connection.execute("update kit_assignment set period = tstzrange('2020-01-01', null)")
            _store(connection, home, _readings(3))
            _compress(connection)
            _store(connection, home, _readings(2))
            assert _count(connection) == 5
        run(sqlalchemy_url(address), "base", down=True)
    finally:
        execute(url, f"reassign owned by {owner} to current_user")
        execute(url, f"drop owned by {owner}")
        execute(url, f"drop role {owner}")


def _may_be_member(url: str, owner: str) -> None:
    """Roles that an earlier test made on this server: an administrator grants what is needed."""
    with psycopg.connect(url, autocommit=True) as connection:
        for role in ("telekol_readings", "telekol_corrections"):
            there = connection.execute("select from pg_roles where rolname = %s", [role])
            if there.fetchone() is not None:
                connection.execute(f"grant {role} to {owner}".encode())


def test_a_backup_of_compressed_readings_is_restored_the_same(
    hypertable: Connection[TupleRow], home: Home, url: str, tmp_path: Path
) -> None:
    _store(hypertable, home, _readings(50))
    _compress(hypertable)
    _store(hypertable, home, [observation(92.0)])
    assert TIMESCALE_URL is not None
    file = tmp_path / "house.dump"
    manifest = backup.back_up(url, file, Quiet())
    assert manifest.timescale_version
    name = f"telekol_test_{uuid4().hex}"
    execute(TIMESCALE_URL, f"create database {name} template template0")
    try:
        restored = urlunsplit(urlsplit(TIMESCALE_URL)._replace(path=f"/{name}"))
        backup.restore(restored, file, Quiet())
        with psycopg.connect(restored, autocommit=True) as connection:
            assert _count(connection) == 51
            _store(connection, home, _readings(3))
            assert _count(connection) == 54
    finally:
        execute(TIMESCALE_URL, f"drop database {name} with (force)")


def test_bytes_of_a_reading_before_and_after_compression_are_measured(
    hypertable: Connection[TupleRow], home: Home, record_property: Callable[[str, object], None]
) -> None:
    """A year of four readings a day, in chunks of their weeks; with the whole of each chunk."""
    readings = [
        observation(
            90.0 + number % 7, measured_at=LONG_AGO - timedelta(days=7, seconds=150 * number)
        )
        for number in range(4000)
    ]
    for start in range(0, len(readings), 200):
        _store(hypertable, home, readings[start : start + 200])
    asked = "select hypertable_size('observation')"
    (before,) = hypertable.execute(asked).fetchone() or (0,)
    _compress(hypertable)
    (after,) = hypertable.execute(asked).fetchone() or (0,)
    record_property("bytes_per_reading", before / len(readings))
    record_property("bytes_per_compressed_reading", after / len(readings))
    assert after < before / 2


def test_down_from_compressed_and_up_again_loses_no_reading(
    hypertable: Connection[TupleRow], home: Home, url: str
) -> None:
    _store(hypertable, home, _readings(3))
    _compress(hypertable)
    address = sqlalchemy_url(url)
    run(address, "0021", down=True)
    assert _count(hypertable) == 3
    run(address)
    assert _count(hypertable) == 3
