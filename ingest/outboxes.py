"""Which numbers of which outbox have come. Touches PostgreSQL.

Works inside the writer's transaction. Must not know readings.

Invariants
----------
1. `settle` holds every outbox of a batch until the transaction ends, in the order of their
   ids: two workers with messages of one home take turns, so its receipts are made in the
   order in which its numbers were settled, and never deadlock.
2. Between several workers, `take_turns` keeps the receipts of a gateway in that order too: it is
   taken before the transaction and given back when the receipts are out.
3. A gateway that belongs to no kit has no outbox here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ingest.columns import Integers, Texts, Uuids
from ingest.parcel import Run
from telekol import queries

_SQL: Final = queries.load("ingest", "queries.sql")

Source = tuple[str, int]
"""A gateway and the life of its outbox, as a number: a UUID takes Python a microsecond to hash."""


def source(run: Run) -> Source:
    """Say which outbox a run comes from."""
    return run.gateway, run.boot.int


@dataclass(frozen=True, slots=True)
class Outbox:
    """An outbox of a known home, held for the batch.

    Parameters
    ----------
    is_resent
        Whether some of the batch's numbers have come before.
    through
        The highest number with none missing, once the batch is stored.
    """

    number: int
    kit: str
    is_resent: bool
    through: int


def settle(connection: Connection[Any], runs: Sequence[Run]) -> dict[Source, Outbox]:
    """Hold the outboxes these runs come from and note the runs; unknown gateways are left out."""
    found = _settled(connection, runs)
    missing = [run for run in runs if source(run) not in found]
    if missing:
        connection.execute(_SQL["add_outboxes"], _columns(missing))
        found |= _settled(connection, missing)
    return found


def take_turns(connection: Connection[Any], runs: Sequence[Run]) -> None:
    """Hold the right to answer these gateways, beyond the commit, until `end_turns`.

    Without it a worker that commits second could answer first. A connection that ends gives its
    turns back.
    """
    connection.execute(_SQL["take_turns"], {"gateways": Texts(run.gateway for run in runs)})


def end_turns(connection: Connection[Any]) -> None:
    """Let others answer."""
    connection.execute(_SQL["end_turns"])


def _settled(connection: Connection[Any], runs: Sequence[Run]) -> dict[Source, Outbox]:
    rows = connection.execute(_SQL["settle"], _columns(runs), binary=True).fetchall()
    return {(row[0], row[1].int): Outbox(row[2], row[3], row[4], row[5]) for row in rows}


def _columns(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "gateways": Texts(run.gateway for run in runs),
        "boots": Uuids(run.boot for run in runs),
        "firsts": Integers([run.first for run in runs]),
        "lasts": Integers([run.last for run in runs]),
    }
