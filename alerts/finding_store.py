"""Readings in, findings out: the engine's side of the database. Touches PostgreSQL.

Decides nothing about severity; works inside the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from alerts.findings import Finding, LimitSet, Subject
from alerts.window import WIDTH, Reading
from telekol import queries
from telekol.quantities import FACTS, Quantity
from telekol.severity import Severity

_SQL: Final = queries.load("alerts", "queries.sql")

_QUANTITIES: Final = [str(quantity) for quantity in Quantity if FACTS[quantity].of_patient]
"""What is judged. A battery or a signal has no limits, and must not ask a physician for them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of the judgement queue: readings of one patient that ingest stored together.

    Parameters
    ----------
    cause, quantity
        None, or the event of a person for which one reading of a quantity is judged again.
    """

    id: int
    patient_id: UUID
    reading_ids: tuple[UUID, ...]
    measured_to: datetime
    cause: str | None = None
    quantity: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Newest:
    """What was found about the newest reading of a patient and quantity."""

    measured_at: datetime
    finding_id: UUID
    about: str
    severity: Severity
    score: float | None


def take(connection: Connection[Any], most: int) -> list[Batch]:
    """Take up to `most` unjudged batches and lock their patients, oldest first."""
    rows = connection.execute(_SQL["take_queue"], {"most": most}).fetchall()
    batches = [_batch(*row) for row in rows]
    patients = sorted({batch.patient_id for batch in batches})
    connection.execute(_SQL["lock_patients"], {"patients": patients})
    return batches


def _batch(
    id: int,  # noqa: A002 - the column's name
    patient_id: UUID,
    reading_ids: list[UUID],
    _measured_from: datetime,
    measured_to: datetime,
    cause: str | None,
    quantity: str | None,
) -> Batch:
    kind = None if quantity is None else Quantity(quantity)
    return Batch(id, patient_id, tuple(reading_ids), measured_to, cause, kind)


def drop(connection: Connection[Any], batches: Sequence[Batch]) -> None:
    """Forget batches; in the transaction that stored their findings."""
    connection.execute(_SQL["drop_queue"], {"ids": [batch.id for batch in batches]})


def subjects_of(connection: Connection[Any], batches: Sequence[Batch]) -> list[Subject]:
    """Load every reading that `batches` name, with its window and the limits in force.

    Cost grows with the readings named, not with what else the database holds: each is one
    walk down an index that starts with its patient.
    """
    under_test = connection.execute(
        _SQL["readings_under_test"],
        {"ids": [batch.id for batch in batches], "quantities": _QUANTITIES},
    ).fetchall()
    if not under_test:
        return []
    keys: dict[str, object] = {
        "patients": [row[0] for row in under_test],
        "quantities": [row[1] for row in under_test],
        "readings": [row[2] for row in under_test],
        "times": [row[3] for row in under_test],
        "width": WIDTH,
    }
    series = _series(connection, keys)
    limits = _limits(connection, keys)
    return [
        Subject(row[0], Quantity(row[1]), row[4], series[number], limits.get(number), row[5])
        for number, row in enumerate(under_test, start=1)
    ]


def newest_judged(
    connection: Connection[Any], subjects: Sequence[Subject]
) -> dict[tuple[UUID, str], Newest]:
    """Give what was found about the newest reading judged so far, per patient and quantity."""
    rows = connection.execute(
        _SQL["newest_judged"],
        {
            "patients": [subject.patient_id for subject in subjects],
            "quantities": [str(subject.quantity) for subject in subjects],
        },
    ).fetchall()
    return {
        (row[0], row[1]): Newest(row[2], row[3], f"{row[4]}/{row[1]}", Severity(row[5]), row[6])
        for row in rows
    }


def insert(connection: Connection[Any], finding: Finding) -> bool:
    """Store a finding; False if it was stored before."""
    cursor = connection.execute(
        _SQL["insert_finding"],
        {
            "id": finding.id,
            "patient_id": finding.patient_id,
            "channel": finding.channel,
            "rule": finding.rule,
            "rule_version": finding.rule_version,
            "result": finding.result,
            "severity": finding.severity,
            "score": finding.score,
            "quantity": finding.quantity,
            "measured_at": finding.measured_at,
            "late": finding.late,
            "reading_ids": list(finding.reading_ids),
            "limits": Jsonb(finding.limits),
            "evidence": Jsonb(finding.evidence),
            "reason_da": finding.reason.danish,
            "reason_en": finding.reason.english,
        },
    )
    return cursor.rowcount == 1


def _series(connection: Connection[Any], keys: dict[str, object]) -> dict[int, list[Reading]]:
    series: dict[int, list[Reading]] = defaultdict(list)
    for number, reading_id, measured_at, value in connection.execute(_SQL["windows"], keys):
        series[number].append(Reading(reading_id, measured_at, value))
    # The query walks the index backwards; a window reads oldest first.
    return {number: readings[::-1] for number, readings in series.items()}


def _limits(connection: Connection[Any], keys: dict[str, object]) -> dict[int, LimitSet]:
    rows = connection.execute(_SQL["limits_in_force"], keys)
    return {row[0]: LimitSet(*row[1:]) for row in rows}
