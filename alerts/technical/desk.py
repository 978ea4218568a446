"""The job that tells of homes in trouble. Touches PostgreSQL; judgement is in `troubles`.

Owns the order: homes are read, and each patient's untold troubles are told in a transaction that
locks the patient. A kit that nobody has makes no finding, since a finding is about a patient:
`telekol homes` lists it with the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from alerts.adherence import store as adherence_store
from alerts.adherence.desk import Looked
from alerts.casework import store as case_store
from alerts.casework.cases import JudgedReading
from alerts.clock.rule_store import RuleBook
from alerts.clock.rules import TEMPLATE, TechnicalRule
from alerts.round import finding_store
from alerts.technical import policy, statements, store, troubles
from alerts.technical.policy import Policy
from alerts.technical.store import Home, ToldTrouble
from alerts.technical.troubles import Key, Time
from telekol.severity import Channel
from telekol.troubles import TroubleCode


@dataclass(frozen=True, slots=True)
class Standing:
    """A trouble that stands, whether or not somebody has the kit."""

    home: Home
    key: Key
    time: Time


def look(connection: Connection[Any], now: datetime, book: RuleBook | None = None) -> Looked:
    """Tell what stands and is untold, and take back what is over."""
    with_case = store.with_open_case(connection)
    times = _times(connection, now, with_case)
    told = 0
    patients = sorted({*times, *with_case})
    rules = (book or RuleBook()).of(connection, patients, now)
    for patient in patients:
        some, rule = times.get(patient, {}), rules[patient].technical
        if _untold(store.told(connection, patient), some, now, rule):
            told += _tell(connection, patient, some, now, rule)
    return Looked(len(times), told)


def standing(
    connection: Connection[Any], now: datetime, book: RuleBook | None = None
) -> list[Standing]:
    """Give every trouble that stands now, of homes with and without a patient."""
    homes = store.homes(connection, now)
    patients = sorted({home.patient_id for home in homes if home.patient_id is not None})
    rules = (book or RuleBook()).of(connection, patients, now)

    def rule(home: Home) -> TechnicalRule:
        return (TEMPLATE if home.patient_id is None else rules[home.patient_id]).technical

    return [
        Standing(home, key, stands)
        for home in homes
        for key, times in sorted(home.times.items())
        if (stands := troubles.standing(times, _policy(key, rule(home)), now)) is not None
    ]


def _times(
    connection: Connection[Any], now: datetime, patients: set[UUID]
) -> dict[UUID, dict[Key, Sequence[Time]]]:
    found: dict[UUID, dict[Key, Sequence[Time]]] = defaultdict(dict)
    for home in store.homes(connection, now, patients):
        if home.patient_id is not None:
            found[home.patient_id].update(home.times)
    for patient, time in store.held(connection, now).items():
        found[patient][Key("", TroubleCode.READING_HELD)] = [time]
    return found


def _tell(
    connection: Connection[Any],
    patient: UUID,
    times: Mapping[Key, Sequence[Time]],
    now: datetime,
    rule: TechnicalRule,
) -> int:
    with connection.transaction():
        adherence_store.lock(connection, [patient])
        told = store.told(connection, patient)
        return sum(
            _store(connection, patient, key, times, told.get(key), rule, now)
            for key in _untold(told, times, now, rule)
        )


def _untold(
    told: Mapping[Key, ToldTrouble],
    times: Mapping[Key, Sequence[Time]],
    now: datetime,
    rule: TechnicalRule,
) -> list[Key]:
    """Give the troubles that stand and are not told, or are told and do not stand."""
    known = {key for key, one in told.items() if one.stands}
    stand = {
        key
        for key, some in times.items()
        if troubles.standing(some, _policy(key, rule), now) is not None
    }
    return sorted(known ^ stand)


def _store(
    connection: Connection[Any],
    patient: UUID,
    key: Key,
    times: Mapping[Key, Sequence[Time]],
    told: ToldTrouble | None,
    rule: TechnicalRule,
    now: datetime,
) -> int:
    finding = statements.made(
        patient,
        key,
        times.get(key, ()),
        _policy(key, rule),
        told.finding_id if told else None,
        now,
        rule.source,
        is_here=not key.gateway or any(one.gateway == key.gateway for one in times),
    )
    if not finding_store.insert(connection, [finding]):
        return 0
    judged = JudgedReading(finding.id, key.about, finding.severity, now)
    case_store.take_in(connection, patient, Channel.TECHNICAL, judged)
    return 1


def _policy(key: Key, rule: TechnicalRule) -> Policy:
    return rule.policies.get(key.code) or policy.policy(key.code)
