"""The attribution guard in the writer's transaction. Touches PostgreSQL.

Owns which readings are asked about and where their history comes from; `ingest.guard` decides.
A batch without a weight of a known patient costs no query.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from ingest import guard
from ingest.guard import Verdict, Weight
from ingest.reading import Reading, slot_of
from telekol import queries

log = logging.getLogger(__name__)

_SQL: Final = queries.load("ingest", "guard.sql")

GUARD: Final = "guard"
"""Who made the events of this module, beside the people who make the others."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """A new weight of a kit that somebody had.

    Parameters
    ----------
    scale
        Number of its device.
    """

    patient: UUID
    reading: Reading
    scale: int

    @property
    def weight(self) -> Weight:
        """What the guard needs of it."""
        reading = self.reading
        return Weight(reading.measured_us, reading.value, self.scale, slot_of(reading))


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the guard said of a batch.

    Parameters
    ----------
    noted
        What is kept with a reason: weights with what was said of them.
    held
        Ids of those that get no patient.
    """

    noted: tuple[tuple[Weighing, Verdict], ...] = ()
    held: frozenset[bytes] = frozenset()

    def parts(
        self, parts: Iterable[tuple[UUID | None, Sequence[Reading]]]
    ) -> list[tuple[UUID | None, Sequence[Reading]]]:
        """Part readings further, so that those held are nobody's."""
        return [
            (None if is_held else patient, list(some))
            for patient, readings in parts
            for is_held, some in groupby(readings, self._is_held)
        ]

    def _is_held(self, reading: Reading) -> bool:
        return reading.reading_id in self.held


def examine(connection: Connection[Any], weighings: Sequence[Weighing]) -> Guarded:
    """Judge new weights.

    Those of one patient are judged in the order of their times, each with what was accepted
    before it, so that a backlog is judged as it would have been day by day.
    """
    if not weighings:
        return Guarded()
    histories = _histories(connection, weighings)
    noted: list[tuple[Weighing, Verdict]] = []
    for item in sorted(weighings, key=lambda item: item.reading.measured_us):
        history = histories[item.patient]
        verdict = guard.judge(item.weight, history)
        if not verdict.is_held:
            history.append(item.weight)
        if verdict.code is not None:
            noted.append((item, verdict))
    held = frozenset(item.reading.reading_id for item, verdict in noted if verdict.is_held)
    return Guarded(tuple(noted), held)


def note(connection: Connection[Any], guarded: Guarded) -> None:
    """Keep why readings were held or accepted without proof."""
    for item, verdict in guarded.noted:
        if verdict.is_held:
            log.warning("a reading is held as unattributed: %s", verdict.code)
        connection.execute(
            _SQL["note"],
            {
                "reading": UUID(bytes=item.reading.reading_id),
                "measured_us": item.reading.measured_us,
                "kind": "held" if verdict.is_held else "unproven",
                "to": None if verdict.is_held else item.patient,
                "candidate": item.patient,
                "code": verdict.code,
                "reason": verdict.reason,
                "by": GUARD,
            },
        )


def _histories(
    connection: Connection[Any], weighings: Sequence[Weighing]
) -> dict[UUID, list[Weight]]:
    spans: dict[UUID, list[int]] = defaultdict(list)
    for item in weighings:
        spans[item.patient].append(item.reading.measured_us)
    rows = connection.execute(
        _SQL["history"],
        {
            "patients": list(spans),
            "firsts_us": [min(times_us) for times_us in spans.values()],
            "lasts_us": [max(times_us) for times_us in spans.values()],
        },
    )
    histories: dict[UUID, list[Weight]] = defaultdict(list)
    for patient, measured_us, kg, scale, slot, confirmed in rows:
        histories[patient].append(Weight(measured_us, kg, scale, slot, confirmed))
    return histories
