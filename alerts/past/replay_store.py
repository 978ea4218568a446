"""What a replay reads from the database, one patient at a time. Touches PostgreSQL, reads only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from alerts.in_use.rule_store import RuleSets
from alerts.past.replay import PatientRecord, StoredJudgement
from alerts.round import finding_store, history
from alerts.round.subjects import Basis, Taken
from alerts.rulesets.loading import RuleSetError
from alerts.rulesets.model import RuleSet
from telekol import queries
from telekol.quantities import Quantity
from telekol.severity import Severity

_SQL: Final = queries.load("alerts.past", "replay.sql")


def patients(connection: Connection[Any], patient: UUID | None = None) -> list[UUID]:
    """List whom to replay: everybody of whom anything was judged, or one."""
    rows = connection.execute(_SQL["patients"], {"patient": patient})
    return [row[0] for row in rows]


def record_of(connection: Connection[Any], patient: UUID) -> PatientRecord:
    """Read all that was stored of a patient; in the caller's transaction, so of one moment."""
    key = {"patient": patient}
    bases = connection.execute(_SQL["bases"], key).fetchall()
    with connection.cursor(row_factory=dict_row) as cursor:
        judgements = [_judgement(row) for row in cursor.execute(_SQL["judgements"], key)]
        stored = cursor.execute(_SQL["findings"], key).fetchall()
    return PatientRecord(
        patient_id=patient,
        judgements=judgements,
        bases={row[0]: Basis.stored(*row[1:]) for row in bases},
        readings=dict(_readings(connection, key)),
        findings=[finding_store.stored(patient, row) for row in stored],
        found_at={row["id"]: row["found_at"] for row in stored},
    )


def understood(
    connection: Connection[Any], record: PatientRecord, known: RuleSets
) -> dict[int, RuleSet]:
    """Give the rule sets that a record names; one that this release cannot read is left out."""
    wanted = {one.rule_set_id for one in record.bases.values() if one.rule_set_id is not None}
    found: dict[int, RuleSet] = {}
    for number in wanted:
        try:
            found |= known.by_id(connection, [number])
        except RuleSetError:
            continue  # the replay tells of every judgement that it keeps from being recomputed
    return found


def _readings(connection: Connection[Any], key: dict[str, UUID]) -> Iterator[tuple[UUID, Taken]]:
    for row in connection.execute(_SQL["readings"], key):
        taken = history.taken(*row)
        yield taken.id, taken


def _judgement(row: dict[str, Any]) -> StoredJudgement:
    before = None if row["before_id"] is None else (row["before_id"], row["before_turn"])
    beside = None if row["beside_id"] is None else (row["beside_id"], row["beside_turn"])
    return StoredJudgement(
        quantity=Quantity(row["quantity"]),
        measured_at=row["measured_at"],
        reading_id=row["reading_id"],
        turn=row["turn"],
        judged_at=row["judged_at"],
        window_hash=row["window_hash"],
        basis_id=row["basis_id"],
        before=before,
        beside=beside,
        late=row["late"],
        severity=None if row["severity"] is None else Severity(row["severity"]),
        outcomes=row["outcomes"],
        cause=row["cause"],
        reading_ids=None if row["reading_ids"] is None else tuple(row["reading_ids"]),
    )
