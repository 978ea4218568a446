"""Rows that tests put into the database: a team, patients, kits. Clearly invented, all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

EARLIER = datetime.now(UTC) - timedelta(days=30)


@dataclass(frozen=True)
class Home:
    """A patient and the gateway in the patient's home."""

    patient_id: UUID
    gateway: str
    kit: str


def add_team(connection: Connection[TupleRow], team: str = "team-akut") -> None:
    connection.execute(
        "insert into team values (%s, 'Akutteam Prøveby', 'municipal') on conflict do nothing",
        [team],
    )
    connection.execute(
        "insert into clinician values ('nurse-1', 'Sygeplejerske Prøve', %s, 'nurse') "
        "on conflict do nothing",
        [team],
    )


def add_home(
    connection: Connection[TupleRow],
    gateway: str = "gw-test-1",
    name: str = "Asta Prøvesen",
    *,
    assigned: bool = True,
) -> Home:
    """A patient with a kit and a gateway, assigned for a month already."""
    add_team(connection)
    kit = f"kit-{gateway}"
    row = connection.execute(
        "insert into patient (name, team_id) values (%s, 'team-akut') returning id", [name]
    ).fetchone()
    assert row is not None
    connection.execute("insert into kit values (%s)", [kit])
    connection.execute("insert into gateway (id, kit_id) values (%s, %s)", [gateway, kit])
    if assigned:
        connection.execute(
            "insert into kit_assignment (kit_id, patient_id, period) "
            "values (%s, %s, tstzrange(%s, null))",
            [kit, row[0], EARLIER],
        )
    return Home(row[0], gateway, kit)


def set_limits(
    connection: Connection[TupleRow],
    patient_id: UUID,
    quantity: str,
    *,
    red_low: float | None = None,
    yellow_low: float | None = None,
    yellow_high: float | None = None,
    red_high: float | None = None,
    valid_from: datetime = EARLIER,
) -> None:
    connection.execute(
        "insert into patient_limit (patient_id, quantity, red_low, yellow_low, yellow_high, "
        "red_high, valid_from, set_by) values (%s, %s, %s, %s, %s, %s, %s, 'test')",
        [patient_id, quantity, red_low, yellow_low, yellow_high, red_high, valid_from],
    )
