"""Usual levels in the database: used, proposed, approved. Touches PostgreSQL.

The level itself is found by `alerts.reference`. While the first period lasts it is proposed anew
for each reading, from what came before it; when it is over the proposal is stored once, and a
physician approves or ends it.

What else changes with it: migration 0032, docs/operating.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import numpy as np
import psycopg
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from alerts.casework.movements import SeriesKey
from alerts.in_use.rule_store import refused
from alerts.readings import NUMBER_OF, Readings
from alerts.reference import MOST_READINGS, FirstPeriods, proposed
from alerts.round import history
from alerts.round.planning import Draft
from alerts.round.subjects import Taken, UsualLevel
from alerts.round.verdicts import microseconds, moment_of
from telekol import queries
from telekol.quantities import Quantity

_SQL: Final = queries.load("alerts.in_use", "queries.sql")

MOST_LEVELS: Final = 8
"""Newest levels of a series that a judgement is told of. Rules look a few months back, in which a
level changes once or twice."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the usual level for one reading.

    Parameters
    ----------
    first_period
        Whether the patient's first period lasts still: no level is asked for then.
    """

    levels: tuple[UsualLevel, ...]
    first_period: bool = False


def known_for(connection: Connection[Any], drafts: Sequence[Draft]) -> list[Known]:
    """Give what is known for each draft; store what can be proposed once a first period is over."""
    series = sorted({(draft.patient_id, draft.quantity) for draft in drafts})
    stored = _stored(connection, series)
    without = [key for key in series if key not in stored]
    fresh = _proposed(connection, drafts, set(without)) if without else {}
    return [
        fresh[place]
        if place in fresh
        else Known(_at(stored[draft.patient_id, draft.quantity], draft))
        for place, draft in enumerate(drafts)
    ]


def proposals(
    connection: Connection[Any], patient: UUID | None = None, most: int = 1000
) -> list[dict[str, Any]]:
    """List proposed levels that wait for a physician, oldest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_SQL["proposals"], {"patient": patient, "most": most}).fetchall()


def approve(connection: Connection[Any], number: int, by: str) -> None:
    """Let a physician approve a level.

    Raises
    ------
    ApprovalError
        If there is no such level, it was approved before, or `by` is no physician.
    """
    _call(connection, "approve_reference", number, by)


def refuse(connection: Connection[Any], number: int, by: str) -> None:
    """Let a physician end a proposal that is not the patient's usual level.

    Raises
    ------
    ApprovalError
        If there is no such open proposal, or `by` is no physician.
    """
    _call(connection, "refuse_reference", number, by)


def _call(connection: Connection[Any], name: str, number: int, by: str) -> None:
    try:
        connection.execute(_SQL[name], {"id": number, "by": by})
    except psycopg.errors.OperationalError:
        raise
    except psycopg.Error as error:
        raise refused(error) from None


def _stored(
    connection: Connection[Any], series: Sequence[SeriesKey]
) -> dict[SeriesKey, list[UsualLevel]]:
    found: dict[SeriesKey, list[UsualLevel]] = defaultdict(list)
    for row in connection.execute(_SQL["references"], _columns(series)):
        number, id_, value, since, until, approved, origin, n, spread = row
        found[series[number - 1]].append(
            UsualLevel(id_, value, since, until, approved, origin, n or 0, spread)
        )
    return found


def _at(levels: Sequence[UsualLevel], draft: Draft) -> tuple[UsualLevel, ...]:
    """Give the levels dated before a reading; one that ends later had not ended then."""
    moment = draft.reading.measured_at
    dated = [level for level in levels if level.dated_at <= moment][-MOST_LEVELS:]
    return tuple(
        replace(level, until=None) if level.until and level.until > moment else level
        for level in dated
    )


def _proposed(
    connection: Connection[Any], drafts: Sequence[Draft], without: set[SeriesKey]
) -> dict[int, Known]:
    """Propose for drafts of series of which nothing is stored."""
    places = [
        place for place, draft in enumerate(drafts) if (draft.patient_id, draft.quantity) in without
    ]
    firsts = _firsts(connection, sorted(without))
    readings, rows = _laid_out([drafts[place] for place in places], firsts)
    periods = FirstPeriods.of(readings)
    level = proposed(readings, rows, periods)
    over = rows >= periods.end[rows]
    found: dict[int, Known] = {}
    to_store: dict[SeriesKey, UsualLevel] = {}
    for at, place in enumerate(places):
        if not np.isfinite(level.value[at]):
            found[place] = Known((), first_period=not over[at])
            continue
        one = UsualLevel(
            id=None,
            value=float(level.value[at]),
            dated_at=moment_of(int(level.dated_us[at])),
            until=None,
            approved=False,
            origin="proposed",
            n=int(level.n[at]),
            spread=float(level.spread[at]),
        )
        found[place] = Known((one,), first_period=not over[at])
        if over[at]:
            to_store.setdefault((drafts[place].patient_id, drafts[place].quantity), one)
    _store(connection, to_store)
    return found


def _firsts(
    connection: Connection[Any], series: Sequence[SeriesKey]
) -> dict[SeriesKey, list[Taken]]:
    found: dict[SeriesKey, list[Taken]] = {key: [] for key in series}
    values = _columns(series) | {"most": MOST_READINGS + 1}
    for row in connection.execute(_SQL["first_readings"], values):
        found[series[row[0] - 1]].append(history.taken(*row[1:]))
    return found


def _laid_out(
    drafts: Sequence[Draft], firsts: dict[SeriesKey, list[Taken]]
) -> tuple[Readings, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Lay out first readings, and drafts that are none of them after; give the drafts' rows."""
    number = {key: at for at, key in enumerate(firsts)}
    laid = {(key, one.id): (key, one) for key, readings in firsts.items() for one in readings}
    for draft in drafts:
        key = draft.patient_id, draft.quantity
        laid.setdefault((key, draft.reading.id), (key, draft.reading))
    place = {name: at for at, name in enumerate(laid)}
    rows = list(laid.values())
    readings = Readings.of(
        [str(at) for at in range(len(number))],
        [number[key] for key, _ in rows],
        [NUMBER_OF[key[1]] for key, _ in rows],
        [microseconds(one.measured_at) for _, one in rows],
        [one.value for _, one in rows],
        [one.doubtful for _, one in rows],
    )
    row_of = np.empty(len(rows), dtype=np.intp)
    row_of[readings.given] = np.arange(len(rows))
    asked = [place[(d.patient_id, d.quantity), d.reading.id] for d in drafts]
    return readings, row_of[asked]


def _store(connection: Connection[Any], levels: dict[SeriesKey, UsualLevel]) -> None:
    if not levels:
        return
    values = _columns(list(levels)) | {
        "values": [level.value for level in levels.values()],
        "sinces": [level.dated_at for level in levels.values()],
        "evidences": [Jsonb({"n": level.n, "spread": level.spread}) for level in levels.values()],
    }
    connection.execute(_SQL["propose"], values)


def _columns(series: Sequence[tuple[UUID, Quantity]]) -> dict[str, list[Any]]:
    return {
        "patients": [patient for patient, _ in series],
        "quantities": [str(quantity) for _, quantity in series],
    }
