"""What waits for a second measurement, in the database. Touches PostgreSQL; decides nothing.

Works inside the caller's transaction, with the patients locked: a second measurement, a time that
is over and another alerts process are put in an order.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from alerts.casework.confirming import Confirmations, Doubt, Ended, Outcome, Waiting
from alerts.casework.steadying import Closed
from alerts.round import finding_store, history
from alerts.round.planning import Draft
from alerts.rulesets.model import RuleSet
from telekol import queries
from telekol.quantities import Quantity
from telekol.severity import Severity

log = logging.getLogger(__name__)

_SQL: Final = queries.load("alerts.casework", "confirmation.sql")

OVERDUE_AT_ONCE: Final = 100


def load(
    connection: Connection[Any],
    drafts: Sequence[Draft],
    rule_sets: Mapping[int, RuleSet],
    most: timedelta | None,
) -> Confirmations:
    """Give what waits of the patients of a round, and what can be asked."""
    by_reading = {draft.reading.id: draft for draft in drafts}

    def gateway_of(reading: UUID) -> str | None:
        draft = by_reading[reading]
        row = connection.execute(
            _SQL["can_be_asked"],
            {
                "patient": draft.patient_id,
                "quantity": draft.quantity,
                "measured_at": draft.reading.measured_at,
                "reading": reading,
            },
        ).fetchone()
        return None if row is None else str(row[0])

    patients = sorted({draft.patient_id for draft in drafts})
    waiting = {one.key: one for one in _waiting(connection, patients)}
    return Confirmations(_now(connection), waiting, rule_sets, gateway_of, most)


def _now(connection: Connection[Any]) -> datetime:
    row = connection.execute("select now()").fetchone()
    assert row is not None  # noqa: S101 - a select without from has one row
    found: datetime = row[0]
    return found


def _waiting(connection: Connection[Any], patients: Sequence[UUID]) -> list[Waiting]:
    rows = connection.execute(_SQL["waiting"], {"patients": patients}).fetchall()
    findings = _findings(connection, [row[0] for row in rows])
    return [
        Waiting(
            finding=findings[row[0]],
            reading=history.taken(*row[1:5]),
            asked_at=row[5],
            until=row[6],
            doubt=Doubt(row[7]),
            gateway=row[8],
        )
        for row in rows
    ]


def _findings(connection: Connection[Any], ids: Sequence[UUID]) -> dict[UUID, Any]:
    if not ids:
        return {}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("select * from finding where id = any(%s)", [list(ids)]).fetchall()
    return {row["id"]: finding_store.stored(row["patient_id"], row) for row in rows}


def save(connection: Connection[Any], round_: Confirmations) -> None:
    """Keep what a round began and ended; the findings must be stored already."""
    for one in round_.asked:
        _ask(connection, one)
    for ended in round_.ended:
        end(connection, ended, round_.now)


def _ask(connection: Connection[Any], one: Waiting) -> None:
    patient, quantity = one.key
    instruction = one.instruction()
    connection.execute(
        _SQL["ask"],
        {
            "id": instruction.id,
            "gateway": one.gateway,
            "body": Jsonb(instruction.model_dump(mode="json")),
            "now": instruction.issued_at,
            "expires_at": instruction.expires_at,
        },
    )
    connection.execute(
        _SQL["wait"],
        {
            "finding": one.finding.id,
            "patient": patient,
            "quantity": quantity,
            "reading": one.reading.id,
            "measured_at": one.reading.measured_at,
            "gateway": one.gateway,
            "instruction": instruction.id,
            "doubt": one.doubt,
            "asked_at": one.asked_at,
            "until": one.until,
        },
    )
    log.info("%s is asked to measure again (%s); a red waits", one.gateway, one.doubt)


def end(connection: Connection[Any], ended: Ended, now: datetime) -> None:
    """Keep how a waiting ended."""
    connection.execute(
        _SQL["end"],
        {
            "finding": ended.waiting.finding.id,
            "outcome": ended.outcome,
            "second": ended.second.id if ended.second else None,
            "now": now,
        },
    )
    log.info("%s: a red that waited ended: %s", ended.waiting.gateway, ended.outcome)


def overdue(connection: Connection[Any]) -> list[Ended]:
    """Take what has waited its time; what was withdrawn meanwhile is taken back, not raised.

    Locks the patients. Ends nothing: `end` does.
    """
    rows = connection.execute(_SQL["overdue"], {"most": OVERDUE_AT_ONCE}).fetchall()
    if not rows:
        return []
    patients = sorted({row[1] for row in rows})
    finding_store.lock(connection, patients)
    chosen = {row[0] for row in rows}
    waiting = [one for one in _waiting(connection, patients) if one.finding.id in chosen]
    readings = [one.reading.id for one in waiting]
    withdrawn = {
        row[0]
        for row in connection.execute(
            _SQL["withdrawn"], {"patients": patients, "readings": readings}
        )
    }
    return [
        Ended(one, Outcome.TAKEN_BACK if one.reading.id in withdrawn else Outcome.SILENCE)
        for one in waiting
    ]


def closed_lately(
    connection: Connection[Any], series: Sequence[tuple[UUID, Quantity]]
) -> dict[tuple[UUID, Quantity], list[Closed]]:
    """Give what the newest closed case of each series was about."""
    if not series:
        return {}
    found: dict[tuple[UUID, Quantity], dict[str, Closed]] = defaultdict(dict)
    rows = connection.execute(
        _SQL["closed"],
        {
            "patients": [patient for patient, _ in series],
            "quantities": [str(quantity) for _, quantity in series],
        },
    )
    for patient, quantity, rule_id, severity, closed_at in rows:
        rules = found[patient, Quantity(quantity)]
        one = Closed(rule_id, Severity(severity), closed_at)
        known = rules.get(rule_id)
        if known is None or known.severity.rank < one.severity.rank:
            rules[rule_id] = one
    return {key: list(rules.values()) for key, rules in found.items()}
