"""The demo reads its database back, also after a connection was lost."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from rich.console import Console

from device_sim.demo.conductor import status
from device_sim.demo.records import DatabaseAwayError, Records
from device_sim.demo.report import Outcome


def test_a_lost_connection_is_said_once_and_then_replaced(
    database_url: str, connection: Connection[TupleRow]
) -> None:
    with closing(Records(database_url)) as records:
        assert records.now().tzinfo is not None
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        with pytest.raises(DatabaseAwayError):
            records.now()
        assert records.count("quarantine", datetime.now(UTC)) == 0
        assert records.stored(["nobody"], datetime.now(UTC)) == []
        assert records.is_settled([])


def test_the_line_says_that_the_database_is_away() -> None:
    console = Console(width=100)
    with console.capture() as shown:
        console.print(status(3, 20, Outcome(7, 0, 7, 0), None))
    assert "database away" in shown.get()
    assert "readings 7" in shown.get()
