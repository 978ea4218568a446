"""The jobs that the clock drives, in a thread of their own. Touches clock and database.

Owns which jobs there are, how often each looks, and the thread. What a job finds follows from
schedule and database (`docs/adherence.md`), so nothing here has to be remembered but up to when it
has looked, which is in ``clock_job``. A job that fails is said and made again; it ends nothing. Of
several alerts processes one does a job at a time.

What else changes with it: docs/adherence.md names the jobs.
"""

from __future__ import annotations

import logging
import random
import threading
import time as monotonic
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, time, timedelta
from typing import Any, Final

import psycopg
from psycopg import Connection

from alerts import jobs
from alerts.adherence import desk as adherence_desk
from alerts.adherence import reminding
from alerts.job_rule_store import RuleBook
from alerts.jobs import Daily, Every, Job
from alerts.technical import desk as technical_desk
from telekol.backoff import delay_s
from telekol.process import StopSignal

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
"""How promptly a job that is due begins, and the thread stops."""

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
    """Does the jobs until asked to stop."""

    def __init__(self, database_url: str, stop: StopSignal) -> None:
        self._url = database_url
        self._jobs = made()
        self._stop = stop
        self._turned_s = monotonic.monotonic()
        self._thread = threading.Thread(target=self._run, name="clockwork", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_well(self) -> bool:
        """Say whether the thread lives and gets on; a database that is away is no illness."""
        is_prompt = monotonic.monotonic() - self._turned_s < STUCK_AFTER_S
        return self._thread.is_alive() and is_prompt

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._turned_s = monotonic.monotonic()
            try:
                with self._connect() as connection:
                    failures = 0
                    self._work(connection)
            except psycopg.OperationalError as error:
                failures += 1
                wait_s = delay_s(failures, random.random(), most_s=10)  # noqa: S311 - jitter
                log.warning("jobs wait for the database, %.1f s: %s", wait_s, str(error).strip())
                self._stop.wait(wait_s)

    def _work(self, connection: Connection[Any]) -> None:
        while not self._stop.is_set():
            for job in self._jobs:
                self._turned_s = monotonic.monotonic()
                _try_to_run(connection, job)
            self._stop.wait(TICK_S)

    def _connect(self) -> Connection[Any]:
        return psycopg.connect(
            self._url,
            autocommit=True,
            application_name="telekol-alerts-clock",
            connect_timeout=5,
        )


def _try_to_run(connection: Connection[Any], job: Job) -> None:
    """Do a job if it is due; one that fails for another reason than the database is made again."""
    try:
        jobs.run_due(connection, job)
    except psycopg.OperationalError:
        raise
    except Exception:
        log.exception("the job %s failed; it is made again from where it was", job.name)
