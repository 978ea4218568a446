"""How fast readings are stored: by our writer, and by COPY of the same rows into the same tables.

The reference does nothing but COPY: attribution, numbers of devices and what is new are known
beforehand. Both commit batches of the same size, on connections of their own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg import Connection

from benchmarks import ingest_world as world
from ingest import attribution, devices, outboxes, parcel, rows, writer
from ingest.line import open_line
from ingest.parcel import Parcel
from telekol import queries

MESSAGES_PER_BATCH: Final = 200
"""As the service takes them of a backlog: so many fill its limit of bytes."""

LIVE_MESSAGES_PER_BATCH: Final = 500
"""As it takes small ones."""

READINGS_OF_SMALL: Final = 10

_SQL: Final = queries.load("ingest", "queries.sql")


def writer_rows_per_s(url: str, turn: int, messages: int, size: int) -> float:
    """Measure `ingest.writer.store` alone: messages are decoded outside the measurement."""
    stored, unattributed, took_s = 0, 0, 0.0
    known: devices.Cache = {}
    with open_line(url, "telekol-bench") as connection:
        for batch in _batches(turn, messages, size):
            began_s = time.perf_counter()
            outcome = writer.store(connection, batch, known)
            took_s += time.perf_counter() - began_s
            stored += outcome.stored
            unattributed += outcome.unattributed
    _must_be("new readings", stored, messages * size)
    _must_be("readings without a patient", unattributed, 0)
    return stored / took_s


def copy_rows_per_s(url: str, turn: int, messages: int, size: int) -> float:
    """Measure COPY of rows that are ready, byte for byte, into both tables of readings."""
    took_s = 0.0
    with open_line(url, "telekol-bench") as connection:
        for batch in _batches(turn, messages, size):
            keys, observations = _ready(connection, batch)
            began_s = time.perf_counter()
            with connection.transaction():
                rows.copy(connection, _SQL["copy_identities"], keys)
                rows.copy(connection, _SQL["copy_observations"], observations)
            took_s += time.perf_counter() - began_s
    return messages * size / took_s


def _ready(connection: Connection[Any], batch: Sequence[Parcel]) -> tuple[list[bytes], list[bytes]]:
    """Find out beforehand all that the writer finds out while it stores, and write the rows."""
    with connection.transaction():
        held = outboxes.settle(connection, [item.run for item in batch if item.run])
        wanted = {one.device for item in batch for one in item.readings}
        numbers = devices.numbers(connection, wanted, {})
        kits = attribution.load(connection, [item.kit for item in held.values()])
    written = []
    for item in batch:
        if item.run is None:
            continue
        outbox = held[outboxes.source(item.run)]
        written += [
            rows.observation_rows(
                kits.patient(outbox.kit, one.measured_us), numbers[one.device], outbox.number, [one]
            )
            for one in item.readings
        ]
    keys = sorted(one.identity for item in batch for one in item.readings)
    return [b"".join(keys)], [b"".join(written)]


def fill(url: str, turn: int, messages: int, size: int) -> None:
    """Store messages without measuring."""
    with open_line(url, "telekol-bench") as connection:
        for batch in _batches(turn, messages, size):
            writer.store(connection, batch)


def bytes_per_reading(url: str) -> dict[str, float]:
    """Give what a reading takes on disk, stored and judged.

    ``row``, ``index`` and ``identity`` are the reading; what alerts adds to it are judgements, what
    was in force for them, findings and days for trends, with their indexes.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        row = connection.execute(_SIZES).fetchone()
    assert row is not None  # noqa: S101 - it has no condition
    readings, *bytes_each = (float(value) for value in row)
    names = ("row", "index", "identity", *_OF_ALERTS)
    sizes = dict(zip(names, bytes_each, strict=True))
    stored = sizes["row"] + sizes["index"] + sizes["identity"]
    return {
        "readings": readings,
        **sizes,
        "bytes_per_stored_reading": round(stored, 1),
        "bytes_per_judged_reading": round(stored + sum(sizes[name] for name in _OF_ALERTS), 1),
    }


def waiting(url: str) -> int:
    """Give how many rows wait to be judged."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("select count(*) from judgement_queue").fetchone()
    return int(row[0]) if row else 0


_OF_ALERTS: Final = ("judgements", "bases", "findings", "days")

_SIZES: Final = b"""
with n as (select count(*)::numeric as readings from observation)
select readings,
    round(pg_table_size('observation') / readings, 1),
    round(pg_indexes_size('observation') / readings, 1),
    round(pg_total_relation_size('observation_identity') / readings, 1),
    round(pg_total_relation_size('judgement') / readings, 1),
    round(pg_total_relation_size('rule_basis') / readings, 1),
    round(pg_total_relation_size('finding') / readings, 1),
    round(pg_total_relation_size('observation_day') / readings, 1)
from n
"""


def _batches(turn: int, messages: int, size: int) -> Iterator[list[Parcel]]:
    """Decode messages as the service takes them: no more than a batch is in memory."""
    now = datetime.now(UTC)
    source = world.messages(turn, messages, size)
    most = MESSAGES_PER_BATCH if size > READINGS_OF_SMALL else LIVE_MESSAGES_PER_BATCH
    while taken := list(islice(source, most)):
        yield [parcel.sort(topic, payload, now) for topic, payload in taken]


def _must_be(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise AssertionError(f"expected {expected} {what}, found {found}")
