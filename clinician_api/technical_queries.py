"""What the page of homes in trouble reads. Touches the database, through a session it is given.

Owns the questions. None of them reads a value or a finding, so that support can be shown the
answers; a patient's name comes with `homes` and the view leaves it out for support.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A gateway, whose home it is in now, and its newest word of itself.

    Parameters
    ----------
    message
        The health message as it came; None if it was never heard.
    """

    gateway_id: str
    kit_id: str | None
    patient_id: UUID | None
    patient: str | None
    team: str | None
    online: bool | None
    online_changed_at: datetime | None
    heard_at: datetime | None
    message: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """Something that is wrong now; words for the code are in telekol.troubles."""

    gateway_id: str
    code: str
    device: str | None
    since: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class GapRow:
    """A run of numbers that a gateway gave to readings and that are not here."""

    gateway_id: str
    first: int
    last: int
    count: int
    waiting: bool
    reason: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """What waits for an operator, by cause; gateway None when nobody knows who sent it."""

    gateway_id: str | None
    code: str
    entries: int
    still_refused: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class OwnerlessRow:
    """How many readings came while nobody had the kit."""

    gateway_id: str
    readings: int
    oldest: datetime
    newest: datetime


_HOMES: Final = text(
    "select coalesce(g.id, h.gateway_id), g.kit_id, p.id, p.name, t.name, h.online, "
    "h.online_changed_at, h.heard_at, h.message "
    "from gateway g full join gateway_health h on h.gateway_id = g.id "
    "left join kit_assignment a on a.kit_id = g.kit_id and a.period @> now() "
    "left join patient p on p.id = a.patient_id left join team t on t.id = p.team_id "
    "order by 1"
)
_TROUBLES: Final = text(
    "select gateway_id, code, device, since, detail from technical_trouble order by since, code"
)
_GAPS: Final = text(
    "select gateway_id, first, last, count, waiting, reason, since from gateway_gap "
    "order by gateway_id, boot, first"
)
_QUARANTINE: Final = text(
    "select gateway_id, code, entries, still_refused, oldest, newest from quarantine_open "
    "order by gateway_id nulls first, code"
)
_OWNERLESS: Final = text("select gateway_id, readings, oldest, newest from ownerless_reading")
_COUNT: Final = text(
    "select count(*) from (select gateway_id from technical_trouble union "
    "select id from gateway g where not exists "
    "(select from gateway_health h where h.gateway_id = g.id)) troubled"
)


@dataclass(frozen=True, slots=True)
class Homes:
    """All that the database was asked for the page."""

    homes: list[HomeRow]
    troubles: list[TroubleRow]
    gaps: list[GapRow]
    quarantine: list[QuarantineRow]
    ownerless: list[OwnerlessRow]


def read(session: Session) -> Homes:
    """Read how every home is."""
    ask = session.connection().execute
    return Homes(
        homes=[HomeRow(*row) for row in ask(_HOMES)],
        troubles=[TroubleRow(*row) for row in ask(_TROUBLES)],
        gaps=[GapRow(*row) for row in ask(_GAPS)],
        quarantine=[QuarantineRow(*row) for row in ask(_QUARANTINE)],
        ownerless=[OwnerlessRow(*row) for row in ask(_OWNERLESS)],
    )


def count_in_trouble(session: Session) -> int:
    """Count the homes in which something is wrong now."""
    found: int = session.connection().execute(_COUNT).scalar_one()
    return found
