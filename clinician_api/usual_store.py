"""What is usual for a patient, in the database. Touches PostgreSQL.

Owns the questions, and the way to the physician's functions of migration 0029. How a level is
proposed is `alerts.reference`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from alerts import quality
from alerts.reference import MOST_READINGS
from clinician_api.database import Database
from clinician_api.desk_store import deciding


@dataclass(frozen=True, slots=True)
class Level:
    """One usual level, open or ended.

    Parameters
    ----------
    origin
        'proposed' by the engine, else where a person has it from.
    evidence
        Of a proposal: how many readings, and their spread.
    """

    id: int
    quantity: str
    value: float
    since: datetime
    until: datetime | None
    origin: str
    set_by: str | None
    approved_by: str | None
    approved_at: datetime | None
    evidence: dict[str, Any] | None
    proposed_at: datetime | None

    @property
    def waits(self) -> bool:
        """Whether it is a proposal that a physician has not settled."""
        return self.until is None and self.approved_by is None


_LEVELS: Final = text(
    "select v.id, v.quantity::text, v.value, lower(v.period), upper(v.period), v.origin, s.name, "
    "a.name, v.approved_at, v.evidence, v.proposed_at from reference_value v "
    "left join clinician s on s.id = v.set_by left join clinician a on a.id = v.approved_by "
    "where v.patient_id = :patient order by v.quantity, lower(v.period) desc"
)
_READINGS: Final = text(
    "select o.measured_at, o.value, o.quality "
    "from patient_readings(:patient, '-infinity', :until) o "
    "where o.quantity = cast(:quantity as quantity) and not exists ("
    "select from reading_validity v where v.reading_id = o.reading_id and not v.valid) "
    "order by o.measured_at, o.reading_id limit :most"
)
_SETTLE: Final = text("select settle_reference(:id, :step)")
_SET: Final = text(
    "select set_reference(:patient, cast(:quantity as quantity), :seen, :value, :origin)"
)


def levels(session: Session, patient_id: UUID) -> list[Level]:
    """List every usual level of a patient, by quantity, the newest first."""
    rows = session.connection().execute(_LEVELS, {"patient": patient_id})
    return [Level(*row) for row in rows]


def made_of(session: Session, patient_id: UUID, level: Level) -> Sequence[tuple[datetime, float]]:
    """Give the readings that a proposal is made of: the first ones, up to the day it is dated.

    A reading that was made invalid since is left out here; the proposal itself stays as it is.
    """
    given = {
        "patient": patient_id,
        "quantity": level.quantity,
        "until": level.since + timedelta(microseconds=1),
        "most": MOST_READINGS,
    }
    rows = session.connection().execute(_READINGS, given)
    return [(row[0], row[1]) for row in rows if not quality.is_doubtful(row[2])]


def settle(database: Database, number: int, step: str) -> None:
    """Approve or refuse a proposal.

    Raises
    ------
    DecidedFirstError, NotYoursError
        As `desk_store.settle`.
    """
    with deciding(database) as session:
        session.connection().execute(_SETTLE, {"id": number, "step": step})


def set_level(
    database: Database, patient_id: UUID, quantity: str, seen: int, value: float, origin: str
) -> None:
    """Say what is usual from now on.

    Raises
    ------
    DecidedFirstError, NotYoursError
        As `desk_store.settle`.
    """
    given = {
        "patient": patient_id,
        "quantity": quantity,
        "seen": seen,
        "value": value,
        "origin": origin,
    }
    with deciding(database) as session:
        session.connection().execute(_SET, given)
