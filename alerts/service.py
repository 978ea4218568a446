"""The alerts process: waits for new readings and runs rounds. Touches database and clock.

It is told by NOTIFY and looks by itself every few seconds as well, since a notification is
lost when nobody listens. Database away, at start or later: it waits and tries again for ever.
"""

from __future__ import annotations

import logging
import random
from typing import Any, Final

import psycopg
from psycopg import Connection

from alerts import trends
from alerts.answers import round as answer_round
from alerts.answers import store as answer_store
from alerts.clock.clockwork import Clockwork
from alerts.engine import Memory, raise_overdue, run_round
from alerts.in_use import rule_store
from alerts.settings import AlertsSettings
from telekol.backoff import delay_s
from telekol.heartbeat import Heartbeat
from telekol.process import StopSignal

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0
"""Longest wait before looking at the queue without having been told."""


def run(settings: AlertsSettings, stop: StopSignal) -> None:
    """Judge readings until asked to stop."""
    heartbeat = Heartbeat(settings.heartbeat_file)
    clockwork = Clockwork(settings.database_url.get_secret_value(), stop)
    clockwork.start()
    try:
        _go_on(settings, stop, heartbeat, clockwork)
    finally:
        clockwork.stop()


def _go_on(
    settings: AlertsSettings, stop: StopSignal, heartbeat: Heartbeat, clockwork: Clockwork
) -> None:
    failures = 0
    while not stop.is_set():
        try:
            with _connect(settings) as connection:
                log.info("judging new readings")
                failures = 0
                _work(connection, settings, stop, heartbeat, clockwork)
        except psycopg.OperationalError as error:
            failures += 1
            wait_s = delay_s(failures, random.random(), most_s=10)  # noqa: S311 - jitter
            log.warning("database away, trying again in %.1f s: %s", wait_s, str(error).strip())
            stop.wait(wait_s)


def _connect(settings: AlertsSettings) -> Connection[Any]:
    return psycopg.connect(
        settings.database_url.get_secret_value(),
        autocommit=True,
        application_name="telekol-alerts",
        connect_timeout=5,
    )


def _work(
    connection: Connection[Any],
    settings: AlertsSettings,
    stop: StopSignal,
    heartbeat: Heartbeat,
    clockwork: Clockwork,
) -> None:
    connection.execute("listen telekol_judgement")
    with connection.transaction():
        rule_store.publish_shipped(connection)
        answer_store.publish_shipped(connection)
    memory = Memory(longest_wait=settings.longest_wait)
    while not stop.is_set():
        settled = run_round(connection, memory) + answer_round.run_round(connection)
        # A second measurement that came in time is judged before its time is over, and days for
        # trends wait until no reading does.
        idle = settled == 0 and raise_overdue(connection) == 0 and trends.refresh(connection) == 0
        # Silence that nobody looks for would be green: without its jobs this process is not well.
        if clockwork.is_well():
            heartbeat.beat()
        if idle:
            _wait(connection, stop)


def _wait(connection: Connection[Any], stop: StopSignal) -> None:
    """Wait for word of new readings, in slices short enough to stop promptly."""
    for _ in range(int(LOOK_EVERY_S / 0.25)):
        told = any(True for _ in connection.notifies(timeout=0.25, stop_after=1))
        if told or stop.is_set():
            return
