"""Rows in COPY's binary format, and how they are sent. Touches PostgreSQL in `copy` only.

Must not know which readings are new, nor how a message is read.

What else changes with it: the COPY statements in queries.sql, `ingest.reading`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from ingest.identity import Key
from ingest.reading import NULL, UUID_OID, Reading, array

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END: Final = struct.pack(">h", -1)
_ROWS_PER_WRITE: Final = 500

_OBSERVATION_COLUMNS: Final = struct.pack(">h", 14)
_IDENTITY: Final = struct.Struct(">h iq iq id")
_UUID: Final = struct.Struct(">i16s")
_ORIGIN: Final = struct.Struct(">ii ii")
_COUNT: Final = struct.Struct(">h")
_TIME: Final = struct.Struct(">iq")


def identity_row(key: Key, value: float) -> bytes:
    """Write a row of ``observation_identity``."""
    return _IDENTITY.pack(3, 8, key[0], 8, key[1], 8, value)


def origin(patient: UUID | None, device: int, outbox: int) -> bytes:
    """Write the head of a row of ``observation``; many rows of a message share one."""
    who = NULL if patient is None else _UUID.pack(16, patient.bytes)
    return _OBSERVATION_COLUMNS + who + _ORIGIN.pack(4, device, 4, outbox)


def judgement_rows(items: Iterable[tuple[UUID | None, Reading]]) -> Iterator[bytes]:
    """Write rows of ``judgement_queue``: one for each patient, readings without one in none."""
    by_patient: dict[UUID, list[Reading]] = {}
    for patient, reading in items:
        if patient is not None:
            by_patient.setdefault(patient, []).append(reading)
    for patient, readings in by_patient.items():
        times_us = [reading.measured_us for reading in readings]
        yield b"".join(
            (
                _COUNT.pack(4),
                _UUID.pack(16, patient.bytes),
                array(UUID_OID, [_UUID.pack(16, reading.reading_id) for reading in readings]),
                _TIME.pack(8, min(times_us)),
                _TIME.pack(8, max(times_us)),
            )
        )


def copy(connection: Connection[Any], statement: bytes, rows: Iterable[bytes]) -> None:
    """Send rows; the server takes some in while the next are written."""
    source = iter(rows)
    with connection.cursor() as cursor, cursor.copy(statement) as sink:
        sink.write(_HEADER)
        while some := b"".join(islice(source, _ROWS_PER_WRITE)):
            sink.write(some)
        sink.write(_END)
