"""Databases for tests that make their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from device_sim.demo.postgres import EmbeddedPostgres
from migrations import logins

TEMPLATE = "telekol_template"
"""The migrated, empty database of the test session's own server."""
TIMESCALE_URL = os.environ.get("TELEKOL_TEST_TIMESCALE_URL")
"""A server with TimescaleDB, where there is one; our own embedded PostgreSQL has it not."""


_PASSWORD = "only-for-tests-0123456789"


def execute(url: str, statement: str) -> None:
    """Run one statement outside any transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def make_logins(url: str) -> None:
    """Make the services' logins on a migrated server, as an operator does."""
    with psycopg.connect(url, autocommit=True) as connection:
        logins.make(connection, dict.fromkeys(logins.ROLES, _PASSWORD))


def as_service(url: str, service: str) -> str:
    """Give an administrator's address as the one that a service signs in by.

    Services under test have the rights of their own roles, so that a grant that is missing in a
    migration fails a test. Any other address is left alone.
    """
    if service not in logins.ROLES:
        return url
    return url.replace("://postgres@", f"://{logins.name_of(service)}:{_PASSWORD}@", 1)


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@contextmanager
def empty_database(server_url: str) -> Iterator[str]:
    """A new database without any table on a server, dropped afterwards."""
    name = f"telekol_test_{uuid4().hex}"
    execute(server_url, f"create database {name}")
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        execute(server_url, f"drop database {name} with (force)")


@contextmanager
def migrated_copy(server: EmbeddedPostgres) -> Iterator[str]:
    """A migrated, empty database of the session's server, for longer than one test."""
    name = f"test_{uuid4().hex}"
    execute(server.url(), f"create database {name} template {TEMPLATE}")
    try:
        yield server.url(name)
    finally:
        execute(server.url(), f"drop database {name} with (force)")
