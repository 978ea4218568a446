"""What a round looks at: readings around touched places, and what was in force. Touches PostgreSQL.

Reads only, and decides nothing. Every function asks the database once for the whole round; what it
costs grows with what is touched, not with the number of patients nor with the length of a history:
each part is a walk down an index that begins with the patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from alerts.casework.movements import Newest, SeriesKey
from alerts.quality import is_doubtful
from alerts.round.planning import Draft, Judged, Segment
from alerts.round.subjects import LimitSet, Taken
from telekol import queries
from telekol.quantities import Quantity
from telekol.severity import Severity

_SQL: Final = queries.load("alerts", "queries.sql")


def fill(connection: Connection[Any], segments: Sequence[Segment], looks_back: int) -> None:
    """Load readings and earlier judgements into segments, in place."""
    asked = [(segment, quantity) for segment in segments for quantity in segment.quantities]
    keys: dict[str, Any] = {
        "patients": [segment.patient_id for segment, _ in asked],
        "quantities": [str(quantity) for _, quantity in asked],
        "sinces": [segment.since for segment, _ in asked],
        "untils": [segment.until for segment, _ in asked],
        # A window ends right before the first touched place too: the next one continues it.
        "before": looks_back,
        "after": looks_back,
    }
    for segment, quantity in asked:
        segment.blocks[quantity] = []
    for row in connection.execute(_SQL["histories"], keys):
        segment, quantity = asked[row[0] - 1]
        segment.blocks[quantity].append(taken(*row[1:]))
    _fill_judged(connection, asked, keys)


def taken(
    reading_id: UUID, measured_at: datetime, value: float, quality: list[str] | None
) -> Taken:
    """Make a reading of its row."""
    return Taken(reading_id, measured_at, value, is_doubtful(quality))


def _fill_judged(
    connection: Connection[Any],
    asked: Sequence[tuple[Segment, Quantity]],
    keys: dict[str, Any],
) -> None:
    ends = [
        (block[0].measured_at, block[-1].measured_at)
        if (block := segment.blocks[quantity])
        else (segment.since, segment.since)
        for segment, quantity in asked
    ]
    between = {"sinces": [first for first, _ in ends], "untils": [last for _, last in ends]}
    for number, reading_id, turn, found, late, beside_id, beside_turn in connection.execute(
        _SQL["judged"], keys | between
    ):
        segment, quantity = asked[number - 1]
        beside = None if beside_id is None else (beside_id, beside_turn)
        segment.judged[quantity, reading_id] = Judged(turn, found, late, beside)


def newest_judged(
    connection: Connection[Any], series: Sequence[SeriesKey]
) -> dict[SeriesKey, Newest]:
    """Give the newest reading judged so far of each series, and what was said of it."""
    found: dict[SeriesKey, Newest] = {}
    for patient, quantity, measured_at, reading_id, severity in connection.execute(
        _SQL["newest_judged"], _columns(series)
    ):
        said = None if severity is None else Severity(severity)
        found[patient, Quantity(quantity)] = Newest(measured_at, reading_id, said)
    return found


def with_readings(connection: Connection[Any], series: Sequence[SeriesKey]) -> set[SeriesKey]:
    """Say in which of some series any reading counts."""
    rows = connection.execute(_SQL["has_readings"], _columns(series))
    return {(patient, Quantity(quantity)) for patient, quantity in rows}


def limits_in_force(connection: Connection[Any], drafts: Sequence[Draft]) -> dict[int, LimitSet]:
    """Give patients' own limits that held when drafts were measured, by place in the list."""
    keys = {
        "patients": [draft.patient_id for draft in drafts],
        "quantities": [str(draft.quantity) for draft in drafts],
        "times": [draft.reading.measured_at for draft in drafts],
    }
    rows = connection.execute(_SQL["limits_in_force"], keys)
    return {row[0] - 1: LimitSet(*row[1:]) for row in rows}


def _columns(series: Sequence[SeriesKey]) -> dict[str, list[Any]]:
    return {
        "patients": [patient for patient, _ in series],
        "quantities": [str(quantity) for _, quantity in series],
    }
