"""Which findings a case's sentence is made of, and of when each is. Pure.

A case names the worst of every rule and quantity, and these can be days apart. Which findings
they are is not stored with the case: it follows from its events, by alerts' own fold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from alerts.casework import cases
from alerts.casework.cases import Event, EventKind
from telekol.severity import Severity
from telekol.tables import CaseEvent


@dataclass(frozen=True, slots=True)
class Clause:
    """One finding that a case's sentence names."""

    finding_id: UUID
    severity: str
    measured_at: datetime
    reason_da: str
    reason_en: str


def finding_ids(events: Iterable[CaseEvent]) -> dict[UUID, Sequence[UUID]]:
    """Give the findings that each case's sentence names, the worst first.

    Parameters
    ----------
    events
        Of any cases, each case's in the order of their versions. An event of a kind that we do
        not know leaves its case out: the sentence stands there without its times.
    """
    by_case: dict[UUID, list[CaseEvent]] = defaultdict(list)
    for event in events:
        by_case[event.case_id].append(event)
    folded = {case_id: _fold(some) for case_id, some in by_case.items()}
    return {case_id: ids for case_id, ids in folded.items() if ids}


def clauses_of(
    named: Mapping[UUID, Sequence[UUID]], findings: Iterable[Clause]
) -> dict[UUID, list[Clause]]:
    """Give the clauses of each case; none for one of which a finding is not at hand."""
    known = {one.finding_id: one for one in findings}
    return {
        case_id: [known[one] for one in ids]
        for case_id, ids in named.items()
        if all(one in known for one in ids)
    }


def _fold(events: Sequence[CaseEvent]) -> Sequence[UUID]:
    try:
        case = cases.fold(_event(event) for event in events)
    except (ValueError, cases.CaseConflictError):
        return ()
    return case.reason_finding_ids if case else ()


def _event(row: CaseEvent) -> Event:
    return Event(
        kind=EventKind(row.kind),
        at=row.at,
        about=row.about,
        severity=Severity(row.severity) if row.severity else None,
        score=row.score,
        finding_id=row.finding_id,
        clinician_id=row.clinician_id,
    )
