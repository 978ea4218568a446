"""Loads stored years of patients for a what-if or a sweep. Touches PostgreSQL, reads only.

Owns the queries. It decides nothing about severity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from alerts.in_use import rule_store
from alerts.in_use.rule_store import RuleSets, SetInForce
from alerts.past.stored_year import PatientLimits, StoredYear
from alerts.quality import is_doubtful
from alerts.readings import NUMBER_OF, Readings
from alerts.reference import References
from telekol import queries
from telekol.errors import TelekolError
from telekol.quantities import FACTS, Quantity

_SQL: Final = queries.load("alerts.past", "whatif.sql")

YEAR_DAYS: Final = 365

_QUANTITIES: Final = [str(quantity) for quantity in Quantity if FACTS[quantity].of_patient]


def patients_of_team(connection: Connection[Any], team: str) -> list[UUID]:
    """List whom a team looks after.

    Raises
    ------
    TelekolError
        If nobody is theirs, or there is no such team.
    """
    found = [row[0] for row in connection.execute(_SQL["patients_of_team"], {"team": team})]
    if not found:
        raise TelekolError(f"expected a team with patients, found none of {team!r}; check the name")
    return found


def patients_with_readings(connection: Connection[Any]) -> list[UUID]:
    """List everybody of whom anything was measured, in a fixed order."""
    return [row[0] for row in connection.execute(_SQL["patients_with_readings"])]


def stored_years(
    connection: Connection[Any],
    patients: Sequence[UUID],
    until: datetime | None = None,
    days: int = YEAR_DAYS,
) -> list[StoredYear]:
    """Load the last `days` of patients, judged by what is in force at `until` (now without it).

    One entry for each rule set that any of them has; series are named by the patients' ids. What
    was measured before is loaded too: rules look back on it.

    Raises
    ------
    TelekolError
        If a patient is not there, or a rule set cannot be understood by this release.
    """
    moment = until or datetime.now(UTC)
    _check_there(connection, patients)
    found = rule_store.in_force(connection, patients, [moment] * len(patients))
    groups: dict[SetInForce, list[UUID]] = defaultdict(list)
    for place, in_force in sorted(found.items()):
        groups[in_force].append(patients[place])
    rule_sets = RuleSets().by_id(connection, {each.rule_set_id for each in groups})
    since_us = _us(moment - timedelta(days=days))
    return [
        StoredYear.of(
            rule_sets[in_force.rule_set_id],
            readings_of(connection, whom, moment),
            references_of(connection, whom, moment),
            limits_of(connection, whom, moment),
            since_us,
            approved=in_force.approved,
        )
        for in_force, whom in groups.items()
    ]


def readings_of(connection: Connection[Any], patients: Sequence[UUID], until: datetime) -> Readings:
    """Load every reading of patients that counts, measured up to `until`."""
    rows = connection.execute(_SQL["past"], _asked(patients, until)).fetchall()
    columns = list(zip(*rows, strict=True)) or [()] * 5
    series, quantity, measured_us, values, quality = columns
    return Readings.of(
        [str(patient) for patient in patients],
        series,
        [NUMBER_OF[Quantity(each)] for each in quantity],
        measured_us,
        values,
        [is_doubtful(flags) for flags in quality],
    )


def references_of(
    connection: Connection[Any], patients: Sequence[UUID], until: datetime
) -> References:
    """Load usual levels of patients, approved or not, that held at some time up to `until`."""
    rows = connection.execute(_SQL["levels"], _asked(patients, until)).fetchall()
    if not rows:
        return References.none()
    series, quantity, dated, value, approved, spread, n = zip(*rows, strict=True)
    known = [float("nan") if each is None else each for each in spread]
    numbers = [NUMBER_OF[Quantity(each)] for each in quantity]
    return References.of(series, numbers, dated, value, approved, known, n)


def limits_of(
    connection: Connection[Any], patients: Sequence[UUID], until: datetime
) -> Iterator[PatientLimits]:
    """Load the own limits of patients that are in force at `until`."""
    for place, quantity, *limits in connection.execute(_SQL["limits"], _asked(patients, until)):
        red_low, yellow_low, yellow_high, red_high = limits
        numbers = (red_low, yellow_low, yellow_high, red_high)
        yield PatientLimits(place, Quantity(quantity), numbers)


def _check_there(connection: Connection[Any], patients: Sequence[UUID]) -> None:
    there = connection.execute(_SQL["patients_there"], {"patients": list(patients)}).fetchall()
    missing = [str(each) for each in patients if (each,) not in there]
    if missing:
        raise TelekolError(f"expected known patients, found {', '.join(missing[:5])}; check the id")


def _asked(patients: Sequence[UUID], until: datetime) -> dict[str, Any]:
    return {"patients": list(patients), "quantities": _QUANTITIES, "until": until}


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
