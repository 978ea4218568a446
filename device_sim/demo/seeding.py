"""The people and kits of the demo: clearly invented, put in once. Touches the database.

Limits here are examples for the demo and approved by nobody; each row says so.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

import psycopg
from psycopg import Connection

_NAMESPACE: Final = UUID("0b7e6d0c-3a52-5a0e-9d0e-6f4f6c2c7a11")

_FIRST: Final = (
    "Asta", "Bodil", "Carl", "Dagny", "Ejnar", "Frida", "Gerda", "Hakon", "Inger", "Jens",
    "Karla", "Ludvig", "Magda", "Niels", "Oda", "Poul", "Ragnhild", "Signe", "Thyra", "Viggo",
)  # fmt: skip
_LAST: Final = ("Prøvesen", "Eksempelsen", "Testgaard", "Demokjær", "Opdigtet")

SET_BY: Final = "demo example, approved by no clinician"

_TEAMS: Final = (
    ("akutteam-proeveby", "Akutteam Prøveby", "municipal"),
    ("lungeteam-proeveby", "Lungeteam, Prøveby Hospital", "hospital"),
)
_CLINICIANS: Final = (
    ("sygeplejerske-demo", "Sofie Demokjær", "akutteam-proeveby", "nurse"),
    ("laege-demo", "Laust Testgaard", "lungeteam-proeveby", "physician"),
)


@dataclass(frozen=True, slots=True)
class DemoHome:
    """One home of the demo, as the server knows it."""

    gateway: str
    kit: str
    patient_id: UUID
    name: str
    usual_weight_kg: float

    def limits(self) -> dict[str, tuple[float | None, float | None, float | None, float | None]]:
        """Give red low, yellow low, yellow high and red high per quantity."""
        weight = self.usual_weight_kg
        return {
            "spo2": (88, 90, None, None),
            "pulse_rate": (45, 50, 100, 110),
            "body_weight": (None, weight - 3, weight + 1.5, weight + 2.5),
        }


def homes_of(gateways: Sequence[str], usual_weights_kg: Sequence[float]) -> list[DemoHome]:
    """Make up the patients behind `gateways`, always the same for the same gateway."""
    return [
        DemoHome(
            gateway=gateway,
            kit=f"kit-{gateway}",
            patient_id=uuid5(_NAMESPACE, gateway),
            name=_name(number),
            usual_weight_kg=weight,
        )
        for number, (gateway, weight) in enumerate(zip(gateways, usual_weights_kg, strict=True))
    ]


def seed(url: str, homes: Sequence[DemoHome]) -> list[DemoHome]:
    """Put teams, clinicians, patients, kits and limits in; give the homes that were new."""
    with psycopg.connect(url) as connection:
        for team in _TEAMS:
            connection.execute("insert into team values (%s, %s, %s) on conflict do nothing", team)
        for clinician in _CLINICIANS:
            connection.execute(
                "insert into clinician (id, name, team_id, role) values (%s, %s, %s, %s) "
                "on conflict do nothing",
                clinician,
            )
        _let_the_physician_see(connection)
        return [home for home in homes if _add(connection, home)]


def _let_the_physician_see(connection: Connection[Any]) -> None:
    """Make the hospital's physician a member of the acute team: only a team sees its readings."""
    connection.execute(
        "insert into membership (clinician_id, team_id, role, period) "
        "select 'laege-demo', 'akutteam-proeveby', 'physician', tstzrange(now(), null) "
        "where not exists (select from membership where clinician_id = 'laege-demo' "
        "and team_id = 'akutteam-proeveby' and period @> now())"
    )


def _add(connection: Connection[Any], home: DemoHome) -> bool:
    added = connection.execute(
        "insert into patient (id, name, team_id) values (%s, %s, 'akutteam-proeveby') "
        "on conflict do nothing",
        [home.patient_id, home.name],
    )
    if added.rowcount == 0:
        return False
    connection.execute("insert into kit values (%s)", [home.kit])
    connection.execute("insert into gateway (id, kit_id) values (%s, %s)", [home.gateway, home.kit])
    connection.execute(
        "insert into kit_assignment (kit_id, patient_id, period) "
        "values (%s, %s, tstzrange(now() - interval '1 year', null))",
        [home.kit, home.patient_id],
    )
    for quantity, limits in home.limits().items():
        connection.execute(
            "insert into patient_limit (patient_id, quantity, red_low, yellow_low, yellow_high, "
            "red_high, valid_from, set_by) "
            "values (%s, %s, %s, %s, %s, %s, now() - interval '1 year', %s)",
            [home.patient_id, quantity, *limits, SET_BY],
        )
    return True


def _name(number: int) -> str:
    luck = random.Random(number // len(_FIRST))  # noqa: S311 - names of nobody
    first = _FIRST[number % len(_FIRST)]
    last = _LAST[(number + luck.randrange(len(_LAST))) % len(_LAST)]
    return f"{first} {last}"
