"""What a reading looks like as rows, and how rows are sent. Touches PostgreSQL in `copy` only.

Owns the order and types of the columns. Must not know which readings are new.

What else changes with it: the COPY statements in queries.sql, the migrations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from telekol.observation import Observation

IDENTITY_TYPES: Final = ("timestamp", "int8", "float8")
OBSERVATION_TYPES: Final = (
    "timestamptz",
    "timestamptz",
    "timestamp",
    "int8",
    "float8",
    "uuid",
    "uuid",
    "int4",
    "int4",
    # An enumeration's binary form is its word, so no type of it has to be looked up.
    "text",
    "text",
    "text",
    "text[]",
)
JUDGEMENT_TYPES: Final = ("uuid", "uuid[]", "timestamptz", "timestamptz")
"""Types of the columns that are copied: binary COPY converts nothing."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A reading with everything the database adds to it.

    Parameters
    ----------
    parcel
        Which message of the batch it came in.
    patient
        None if nobody had the kit when it was measured.
    device, outbox
        Their numbers in the database.
    """

    parcel: int
    seq: int
    observation: Observation
    patient: UUID | None
    device: int
    outbox: int


def observation_row(item: Arrived) -> tuple[object, ...]:
    """Write a reading as a row of ``observation``."""
    observation = item.observation
    return (
        observation.measured_at,
        observation.received_at,
        observation.device_time,
        item.seq,
        observation.value,
        observation.id,
        item.patient,
        item.device,
        item.outbox,
        observation.quantity,
        observation.time_confidence,
        observation.entered,
        list(observation.quality) or None,
    )


def judgement_rows(items: Sequence[Arrived]) -> Iterator[tuple[object, ...]]:
    """Write rows of ``judgement_queue``: one for each patient, readings without one in none."""
    by_patient: dict[UUID, list[Observation]] = {}
    for item in items:
        if item.patient is not None:
            by_patient.setdefault(item.patient, []).append(item.observation)
    for patient, readings in by_patient.items():
        times = [reading.measured_at for reading in readings]
        yield patient, [reading.id for reading in readings], min(times), max(times)


def copy(
    connection: Connection[Any],
    statement: bytes,
    types: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> None:
    """Send rows by binary COPY."""
    with connection.cursor() as cursor, cursor.copy(statement) as sink:
        sink.set_types(types)
        for row in rows:
            sink.write_row(row)
