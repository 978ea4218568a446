"""What only a real TimescaleDB can show.

Set TELEKOL_TEST_TIMESCALE_URL to a superuser's address.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from alerts import engine, trends
from ingest import writer
from migrations.commands import run
from migrations.timescale import COMPRESS_AFTER_DAYS
from telekol import topics
from telekol.observation import Observation
from tests.support.databases import TIMESCALE_URL, empty_database, sqlalchemy_url
from tests.support.house import Home, add_home
from tests.support.messages import message, observation, sort

pytestmark = pytest.mark.skipif(
    TIMESCALE_URL is None,
    reason="TELEKOL_TEST_TIMESCALE_URL is not set: no server with TimescaleDB to test on",
)

LONG_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(days=COMPRESS_AFTER_DAYS + 30)


@pytest.fixture
def hypertable() -> Iterator[Connection[TupleRow]]:
    """A migrated, empty database on TimescaleDB."""
    assert TIMESCALE_URL is not None
    with empty_database(TIMESCALE_URL) as url:
        run(sqlalchemy_url(url))
        with psycopg.connect(url, autocommit=True) as connection:
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


@pytest.mark.parametrize("compressed", [False, True])
def test_no_chunk_can_be_read_by_the_api(
    hypertable: Connection[TupleRow], home: Home, *, compressed: bool
) -> None:
    _store(hypertable, home, _readings(1))
    if compressed:
        _compress(hypertable)
    chunks = hypertable.execute(
        "select schemaname, tablename from pg_tables "
        "where schemaname = '_timescaledb_internal' and tablename ~ '_chunk$'"
    ).fetchall()
    assert chunks
    hypertable.execute("set role telekol_api")
    for name in [("public", "observation"), *chunks]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            hypertable.execute(sql.SQL("select * from {}").format(sql.Identifier(*name)))


def test_ingest_makes_chunks_in_its_own_role(hypertable: Connection[TupleRow], home: Home) -> None:
    hypertable.execute("set role telekol_ingest")
    _store(hypertable, home, _readings(3))
    hypertable.execute("reset role")
    assert _count(hypertable) == 3


def test_down_from_compressed_and_up_again_loses_no_reading(
    hypertable: Connection[TupleRow], home: Home
) -> None:
    _store(hypertable, home, _readings(3))
    _compress(hypertable)
    address = sqlalchemy_url(TIMESCALE_URL or "").rpartition("/")[0] + f"/{hypertable.info.dbname}"
    run(address, "0021", down=True)
    assert _count(hypertable) == 3
    run(address)
    assert _count(hypertable) == 3
