"""How homes are, from the database. Touches PostgreSQL; decides nothing.

SQL is in technical.sql, judgement in `troubles`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from alerts.technical import troubles
from alerts.technical.troubles import Key, Presence, Time
from telekol import queries
from telekol.severity import Severity
from telekol.troubles import TroubleCode

_SQL: Final = queries.load("alerts.technical", "technical.sql")


@dataclass(slots=True)
class Home:
    """A gateway, whose it is, and when what was wrong with it.

    Parameters
    ----------
    patient_id, assigned_from
        None for a kit that nobody has.
    """

    gateway: str
    kit: str
    patient_id: UUID | None
    assigned_from: datetime | None
    times: dict[Key, list[Time]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class ToldTrouble:
    """The last statement about a trouble of a patient."""

    finding_id: UUID
    key: Key
    stands: bool


def homes(connection: Connection[Any], now: datetime, patients: Iterable[UUID] = ()) -> list[Home]:
    """Load the homes that may be in trouble, with the times of every trouble.

    Parameters
    ----------
    patients
        Those whose homes are wanted, however well they are.
    """
    found: dict[tuple[str, UUID | None], Home] = {}
    presences: dict[tuple[str, UUID | None], tuple[datetime, bool, datetime | None, Any]] = {}
    values = {"now": now, "patients": list(patients)}
    for row in connection.execute(_SQL["gateways"], values):
        gateway, kit, enrolled_at, patient, assigned_from, online, heard_at, last_sign = row
        found[gateway, patient] = Home(gateway, kit, patient, assigned_from)
        starts = [one for one in (enrolled_at, assigned_from) if one is not None]
        presences[gateway, patient] = (max(starts), online, heard_at, last_sign)
    _read_troubles(connection, found.values(), now)
    away = _away(connection, {home.gateway for home in found.values()}, now)
    for (gateway, patient), (expected_from, online, heard_at, last_sign) in presences.items():
        times = list(away.get(gateway, ()))
        if heard_at is not None and not online and not (times and times[-1].end is None):
            times.append(Time(heard_at))  # it went longer ago than was looked
        presence = Presence(tuple(times), last_sign, expected_from)
        key = Key(gateway, TroubleCode.GATEWAY_OFFLINE)
        found[gateway, patient].times[key] = troubles.silences(presence, now)
    _read_noticed(connection, found, now)
    return [_own(home) for home in found.values()]


def held(connection: Connection[Any], now: datetime) -> dict[UUID, Time]:
    """Give since when, and how many, readings are held back from patients."""
    rows = connection.execute(_SQL["held"], {"now": now})
    return {patient: Time(since, None, count) for patient, since, count in rows}


def with_open_case(connection: Connection[Any]) -> set[UUID]:
    """Give the patients with an open technical case."""
    return {row[0] for row in connection.execute(_SQL["with_open_case"])}


def told(connection: Connection[Any], patient: UUID) -> dict[Key, ToldTrouble]:
    """Give the last statement about each trouble of a patient."""
    found: dict[Key, ToldTrouble] = {}
    rows = connection.execute(_SQL["told"], {"patient": patient})
    for finding_id, severity, gateway, code, device in rows:
        key = Key(gateway, code, device)
        found[key] = ToldTrouble(finding_id, key, severity != Severity.GREEN)
    return found


def _read_troubles(connection: Connection[Any], some: Iterable[Home], now: datetime) -> None:
    by_gateway: dict[str, list[Home]] = defaultdict(list)
    for home in some:
        by_gateway[home.gateway].append(home)
    values = {"gateways": sorted(by_gateway), "now": now}
    rows = connection.execute(_SQL["troubles"], values)
    for gateway, code, device, raised_at, cleared_at in rows:
        for home in by_gateway[gateway]:
            home.times[Key(gateway, code, device)].append(Time(raised_at, cleared_at))


def _away(
    connection: Connection[Any], gateways: Iterable[str], now: datetime
) -> Mapping[str, Sequence[Time]]:
    """Give when gateways were away; one that came and was not seen to go has no such time."""
    found: dict[str, list[Time]] = defaultdict(list)
    values = {"gateways": sorted(gateways), "now": now}
    for gateway, online, changed_at in connection.execute(_SQL["presence"], values):
        times = found[gateway]
        is_away = bool(times) and times[-1].end is None
        if online and is_away:
            times[-1] = Time(times[-1].start, changed_at)
        elif not online and not is_away:
            times.append(Time(changed_at))
    return found


def _read_noticed(
    connection: Connection[Any], found: dict[tuple[str, UUID | None], Home], now: datetime
) -> None:
    for row in connection.execute(_SQL["said_by_server"], {"now": now}):
        gateway, code, since, patient, assigned_from, kit = row
        place = (gateway, patient)
        home = found.setdefault(place, Home(gateway, kit or "", patient, assigned_from))
        home.times[Key(gateway, code)].append(Time(since))


def _own(home: Home) -> Home:
    """Leave out what was wrong before this patient had the kit; a kit on the shelf is silent."""
    if home.patient_id is None:
        home.times.pop(Key(home.gateway, TroubleCode.GATEWAY_OFFLINE), None)
    elif home.assigned_from is not None:
        start = home.assigned_from
        for key, times in home.times.items():
            home.times[key] = troubles.since(times, start)
    return home
