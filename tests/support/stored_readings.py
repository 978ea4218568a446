"""Readings put into the database as ingest would have stored them, at whatever time it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import TupleRow

SOON = timedelta(minutes=1)


@dataclass(frozen=True)
class Reading:
    """One reading, when it was measured and when it came."""

    quantity: str
    value: float
    measured_at: datetime
    came_at: datetime | None = None
    quality: Sequence[str] = ()
    id: UUID = field(default_factory=uuid4)


def store(connection: Connection[TupleRow], patient_id: UUID, *readings: Reading) -> None:
    """One message of readings: rows, and one row of the queue."""
    came = max(one.came_at or one.measured_at + SOON for one in readings)
    with connection.transaction():
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into observation (measured_at, received_at, stored_at, seq, value, "
                "reading_id, patient_id, device_id, outbox_id, quantity, time_confidence, "
                "entered, quality) values (%s, %s, %s, 1, %s, %s, %s, 1, 1, %s, 'clock-checked', "
                "'automatic', %s)",
                [
                    (
                        one.measured_at,
                        came,
                        came,
                        one.value,
                        one.id,
                        patient_id,
                        one.quantity,
                        list(one.quality) or None,
                    )
                    for one in readings
                ],
            )
        connection.execute(
            "insert into judgement_queue (patient_id, reading_ids, measured_from, measured_to, "
            "enqueued_at) values (%s, %s, %s, %s, %s)",
            [
                patient_id,
                [one.id for one in readings],
                min(one.measured_at for one in readings),
                max(one.measured_at for one in readings),
                came,
            ],
        )
