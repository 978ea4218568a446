"""What a server must know of a fleet's homes, written as SQL. Pure text; connects to nothing.

Owns the registrations of invented people. Limits are examples around each patient's own levels and
approved by nobody; each row says so. Runs twice without harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from string import Template
from typing import Final
from uuid import UUID, uuid5

from device_sim.physiology.profile import Profile

TEAM: Final = "akutteam-flaade"
SET_BY: Final = "simulated fleet, approved by no clinician"

_PATIENTS: Final = UUID("3c0b9f5e-41d7-5c5c-8a0f-2b8f6d0c9e31")

# Ids have passed `telekol.topics.GATEWAY_ID_PATTERN`, which knows no quote.
_TEAM: Final = Template(
    "insert into team (id, name, kind) values ('$team', 'Akutteam, simuleret flåde', 'municipal') "
    "on conflict do nothing;"
)
_HOME: Final = Template("""\
insert into patient (id, name, team_id)
    values ('$patient', 'Simuleret borger $number', '$team') on conflict do nothing;
insert into kit (id) values ('kit-$gateway') on conflict do nothing;
insert into gateway (id, kit_id) values ('$gateway', 'kit-$gateway') on conflict do nothing;
insert into kit_assignment (kit_id, patient_id, period)
    select 'kit-$gateway', '$patient', tstzrange('2015-01-01', null)
    where not exists (select from kit_assignment where kit_id = 'kit-$gateway');""")
_LIMIT: Final = Template("""\
insert into patient_limit
    (patient_id, quantity, red_low, yellow_low, yellow_high, red_high, valid_from, set_by)
    select '$patient', '$quantity', $values, '2015-01-01', '$set_by'
    where not exists (
        select from patient_limit where patient_id = '$patient' and quantity = '$quantity'
    );""")

Limits = tuple[float | None, float | None, float | None, float | None]


def patient_id(gateway: str) -> UUID:
    """Give the id of the patient to whom a gateway's kit is assigned, always the same."""
    return uuid5(_PATIENTS, gateway)


def statements(homes: Iterable[tuple[str, Profile]]) -> Iterator[str]:
    """Write the statements for homes given as gateway and the profile of its patient."""
    yield "begin;"
    yield _TEAM.substitute(team=TEAM)
    for number, (gateway, profile) in enumerate(homes, 1):
        patient = patient_id(gateway)
        yield _HOME.substitute(gateway=gateway, patient=patient, number=number, team=TEAM)
        for quantity, values in limits(profile).items():
            listed = ", ".join("null" if value is None else f"{value:g}" for value in values)
            yield _LIMIT.substitute(
                patient=patient, quantity=quantity, values=listed, set_by=SET_BY
            )
    yield "commit;"


def limits(profile: Profile) -> dict[str, Limits]:
    """Give red low, yellow low, yellow high and red high around a person's own levels."""
    high = (93.0, 95.0) if profile.on_oxygen else (None, None)
    return {
        "spo2": (round(profile.spo2_pct - 5), round(profile.spo2_pct - 3), *high),
        "pulse_rate": (
            45.0,
            50.0,
            float(round(profile.pulse_per_min + 18)),
            float(round(profile.pulse_per_min + 28)),
        ),
        "body_weight": (
            None,
            round(profile.weight_kg - 3, 1),
            round(profile.weight_kg + 1.5, 1),
            round(profile.weight_kg + 2.5, 1),
        ),
    }
