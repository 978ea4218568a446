"""What the demo reads back from the database: the other half of its report. Touches PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from device_sim.demo.report import StoredReading


class Records:
    """A reading connection to the demo's database."""

    def __init__(self, url: str) -> None:
        self._connection: Connection[Any] = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        """Leave."""
        self._connection.close()

    def now(self) -> datetime:
        """Give the database's time, which stamps what is stored."""
        row = self._connection.execute("select clock_timestamp()").fetchone()
        return row[0]  # type: ignore[index,no-any-return]  # the query always gives a row

    def stored(self, serials: Sequence[str], since: datetime) -> list[StoredReading]:
        """Give the readings of these devices that were stored since a time."""
        rows = self._connection.execute(
            "select o.reading_id, d.serial, o.quantity, o.device_time "
            "from observation o join device d on d.id = o.device_id "
            "where d.serial = any(%s) and o.stored_at >= %s and o.device_time is not null",
            [list(serials), since],
        )
        return [StoredReading(row[0], (row[1], row[2], row[3])) for row in rows]

    def alerts(self, since: datetime) -> dict[str, int]:
        """Count the findings since a time that ask for somebody, by severity."""
        rows = self._connection.execute(
            "select severity, count(*) from finding "
            "where found_at >= %s and severity <> 'green' group by severity",
            [since],
        )
        return {"red": 0, "yellow": 0, "blue": 0} | dict(rows.fetchall())

    def open_cases(self) -> dict[str, int]:
        """Count the open cases, by severity."""
        rows = self._connection.execute(
            "select severity, count(*) from triage_case where state <> 'closed' group by severity"
        )
        return dict(rows.fetchall())

    def count(self, table: str, since: datetime) -> int:
        """Count what went to quarantine (or another table with its own time) since a time."""
        column = {"quarantine": "quarantined_at", "finding": "found_at"}[table]
        row = self._connection.execute(
            f"select count(*) from {table} where {column} >= %s".encode(),  # noqa: S608 - ours
            [since],
        ).fetchone()
        return int(row[0]) if row else 0

    def is_settled(self, boots: Sequence[UUID]) -> bool:
        """Whether something of each of these outboxes was stored and judged."""
        row = self._connection.execute(
            "select (select count(*) from gateway_sequence where boot = any(%s)) = %s "
            "and not exists (select 1 from judgement_queue)",
            [list(boots), len(boots)],
        ).fetchone()
        return bool(row and row[0])
