"""What the demo reads back from the database: the other half of its report. Touches PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from device_sim.demo.report import StoredReading
from telekol.errors import TelekolError


class DatabaseAwayError(TelekolError):
    """The database does not answer just now; asking again connects again."""


class Records:
    """Reads the demo's database; every question raises DatabaseAwayError when it is away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection[Any] | None = None

    def close(self) -> None:
        """Leave."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def now(self) -> datetime:
        """Give the database's time, which stamps what is stored."""
        ((now,),) = self._ask("select clock_timestamp()")
        return now  # type: ignore[no-any-return]  # psycopg does not know the column's type

    def stored(self, serials: Sequence[str], since: datetime) -> list[StoredReading]:
        """Give the readings of these devices that were stored since a time."""
        rows = self._ask(
            "select o.reading_id, d.serial, o.quantity, o.device_time "
            "from observation o join device d on d.id = o.device_id "
            "where d.serial = any(%s) and o.stored_at >= %s and o.device_time is not null",
            [list(serials), since],
        )
        return [StoredReading(row[0], (row[1], row[2], row[3])) for row in rows]

    def alerts(self, since: datetime) -> dict[str, int]:
        """Count the findings since a time that ask for somebody, by severity."""
        rows = self._ask(
            "select severity, count(*) from finding "
            "where found_at >= %s and severity <> 'green' group by severity",
            [since],
        )
        return {"red": 0, "yellow": 0, "blue": 0} | dict(rows)

    def open_cases(self) -> dict[str, int]:
        """Count the open cases, by severity."""
        rows = self._ask(
            "select severity, count(*) from triage_case where state <> 'closed' group by severity"
        )
        return dict(rows)

    def count(self, table: str, since: datetime) -> int:
        """Count what went to quarantine (or another table with its own time) since a time."""
        column = {"quarantine": "quarantined_at", "finding": "found_at"}[table]
        ((found,),) = self._ask(
            f"select count(*) from {table} where {column} >= %s",  # noqa: S608 - ours
            [since],
        )
        return int(found)

    def is_settled(self, boots: Sequence[UUID]) -> bool:
        """Whether something of each of these outboxes was stored and judged."""
        ((settled,),) = self._ask(
            "select (select count(*) from outbox where boot = any(%s)) = %s "
            "and not exists (select 1 from judgement_queue)",
            [list(boots), len(boots)],
        )
        return bool(settled)

    def _ask(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Ask, on a new connection when the one before was lost."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=3)
            return self._connection.execute(query.encode(), values).fetchall()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            raise DatabaseAwayError(f"the demo's database is away: {error}") from None
