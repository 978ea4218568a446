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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

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
    found = _locked(connection, runs)
    if missing := sorted({(run.gateway, run.boot) for run in runs} - found.keys()):
        values = {"gateways": [item[0] for item in missing], "boots": [item[1] for item in missing]}
        connection.execute(_SQL["add_outboxes"], values)
        found = _locked(connection, runs)
    return found


def settle(
    connection: Connection[Any], runs: Iterable[Run], locked: Mapping[Source, Outbox]
) -> dict[Source, int]:
    """Note that these runs are settled; give each outbox's highest number with none missing."""
    known = [run for run in runs if (run.gateway, run.boot) in locked]
    values = {
        "outboxes": [locked[run.gateway, run.boot].number for run in known],
        "firsts": [run.first for run in known],
        "lasts": [run.last for run in known],
    }
    through = dict(connection.execute(_SQL["settle"], values).fetchall())
    return {source: through[outbox.number] for source, outbox in locked.items()}


def _locked(connection: Connection[Any], runs: Sequence[Run]) -> dict[Source, Outbox]:
    values = {
        "gateways": [run.gateway for run in runs],
        "boots": [run.boot for run in runs],
        "firsts": [run.first for run in runs],
        "lasts": [run.last for run in runs],
    }
    found: dict[Source, Outbox] = {}
    for gateway, boot, number, kit, is_resent in connection.execute(_SQL["lock_outboxes"], values):
        # Two runs of one outbox are two rows.
        before = found.get((gateway, boot))
        is_known = is_resent or (before is not None and before.is_resent)
        found[gateway, boot] = Outbox(number, kit, is_known)
    return found
