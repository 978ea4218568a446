"""What a reading looks like as rows, and how rows are sent. Touches PostgreSQL in `copy` only.

Owns the columns' order and their bytes. Must not know which readings are new.

Rows are written by hand in COPY's binary format: psycopg's own way of writing a row looks up and
calls a dumper for each value, 4.4 microseconds a reading in two tables, where this takes 1.6
(benchmarks/ingest.py). Every column but the words is of fixed width, so one `struct` writes them.

What else changes with it: the COPY statements in queries.sql, the migrations.

References
----------
PostgreSQL manual, COPY, "Binary Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from ingest.identity import Key
from telekol.observation import Entry, Observation, TimeConfidence
from telekol.quantities import Quantity

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END: Final = struct.pack(">h", -1)
_NULL: Final = struct.pack(">i", -1)
_ROWS_PER_WRITE: Final = 500

_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - PostgreSQL counts from here, in any zone
_EPOCH_UTC: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_IDENTITY: Final = struct.Struct(">h iq iq id")
_TIMES: Final = struct.Struct(">h iq iq")
_STAMP: Final = struct.Struct(">iq")
_NUMBERS: Final = struct.Struct(">iq id i16s")
_UUID: Final = struct.Struct(">i16s")
_ORIGIN: Final = struct.Struct(">ii ii")
_COUNT: Final = struct.Struct(">h")
_LENGTH: Final = struct.Struct(">i")
_ARRAY: Final = struct.Struct(">iiiii")
_COLUMNS: Final = 13
_TEXT_OID: Final = 25
_UUID_OID: Final = 2950


def _field(word: str) -> bytes:
    """Write a text; the binary form of an enumeration is its word too."""
    raw = word.encode()
    return struct.pack(">i", len(raw)) + raw


_WORDS: Final[dict[str, bytes]] = {
    str(word): _field(str(word)) for kind in (Quantity, TimeConfidence, Entry) for word in kind
}


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


def identity_row(key: Key, value: float) -> bytes:
    """Write a row of ``observation_identity``."""
    stamp_us = (key.stamp - _EPOCH) // _MICROSECOND
    return _IDENTITY.pack(3, 8, stamp_us, 8, key.id_head, 8, value)


def observation_row(item: Arrived) -> bytes:
    """Write a reading as a row of ``observation``."""
    observation = item.observation
    measured_us = (observation.measured_at - _EPOCH_UTC) // _MICROSECOND
    received_us = (observation.received_at - _EPOCH_UTC) // _MICROSECOND
    device_time = observation.device_time
    patient = item.patient
    return b"".join(
        (
            _TIMES.pack(_COLUMNS, 8, measured_us, 8, received_us),
            _NULL
            if device_time is None
            else _STAMP.pack(8, (device_time - _EPOCH) // _MICROSECOND),
            _NUMBERS.pack(8, item.seq, 8, observation.value, 16, observation.id.bytes),
            _NULL if patient is None else _UUID.pack(16, patient.bytes),
            _ORIGIN.pack(4, item.device, 4, item.outbox),
            _WORDS[observation.quantity],
            _WORDS[observation.time_confidence],
            _WORDS[observation.entered],
            _array(_TEXT_OID, [_field(word) for word in observation.quality])
            if observation.quality
            else _NULL,
        )
    )


def judgement_rows(items: Iterable[Arrived]) -> Iterator[bytes]:
    """Write rows of ``judgement_queue``: one for each patient, readings without one in none."""
    by_patient: dict[UUID, list[Observation]] = {}
    for item in items:
        if item.patient is not None:
            by_patient.setdefault(item.patient, []).append(item.observation)
    for patient, readings in by_patient.items():
        times = [reading.measured_at for reading in readings]
        ids = _array(_UUID_OID, [_UUID.pack(16, reading.id.bytes) for reading in readings])
        first_us = (min(times) - _EPOCH_UTC) // _MICROSECOND
        last_us = (max(times) - _EPOCH_UTC) // _MICROSECOND
        yield b"".join(
            (
                _COUNT.pack(4),
                _UUID.pack(16, patient.bytes),
                ids,
                _STAMP.pack(8, first_us),
                _STAMP.pack(8, last_us),
            )
        )


def _array(oid: int, fields: Sequence[bytes]) -> bytes:
    """Write a one-dimensional array that is not empty and holds no null."""
    body = _ARRAY.pack(1, 0, oid, len(fields), 1) + b"".join(fields)
    return _LENGTH.pack(len(body)) + body


def copy(connection: Connection[Any], statement: bytes, rows: Iterable[bytes]) -> None:
    """Send rows that are written already; the server works while the next are written."""
    source = iter(rows)
    with connection.cursor() as cursor, cursor.copy(statement) as sink:
        sink.write(_HEADER)
        while some := b"".join(islice(source, _ROWS_PER_WRITE)):
            sink.write(some)
        sink.write(_END)
