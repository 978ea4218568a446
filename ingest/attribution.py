"""Whose reading it is: by the kit it came through and when it was measured.

`Assignments` is pure; `load` touches PostgreSQL, inside the writer's transaction. A gateway
knows no patient. Must not know values: whether a reading can be this patient's is asked
elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from telekol import queries

_SQL: Final = queries.load("ingest", "queries.sql")


_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_END: Final = datetime.max.replace(tzinfo=UTC)


class Assignments:
    """Who had which kit when; a constraint in the database keeps a kit in one home at a time.

    Parameters
    ----------
    rows
        Kit, patient, the first moment and the moment after the last; None is for ever.
    """

    def __init__(self, rows: Iterable[tuple[str, UUID, datetime | None, datetime | None]]) -> None:
        self._by_kit: dict[str, list[tuple[datetime, datetime, UUID]]] = defaultdict(list)
        for kit, patient, since, until in rows:
            self._by_kit[kit].append((since or _BEGINNING, until or _END, patient))

    def patient(self, kit: str, measured_at: datetime) -> UUID | None:
        """Give who had `kit` at a time; None if nobody had."""
        for since, until, patient in self._by_kit.get(kit, ()):
            if since <= measured_at < until:
                return patient
        return None


def load(connection: Connection[Any], kits: Iterable[str]) -> Assignments:
    """Read who had these kits."""
    rows = connection.execute(_SQL["assignments"], {"kits": sorted(set(kits))})
    return Assignments((row[0], row[1], row[2], row[3]) for row in rows)
