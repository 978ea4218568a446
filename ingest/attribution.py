"""Whose reading it is: by the kit it came through and when it was measured.

`Assignments` is pure; `load` touches PostgreSQL, inside the writer's transaction. A gateway
knows no patient. Must not know values: whether a reading can be this patient's is asked
elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.types.range import Range

from telekol import queries

_SQL: Final = queries.load("ingest", "queries.sql")


class Assignments:
    """Who had which kit when; a constraint in the database keeps a kit in one home at a time."""

    def __init__(self, rows: Iterable[tuple[str, UUID, Range[datetime]]]) -> None:
        self._by_kit: dict[str, list[tuple[Range[datetime], UUID]]] = defaultdict(list)
        for kit, patient, period in rows:
            self._by_kit[kit].append((period, patient))

    def patient(self, kit: str, measured_at: datetime) -> UUID | None:
        """Give who had `kit` at a time; None if nobody had."""
        for period, patient in self._by_kit.get(kit, ()):
            if measured_at in period:
                return patient
        return None


def load(connection: Connection[Any], kits: Iterable[str]) -> Assignments:
    """Read who had these kits."""
    rows = connection.execute(_SQL["assignments"], {"kits": sorted(set(kits))})
    return Assignments((row[0], row[1], row[2]) for row in rows)
