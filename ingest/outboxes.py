"""Which numbers of which outbox have come. Touches PostgreSQL.

Works inside the writer's transaction. Must not know readings.

Invariants
----------
1. `lock` holds every outbox of a batch until the transaction ends, in the order of their
   numbers: two workers with messages of one home take turns, so its receipts are made in the
   order in which its numbers were settled, and never deadlock.
2. A gateway that belongs to no kit has no outbox here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.types.multirange import Int8Multirange
from psycopg.types.range import Int8Range

from ingest.parcel import Run
from telekol import queries

_SQL: Final = queries.load("ingest", "queries.sql")

Source = tuple[str, UUID]
"""A gateway and the life of its outbox."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """An outbox of a known home, held for the batch.

    Parameters
    ----------
    is_resent
        Whether some of the batch's numbers have come before.
    """

    number: int
    kit: str
    is_resent: bool


def lock(connection: Connection[Any], runs: Sequence[Run]) -> dict[Source, Outbox]:
    """Hold the outboxes that these runs come from; those of unknown gateways are left out."""
    batch = _by_source(runs)
    found = _locked(connection, batch)
    if missing := sorted(batch.keys() - found.keys()):
        connection.execute(_SQL["add_outboxes"], _columns(missing))
        found = _locked(connection, batch)
    return found


def settle(
    connection: Connection[Any], runs: Sequence[Run], locked: Mapping[Source, Outbox]
) -> dict[Source, int]:
    """Note that these runs are settled; give each outbox's highest number with none missing."""
    numbers = {locked[source].number: source for source in _by_source(runs) if source in locked}
    spans = _by_source(runs)
    rows = connection.execute(
        _SQL["settle"],
        {
            "outboxes": list(numbers),
            "runs": [spans[source] for source in numbers.values()],
        },
    )
    return {numbers[number]: through for number, through in rows}


def _locked(
    connection: Connection[Any], batch: Mapping[Source, Int8Multirange]
) -> dict[Source, Outbox]:
    values = {**_columns(batch), "runs": list(batch.values())}
    rows = connection.execute(_SQL["lock_outboxes"], values)
    return {(row[0], row[1]): Outbox(row[2], row[3], row[4]) for row in rows}


def _by_source(runs: Iterable[Run]) -> dict[Source, Int8Multirange]:
    spans: dict[Source, list[Int8Range]] = defaultdict(list)
    for run in runs:
        spans[run.gateway, run.boot].append(Int8Range(run.first, run.last + 1))
    return {source: Int8Multirange(found) for source, found in spans.items()}


def _columns(sources: Iterable[Source]) -> dict[str, list[Any]]:
    listed = list(sources)
    return {"gateways": [item[0] for item in listed], "boots": [item[1] for item in listed]}
