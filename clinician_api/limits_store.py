"""What trying out limits needs from the database: a stored course, rules, levels, own limits.

Touches PostgreSQL, through a session it is given; saving goes through the function of migration
0029. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from alerts import quality
from alerts.rulesets.model import RuleSet
from clinician_api.database import Database
from clinician_api.desk_store import deciding
from telekol.quantities import Quantity

MOST_READINGS: Final = 6000
"""Newest readings that are tried out: sixteen a day for a year. More would make the slider slow."""

Limits = tuple[float | None, float | None, float | None, float | None]
"""Red low, yellow low, yellow high, red high; None is no limit."""


@dataclass(frozen=True, slots=True)
class PastReading:
    """One reading that counts."""

    quantity: Quantity
    measured_at: datetime
    value: float
    doubtful: bool


@dataclass(frozen=True, slots=True)
class PastLevel:
    """One usual level, open or ended."""

    quantity: Quantity
    value: float
    since: datetime
    until: datetime | None
    approved: bool
    spread: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Course:
    """A patient's stored course of one quantity, and the rules that hold now.

    Parameters
    ----------
    readings
        Of the quantity and those judged beside it, oldest first.
    rule_set
        None if none is in use, or this release does not understand it.
    seen
        Number of the newest own limits; 0 for none.
    """

    readings: Sequence[PastReading]
    levels: Sequence[PastLevel]
    rule_set: RuleSet | None
    approved: bool
    limits: Limits | None
    seen: int


_READINGS: Final = text(
    "select quantity, measured_at, value, quality from ("
    "select o.quantity::text, o.measured_at, o.value, o.quality, o.reading_id "
    "from patient_readings(:patient, '-infinity') o "
    "where o.quantity::text = any(:quantities) and not exists ("
    "select from reading_validity v where v.reading_id = o.reading_id and not v.valid) "
    "order by o.measured_at desc, o.reading_id desc limit :most) newest "
    "order by measured_at, reading_id"
)
_LEVELS: Final = text(
    "select quantity::text, value, lower(period), upper(period), approved_by is not null, "
    "(evidence ->> 'spread')::double precision, coalesce((evidence ->> 'n')::integer, 0) "
    "from reference_value where patient_id = :patient and quantity::text = any(:quantities)"
)
_RULE_SET: Final = text(
    # As the engine chooses: the team's, else the programme's, else everybody's (rule_queries.sql).
    "select r.definition, r.approved_by is not null from rule_set_use u "
    "join rule_set r on r.id = u.rule_set_id "
    "where u.valid_from <= now() and (u.team_id is null or u.team_id in ("
    "select p.team_id from patient p where p.id = :patient union all "
    "select e.team_id from enrolment e where e.patient_id = :patient and e.period @> now())) "
    "and (u.programme_id is null or u.programme_id in ("
    "select e.programme_id from enrolment e where e.patient_id = :patient and e.period @> now())) "
    "order by u.team_id is not null desc, u.programme_id is not null desc, u.valid_from desc, "
    "u.id desc limit 1"
)
_LIMITS: Final = text(
    "select id, red_low, yellow_low, yellow_high, red_high from patient_limit "
    "where patient_id = :patient and quantity::text = :quantity order by valid_from desc limit 1"
)
_SET: Final = text(
    "select set_limits(:patient, cast(:quantity as quantity), :seen, :red_low, :yellow_low, "
    ":yellow_high, :red_high)"
)


def course(
    session: Session, patient_id: UUID, quantity: Quantity, beside: Sequence[Quantity]
) -> Course:
    """Read what trying out limits of one quantity needs."""
    ask = session.connection().execute
    quantities = [str(quantity), *map(str, beside)]
    given: dict[str, Any] = {"patient": patient_id, "quantities": quantities}
    readings = ask(_READINGS, given | {"most": MOST_READINGS})
    own = ask(_LIMITS, {"patient": patient_id, "quantity": quantity}).first()
    used = ask(_RULE_SET, {"patient": patient_id}).first()
    return Course(
        readings=[
            PastReading(Quantity(row[0]), row[1], row[2], quality.is_doubtful(row[3]))
            for row in readings
        ],
        levels=[PastLevel(Quantity(row[0]), *row[1:]) for row in ask(_LEVELS, given)],
        rule_set=_understood(used[0]) if used else None,
        approved=bool(used and used[1]),
        limits=(own[1], own[2], own[3], own[4]) if own else None,
        seen=own[0] if own else 0,
    )


def save(
    database: Database, patient_id: UUID, quantity: Quantity, seen: int, limits: Limits
) -> None:
    """Set a patient's own limits from now on.

    Raises
    ------
    DecidedFirstError, NotYoursError
        As `desk_store.settle`.
    """
    names = ("red_low", "yellow_low", "yellow_high", "red_high")
    given = {"patient": patient_id, "quantity": str(quantity), "seen": seen}
    with deciding(database) as session:
        session.connection().execute(_SET, given | dict(zip(names, limits, strict=True)))


def _understood(definition: Any) -> RuleSet | None:
    try:
        return RuleSet.model_validate(definition)
    except ValueError:
        return None
