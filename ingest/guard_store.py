"""The attribution guard in the writer's transaction. Touches PostgreSQL.

Owns which readings are asked about and where their history comes from; `ingest.guard` decides.
A batch without a weight of a known patient costs no query.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    place
        Its place among the new readings of the batch.
    scale
        Number of its device.
    """

    place: int
    patient: UUID
    reading: Reading
    scale: int

    @property
    def weight(self) -> Weight:
        """What the guard needs of it."""
        reading = self.reading
        return Weight(reading.measured_us, reading.value, self.scale, slot_of(reading))


def examine(
    connection: Connection[Any], weighings: Sequence[Weighing]
) -> tuple[Mapping[int, Verdict], frozenset[int]]:
    """Judge new weights; give what is to be noted, by place, and the places that are held.

    Those of one patient are judged in the order of their times, each with what was accepted
    before it, so that a backlog is judged as it would have been day by day.
    """
    if not weighings:
        return {}, frozenset()
    histories = _histories(connection, weighings)
    noted: dict[int, Verdict] = {}
    for item in sorted(weighings, key=lambda item: item.reading.measured_us):
        history = histories[item.patient]
        verdict = guard.judge(item.weight, history)
        if not verdict.is_held:
            history.append(item.weight)
        if verdict.code is not None:
            noted[item.place] = verdict
    return noted, frozenset(place for place, verdict in noted.items() if verdict.is_held)


def note(
    connection: Connection[Any], weighings: Iterable[Weighing], noted: Mapping[int, Verdict]
) -> None:
    """Keep why readings were held or accepted without proof."""
    for item in weighings:
        verdict = noted.get(item.place)
        if verdict is None:
            continue
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
