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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from ingest.parcel import NOT_STORABLE, UNKNOWN_KIT, Parcel, Quarantined
from telekol import queries
from telekol.observation import Device
from telekol.wire import Receipt

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


def store(connection: Connection[Any], parcels: Sequence[Parcel]) -> Outcome:
    """Store a batch; when it returns, the database has committed it.

    Raises
    ------
    psycopg.OperationalError
        If the database is away or went away; nothing may be acknowledged, try again.
    """
    try:
        return _store_together(connection, parcels)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        if len(parcels) == 1:
            return _store_together(connection, [_not_storable(parcels[0], error)])
        log.warning("a batch of %d was refused, storing one by one: %s", len(parcels), error)
        return _join([store(connection, [parcel]) for parcel in parcels])


def _store_together(connection: Connection[Any], parcels: Sequence[Parcel]) -> Outcome:
    with connection.transaction():
        kits = _kits(connection, parcels)
        known = [_refuse_unknown(parcel, kits) for parcel in parcels]
        stored, unattributed = _store_observations(connection, known, kits)
        entries = [entry for parcel in known for entry in parcel.quarantined]
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
    connection: Connection[Any], parcels: Sequence[Parcel], kits: dict[str, str]
) -> tuple[int, int]:
    if not any(parcel.observations for parcel in parcels):
        return 0, 0
    devices = _devices(connection, parcels)
    connection.execute(_SQL["make_staging"])
    with connection.cursor() as cursor:
        with cursor.copy(_SQL["copy_staging"]) as copy:
            copy.set_types(_COLUMN_TYPES)
            for row in _rows(parcels, kits, devices):
                copy.write_row(row)
        counted: tuple[int, int] | None = cursor.execute(_SQL["store"]).fetchone()
    return counted or (0, 0)


def _rows(
    parcels: Iterable[Parcel], kits: dict[str, str], devices: dict[Device, int]
) -> Iterator[tuple[object, ...]]:
    position = 0
    for parcel in parcels:
        for seq, observation in parcel.observations:
            assert parcel.run is not None  # noqa: S101 - observations come with their run
            position += 1
            yield (
                position,
                observation.measured_at,
                observation.id,
                kits[parcel.run.gateway],
                str(observation.quantity),
                observation.value,
                devices[observation.device],
                parcel.run.gateway,
                parcel.run.boot,
                seq,
                observation.device_time,
                observation.clock_offset_s,
                str(observation.time_confidence),
                observation.received_at,
                list(observation.quality),
                str(observation.entered),
            )


def _devices(connection: Connection[Any], parcels: Iterable[Parcel]) -> dict[Device, int]:
    wanted = {item.device for parcel in parcels for _, item in parcel.observations}
    found = _known_devices(connection, wanted)
    missing = wanted - found.keys()
    if missing:
        connection.execute(_SQL["add_devices"], _device_columns(missing))
        found |= _known_devices(connection, missing)
    return found


def _known_devices(connection: Connection[Any], wanted: Iterable[Device]) -> dict[Device, int]:
    rows = connection.execute(_SQL["devices"], _device_columns(wanted)).fetchall()
    return {
        Device(address=row[0], manufacturer=row[1], model=row[2], serial=row[3]): row[4]
        for row in rows
    }


def _device_columns(devices: Iterable[Device]) -> dict[str, list[str]]:
    # Sorted, so that two workers that meet the same new devices lock them in the same order.
    ordered = sorted(devices, key=lambda device: device.identity)
    return {
        "addresses": [device.address for device in ordered],
        "manufacturers": [device.manufacturer for device in ordered],
        "models": [device.model for device in ordered],
        "serials": [device.serial for device in ordered],
    }


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
        NOT_STORABLE, f"the database refused it: {str(error).splitlines()[0]}"
    )


def _join(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(
        tuple(receipt for outcome in outcomes for receipt in outcome.receipts),
        sum(outcome.stored for outcome in outcomes),
        sum(outcome.unattributed for outcome in outcomes),
        sum(outcome.quarantined for outcome in outcomes),
    )
