"""Fixtures that every folder of tests shares: a real PostgreSQL and a real broker.

The server is started once per test process; a database is a copy of a migrated template, so
every test has its own and the migrations are run by every run of the tests.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from device_sim.demo.broker import BrokerKind
from device_sim.demo.postgres import EmbeddedPostgres
from migrations.commands import run
from tests.support.databases import TEMPLATE, execute, make_logins, sqlalchemy_url
from tests.support.processes import Broker
from tests.support.proxy import Proxy

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server with a migrated template database.

    Its data is not under pytest's own folder: every session that starts closes that folder to
    other users, and as root the server runs as one.
    """
    with (
        tempfile.TemporaryDirectory(prefix="telekol-", ignore_cleanup_errors=True) as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        # Power cuts are not tested here, and waiting for the disk is half the time of a test.
        _run_as_admin(server, "alter system set fsync = off")
        _run_as_admin(server, "select pg_reload_conf()")
        _run_as_admin(server, f"create database {TEMPLATE}")
        run(sqlalchemy_url(server.url(TEMPLATE)))
        make_logins(server.url(TEMPLATE))
        yield server


@pytest.fixture
def database_name(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Name of a new, migrated, empty database."""
    name = f"test_{next(_numbers)}"
    _run_as_admin(postgres, f"create database {name} template {TEMPLATE} strategy file_copy")
    yield name
    _run_as_admin(postgres, f"drop database {name} with (force)")


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, database_name: str) -> str:
    """Address of a new, migrated, empty database."""
    return postgres.url(database_name)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection[TupleRow]]:
    """A connection to it that commits every statement."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def database_proxy(postgres: EmbeddedPostgres) -> Iterator[Proxy]:
    """A line to the database that can be cut."""
    with Proxy(str(postgres.socket_folder / ".s.PGSQL.5432")) as proxy:
        yield proxy


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running Mosquitto that a test may kill and start again on the same port."""
    with Broker(tmp_path, BrokerKind.MOSQUITTO) as running:
        yield running


@pytest.fixture
def broker_proxy(broker: Broker) -> Iterator[Proxy]:
    """A line to the broker that can be cut."""
    with Proxy(("127.0.0.1", broker.port)) as proxy:
        yield proxy


def _run_as_admin(server: EmbeddedPostgres, statement: str) -> None:
    execute(server.url(), statement)
