"""The jobs that the clock drives: due by the database, done by one process, lost by none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts.adherence import desk
from alerts.clock import clockwork, jobs
from alerts.clock.jobs import Daily, Every, Job
from tests.support.house import add_home
from tests.support.plans import WALL, enrol, measure, plan, wall
from tests.support.processes import telekol, wait_until

Db = Connection[TupleRow]

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOON = wall(2026, 11, 2, 12)


class Worker:
    """A job that notes what it was asked to look at."""

    def __init__(self) -> None:
        self.looks: list[tuple[datetime | None, datetime]] = []
        self.fails = False

    def __call__(
        self, _connection: Db, since: datetime | None, now: datetime
    ) -> Mapping[str, object]:
        self.looks.append((since, now))
        if self.fails:
            raise RuntimeError("the work cannot be done")
        return {"told": len(self.looks)}


def test_a_job_goes_on_from_where_the_last_run_had_looked(connection: Db) -> None:
    work = Worker()
    job = Job("test", Every(MINUTE), work)
    assert jobs.run_due(connection, job, NOON)
    assert not jobs.run_due(connection, job, NOON + timedelta(seconds=59))
    assert jobs.run_due(connection, job, NOON + 3 * DAY)
    assert work.looks == [(None, NOON), (NOON, NOON + 3 * DAY)]
    assert connection.execute("select name, summary from clock_job").fetchall() == [
        ("test", {"told": 2})
    ]


def test_a_job_that_fails_is_made_again_from_where_it_was(connection: Db) -> None:
    work = Worker()
    job = Job("test", Every(MINUTE), work)
    jobs.run_due(connection, job, NOON)
    work.fails = True
    with pytest.raises(RuntimeError):
        jobs.run_due(connection, job, NOON + HOUR)
    work.fails = False
    jobs.run_due(connection, job, NOON + 2 * HOUR)
    assert work.looks[1:] == [(NOON, NOON + HOUR), (NOON, NOON + 2 * HOUR)]


def test_a_clock_that_was_set_back_stops_no_job(connection: Db) -> None:
    work = Worker()
    job = Job("test", Every(MINUTE), work)
    jobs.run_due(connection, job, NOON + 365 * DAY)
    assert jobs.run_due(connection, job, NOON)
    assert jobs.run_due(connection, job, NOON + MINUTE)
    assert work.looks[1:] == [(NOON, NOON), (NOON, NOON + MINUTE)]


def test_one_process_at_a_time_does_a_job_and_another_takes_over_when_it_dies(
    connection: Db, database_url: str
) -> None:
    other = psycopg.connect(database_url, autocommit=True)
    inside = threading.Event()

    def hold(_connection: Db, _since: datetime | None, _now: datetime) -> Mapping[str, object]:
        inside.set()
        _connection.execute("select pg_sleep(600)")
        return {}

    def run() -> None:
        with pytest.raises(psycopg.OperationalError):
            jobs.run_due(other, Job("test", Every(MINUTE), hold), NOON)

    thread = threading.Thread(target=run)
    thread.start()
    assert inside.wait(30)
    work = Worker()
    job = Job("test", Every(MINUTE), work)
    assert not jobs.run_due(connection, job, NOON)
    kill = (
        "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' "
        "and state = 'active' and pid <> pg_backend_pid()"
    )
    wait_until(lambda: bool(connection.execute(kill).fetchall()), "the other to be inside")
    thread.join(30)
    wait_until(lambda: jobs.run_due(connection, job, NOON), "the lock of the dead to be free")
    assert work.looks == [(None, NOON)]


@pytest.mark.parametrize(
    ("looked_to", "now", "due"),
    [
        (None, wall(2026, 11, 2, 12), True),
        (wall(2026, 11, 1, 23, 5), wall(2026, 11, 2, 22, 59), False),
        (wall(2026, 11, 1, 23, 5), wall(2026, 11, 2, 23), True),
        (wall(2026, 11, 2, 23), wall(2026, 11, 3, 2), False),
        (wall(2026, 10, 28, 23), wall(2026, 11, 2, 9), True),
        # Through the nights on which the clocks change.
        (wall(2026, 10, 24, 23), wall(2026, 10, 25, 22, 59), False),
        (wall(2026, 10, 24, 23), wall(2026, 10, 25, 23), True),
        (wall(2026, 3, 28, 23), wall(2026, 3, 29, 23), True),
    ],
)
def test_the_nightly_job_is_due_once_after_eleven_each_night_and_made_up_in_the_morning(
    looked_to: datetime | None, now: datetime, due: bool
) -> None:
    assert Daily(time(23)).is_due(looked_to, now) is due


# ------------------------------------------------------------------------ the real ones


def _enrolled(connection: Db, gateway: str, start: datetime) -> UUID:
    """A patient who has a deadline each day, the last one twelve hours ago by now."""
    patient = add_home(connection, gateway).patient_id
    due = (datetime.now(WALL) + 12 * HOUR).time().replace(second=0, microsecond=0)
    plan(connection, enrol(connection, patient, start), start, due=due, counts_from=DAY)
    return patient


def _blue(connection: Db) -> int:
    row = connection.execute(
        "select count(*) from triage_case where channel = 'missing' and severity = 'blue'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_the_recomputation_says_what_had_drifted_and_tells_it(
    connection: Db, caplog: pytest.LogCaptureFixture
) -> None:
    """A row that something removed, or a fault in what points to patients: the night finds it."""
    start = wall(2026, 11, 2)
    _enrolled(connection, "gw-test-1", start)
    (job,) = [one for one in clockwork.made() if one.name == "recompute-adherence"]
    with caplog.at_level(logging.INFO, "alerts.clock.clockwork"):
        jobs.run_due(connection, job, wall(2026, 11, 3, 23))
        assert "had drifted for 1 of 1 patients" in caplog.text
        caplog.clear()
        jobs.run_due(connection, job, wall(2026, 11, 3, 23) + 2 * HOUR)
        assert caplog.text == ""
        desk.look(connection, wall(2026, 11, 3, 23), wall(2026, 11, 4, 23))
        jobs.run_due(connection, job, wall(2026, 11, 4, 23))
        assert "nothing had drifted" in caplog.text
    summary = connection.execute("select summary from clock_job").fetchone()
    assert summary == ({"patients": 1, "drifted": 0},)


def test_two_alerts_processes_tell_a_silence_once_and_a_killed_one_is_not_missed(
    tmp_path: Path, database_url: str, connection: Db
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    start = datetime.now(UTC) - 30 * DAY
    silent = [_enrolled(connection, f"gw-test-{n}", start) for n in range(12)]
    with (
        telekol(tmp_path / "a", "alerts", TELEKOL_DATABASE_URL=database_url) as first,
        telekol(tmp_path / "b", "alerts", TELEKOL_DATABASE_URL=database_url) as second,
    ):
        wait_until(lambda: _blue(connection) == 12, "twelve silent patients", 60)
        first.kill()
        measure(connection, silent[0], datetime.now(UTC) - MINUTE, stored_at=datetime.now(UTC))
        wait_until(
            lambda: bool(
                connection.execute(
                    "select from triage_case where channel = 'missing' and state = 'returned'"
                ).fetchall()
            ),
            "the silence to end, told by the other process",
            90,
        )
        assert second.stop() == 0
    counted = connection.execute(
        "select count(*), count(distinct patient_id) from finding "
        "where channel = 'missing' and severity = 'blue'"
    ).fetchone()
    assert counted == (12, 12)


def test_jobs_wait_for_a_database_that_is_away_and_go_on(
    tmp_path: Path, database_url: str, connection: Db
) -> None:
    with telekol(tmp_path, "alerts", TELEKOL_DATABASE_URL=database_url) as process:
        wait_until(
            lambda: bool(connection.execute("select from clock_job").fetchall()), "a first run", 60
        )
        _enrolled(connection, "gw-test-1", datetime.now(UTC) - 30 * DAY)
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name like 'telekol-alerts%' and datname = current_database()"
        )
        wait_until(lambda: "jobs wait for the database" in process.output(), "the loss to be said")
        wait_until(lambda: _blue(connection) == 1, "the silence to be told", 90)
        assert process.stop() == 0
