"""Stores a batch of messages in one transaction. Touches PostgreSQL.

Owns the order of the statements; SQL is in queries.sql, sorting in `ingest.parcel`. It knows
no broker: whether something is acknowledged is decided after `store` has returned.

Invariants
----------
1. A batch is stored and its sequence numbers settled together, or not at all.
2. One reading is one row, however often and through whichever gateway it comes.
3. A message that the database itself refuses goes to quarantine; its neighbours are stored.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from ingest import devices
from ingest.parcel import ID_CLASH, NOT_STORABLE, UNKNOWN_KIT, Parcel, Quarantined, Run
from telekol import queries
from telekol.observation import Observation
from telekol.wire import Receipt, shortened

log = logging.getLogger(__name__)

_SQL: Final = queries.load("ingest", "queries.sql")

_COLUMN_TYPES: Final = (
    "int4",
    "timestamptz",
    "uuid",
    "text",
    "text",
    "float8",
    "int8",
    "text",
    "uuid",
    "int8",
    "timestamp",
    "float8",
    "text",
    "timestamptz",
    "text[]",
    "text",
)
"""Types of the staging table's columns: binary COPY converts nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch came to.

    Parameters
    ----------
    receipts
        One per message, in order; None where nobody can be answered.
    stored, unattributed, quarantined
        How many readings were new, how many of those have no patient, how many entries went
        to quarantine.
    """

    receipts: tuple[Receipt | None, ...]
    stored: int
    unattributed: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class _Arrived:
    """An observation and where it came from: the number of its parcel, and its own."""

    parcel: int
    seq: int
    observation: Observation


def store(connection: Connection[Any], parcels: Sequence[Parcel]) -> Outcome:
    """Store a batch; when it returns, the database has committed it.

    Raises
    ------
    psycopg.Error
        If the database is away, or cannot take anything now (a table that is being changed, a
        full disk): nothing may be acknowledged, try again.
    """
    try:
        return _store_together(connection, parcels)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        # Only these two classes speak of the values; every other error is the database's own
        # and blaming a message for it once sent good readings to quarantine.
        if len(parcels) == 1:
            return _store_together(connection, [_not_storable(parcels[0], error)])
        log.warning("a batch of %d was refused, storing one by one: %s", len(parcels), error)
        return _join([store(connection, [parcel]) for parcel in parcels])


def _store_together(connection: Connection[Any], parcels: Sequence[Parcel]) -> Outcome:
    with connection.transaction():
        kits = _kits(connection, parcels)
        known = [_refuse_unknown(parcel, kits) for parcel in parcels]
        arrived = [
            _Arrived(index, seq, observation)
            for index, parcel in enumerate(known)
            for seq, observation in parcel.observations
        ]
        stored, unattributed = _store_observations(connection, known, arrived, kits)
        known = _refuse_clashes(connection, known, arrived)
        entries = [entry for parcel in known for entry in (*parcel.quarantined, *parcel.reported)]
        _quarantine(connection, entries)
        through = _settle(connection, known, kits)
        receipts = tuple(_receipt(parcel, through) for parcel in known)
    return Outcome(receipts, stored, unattributed, len(entries))


def _kits(connection: Connection[Any], parcels: Iterable[Parcel]) -> dict[str, str]:
    gateways = sorted({parcel.run.gateway for parcel in parcels if parcel.run})
    return dict(connection.execute(_SQL["kits"], {"gateways": gateways}).fetchall())


def _refuse_unknown(parcel: Parcel, kits: dict[str, str]) -> Parcel:
    if parcel.run is None or parcel.run.gateway in kits:
        return parcel
    return parcel.refuse_whole(
        UNKNOWN_KIT,
        f"expected a gateway that belongs to a kit, found {parcel.run.gateway!r}; "
        "register it with its kit; the message is kept here, bytes and all",
    )


def _store_observations(
    connection: Connection[Any],
    parcels: Sequence[Parcel],
    arrived: Sequence[_Arrived],
    kits: dict[str, str],
) -> tuple[int, int]:
    if not arrived:
        return 0, 0
    numbers = devices.numbers(connection, {item.observation.device for item in arrived})
    connection.execute(_SQL["make_staging"])
    with connection.cursor() as cursor:
        with cursor.copy(_SQL["copy_staging"]) as copy:
            copy.set_types(_COLUMN_TYPES)
            for position, item in enumerate(arrived):
                run = parcels[item.parcel].run
                assert run is not None  # noqa: S101 - observations come with their run
                number = numbers[item.observation.device]
                copy.write_row(_row(position, item, run, kits[run.gateway], number))
        counted: tuple[int, int] | None = cursor.execute(_SQL["store"]).fetchone()
    return counted or (0, 0)


def _row(position: int, item: _Arrived, run: Run, kit: str, device: int) -> tuple[object, ...]:
    observation = item.observation
    return (
        position,
        observation.measured_at,
        observation.id,
        kit,
        str(observation.quantity),
        observation.value,
        device,
        run.gateway,
        run.boot,
        item.seq,
        observation.device_time,
        observation.clock_offset_s,
        str(observation.time_confidence),
        observation.received_at,
        list(observation.quality),
        str(observation.entered),
    )


def _refuse_clashes(
    connection: Connection[Any], parcels: Sequence[Parcel], arrived: Sequence[_Arrived]
) -> list[Parcel]:
    """Quarantine readings whose id is known with another value: one of the two is wrong."""
    refused: dict[int, list[Quarantined]] = defaultdict(list)
    rows = connection.execute(_SQL["clashes"]).fetchall() if arrived else []
    for position, known_value in rows:
        item = arrived[position]
        refused[item.parcel].append(_clash(parcels[item.parcel], item, known_value))
    return [parcel.refuse(refused.get(index, ())) for index, parcel in enumerate(parcels)]


def _clash(parcel: Parcel, item: _Arrived, known_value: float) -> Quarantined:
    run = parcel.run
    return Quarantined(
        parcel.topic,
        item.observation.model_dump_json().encode(),
        ID_CLASH,
        f"this reading is known as {known_value} and came as {item.observation.value}; "
        "its device gave two values one identity",
        run.gateway if run else None,
        run.boot if run else None,
        item.seq,
    )


def _quarantine(connection: Connection[Any], entries: Iterable[Quarantined]) -> None:
    for entry in entries:
        log.warning("quarantined from %s: %s", entry.gateway or "unknown gateway", entry.code)
        connection.execute(
            _SQL["quarantine"],
            {
                "topic": entry.topic.replace("\x00", "\ufffd"),
                "payload": entry.payload,
                "code": entry.code,
                "reason": entry.reason.replace("\x00", "\ufffd"),
                "gateway": entry.gateway,
                "boot": entry.boot,
                "seq": entry.seq,
                "fingerprint": entry.fingerprint,
            },
        )


def _settle(
    connection: Connection[Any], parcels: Iterable[Parcel], kits: dict[str, str]
) -> dict[tuple[str, UUID], int]:
    """Note what is settled per gateway and outbox; give the highest number with none missing."""
    runs: dict[tuple[str, UUID], list[Range[int]]] = defaultdict(list)
    for parcel in parcels:
        if parcel.run and parcel.run.gateway in kits:
            span = Range(parcel.run.first, parcel.run.last + 1)
            runs[parcel.run.gateway, parcel.run.boot].append(span)
    through: dict[tuple[str, UUID], int] = {}
    for (gateway, boot), spans in sorted(runs.items()):
        row = connection.execute(
            _SQL["settle"], {"gateway": gateway, "boot": boot, "runs": Multirange(spans)}
        ).fetchone()
        through[gateway, boot] = row[0] if row else 0
    return through


def _receipt(parcel: Parcel, through: dict[tuple[str, UUID], int]) -> Receipt | None:
    if parcel.run is None:
        return None
    return parcel.receipt(through.get((parcel.run.gateway, parcel.run.boot), 0))


def _not_storable(parcel: Parcel, error: psycopg.Error) -> Parcel:
    return parcel.refuse_whole(
        NOT_STORABLE, shortened(f"the database refused it: {str(error).splitlines()[0]}")
    )


def _join(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(
        tuple(receipt for outcome in outcomes for receipt in outcome.receipts),
        sum(outcome.stored for outcome in outcomes),
        sum(outcome.unattributed for outcome in outcomes),
        sum(outcome.quarantined for outcome in outcomes),
    )
