"""Which clock-driven jobs are due, and up to when they had looked. Touches PostgreSQL.

Owns the table ``clock_job`` and what keeps two processes from doing one job at a time. What a job
finds follows from schedule and database (`alerts.adherence`, `alerts.technical`); a row here only
says where to go on. So a job that dies is made again from where it was, and one that was done twice
tells nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.types.json import Jsonb

from alerts.adherence.schedule import ZONE, instant
from telekol import queries

log = logging.getLogger(__name__)

_SQL: Final = queries.load("alerts.clock", "jobs.sql")

Work = Callable[[Connection[Any], "datetime | None", datetime], Mapping[str, object]]
"""Connection, up to when the last run looked (None: never), now; gives what it came to."""


@dataclass(frozen=True, slots=True)
class Every:
    """Due some time after the last run."""

    wait: timedelta

    def is_due(self, looked_to: datetime | None, now: datetime) -> bool:
        """Say whether it is time."""
        return looked_to is None or now - looked_to >= self.wait or looked_to > now


@dataclass(frozen=True, slots=True)
class Daily:
    """Due once after a time on the wall, each day; missed nights are made up by one run."""

    at: time

    def is_due(self, looked_to: datetime | None, now: datetime) -> bool:
        """Say whether it is time."""
        return looked_to is None or looked_to < self.last(now) or looked_to > now

    def last(self, now: datetime) -> datetime:
        """Give the newest of its times that is not after `now`."""
        today = now.astimezone(ZONE).date()
        at = instant(today, self.at)
        return at if at <= now else instant(today - timedelta(days=1), self.at)


@dataclass(frozen=True, slots=True)
class Job:
    """One thing the clock drives."""

    name: str
    when: Every | Daily
    work: Work


def run_due(connection: Connection[Any], job: Job, now: datetime | None = None) -> bool:
    """Do a job if it is due and nobody else does it; say whether it was done.

    Parameters
    ----------
    now
        The database's own time where it is None: two processes with two clocks must agree.

    Raises
    ------
    psycopg.OperationalError
        If the database goes away; the job goes on from where it was at the next run.
    """
    with _alone(connection, job.name) as is_alone:
        if not is_alone:
            return False
        now = now or _database_time(connection)
        looked_to = _looked_to(connection, job.name)
        if not job.when.is_due(looked_to, now):
            return False
        # Of a clock that was set back: what it had looked at ahead of time is looked at again.
        since = None if looked_to is None else min(looked_to, now)
        summary = job.work(connection, since, now)
        connection.execute(
            _SQL["done"], {"name": job.name, "now": now, "summary": Jsonb(dict(summary))}
        )
        return True


@contextmanager
def _alone(connection: Connection[Any], name: str) -> Iterator[bool]:
    """Hold a job for this connection; a process that dies lets go of it with its connection."""
    row = connection.execute(_SQL["hold"], {"name": name}).fetchone()
    is_alone = bool(row and row[0])
    try:
        yield is_alone
    finally:
        if is_alone and not connection.closed and not connection.broken:
            connection.execute(_SQL["let_go"], {"name": name})


def _database_time(connection: Connection[Any]) -> datetime:
    row = connection.execute(_SQL["time"]).fetchone()
    assert row is not None, "a select without a table gives one row"  # noqa: S101
    now: datetime = row[0]
    return now


def _looked_to(connection: Connection[Any], name: str) -> datetime | None:
    row = connection.execute(_SQL["looked_to"], {"name": name}).fetchone()
    return row[0] if row else None
