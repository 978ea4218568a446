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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import Connection

from ingest import attribution, devices, identity, outboxes, rows
from ingest.identity import Key
from ingest.outboxes import Outbox, Source
from ingest.parcel import ID_CLASH, NOT_STORABLE, UNKNOWN_KIT, Parcel, Quarantined
from ingest.rows import Arrived
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
        locked = outboxes.lock(connection, runs)
        known = [_refuse_unknown(parcel, locked) for parcel in parcels]
        arrived = _arrived(connection, known, locked)
        found = _store_observations(connection, arrived, locked)
        known = _refuse_clashes(known, arrived, found.clashes)
        entries = [entry for parcel in known for entry in parcel.quarantined]
        _quarantine(connection, entries)
        through = outboxes.settle(connection, runs, locked)
        receipts = tuple(_receipt(parcel, through) for parcel in known)
    news = [arrived[position] for _, position in found.news]
    unattributed = sum(item.patient is None for item in news)
    return Outcome(receipts, len(news), unattributed, len(entries))


def _refuse_unknown(parcel: Parcel, locked: Mapping[Source, Outbox]) -> Parcel:
    if parcel.run is None or (parcel.run.gateway, parcel.run.boot) in locked:
        return parcel
    return parcel.refuse_whole(
        UNKNOWN_KIT,
        f"expected a gateway that belongs to a kit, found {parcel.run.gateway!r}; "
        "register it with its kit; the message is kept here, bytes and all",
    )


def _arrived(
    connection: Connection[Any], parcels: Sequence[Parcel], locked: Mapping[Source, Outbox]
) -> list[Arrived]:
    """List the batch's readings, each with its patient and the numbers of where it came from."""
    if not any(parcel.observations for parcel in parcels):
        return []
    assignments = attribution.load(connection, {item.kit for item in locked.values()})
    described = [
        (index, seq, item, devices.identity(item.device))
        for index, parcel in enumerate(parcels)
        for seq, item in parcel.observations
    ]
    numbers = devices.numbers(connection, {device for *_, device in described})
    sources = [
        locked.get((parcel.run.gateway, parcel.run.boot)) if parcel.run else None
        for parcel in parcels
    ]
    arrived: list[Arrived] = []
    for index, seq, observation, device in described:
        outbox = sources[index]
        assert outbox is not None  # noqa: S101 - the observations of unknown gateways are refused
        patient = assignments.patient(outbox.kit, observation.measured_at)
        arrived.append(Arrived(index, seq, observation, patient, numbers[device], outbox.number))
    return arrived


def _store_observations(
    connection: Connection[Any], arrived: Sequence[Arrived], locked: Mapping[Source, Outbox]
) -> identity.Sorted:
    """Store what is new of the batch, and say what is new and what clashes."""
    if not arrived:
        return identity.Sorted((), ())
    keyed = [(identity.key_of(item.observation), item.observation.value) for item in arrived]
    may_be_known = any(outbox.is_resent for outbox in locked.values())
    for _ in range(_TRIES):
        stored = _known(connection, keyed) if may_be_known else {}
        found = identity.sort_out(keyed, stored)
        try:
            with connection.transaction():
                _copy(connection, arrived, keyed, found)
        except psycopg.errors.UniqueViolation:
            may_be_known = True
        else:
            return found
    raise psycopg.OperationalError("other workers keep storing the same readings")


def _known(connection: Connection[Any], keyed: Sequence[tuple[Key, float]]) -> dict[Key, float]:
    values = {
        "stamps": [key.stamp for key, _ in keyed],
        "id_heads": [key.id_head for key, _ in keyed],
    }
    return {
        Key(stamp, head): value
        for stamp, head, value in connection.execute(_SQL["known"], values, binary=True)
    }


def _copy(
    connection: Connection[Any],
    arrived: Sequence[Arrived],
    keyed: Sequence[tuple[Key, float]],
    found: identity.Sorted,
) -> None:
    news = [arrived[position] for _, position in found.news]
    if not news:
        return
    keys = (rows.identity_row(key, keyed[position][1]) for key, position in found.news)
    rows.copy(connection, _SQL["copy_identities"], keys)
    rows.copy(connection, _SQL["copy_observations"], map(rows.observation_row, news))
    rows.copy(connection, _SQL["copy_judgements"], rows.judgement_rows(news))


def _refuse_clashes(
    parcels: Sequence[Parcel], arrived: Sequence[Arrived], clashes: Iterable[tuple[int, float]]
) -> list[Parcel]:
    """Quarantine readings whose id is known with another value: one of the two is wrong."""
    refused: dict[int, list[Quarantined]] = defaultdict(list)
    for position, known_value in clashes:
        item = arrived[position]
        refused[item.parcel].append(_clash(parcels[item.parcel], item, known_value))
    if not refused:
        return list(parcels)
    return [parcel.refuse(refused.get(index, ())) for index, parcel in enumerate(parcels)]


def _clash(parcel: Parcel, item: Arrived, known_value: float) -> Quarantined:
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


def _receipt(parcel: Parcel, through: Mapping[Source, int]) -> Receipt | None:
    run = parcel.run
    return parcel.receipt(through.get((run.gateway, run.boot), 0) if run else 0)


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
