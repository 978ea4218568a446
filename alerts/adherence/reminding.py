"""The job that reminds homes before a deadline. Touches PostgreSQL; judgement is in `reminders`.

What it decides is a row of ``instruction``; ingest hands it to the broker until the home answers.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from alerts.adherence import reminders, store
from alerts.adherence.desk import BATCH, Looked
from alerts.adherence.reminders import Reminder
from alerts.adherence.store import Record
from alerts.adherence.words import Titles

log = logging.getLogger(__name__)


def look(connection: Connection[Any], since: datetime | None, now: datetime) -> Looked:
    """Remind those whose time has come since the last run; those of a first run from now on."""
    if since is None:
        return Looked(0, 0)
    patients = store.to_remind(connection, since, now)
    told = 0
    for start in range(0, len(patients), BATCH):
        some = patients[start : start + BATCH]
        with connection.transaction():
            told += _remind(connection, some, since, now)
    return Looked(len(patients), told)


def _remind(
    connection: Connection[Any], patients: Sequence[UUID], since: datetime, now: datetime
) -> int:
    homes = store.gateways(connection, patients, now)
    records, titles = store.records(connection, patients, now, now)
    return sum(
        _send(connection, reminder, gateway, now, titles)
        for record in records
        for reminder in _due(record, since, now)
        for gateway in homes.get(record.patient_id, ())
    )


def _due(record: Record, since: datetime, now: datetime) -> list[Reminder]:
    return reminders.due(record.items, record.came, since, now)


def _send(
    connection: Connection[Any], reminder: Reminder, gateway: str, now: datetime, titles: Titles
) -> bool:
    instruction = reminders.instruction(reminder, gateway, now, titles)
    if is_new := store.remind(
        connection,
        {
            "id": instruction.id,
            "gateway": gateway,
            "body": Jsonb(instruction.model_dump(mode="json")),
            "now": now,
            "expires_at": instruction.expires_at,
        },
    ):
        log.info("%s is asked to remind before a deadline (%s)", gateway, instruction.id)
    return is_new
