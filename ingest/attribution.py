"""Whose reading it is: by the kit it came through and when it was measured.

`Assignments` is pure; `load` touches PostgreSQL, inside the writer's transaction. A gateway
knows no patient. Must not know values: whether a reading can be this patient's is asked
elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from ingest.columns import Texts
from ingest.reading import Reading, microseconds
from telekol import queries

_SQL: Final = queries.load("ingest", "queries.sql")


_BEGINNING_US: Final = -(2**63)
_END_US: Final = 2**63


class Assignments:
    """Who had which kit when; a constraint in the database keeps a kit in one home at a time.

    Parameters
    ----------
    rows
        Kit, patient, the first moment and the moment after the last; None is for ever.
    """

    def __init__(self, rows: Iterable[tuple[str, UUID, datetime | None, datetime | None]]) -> None:
        self._by_kit: dict[str, list[tuple[int, int, UUID]]] = defaultdict(list)
        for kit, patient, since, until in rows:
            since_us = _BEGINNING_US if since is None else microseconds(since)
            until_us = _END_US if until is None else microseconds(until)
            self._by_kit[kit].append((since_us, until_us, patient))

    def patient(self, kit: str, measured_us: int) -> UUID | None:
        """Give who had `kit` at a time, in microseconds since 2000 UTC; None if nobody had."""
        for since_us, until_us, patient in self._by_kit.get(kit, ()):
            if since_us <= measured_us < until_us:
                return patient
        return None

    def parts(
        self, kit: str, readings: Sequence[Reading]
    ) -> list[tuple[UUID | None, Sequence[Reading]]]:
        """Part readings that came through `kit` by whose they are, in the order they came."""
        times_us = [reading.measured_us for reading in readings]
        first_us, last_us = min(times_us), max(times_us)
        for since_us, until_us, patient in self._by_kit.get(kit, ()):
            if since_us <= first_us and last_us < until_us:
                return [(patient, readings)]
        one_by_one = groupby(readings, lambda reading: self.patient(kit, reading.measured_us))
        return [(patient_then, list(some)) for patient_then, some in one_by_one]


def load(connection: Connection[Any], kits: Iterable[str]) -> Assignments:
    """Read who had these kits."""
    wanted = {"kits": Texts(sorted(set(kits)))}
    return Assignments(connection.execute(_SQL["assignments"], wanted, binary=True).fetchall())
