"""Parts of a sweep that load themselves from the database, wherever they are worked on.

Touches PostgreSQL, reads only, with TELEKOL_DATABASE_URL of the process that works: a worker of a
cluster needs it in its own environment, and no address or password travels with a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from alerts.context import Context, OwnNumbers
from alerts.database_commands import database
from alerts.past import whatif_store
from alerts.past.blocks import Block
from alerts.past.stored_year import own_numbers
from alerts.rulesets.model import RuleSet


@dataclass(frozen=True, slots=True)
class StoredPart:
    """Some patients, by their ids.

    Parameters
    ----------
    until
        What was measured later is not loaded, so that all parts are of one moment.
    rule_sets
        In whose rules the patients' own limits stand.
    """

    patients: tuple[UUID, ...]
    until: datetime
    rule_sets: tuple[RuleSet, ...]

    def load(self) -> Block:
        """Fetch readings, usual levels and own limits."""
        with database("sweep") as connection:
            limits = list(whatif_store.limits_of(connection, self.patients, self.until))
            own: dict[tuple[str, str], OwnNumbers] = {}
            for rule_set in self.rule_sets:
                own |= own_numbers(rule_set, limits)
            return Block(
                whatif_store.readings_of(connection, self.patients, self.until),
                Context(whatif_store.references_of(connection, self.patients, self.until), own),
            )


def stored_parts(
    connection: Connection[Any], rule_sets: Sequence[RuleSet], until: datetime, patients: int
) -> list[StoredPart]:
    """Cut everybody of whom anything was measured into parts of at most `patients`."""
    everybody = whatif_store.patients_with_readings(connection)
    return [
        StoredPart(tuple(everybody[first : first + patients]), until, tuple(rule_sets))
        for first in range(0, len(everybody), patients)
    ]
