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
    ("support-demo", "Tekla Tænktop", "akutteam-proeveby", "logistics"),
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


@dataclass(frozen=True, slots=True)
class Enrolled:
    """For how many days a patient is in the programme, and by which plan."""

    days: int
    due: str
    counts_from: str


IN_THE_EVENING: Final = Enrolled(0, "23:59", "23 hours")
"""Whoever is simulated is asked from now on, and has the whole day for it."""

SILENT_FOR_DAYS: Final = Enrolled(3, "10:00", "10 hours")

SILENT: Final = ("gateway-silent", "Ylva Opdigtet")
"""A patient whose kit lies in a drawer: nothing ever comes, so that the demo shows silence."""


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
    _enrol(connection, home.patient_id, list(home.limits()), IN_THE_EVENING)
    return True


def seed_silence(url: str) -> None:
    """Put in the patient of whom nothing ever comes; once."""
    gateway, name = SILENT
    with psycopg.connect(url) as connection:
        home = DemoHome(gateway, f"kit-{gateway}", uuid5(_NAMESPACE, gateway), name, 74.0)
        added = connection.execute(
            "insert into patient (id, name, team_id) values (%s, %s, 'akutteam-proeveby') "
            "on conflict do nothing",
            [home.patient_id, home.name],
        )
        if added.rowcount == 0:
            return
        connection.execute("insert into kit values (%s)", [home.kit])
        connection.execute(
            "insert into gateway (id, kit_id, enrolled_at) "
            "values (%s, %s, now() - interval '4 days')",
            [home.gateway, home.kit],
        )
        connection.execute(
            "insert into kit_assignment (kit_id, patient_id, period) "
            "values (%s, %s, tstzrange(now() - interval '3 days', null))",
            [home.kit, home.patient_id],
        )
        _enrol(connection, home.patient_id, ["spo2", "pulse_rate"], SILENT_FOR_DAYS)


def _enrol(
    connection: Connection[Any], patient_id: UUID, quantities: Sequence[str], how: Enrolled
) -> None:
    """Enrol a patient by a plan that asks for each quantity every day."""
    connection.execute(
        "insert into programme values ('kol-demo', 'Tele-KOL, demo', 'Tele-COPD, demo') "
        "on conflict do nothing"
    )
    row = connection.execute(
        "with e as (insert into enrolment (patient_id, programme_id, team_id, period) "
        "values (%s, 'kol-demo', 'akutteam-proeveby', "
        "tstzrange(now() - make_interval(days => %s), null)) returning id, period) "
        "insert into plan (enrolment_id, period, set_by) "
        "select id, period, 'sygeplejerske-demo' from e returning id",
        [patient_id, how.days],
    ).fetchone()
    assert row is not None, "the plan was inserted"  # noqa: S101
    for quantity in quantities:
        connection.execute(
            "with i as (insert into plan_item (plan_id, quantity) values (%s, %s) returning id) "
            "insert into plan_time (plan_item_id, phase, weekday, due, counts_from, "
            "remind_before) select i.id, 'steady', day, %s, %s, interval '1 hour' "
            "from i, generate_series(1, 7) day",
            [row[0], quantity, how.due, how.counts_from],
        )


def _name(number: int) -> str:
    luck = random.Random(number // len(_FIRST))  # noqa: S311 - names of nobody
    first = _FIRST[number % len(_FIRST)]
    last = _LAST[(number + luck.randrange(len(_LAST))) % len(_LAST)]
    return f"{first} {last}"
