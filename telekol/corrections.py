"""What people say of readings, in the database: whose they are, and whether they hold.

Touches PostgreSQL, through a connection it is given. Owns how the database's functions are called
and what their refusals mean; what follows from a step is the functions' (migration 0005). Who may
is the role's that the connection signed in with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row

from telekol import queries
from telekol.errors import TelekolError

SQL: Final = queries.load("telekol", "corrections.sql")


class CorrectionError(TelekolError):
    """A step that the reading, as it stands now, does not allow."""


@dataclass(frozen=True, slots=True)
class Said:
    """Who says something, and why; both are kept with it for ever."""

    by: str
    reason: str


def waiting(
    connection: Connection[Any], patient: UUID | None = None, most: int = 200
) -> list[dict[str, Any]]:
    """List readings that wait for a person to say whose they are, the oldest first."""
    return _rows(connection, "waiting", {"patient": patient, "most": most})


def history(connection: Connection[Any], reading: UUID) -> list[dict[str, Any]]:
    """List all that was said of a reading, the oldest first."""
    return _rows(connection, "history", {"reading": reading})


def said_of(
    connection: Connection[Any],
    patient: UUID | None = None,
    *,
    also_valid: bool = False,
    most: int = 200,
) -> list[dict[str, Any]]:
    """List readings that somebody has invalidated, the newest first."""
    values = {"patient": patient, "valid": also_valid, "most": most}
    return _rows(connection, "said", values)


def attribute(
    connection: Connection[Any], reading: UUID, had_by: UUID | None, to: UUID, said: Said
) -> int:
    """Say that a reading is `to`'s; give the number of the event.

    Parameters
    ----------
    had_by
        Whose it is now; None for one that waits.

    Raises
    ------
    CorrectionError
        If it is not `had_by`'s, or there is no such patient.
    """
    values = _of(connection, reading, had_by) | {"from": had_by, "to": to}
    return _step(connection, "attribute", values, said)


def refuse(connection: Connection[Any], reading: UUID, had_by: UUID | None, said: Said) -> int:
    """Say that a reading is nobody's whom we know; see `attribute`."""
    return _step(connection, "refuse", _of(connection, reading, had_by) | {"from": had_by}, said)


def undo(connection: Connection[Any], event: int, said: Said) -> int:
    """Take back what a person said last of a reading.

    Raises
    ------
    CorrectionError
        If the event is not a person's, or not the newest of its reading.
    """
    return _step(connection, "undo", {"event": event}, said)


def invalidate(
    connection: Connection[Any], reading: UUID, patient: UUID, said: Said, *, counts: bool
) -> int:
    """Say that a reading does not hold, and whether it counts as submitted all the same.

    Raises
    ------
    CorrectionError
        If it is not the patient's, or does not hold already.
    """
    values = _of(connection, reading, patient) | {"patient": patient, "counts": counts}
    return _step(connection, "invalidate", values, said)


def reinstate(connection: Connection[Any], reading: UUID, patient: UUID, said: Said) -> int:
    """Say that a reading holds after all; see `invalidate`."""
    values = _of(connection, reading, patient) | {"patient": patient}
    return _step(connection, "reinstate", values, said)


def _of(connection: Connection[Any], reading: UUID, patient: UUID | None) -> dict[str, Any]:
    query = "of_nobody" if patient is None else "of_patient"
    row = connection.execute(SQL[query], {"reading": reading, "patient": patient}).fetchone()
    measured_at: datetime | None = row[0] if row else None
    if measured_at is None:
        who = "that nobody has" if patient is None else f"of patient {patient}"
        raise CorrectionError(
            f"expected a reading {reading} {who}, found none. Whose a reading is says "
            "`telekol attribution history`"
        )
    return {"reading": reading, "measured_at": measured_at}


def _step(connection: Connection[Any], query: str, values: Mapping[str, Any], said: Said) -> int:
    try:
        row = connection.execute(
            SQL[query], {**values, "by": said.by, "reason": said.reason}
        ).fetchone()
    except (psycopg.errors.RaiseException, psycopg.errors.NoDataFound) as error:
        hint = error.diag.message_hint or ""
        raise CorrectionError(f"{error.diag.message_primary}. {hint}".strip()) from None
    except psycopg.errors.ForeignKeyViolation:
        raise CorrectionError(
            "expected a patient who is registered, found none of that id"
        ) from None
    assert row is not None  # noqa: S101 - a function gives one row
    return int(row[0])


def _rows(
    connection: Connection[Any], query: str, values: Mapping[str, Any]
) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL[query], values).fetchall()
