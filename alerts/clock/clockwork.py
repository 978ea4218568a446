"""The jobs that the clock drives, turned by APScheduler. Touches clock and database.

Owns which jobs there are and how often each looks. What a job finds follows from
schedule and database (`docs/adherence.md`), so nothing here has to be remembered but up to when it
has looked, which is in ``clock_job``. A job that fails is said and made again; it ends nothing. Of
several alerts processes one does a job at a time.

What else changes with it: docs/adherence.md names the jobs.
"""

from __future__ import annotations

import logging
import time as monotonic
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

import psycopg
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from psycopg import Connection

from alerts.adherence import desk as adherence_desk
from alerts.adherence import reminding
from alerts.clock import jobs
from alerts.clock.jobs import Daily, Every, Job
from alerts.clock.rule_store import RuleBook
from alerts.technical import desk as technical_desk
from telekol.process import StopSignal

log = logging.getLogger(__name__)

NIGHTLY_LOOK_S: Final = 60.0
"""How promptly a nightly job begins; each look is one small query."""

STUCK_AFTER_S: Final = 600.0
"""A turn longer than this is no work any more: that of a nation's patients takes some minutes."""


def made() -> tuple[Job, ...]:
    """Give the jobs; they go by the rule sets that are in use."""
    book = RuleBook()

    def adherence(
        connection: Connection[Any], since: datetime | None, now: datetime
    ) -> Mapping[str, object]:
        return asdict(adherence_desk.look(connection, since, now, book))

    def reminders(
        connection: Connection[Any], since: datetime | None, now: datetime
    ) -> Mapping[str, object]:
        return asdict(reminding.look(connection, since, now))

    def technical(
        connection: Connection[Any], _since: datetime | None, now: datetime
    ) -> Mapping[str, object]:
        return asdict(technical_desk.look(connection, now, book))

    def recompute(
        connection: Connection[Any], _since: datetime | None, now: datetime
    ) -> Mapping[str, object]:
        return _recomputed(connection, now, book)

    return (
        # A measurement takes its blue off the board within this time; a deadline needs no more.
        Job("adherence", Every(timedelta(seconds=15)), adherence),
        Job("reminders", Every(timedelta(seconds=30)), reminders),
        # Gateways report every quarter of an hour.
        Job("technical", Every(timedelta(seconds=30)), technical),
        # OpenTele's own time for it; the day's measurements are in.
        Job("recompute-adherence", Daily(time(23)), recompute),
    )


def _recomputed(connection: Connection[Any], now: datetime, book: RuleBook) -> Mapping[str, object]:
    """Compute everybody's state again and say how much the day's work had missed."""
    looked = adherence_desk.recompute(connection, now, now, book)
    if looked.told:
        log.warning(
            "recomputation: what is missing had drifted for %d of %d patients and was told anew",
            looked.told,
            looked.patients,
        )
    else:
        log.info("recomputation: %d patients, nothing had drifted", looked.patients)
    return {"patients": looked.patients, "drifted": looked.told}


class Clockwork:
    """Does the jobs until asked to stop.

    APScheduler turns them in one thread; what is due, and since when, the database says. So a turn
    that was missed, or done by another process, is of no importance here.
    """

    def __init__(self, database_url: str, stop: StopSignal) -> None:
        self._url = database_url
        self._stop = stop
        self._connection: Connection[Any] | None = None
        self._turned_s = monotonic.monotonic()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(max_workers=1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for job in made():
            self._scheduler.add_job(
                self._turn,
                IntervalTrigger(seconds=look_every_s(job), timezone=UTC),
                args=[job],
                id=job.name,
                next_run_time=datetime.now(UTC),
            )

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no other turn; the one that runs ends by itself or with the process."""
        self._scheduler.shutdown(wait=False)

    def is_well(self) -> bool:
        """Say whether the jobs get on; a database that is away is no illness."""
        is_prompt = monotonic.monotonic() - self._turned_s < STUCK_AFTER_S
        return bool(self._scheduler.running) and is_prompt

    def _turn(self, job: Job) -> None:
        self._turned_s = monotonic.monotonic()
        if self._stop.is_set():
            return
        try:
            _try_to_run(self._connected(), job)
        except psycopg.OperationalError as error:
            log.warning("jobs wait for the database: %s", str(error).strip())
            self._drop()

    def _connected(self) -> Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                application_name="telekol-alerts-clock",
                connect_timeout=5,
            )
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def look_every_s(job: Job) -> float:
    """Give how often it is asked whether a job is due: of one at night every minute."""
    return job.when.wait.total_seconds() if isinstance(job.when, Every) else NIGHTLY_LOOK_S


def _try_to_run(connection: Connection[Any], job: Job) -> None:
    """Do a job if it is due; one that fails for another reason than the database is made again."""
    try:
        jobs.run_due(connection, job)
    except psycopg.OperationalError:
        raise
    except Exception:
        log.exception("the job %s failed; it is made again from where it was", job.name)
