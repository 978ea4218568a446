"""What the ingest benchmark stands on: a database with homes, and messages that they sent.

Must not measure anything. Homes and readings are invented and follow from their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid5

import psycopg

from telekol import topics, wire
from telekol.observation import Device, Observation, TimeConfidence, reading_id
from telekol.quantities import FACTS, Quantity

HOMES: Final = 2000
"""More than one machine's share of a region; each has a patient, a kit and an outbox of its own,
so that rows and index pages are spread as in life."""

_LIVES: Final = UUID("0f8c1a52-9f8e-5b0e-9f35-6a9e7a1c2d40")
_QUANTITIES: Final = (
    (Quantity.SPO2, 92.0),
    (Quantity.PULSE_RATE, 78.0),
    (Quantity.BODY_WEIGHT, 74.35),
    (Quantity.SYSTOLIC_BP, 131.0),
)
_BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)

Message = tuple[str, bytes]
"""Topic and payload."""


def seed(url: str) -> None:
    """Register the homes."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (
            "insert into team values ('team-bench', 'Akutteam Prøveby', 'municipal')",
            "insert into kit select 'kit-' || n from generate_series(1, %(homes)s) n",
            (
                "insert into gateway (id, kit_id) "
                "select 'gw-bench-' || n, 'kit-' || n from generate_series(1, %(homes)s) n"
            ),
            (
                "insert into patient (name, team_id) "
                "select 'Prøvesen ' || n, 'team-bench' from generate_series(1, %(homes)s) n"
            ),
            (
                "insert into kit_assignment (kit_id, patient_id, period) "
                "select 'kit-' || row_number() over (), id, tstzrange('2020-01-01', null) "
                "from patient"
            ),
        ):
            connection.execute(statement.encode(), {"homes": HOMES} if "%(" in statement else None)


def grow(url: str, rows: int, moment: datetime) -> None:
    """Fill the tables of readings up to `rows`, with history that ends at `moment`.

    Ten readings a second for as long as it takes, from all patients in turn. Both tables at once,
    without waiting for the disk: what is measured comes later, and waits.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("select count(*) from observation_identity").fetchone()
        there = found[0] if found else 0
        missing = rows - there
        if missing <= 0:
            return
        # Further back than what is there: no two of one moment.
        values = {"until": moment, "first": there + 1, "last": rows, "homes": HOMES}
        with ThreadPoolExecutor(2) as pool:
            fill = partial(_fill, url, values)
            list(pool.map(fill, (_GROW_IDENTITIES, _GROW_OBSERVATIONS)))
        for statement in (b"vacuum analyze", b"checkpoint"):
            connection.execute(statement)


def _fill(url: str, values: dict[str, object], statement: bytes) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute(statement, values)


_GROW_IDENTITIES: Final = b"""
insert into observation_identity (stamp, id_head, value)
select %(until)s::timestamptz at time zone 'UTC' - n * interval '100 ms',
    hashint8extended(n, 7), 92
from generate_series(%(last)s, %(first)s, -1) n
"""

_GROW_OBSERVATIONS: Final = b"""
with homes as materialized (
    select array_agg(id order by id) as patients from patient
)
insert into observation (measured_at, received_at, device_time, seq, value, reading_id, patient_id,
    device_id, outbox_id, quantity, time_confidence, entered)
select at, at, at at time zone 'UTC', n,
    (array[92.0, 78.0, 74.35, 131.0])[1 + n / %(homes)s %% 4], gen_random_uuid(),
    patients[1 + n %% %(homes)s], 1, 1,
    (array['spo2', 'pulse_rate', 'body_weight', 'systolic_bp'])[1 + n / %(homes)s %% 4]::quantity,
    'clock-checked', 'automatic'
from homes, generate_series(%(last)s, %(first)s, -1) n,
    lateral (select %(until)s::timestamptz - n * interval '100 ms' as at) t
"""


def messages(turn: int, count: int, size: int) -> Iterator[Message]:
    """Give `count` messages of `size` readings each, from all homes in turn.

    Parameters
    ----------
    turn
        Which run this is: every turn has outboxes and readings of its own, on a day of its own.
        None may lie ahead: ingest would give each of its readings the time of its arrival.
    """
    if _BEGINNING + timedelta(days=turn + 1) > datetime.now(UTC):
        raise ValueError(f"turn {turn} lies in the future; begin at an earlier day")
    for number in range(count):
        home = number % HOMES + 1
        first = number // HOMES * size + 1
        gateway = f"gw-bench-{home}"
        message = wire.ObservationMessage(
            v=wire.WIRE_VERSION,
            gateway=gateway,
            boot=uuid5(_LIVES, f"{turn}/{home}"),
            seq=first,
            sent_at=_BEGINNING,
            observations=tuple(_observations(turn, home, first, size)),
        )
        yield topics.observations(gateway), wire.encode(message)


def _observations(turn: int, home: int, first: int, size: int) -> Iterator[Observation]:
    device = Device(
        address=f"C0:00:00:00:{home // 256:02X}:{home % 256:02X}",
        manufacturer="Bench",
        model="PLX-1",
        serial=f"{home:08d}",
    )
    for seq in range(first, first + size):
        quantity, value = _QUANTITIES[seq % 4]
        # A measurement each half minute; homes and turns beside each other, as in life.
        at = _BEGINNING + timedelta(days=turn, seconds=seq // 4 * 30, milliseconds=home)
        device_time = at.replace(tzinfo=None) + timedelta(hours=1)
        yield Observation(
            id=reading_id(device, quantity, device_time),
            device=device,
            quantity=quantity,
            value=value,
            unit=FACTS[quantity].unit,
            measured_at=at,
            device_time=device_time,
            clock_offset_s=-3600.0,
            time_confidence=TimeConfidence.CLOCK_CHECKED,
            received_at=at,
        )
