"""What the pages read of rule sets. Touches the database, through a session it is given."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from sqlalchemy import text
from sqlmodel import Session

from clinician_api.database import WriteSession, driver_connection


@dataclass(frozen=True, slots=True)
class SetRow:
    """A version of a rule set as it was published."""

    number: int
    name: str
    version: int
    fingerprint: str
    definition: Any
    loaded_at: datetime
    approved_by_id: str | None
    approved_by: str | None
    approved_at: datetime | None


_SETS: Final = text(
    "select r.id, r.name, r.version, r.fingerprint, r.definition, r.loaded_at, r.approved_by, "
    "c.name, r.approved_at from rule_set r left join clinician c on c.id = r.approved_by "
    "order by r.name, r.version desc"
)
_USES: Final = text(
    # Of each programme, team and of all: the newest that has begun.
    "select distinct on (u.programme_id, u.team_id) u.rule_set_id, coalesce(t.name, p.name_da) "
    "from rule_set_use u left join team t on t.id = u.team_id "
    "left join programme p on p.id = u.programme_id where u.valid_from <= now() "
    "order by u.programme_id, u.team_id, u.valid_from desc, u.id desc"
)


def sets(session: Session) -> list[SetRow]:
    """List what was published, newest version first."""
    return [SetRow(*row) for row in session.connection().execute(_SETS)]


def uses(session: Session) -> dict[int, list[str | None]]:
    """Say who uses each set now: a team or programme by name, None for everybody else."""
    found: dict[int, list[str | None]] = defaultdict(list)
    for number, name in session.connection().execute(_USES):
        found[number].append(name)
    return found


def driver(session: WriteSession) -> Connection[Any]:
    """Give the driver's connection, for alerts' own store."""
    return driver_connection(session)
