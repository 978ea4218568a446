"""Rows in COPY's binary format, and how they are sent. Touches PostgreSQL in `copy` only.

Must not know which readings are new, nor how a message is read.

What else changes with it: the COPY statements in queries.sql, `ingest.reading`.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from ingest.binary import UUID_OID, array
from ingest.reading import NULL, Reading

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END: Final = struct.pack(">h", -1)

_BYTES_PER_WRITE: Final = 128 * 1024
"""The server takes in one piece while the next is written; smaller ones cost more calls."""

_OBSERVATION_COLUMNS: Final = struct.pack(">h", 14)
_UUID: Final = struct.Struct(">i16s")
_ORIGIN: Final = struct.Struct(">ii ii")
_JUDGEMENT_HEAD: Final = struct.Struct(">h i16s i")
_ID_LENGTH: Final = struct.pack(">i", 16)
_SPAN: Final = struct.Struct(">iq iq")


def observation_rows(
    patient: UUID | None, device: int, outbox: int, readings: Iterable[Reading]
) -> bytes:
    """Write rows of ``observation`` that have their origin in common."""
    who = NULL if patient is None else _UUID.pack(16, patient.bytes)
    head = _OBSERVATION_COLUMNS + who + _ORIGIN.pack(4, device, 4, outbox)
    return head + head.join([reading.tail for reading in readings])


def judgement_rows(parts: Iterable[tuple[UUID | None, Sequence[Reading]]]) -> Iterator[bytes]:
    """Write rows of ``judgement_queue``: one for each patient, readings without one in none."""
    by_patient: dict[int, list[Reading]] = defaultdict(list)
    for patient, readings in parts:
        if patient is not None:
            by_patient[patient.int] += readings
    for number, readings in by_patient.items():
        patient_id = number.to_bytes(16, "big")
        times_us = [reading.measured_us for reading in readings]
        ids = array(UUID_OID, [_ID_LENGTH + reading.reading_id for reading in readings])
        yield b"".join(
            (
                _JUDGEMENT_HEAD.pack(4, 16, patient_id, len(ids)),
                ids,
                _SPAN.pack(8, min(times_us), 8, max(times_us)),
            )
        )


def copy(connection: Connection[Any], statement: bytes, rows: Iterable[bytes]) -> None:
    """Send rows, one or many in each of the bytes given."""
    with connection.cursor() as cursor, cursor.copy(statement) as sink:
        for piece in _pieces(rows):
            sink.write(piece)


def _pieces(rows: Iterable[bytes]) -> Iterator[bytes]:
    waiting, size = [_HEADER], len(_HEADER)
    for row in rows:
        waiting.append(row)
        size += len(row)
        if size >= _BYTES_PER_WRITE:
            yield b"".join(waiting)
            waiting, size = [], 0
    waiting.append(_END)
    yield b"".join(waiting)
