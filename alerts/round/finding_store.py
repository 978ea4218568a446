"""The queue in, judgements and findings out: the engine's side of the database. Touches PostgreSQL.

Decides nothing about severity; works inside the caller's transaction. Whatever the size of a round,
each kind of row is written in one step.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from alerts.casework.movements import SeriesKey
from alerts.reasons import Reason
from alerts.round.findings import Finding
from alerts.round.planning import Draft, Touch
from alerts.round.subjects import Basis
from alerts.round.verdicts import Verdict
from telekol import queries
from telekol.quantities import FACTS, Quantity
from telekol.severity import Channel, Severity

_SQL: Final = queries.load("alerts", "queries.sql")

_QUANTITIES: Final = [str(quantity) for quantity in Quantity if FACTS[quantity].of_patient]
"""What is judged. A battery or a signal has no limits, and must not ask a physician for them."""

KNOWN_BASES: Final = 100_000
"""Numbers of bases that a process remembers, some 30 MB; they change once in months."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of the judgement queue: readings of one patient that ingest stored together.

    Parameters
    ----------
    measured_from
        With a cause: since when windows may have changed.
    cause, quantity
        None, or the event of a person for which readings of a quantity are judged again.
    """

    id: int
    patient_id: UUID
    reading_ids: tuple[UUID, ...]
    measured_from: datetime
    measured_to: datetime
    enqueued_at: datetime
    cause: str | None = None
    quantity: Quantity | None = None


class Bases:
    """Numbers of what was in force, remembered: most readings are judged as the one before."""

    def __init__(self, most: int = KNOWN_BASES) -> None:
        self._known: OrderedDict[tuple[UUID, Quantity, UUID], int] = OrderedDict()
        self._most = most

    def numbers(
        self, connection: Connection[Any], asked: Sequence[tuple[UUID, Quantity, Basis]]
    ) -> list[int]:
        """Give the number of each basis, stored if it was not."""
        keys = [(patient, quantity, basis.fingerprint) for patient, quantity, basis in asked]
        # What this round needs stays at hand, however much of it there is.
        found = {key: self._known[key] for key in keys if key in self._known}
        missing = {key: one for key, one in zip(keys, asked, strict=True) if key not in found}
        if missing:
            found |= _stored_bases(connection, missing)
        return [found[key] for key in keys]

    def remember(
        self, asked: Sequence[tuple[UUID, Quantity, Basis]], numbers: Sequence[int]
    ) -> None:
        """Keep numbers whose transaction was committed; one that was rolled back is no number."""
        for (patient, quantity, basis), number in zip(asked, numbers, strict=True):
            key = patient, quantity, basis.fingerprint
            self._known[key] = number
            self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


_BasisKey = tuple[UUID, Quantity, UUID]


def _stored_bases(
    connection: Connection[Any], wanted: dict[_BasisKey, tuple[UUID, Quantity, Basis]]
) -> dict[_BasisKey, int]:
    """Find bases, and store those that are not there: few, since they change once in months."""
    found = _found_bases(connection, list(wanted))
    missing = [key for key in wanted if key not in found]
    if not missing:
        return found
    bases = [wanted[key][2] for key in missing]
    connection.execute(
        _SQL["add_bases"],
        _basis_columns(missing)
        | {
            "rule_set_ids": [basis.rule_set_id for basis in bases],
            "approved": [basis.approved for basis in bases],
            "limits": [Jsonb(basis.limits_document) for basis in bases],
            "references": [Jsonb(basis.reference_document) for basis in bases],
            "contexts": [Jsonb(basis.context_document) for basis in bases],
        },
    )
    return found | _found_bases(connection, missing)


def _found_bases(connection: Connection[Any], keys: Sequence[_BasisKey]) -> dict[_BasisKey, int]:
    rows = connection.execute(_SQL["bases"], _basis_columns(keys))
    return {(row[0], Quantity(row[1]), row[2]): row[3] for row in rows}


def _basis_columns(keys: Sequence[_BasisKey]) -> dict[str, Any]:
    return {
        "patients": [patient for patient, _, _ in keys],
        "quantities": [str(quantity) for _, quantity, _ in keys],
        "fingerprints": [fingerprint for _, _, fingerprint in keys],
    }


def take(connection: Connection[Any], most: int) -> list[Batch]:
    """Take up to `most` unjudged batches and lock their patients, oldest first."""
    rows = connection.execute(_SQL["take_queue"], {"most": most}).fetchall()
    batches = [_batch(*row) for row in rows]
    lock(connection, sorted({batch.patient_id for batch in batches}))
    return batches


def lock(connection: Connection[Any], patients: Sequence[UUID]) -> None:
    """Lock patients, given in order, for the rest of the transaction."""
    connection.execute(_SQL["lock_patients"], {"patients": patients})


def _batch(
    id: int,  # noqa: A002 - the column's name
    patient_id: UUID,
    reading_ids: list[UUID],
    measured_from: datetime,
    measured_to: datetime,
    enqueued_at: datetime,
    cause: str | None,
    quantity: str | None,
) -> Batch:
    kind = None if quantity is None else Quantity(quantity)
    times = (measured_from, measured_to, enqueued_at)
    return Batch(id, patient_id, tuple(reading_ids), *times, cause, kind)


def drop(connection: Connection[Any], batches: Sequence[Batch]) -> None:
    """Forget batches; in the transaction that stored their findings."""
    connection.execute(_SQL["drop_queue"], {"ids": [batch.id for batch in batches]})


def touches_of(connection: Connection[Any], batches: Sequence[Batch]) -> list[Touch]:
    """Give the places that batches touch: readings that came, and where some came or went."""
    rows = connection.execute(
        _SQL["readings_under_test"],
        {"ids": [batch.id for batch in batches], "quantities": _QUANTITIES},
    ).fetchall()
    found = [Touch(row[0], Quantity(row[1]), *row[2:]) for row in rows]
    found += [
        Touch(
            batch.patient_id,
            batch.quantity,
            batch.measured_from,
            batch.enqueued_at,
            None,
            batch.cause,
        )
        for batch in batches
        if batch.cause is not None and batch.quantity is not None
    ]
    return found


def store_judgements(
    connection: Connection[Any],
    judged: Sequence[tuple[Draft, Verdict]],
    basis_ids: Sequence[int],
) -> None:
    """Store what was said of readings, all in one step."""
    with connection.cursor() as cursor, cursor.copy(_SQL["copy_judgements"]) as copy:
        for (draft, verdict), basis_id in zip(judged, basis_ids, strict=True):
            copy.write_row(_judgement_row(draft, verdict, basis_id))


def _judgement_row(draft: Draft, verdict: Verdict, basis_id: int) -> tuple[Any, ...]:
    before_id, before_turn = draft.before or (None, None)
    beside_id, beside_turn = draft.beside_key or (None, None)
    whole = [one.id for one in draft.window] if draft.before is None else None
    if whole is not None and len(whole) == 1:
        whole = None  # nothing before it: the window is the reading itself
    return (
        draft.reading.measured_at,
        draft.hash,
        basis_id,
        draft.patient_id,
        draft.reading.id,
        before_id,
        beside_id,
        str(draft.quantity),
        draft.turn,
        before_turn,
        beside_turn,
        draft.late,
        None if verdict.severity is None else str(verdict.severity),
        verdict.outcomes,
        draft.cause,
        whole,
    )


def insert(connection: Connection[Any], findings: Iterable[Finding]) -> set[UUID]:
    """Store findings in one step; give the ids of those that were not stored before."""
    rows = [_finding_row(finding) for finding in findings]
    if not rows:
        return set()
    new: set[UUID] = set()
    with connection.cursor() as cursor:
        cursor.executemany(_SQL["insert_finding"], rows, returning=True)
        while True:
            new.update(row[0] for row in cursor.fetchall())
            if not cursor.nextset():
                return new


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
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
        "rule_id": finding.rule_id,
        "rule_set_id": finding.rule_set_id,
        "basis_id": finding.basis_id,
        "turn": finding.turn,
        "cause": finding.cause,
    }


def with_basis(findings: Iterable[Finding], basis_id: int) -> list[Finding]:
    """Give findings that name what was in force."""
    return [replace(finding, basis_id=basis_id) for finding in findings]


def series_of(drafts: Iterable[Draft]) -> list[SeriesKey]:
    """Give the series of drafts, each once."""
    return sorted({(draft.patient_id, draft.quantity) for draft in drafts})


def stored(patient: UUID, row: dict[str, Any]) -> Finding:
    """Make a finding of its row."""
    return Finding(
        id=row["id"],
        patient_id=patient,
        channel=Channel(row["channel"]),
        rule=row["rule"],
        rule_version=row["rule_version"],
        result=row["result"],
        severity=Severity(row["severity"]),
        score=row["score"],
        quantity=None if row["quantity"] is None else Quantity(row["quantity"]),
        measured_at=row["measured_at"],
        late=row["late"],
        reading_ids=tuple(row["reading_ids"]),
        limits=row["limits"],
        evidence=row["evidence"],
        reason=Reason(row["reason_da"], row["reason_en"]),
        rule_id=row["rule_id"],
        rule_set_id=row["rule_set_id"],
        basis_id=row["basis_id"],
        turn=row["turn"],
        cause=row["cause"],
    )
