"""What a person does to a case. The only module that lets alerts write.

Owns the unit of work around alerts' own decision: alerts says whether a case allows it, and
this module adds what only the page knows, namely which version of the case the person saw.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from psycopg import Connection
from sqlmodel import col, select

from alerts.casework import store as case_store
from alerts.casework.cases import CaseConflictError, UnknownCaseError
from clinician_api.database import Database, driver_connection
from telekol.errors import TelekolError
from telekol.tables import TriageCase

__all__ = ["Action", "CaseConflictError", "CaseMovedError", "UnknownCaseError", "act"]


class CaseMovedError(TelekolError):
    """The case has changed since the person saw it: a yellow may have become red."""


class Action(StrEnum):
    """What a person can do to a case, by the name in its address."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    CLEAR = "clear"


class _Step(Protocol):
    def __call__(
        self, connection: Connection[Any], case_id: UUID, *, clinician_id: str, now: datetime
    ) -> None: ...


_STEPS: Final[dict[Action, _Step]] = {
    Action.ACKNOWLEDGE: case_store.acknowledge,
    Action.UNACKNOWLEDGE: case_store.unacknowledge,
    Action.CLEAR: case_store.clear,
}


def act(
    database: Database,
    action: Action,
    case_id: UUID,
    *,
    clinician_id: str,
    seen_version: int,
    now: Callable[[], datetime],
) -> UUID:
    """Do `action` to a case and give the patient's id.

    Parameters
    ----------
    seen_version
        The case's version on the page the person looked at.

    Raises
    ------
    CaseMovedError
        If the case has another version by now.
    CaseConflictError, UnknownCaseError
        From alerts, see there.
    """
    with database.writing() as session:
        statement = select(TriageCase).where(col(TriageCase.id) == case_id).with_for_update()
        case = session.exec(statement).first()
        if case is None:
            raise UnknownCaseError(f"there is no case {case_id}; load the board again")
        if case.version != seen_version:
            raise CaseMovedError(
                f"expected case {case_id} at version {seen_version}, found {case.version}; "
                "load the board again"
            )
        patient_id = case.patient_id
        # The row is locked, so the time is taken here: events stand in the order of their times.
        _STEPS[action](driver_connection(session), case_id, clinician_id=clinician_id, now=now())
        return patient_id
