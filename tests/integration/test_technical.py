"""Homes in trouble, from what gateways said and did not say, in a real database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts.technical import desk, statements
from tests.support.house import Home, add_home
from tests.support.plans import wall

Db = Connection[TupleRow]

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MORNING = wall(2026, 11, 2, 8)


@pytest.fixture
def home(connection: Db) -> Home:
    """A patient who got the kit a month before the morning of the tests."""
    made = add_home(connection, assigned=False)
    connection.execute("update gateway set enrolled_at = %s", [MORNING - timedelta(days=40)])
    _assign(connection, made.kit, made.patient_id, MORNING - timedelta(days=30))
    return made


def _assign(
    connection: Db, kit: str, patient: UUID, start: datetime, end: datetime | None = None
) -> None:
    connection.execute(
        "insert into kit_assignment (kit_id, patient_id, period) "
        "values (%s, %s, tstzrange(%s, %s))",
        [kit, patient, start, end],
    )


def _hear(connection: Db, gateway: str, at: datetime, *, online: bool = True) -> None:
    """A word of the gateway, or the broker's that it is gone."""
    connection.execute(
        "insert into gateway_health as h values (%s, %s, 1, 1, %s, %s, %s, null) "
        "on conflict (gateway_id) do update set online = excluded.online, "
        "heard_at = excluded.heard_at, online_changed_at = case when h.online = excluded.online "
        "then h.online_changed_at else excluded.online_changed_at end",
        [gateway, uuid4(), online, at, at],
    )
    last = connection.execute(
        "select online from gateway_presence where gateway_id = %s order by id desc limit 1",
        [gateway],
    ).fetchone()
    if last is None or last[0] != online:
        connection.execute(
            "insert into gateway_presence (gateway_id, online, changed_at) values (%s, %s, %s)",
            [gateway, online, at],
        )


def _trouble(
    connection: Db,
    gateway: str,
    code: str,
    start: datetime,
    end: datetime | None = None,
    device: str | None = None,
) -> None:
    connection.execute(
        "insert into gateway_trouble (gateway_id, code, device, since, raised_at, cleared_at, "
        "detail) values (%s, %s, %s, %s, %s, %s, '')",
        [gateway, code, device, start, start, end],
    )


def _cases(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select patient_id, state, severity, reason_da from triage_case "
        "where channel = 'technical' order by opened_at, id"
    ).fetchall()


def _states(connection: Db) -> list[tuple[str, str]]:
    return [(row[1], row[2]) for row in _cases(connection)]


def test_a_home_that_is_silent_for_longer_than_a_night_is_told_and_taken_back(
    connection: Db, home: Home
) -> None:
    _hear(connection, home.gateway, MORNING - HOUR)
    _hear(connection, home.gateway, MORNING, online=False)
    desk.look(connection, MORNING + 12 * HOUR - MINUTE)
    assert _cases(connection) == []
    desk.look(connection, MORNING + 12 * HOUR)
    told = (
        "Hjemmeboksen har ingen forbindelse til serveren, siden mandag 2. nov. kl. 08.00. "
        "Spørg, om hjemmeboksen er tændt, og om internettet virker. Målinger gemmes i "
        "hjemmeboksen og sendes, når den er tilbage"
    )
    assert [row[1:] for row in _cases(connection)] == [("new", "blue", told)]
    back = MORNING + 15 * HOUR
    _hear(connection, home.gateway, back)
    desk.look(connection, back + 29 * MINUTE)
    assert _states(connection) == [("new", "blue")]
    _hear(connection, home.gateway, back + 30 * MINUTE)
    desk.look(connection, back + 30 * MINUTE)
    assert _states(connection) == [("returned", "blue")]


def test_a_gateway_that_the_broker_has_forgotten_is_silent_all_the_same(
    connection: Db, home: Home
) -> None:
    _hear(connection, home.gateway, MORNING)
    desk.look(connection, MORNING + 13 * HOUR)
    assert _states(connection) == [("new", "blue")]


def test_a_gateway_that_sends_readings_is_not_silent(connection: Db, home: Home) -> None:
    _hear(connection, home.gateway, MORNING)
    connection.execute(
        "insert into outbox (gateway_id, boot, updated_at) values (%s, %s, %s)",
        [home.gateway, uuid4(), MORNING + 13 * HOUR],
    )
    desk.look(connection, MORNING + 13 * HOUR)
    assert _cases(connection) == []


def test_a_kit_that_was_handed_out_and_never_switched_on_is_told(
    connection: Db, home: Home
) -> None:
    desk.look(connection, MORNING)
    assert _states(connection) == [("new", "blue")]


def test_a_gateway_that_comes_and_goes_all_night_makes_one_case(connection: Db, home: Home) -> None:
    _hear(connection, home.gateway, MORNING - HOUR)
    _hear(connection, home.gateway, MORNING, online=False)
    at = MORNING + 12 * HOUR
    desk.look(connection, at)
    for _ in range(30):
        _hear(connection, home.gateway, at)
        desk.look(connection, at + 5 * MINUTE)
        _hear(connection, home.gateway, at + 10 * MINUTE, online=False)
        desk.look(connection, at + 15 * MINUTE)
        at += 20 * MINUTE
    assert connection.execute("select count(*) from finding").fetchone() == (1,)
    assert _states(connection) == [("new", "blue")]


def test_what_a_gateway_says_of_itself_and_its_devices_stands_in_one_case(
    connection: Db, home: Home
) -> None:
    _hear(connection, home.gateway, MORNING)
    _trouble(connection, home.gateway, "radio-blind", MORNING - HOUR)
    _trouble(connection, home.gateway, "device-battery-low", MORNING - 2 * HOUR, device="AA:BB")
    _trouble(connection, home.gateway, "gateway-clock-untrusted", MORNING - 2 * HOUR)
    _trouble(connection, home.gateway, "outbox-old", MORNING - 2 * HOUR)
    desk.look(connection, MORNING)
    ((_, state, severity, reason),) = _cases(connection)
    assert (state, severity) == ("new", "blue")
    for words in ("hører ikke længere noget", "(apparat AA:BB)", "hvad klokken er", "ventet"):
        assert words in reason
    connection.execute("update gateway_trouble set cleared_at = %s", [MORNING])
    desk.look(connection, MORNING + 2 * HOUR)
    assert _states(connection) == [("new", "blue")]  # a battery recovers when it rests
    _hear(connection, home.gateway, MORNING + 25 * HOUR)
    desk.look(connection, MORNING + 25 * HOUR)
    assert _states(connection) == [("returned", "blue")]


def test_a_gap_and_what_waits_in_quarantine_are_yellow_since_something_is_lost_or_waits(
    connection: Db, home: Home
) -> None:
    _hear(connection, home.gateway, MORNING)
    boot = uuid4()
    connection.execute(
        "insert into outbox (gateway_id, boot, settled) values (%s, %s, '{[1,3),[5,6)}')",
        [home.gateway, boot],
    )
    connection.execute(
        "insert into sequence_gap (gateway_id, boot, first, last, noticed_at) "
        "values (%s, %s, 3, 4, now() - interval '2 hours')",
        [home.gateway, boot],
    )
    connection.execute(
        "insert into quarantine (topic, payload, code, reason, gateway_id, fingerprint) "
        "values ('t', 'x', 'bad-observation', 'r', %s, 'f')",
        [home.gateway],
    )
    row = connection.execute("select now()").fetchone()
    assert row is not None
    _hear(connection, home.gateway, row[0])
    desk.look(connection, row[0])
    ((_, state, severity, reason),) = _cases(connection)
    assert (state, severity) == ("new", "yellow")
    assert "er ikke nået frem" in reason
    assert "lagt til side" in reason
    connection.execute(
        "update outbox set settled = '{[1,6)}'",
    )
    connection.execute(
        "update quarantine set state = 'dismissed', resolved_at = now(), resolved_by = 'op'"
    )
    desk.look(connection, row[0] + MINUTE)
    assert _states(connection) == [("returned", "yellow")]


def test_a_reading_that_is_held_back_asks_until_somebody_has_said_whose_it_is(
    connection: Db, home: Home
) -> None:
    _hear(connection, home.gateway, MORNING)
    reading = uuid4()
    connection.execute(
        "insert into attribution_event (reading_id, measured_at, kind, candidate, code, reason, "
        "by_whom, at) values (%s, %s, 'held', %s, 'another-weight', 'r', 'guard', %s)",
        [reading, MORNING, home.patient_id, MORNING],
    )
    desk.look(connection, MORNING + MINUTE)
    assert _states(connection) == [("new", "yellow")]
    assert "kan være en andens" in _cases(connection)[0][3]
    connection.execute(
        "insert into attribution_event (reading_id, measured_at, kind, to_patient, reason, "
        "by_whom, at) values (%s, %s, 'refused', null, 'a guest', 'nurse-1', %s)",
        [reading, MORNING, MORNING + 2 * MINUTE],
    )
    desk.look(connection, MORNING + 3 * MINUTE)
    assert _states(connection) == [("returned", "yellow")]


def test_a_patient_does_not_inherit_the_troubles_of_the_one_before(
    connection: Db, home: Home
) -> None:
    _hear(connection, home.gateway, MORNING)
    _trouble(connection, home.gateway, "bond-lost", MORNING - 5 * HOUR)
    desk.look(connection, MORNING)
    assert _states(connection) == [("new", "blue")]
    moved = MORNING + MINUTE
    connection.execute("update kit_assignment set period = tstzrange(lower(period), %s)", [moved])
    other = connection.execute(
        "insert into patient (name, team_id) values ('Bodil Prøvesen', 'team-akut') returning id"
    ).fetchone()
    assert other is not None
    _assign(connection, home.kit, other[0], moved)
    desk.look(connection, moved + MINUTE)
    assert _states(connection) == [("returned", "blue")]
    desk.look(connection, moved + 50 * MINUTE)
    _hear(connection, home.gateway, moved + HOUR)
    desk.look(connection, moved + HOUR)
    assert [row[0] for row in _cases(connection)] == [home.patient_id, other[0]]


def test_a_kit_that_nobody_has_makes_no_case_and_stands_in_the_operators_list(
    connection: Db,
) -> None:
    made = add_home(connection, assigned=False)
    _hear(connection, made.gateway, MORNING - timedelta(days=3))
    _trouble(connection, made.gateway, "disk-full", MORNING - HOUR)
    assert desk.look(connection, MORNING).told == 0
    assert [
        (one.home.kit, one.home.patient_id, one.key.code)
        for one in desk.standing(connection, MORNING)
    ] == [(made.kit, None, "disk-full")]


def test_looking_again_or_from_another_process_tells_nothing_more_and_all_can_be_made_again(
    connection: Db, home: Home
) -> None:
    _hear(connection, home.gateway, MORNING)
    _trouble(connection, home.gateway, "disk-full", MORNING - HOUR)
    _trouble(connection, home.gateway, "never-heard-of", MORNING - HOUR)
    told = [desk.look(connection, MORNING + n * MINUTE).told for n in range(3)]
    assert told == [2, 0, 0]
    rows = connection.execute(
        "select evidence, severity, score, reason_da, reason_en from finding"
    ).fetchall()
    for evidence, *found in rows:
        answer = statements.replay(evidence)
        reason = answer.reason
        assert [answer.severity, answer.score, reason.danish, reason.english] == found


def test_operators_list_every_home_in_trouble_also_those_without_a_patient(
    connection: Db, database_url: str
) -> None:
    made = add_home(connection, assigned=False)
    _trouble(connection, made.gateway, "disk-full", datetime.now(UTC) - HOUR)
    done = subprocess.run(
        [sys.executable, "-m", "telekol", "homes", "--json"],
        env={**os.environ, "TELEKOL_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=True,
    )
    (one,) = json.loads(done.stdout)
    assert (one["kit"], one["with_patient"], one["code"]) == (made.kit, False, "disk-full")
    assert one["reason_en"].startswith("The gateway's disk is full")
