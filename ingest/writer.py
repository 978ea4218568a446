"""Stores a batch of messages in one transaction. Touches PostgreSQL.

Owns the order of the statements; SQL is in queries.sql, sorting in `ingest.parcel`, what is
new in `ingest.identity`. It knows no broker: whether something is acknowledged is decided
after `store` has returned.

New readings go straight into their tables by binary COPY, without a staging table. That they
are new is known by then: an outbox whose numbers come for the first time sends readings that
were never sent, but for a device that two gateways read, and the key of
``observation_identity`` ends the batch if that guess was wrong. Then, and whenever numbers come
again, the keys are looked up first. Measured: benchmarks/ingest.py.

Invariants
----------
1. A batch is stored and its sequence numbers settled together, or not at all.
2. One reading is one row, however often and through whichever gateway it comes.
3. A message that the database itself refuses goes to quarantine; its neighbours are stored.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

import psycopg
from psycopg import Connection

from ingest import attribution, devices, guard_store, identity, outboxes, rows
from ingest.guard_store import Weighing
from ingest.identity import Key
from ingest.outboxes import Outbox, Source
from ingest.parcel import ID_CLASH, NOT_STORABLE, UNKNOWN_KIT, Parcel, Quarantined
from ingest.reading import DeviceIdentity, Reading, is_weight
from telekol import queries
from telekol.wire import Receipt, shortened

log = logging.getLogger(__name__)

_SQL: Final = queries.load("ingest", "queries.sql")

_TRIES: Final = 5
"""How often another worker may store some of our readings between our look and our COPY. It
holds at most a window of messages, so this ends by itself; the limit is against a bug."""


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
class _Batch:
    """The readings of several messages, in the order they came.

    Parameters
    ----------
    readings
        Each with the number of its message.
    keyed
        Key and value of each.
    sources
        By message: where it came from.
    """

    readings: list[tuple[int, Reading]]
    keyed: list[tuple[Key, float]]
    sources: dict[int, Source]

    @classmethod
    def of(cls, parcels: Sequence[Parcel]) -> Self:
        readings = [
            (index, reading) for index, one in enumerate(parcels) for reading in one.readings
        ]
        keyed = [((one.stamp_us, one.id_head), one.value) for _, one in readings]
        sources = {
            index: (one.run.gateway, one.run.boot) for index, one in enumerate(parcels) if one.run
        }
        return cls(readings, keyed, sources)


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
        runs = [parcel.run for parcel in parcels if parcel.run]
        held = outboxes.settle(connection, runs)
        known = [_refuse_unknown(parcel, held) for parcel in parcels]
        batch = _Batch.of(known)
        found = _find_news(connection, batch, held)
        patients = _attribute(connection, batch, found.news, held)
        known = _refuse_clashes(known, batch, found.clashes)
        entries = [entry for parcel in known for entry in (*parcel.quarantined, *parcel.reported)]
        _quarantine(connection, entries)
        receipts = tuple(_receipt(parcel, held) for parcel in known)
    return Outcome(receipts, len(patients), patients.count(None), len(entries))


def _refuse_unknown(parcel: Parcel, held: Mapping[Source, Outbox]) -> Parcel:
    if parcel.run is None or (parcel.run.gateway, parcel.run.boot) in held:
        return parcel
    return parcel.refuse_whole(
        UNKNOWN_KIT,
        f"expected a gateway that belongs to a kit, found {parcel.run.gateway!r}; "
        "register it with its kit; the message is kept here, bytes and all",
    )


def _find_news(
    connection: Connection[Any], batch: _Batch, held: Mapping[Source, Outbox]
) -> identity.Sorted:
    """Keep the keys of what is new of the batch, and say what is new and what clashes."""
    may_be_known = any(outbox.is_resent for outbox in held.values())
    for _ in range(_TRIES):
        stored = _stored(connection, batch.keyed) if may_be_known else {}
        found = identity.sort_out(batch.keyed, stored)
        # In the order of the keys: two workers with the same readings then wait for each other
        # instead of blocking each other.
        news = sorted(batch.keyed[position] for position in found.news)
        try:
            with connection.transaction():
                _copy(connection, "copy_identities", (rows.identity_row(*one) for one in news))
        except psycopg.errors.UniqueViolation:
            may_be_known = True
        else:
            return found
    raise psycopg.OperationalError("other workers keep storing the same readings")


def _stored(connection: Connection[Any], keyed: Sequence[tuple[Key, float]]) -> dict[Key, float]:
    values = {
        "stamps_us": [stamp_us for (stamp_us, _), _ in keyed],
        "id_heads": [head for (_, head), _ in keyed],
    }
    found = connection.execute(_SQL["known"], values, binary=True)
    return {(stamp_us, head): value for stamp_us, head, value in found}


def _attribute(
    connection: Connection[Any],
    batch: _Batch,
    news: Sequence[int],
    held: Mapping[Source, Outbox],
) -> list[UUID | None]:
    """Store what is new, each reading as its patient's, and queue it; give the patients."""
    if not news:
        return []
    readings = [batch.readings[position] for position in news]
    assignments = attribution.load(connection, {outbox.kit for outbox in held.values()})
    numbers = devices.numbers(connection, {reading.device for _, reading in readings})
    weighings = [
        Weighing(place, patient, reading, numbers[reading.device])
        for place, (index, reading) in enumerate(readings)
        if is_weight(reading)
        and (patient := assignments.patient(held[batch.sources[index]].kit, reading.measured_us))
    ]
    noted, kept_back = guard_store.examine(connection, weighings)
    patients: list[UUID | None] = []

    def written() -> Iterator[bytes]:
        # While the server takes in the rows before.
        heads: dict[tuple[int, DeviceIdentity, UUID | None], bytes] = {}
        for place, (index, reading) in enumerate(readings):
            outbox = held[batch.sources[index]]
            patient = assignments.patient(outbox.kit, reading.measured_us)
            if place in kept_back:
                patient = None
            patients.append(patient)
            origin = index, reading.device, patient
            if origin not in heads:
                heads[origin] = rows.origin(patient, numbers[reading.device], outbox.number)
            yield heads[origin] + reading.tail

    _copy(connection, "copy_observations", written())
    judgements = zip(patients, (reading for _, reading in readings), strict=True)
    _copy(connection, "copy_judgements", rows.judgement_rows(judgements))
    guard_store.note(connection, weighings, noted)
    return patients


def _copy(connection: Connection[Any], name: str, written: Iterable[bytes]) -> None:
    rows.copy(connection, _SQL[name], written)


def _refuse_clashes(
    parcels: Sequence[Parcel], batch: _Batch, clashes: Iterable[tuple[int, float]]
) -> list[Parcel]:
    """Quarantine readings whose id is known with another value: one of the two is wrong."""
    refused: dict[int, list[Quarantined]] = defaultdict(list)
    for position, known_value in clashes:
        index, reading = batch.readings[position]
        refused[index].append(_clash(parcels[index], reading, known_value))
    return [
        parcel.refuse(refused[index]) if index in refused else parcel
        for index, parcel in enumerate(parcels)
    ]


def _clash(parcel: Parcel, reading: Reading, known_value: float) -> Quarantined:
    run = parcel.run
    return Quarantined(
        parcel.topic,
        parcel.observation(reading.seq),
        ID_CLASH,
        f"this reading is known as {known_value} and came as {reading.value}; "
        "its device gave two values one identity",
        run.gateway if run else None,
        run.boot if run else None,
        reading.seq,
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


def _receipt(parcel: Parcel, held: Mapping[Source, Outbox]) -> Receipt | None:
    if parcel.run is None:
        return None
    outbox = held.get((parcel.run.gateway, parcel.run.boot))
    return parcel.receipt(outbox.through if outbox else 0)


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
