"""Stores a batch of messages in one transaction. Touches PostgreSQL.

Owns the order of the statements; SQL is in queries.sql, sorting in `ingest.parcel`, what is
new in `ingest.identity`. It knows no broker: whether something is acknowledged is decided
after `store` has returned.

New readings go straight into their tables by binary COPY, without a staging table. That they
are new is known by then: an outbox whose numbers come for the first time sends readings that
were never sent, but for a device that two gateways read, and the key of
``observation_identity`` ends the transaction if that guess was wrong. Then, and whenever numbers
come again, the keys are looked up first. Measured: benchmarks/ingest.py.

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
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from ingest import attribution, devices, guard_store, identity, outboxes, rows
from ingest.attribution import Assignments
from ingest.columns import Integers
from ingest.guard_store import Guarded, Weighed
from ingest.identity import Key
from ingest.outboxes import Outbox
from ingest.parcel import ID_CLASH, NOT_STORABLE, UNKNOWN_KIT, Parcel, Quarantined
from ingest.reading import DeviceIdentity, Reading, is_weight
from telekol import queries
from telekol.wire import Receipt, shortened

log = logging.getLogger(__name__)

_SQL: Final = queries.load("ingest", "queries.sql")

_IDENTITY_TABLE: Final = "observation_identity"
_device: Final = attrgetter("device")

_TRIES: Final = 5
"""How often another worker may store some of our readings between our look and our COPY. It
holds at most a window of messages, so this ends by itself; the limit is against a bug, and what
meets it goes to quarantine."""


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


_Part = tuple[int, Sequence[Reading]]
"""Readings of one message, and its place in the batch."""


@dataclass(frozen=True, slots=True)
class _News:
    """What is new of a batch.

    Parameters
    ----------
    parts
        What is stored.
    clashes
        Readings whose key is known with another value: place of the message, reading, that value.
    """

    parts: Sequence[_Part]
    clashes: Sequence[tuple[int, Reading, float]] = ()


def store(
    connection: Connection[Any], parcels: Sequence[Parcel], cache: devices.Cache | None = None
) -> Outcome:
    """Store a batch; when it returns, the database has committed it.

    Parameters
    ----------
    cache
        Kept between the batches of one connection, and with no other.

    Raises
    ------
    psycopg.Error
        If the database is away, or cannot take anything now (a table that is being changed, a
        full disk): nothing may be acknowledged, try again.
    """
    kept = {} if cache is None else cache
    try:
        return _store_together(connection, parcels, kept)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        # Only these two classes speak of the values; every other error is the database's own
        # and blaming a message for it once sent good readings to quarantine.
        if len(parcels) == 1:
            return _store_together(connection, [_not_storable(parcels[0], error)], kept)
        log.warning("a batch of %d was refused, storing one by one: %s", len(parcels), error)
        return _join([store(connection, [parcel], kept) for parcel in parcels])


def _store_together(
    connection: Connection[Any], parcels: Sequence[Parcel], cache: devices.Cache
) -> Outcome:
    """Store in one transaction; another if the readings turn out to be known."""
    for turn in range(_TRIES):
        try:
            with connection.transaction():
                return _store(connection, parcels, cache, may_be_known=turn > 0)
        except psycopg.errors.UniqueViolation as error:
            if error.diag.table_name != _IDENTITY_TABLE:
                raise
    # Of the values and not of the database, so that the message at fault is found and kept aside:
    # as an error of the database it once would have held up every home for ever.
    raise psycopg.IntegrityError("the same readings are stored by others again and again")


def _store(
    connection: Connection[Any],
    parcels: Sequence[Parcel],
    cache: devices.Cache,
    *,
    may_be_known: bool,
) -> Outcome:
    held = outboxes.settle(connection, [parcel.run for parcel in parcels if parcel.run])
    origins = [held.get(outboxes.source(one.run)) if one.run else None for one in parcels]
    known = [_refuse_unknown(*each) for each in zip(parcels, origins, strict=True)]
    may_be_known = may_be_known or any(outbox.is_resent for outbox in held.values())
    found = _find_news(connection, known, may_be_known)
    parts = _attribute(connection, found.parts, origins, cache)
    known = _refuse_clashes(known, found.clashes)
    entries = [entry for parcel in known for entry in (*parcel.quarantined, *parcel.reported)]
    _quarantine(connection, entries)
    return Outcome(
        tuple(_receipt(*each) for each in zip(known, origins, strict=True)),
        sum(len(readings) for _, readings in parts),
        sum(len(readings) for patient, readings in parts if patient is None),
        len(entries),
    )


def _refuse_unknown(parcel: Parcel, origin: Outbox | None) -> Parcel:
    if parcel.run is None or origin is not None:
        return parcel
    return parcel.refuse_whole(
        UNKNOWN_KIT,
        f"expected a gateway that belongs to a kit, found {parcel.run.gateway!r}; "
        "register it with its kit; the message is kept here, bytes and all",
    )


def _find_news(connection: Connection[Any], parcels: Sequence[Parcel], may_be_known: bool) -> _News:
    """Keep the keys of what is new of the batch, and say what is new and what clashes.

    Raises
    ------
    psycopg.errors.UniqueViolation
        If readings that were taken as new are known.
    """
    found = _News([(place, one.readings) for place, one in enumerate(parcels) if one.readings])
    keys = _keys(found.parts)
    if may_be_known or len(set(keys)) < len(keys):
        found = _look_up(connection, found.parts)
        keys = _keys(found.parts)
    # In one order everywhere, and nearly that of the index: two workers with the same readings
    # then wait for each other instead of blocking each other.
    _copy(connection, "copy_identities", sorted(keys))
    return found


def _keys(parts: Sequence[_Part]) -> list[bytes]:
    return [reading.identity for _, readings in parts for reading in readings]


def _look_up(connection: Connection[Any], parts: Sequence[_Part]) -> _News:
    """Ask which readings are known: those that came again, or that two gateways read."""
    batch = [(place, reading) for place, readings in parts for reading in readings]
    keyed = [((one.stamp_us, one.id_head), one.value) for _, one in batch]
    found = identity.sort_out(keyed, _stored(connection, keyed))
    news = groupby((batch[position] for position in found.news), itemgetter(0))
    return _News(
        [(place, [reading for _, reading in some]) for place, some in news],
        [(*batch[position], value) for position, value in found.clashes],
    )


def _stored(connection: Connection[Any], keyed: Sequence[tuple[Key, float]]) -> dict[Key, float]:
    values = {
        "stamps_us": Integers([stamp_us for (stamp_us, _), _ in keyed]),
        "id_heads": Integers([head for (_, head), _ in keyed]),
    }
    found = connection.execute(_SQL["known"], values, binary=True).fetchall()
    return {(stamp_us, head): value for stamp_us, head, value in found}


def _attribute(
    connection: Connection[Any],
    news: Sequence[_Part],
    origins: Sequence[Outbox | None],
    cache: devices.Cache,
) -> list[tuple[UUID | None, Sequence[Reading]]]:
    """Store what is new, each reading as its patient's, and queue it; give what is whose."""
    if not news:
        return []
    came = [(_known(origins[place]), readings) for place, readings in news]
    assignments = attribution.load(connection, {outbox.kit for outbox, _ in came})
    wanted = {reading.device for _, readings in news for reading in readings}
    numbers = devices.numbers(connection, wanted, cache)
    weighed = [
        some
        for outbox, readings in came
        for some in _weighed(assignments, outbox, readings, numbers)
    ]
    guarded = guard_store.examine(connection, weighed)
    parts: list[tuple[UUID | None, Sequence[Reading]]] = []

    def written() -> Iterator[bytes]:
        # While the server takes in the rows before.
        for outbox, readings in came:
            for patient, some in _whose(assignments, outbox, readings, guarded):
                parts.append((patient, some))
                for device, rest in groupby(some, _device):
                    yield rows.observation_rows(patient, numbers[device], outbox.number, rest)

    _copy(connection, "copy_observations", written())
    _copy(connection, "copy_judgements", rows.judgement_rows(parts))
    guard_store.note(connection, guarded)
    return parts


def _weighed(
    assignments: Assignments,
    outbox: Outbox,
    readings: Sequence[Reading],
    numbers: Mapping[DeviceIdentity, int],
) -> Iterator[Weighed]:
    """Find what the attribution guard is asked about: weights of a kit that somebody had."""
    weights = [reading for reading in readings if is_weight(reading)]
    if not weights:
        return
    for patient, some in assignments.parts(outbox.kit, weights):
        if patient is not None:
            yield Weighed(patient, some, numbers)


def _whose(
    assignments: Assignments, outbox: Outbox, readings: Sequence[Reading], guarded: Guarded
) -> Sequence[tuple[UUID | None, Sequence[Reading]]]:
    """Part the readings of one message by patient; all that decides whose a reading is."""
    parts = assignments.parts(outbox.kit, readings)
    return guarded.parts(parts) if guarded.held else parts


def _known(origin: Outbox | None) -> Outbox:
    assert origin is not None, "what still has readings has an outbox"  # noqa: S101
    return origin


def _copy(connection: Connection[Any], name: str, written: Iterable[bytes]) -> None:
    rows.copy(connection, _SQL[name], written)


def _refuse_clashes(
    parcels: Sequence[Parcel], clashes: Iterable[tuple[int, Reading, float]]
) -> list[Parcel]:
    """Quarantine readings whose id is known with another value: one of the two is wrong."""
    refused: dict[int, list[Quarantined]] = defaultdict(list)
    for place, reading, known_value in clashes:
        refused[place].append(_clash(parcels[place], reading, known_value))
    return [
        parcel.refuse(refused[place]) if place in refused else parcel
        for place, parcel in enumerate(parcels)
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


def _receipt(parcel: Parcel, origin: Outbox | None) -> Receipt | None:
    return parcel.receipt(origin.through if origin else 0)


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
