"""A doubtful red is measured again before anybody is called; a value on its limit is one case."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine
from alerts.casework import store as case_store
from alerts.engine import Memory
from alerts.in_use import rule_store
from alerts.in_use.rule_store import RuleSets
from alerts.past import replay_store
from alerts.past.replay import replay
from alerts.rulesets import loading
from ingest import writer
from telekol import topics
from telekol.instructions import Remeasure, decode_instruction
from telekol.observation import Observation
from telekol.quantities import Quantity
from telekol.severity import Severity
from tests.support.house import Home, add_home, set_limits
from tests.support.messages import message, observation, sort

Db = Connection[TupleRow]


@pytest.fixture
def home(connection: Db) -> Home:
    """A patient of the standard set, with own limits on SpO2; the home is connected."""
    made = add_home(connection)
    set_limits(connection, made.patient_id, "spo2", red_low=88, yellow_low=90)
    connection.execute(
        "insert into gateway_health values (%s, %s, 1, 1, true, now(), now(), null)",
        [made.gateway, uuid4()],
    )
    return made


def _send(connection: Db, *observations: Observation, memory: Memory | None = None) -> None:
    payload = message(*observations)
    writer.store(connection, [sort(topics.observations("gw-test-1"), payload)])
    while engine.run_round(connection, memory):
        pass


def _spo2(value: float, minutes_ago: float = 0, **more: object) -> Observation:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    made = observation(value, measured_at=at)
    return made.model_copy(update=more)


def _cases(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select state, severity, reason_en from triage_case where channel = 'clinical'"
    ).fetchall()


def _waits(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select doubt, outcome, until - asked_at from confirmation order by asked_at"
    ).fetchall()


def _let_time_pass(connection: Db) -> None:
    connection.execute(
        "update confirmation set asked_at = asked_at - interval '1 hour', "
        "until = now() - interval '1 second' where outcome is null"
    )


def test_a_sudden_red_asks_the_home_to_measure_again_and_calls_nobody_yet(
    connection: Db, home: Home
) -> None:
    _send(connection, _spo2(93, 60 * 24), _spo2(84))
    assert _cases(connection) == []
    assert _waits(connection) == [("sudden", None, timedelta(minutes=15))]
    row = connection.execute("select kind, body, expires_at from instruction").fetchone()
    assert row is not None
    asked = decode_instruction(home.gateway, json.dumps(row[1]).encode())
    assert isinstance(asked, Remeasure)
    assert asked.quantities == (Quantity.SPO2,)
    assert "Mål" in asked.reason.da
    assert "84" not in json.dumps(row[1]["reason"])
    found = connection.execute("select severity from finding where severity = 'red'").fetchall()
    assert found, "the finding is a fact, also while it waits"


def test_a_normal_second_measurement_ends_it_as_green_with_both_readings(
    connection: Db, home: Home
) -> None:
    first, second = _spo2(84, 3), _spo2(93)
    _send(connection, _spo2(93, 60 * 24), first)
    _send(connection, second)
    assert _cases(connection) == []
    assert [row[1] for row in _waits(connection)] == ["normal"]
    row = connection.execute(
        "select severity, reading_ids, reason_en, reason_da from finding "
        "where rule = 'second-measurement'"
    ).fetchone()
    assert row is not None
    assert row[:2] == ("green", [first.id, second.id])
    assert "SpO2 84 % at" in row[2]
    assert "93 %, normal" in row[2]
    assert "målt igen" in row[3]
    _let_time_pass(connection)
    assert engine.raise_overdue(connection) == 0


def test_a_second_red_raises_it(connection: Db, home: Home) -> None:
    _send(connection, _spo2(93, 60 * 24), _spo2(84, 3))
    _send(connection, _spo2(85))
    assert [(state, severity) for state, severity, _ in _cases(connection)] == [("new", "red")]
    assert "84 %" in _cases(connection)[0][2], "the worst stays shown until somebody has seen it"
    assert [row[1] for row in _waits(connection)] == ["confirmed"]


def test_silence_raises_it_when_its_time_is_over_and_once(connection: Db, home: Home) -> None:
    _send(connection, _spo2(93, 60 * 24), _spo2(84))
    assert engine.raise_overdue(connection) == 0
    assert _cases(connection) == []
    _let_time_pass(connection)
    assert engine.raise_overdue(connection) == 1
    assert engine.raise_overdue(connection) == 0
    assert [row[:2] for row in _cases(connection)] == [("new", "red")]
    assert [row[1] for row in _waits(connection)] == ["silence"]


def test_a_red_that_the_device_doubts_is_measured_again_also_without_history(
    connection: Db, home: Home
) -> None:
    _send(connection, _spo2(84, quality=("poor-signal",)))
    assert [row[:2] for row in _waits(connection)] == [("quality", None)]


def test_a_doubtful_second_measurement_makes_nothing_normal(connection: Db, home: Home) -> None:
    _send(connection, _spo2(93, 60 * 24), _spo2(84, 3))
    _send(connection, _spo2(95, quality=("poor-signal",)))
    assert [row[1] for row in _waits(connection)] == [None]
    _let_time_pass(connection)
    engine.raise_overdue(connection)
    assert [row[1] for row in _cases(connection)] == ["red"]


def test_nothing_waits_for_a_home_that_is_not_connected(connection: Db, home: Home) -> None:
    connection.execute("update gateway_health set online = false")
    _send(connection, _spo2(93, 60 * 24), _spo2(84))
    assert [row[1] for row in _cases(connection)] == ["red"]
    assert _waits(connection) == []


def test_a_red_measured_longer_ago_than_its_rule_waits_is_raised_at_once(
    connection: Db, home: Home
) -> None:
    _send(connection, _spo2(93, 60 * 24), _spo2(84, 20))
    assert [row[1] for row in _cases(connection)] == ["red"]


def test_a_red_after_a_red_is_raised_at_once(connection: Db, home: Home) -> None:
    connection.execute("update gateway_health set online = false")
    _send(connection, _spo2(84, 60 * 24))
    connection.execute("update gateway_health set online = true")
    _send(connection, _spo2(83))
    assert _waits(connection) == []


def test_operations_can_switch_waiting_off(connection: Db, home: Home) -> None:
    memory = Memory(longest_wait=timedelta(0))
    _send(connection, _spo2(93, 60 * 24), _spo2(84), memory=memory)
    assert [row[1] for row in _cases(connection)] == ["red"]
    assert _waits(connection) == []


def test_a_rule_without_confirmation_raises_at_once(connection: Db, home: Home) -> None:
    """Blood pressure has limits of the patient's own, and its rule says nothing of waiting."""
    set_limits(connection, home.patient_id, "pef", red_low=200)
    at = datetime.now(UTC)
    _send(
        connection,
        observation(300, Quantity.PEF, measured_at=at - timedelta(days=1)),
        observation(150, Quantity.PEF, measured_at=at),
    )
    assert [row[1] for row in _cases(connection)] == ["red"]


def test_what_a_person_withdraws_while_it_waits_calls_nobody(connection: Db, home: Home) -> None:
    first = _spo2(84)
    _send(connection, _spo2(93, 60 * 24), first)
    connection.execute(
        "select invalidate_reading(%s, %s, %s, 'nurse-1', 'a grandchild', false)",
        [first.id, first.measured_at, home.patient_id],
    )
    while engine.run_round(connection):
        pass
    _let_time_pass(connection)
    engine.raise_overdue(connection)
    assert _cases(connection) == []
    assert [row[1] for row in _waits(connection)] == ["taken-back"]


def test_what_was_measured_again_is_replayed(connection: Db, home: Home) -> None:
    _send(connection, _spo2(93, 60 * 24), _spo2(84, 3))
    _send(connection, _spo2(93))
    record = replay_store.record_of(connection, home.patient_id)
    report = replay(record, replay_store.understood(connection, record, RuleSets()))
    assert report.differences == []
    assert sum(report.replayed.values()) >= 4


# ------------------------------------------------------------------- one case, not ten


def _events(connection: Db) -> list[str]:
    return [row[0] for row in connection.execute("select kind from case_event order by version")]


def test_a_value_that_sits_on_its_limit_makes_one_case(connection: Db, home: Home) -> None:
    """The limit is 90, and its rule wants one per cent more before it is normal again."""
    connection.execute("update gateway_health set online = false")
    for minutes, value in ((50, 89), (40, 90), (30, 89), (20, 90.5), (10, 89)):
        _send(connection, _spo2(value, minutes))
    assert [row[0] for row in _cases(connection)] == ["new"]
    assert "returned" not in _events(connection)
    _send(connection, _spo2(91.5))
    assert _events(connection)[-1] == "returned"


def test_a_red_that_is_only_just_yellow_stays_red_until_it_has_come_back(
    connection: Db, home: Home
) -> None:
    connection.execute("update gateway_health set online = false")
    _send(connection, _spo2(87, 30))
    _send(connection, _spo2(88.5, 20))
    levels = case_store.open_levels(connection, [home.patient_id])
    assert {one for found in levels.values() for one in found.values()} == {Severity.RED}
    _send(connection, _spo2(89.5, 10))
    levels = case_store.open_levels(connection, [home.patient_id])
    assert {one for found in levels.values() for one in found.values()} == {Severity.YELLOW}


HELD_OFF = """
name = "hold"
version = 1
title_da = "Prøve"
title_en = "Trial"
[[rules]]
id = "spo2-low"
family = "absolute-limits"
quantity = "spo2"
hold_off_days = 2
[rules.parameters]
yellow_low = 92
red_low = 80
"""


def test_the_same_colour_soon_after_a_closed_case_opens_no_other_and_a_graver_does(
    connection: Db, home: Home
) -> None:
    connection.execute("delete from patient_limit")
    rule_set_id, _ = rule_store.publish(connection, loading.parsed(HELD_OFF, "test"))
    connection.execute(
        "insert into rule_set_use (rule_set_id, valid_from, set_by) values (%s, %s, 'nurse-1')",
        [rule_set_id, datetime.now(UTC) - timedelta(days=9)],
    )
    connection.execute("update gateway_health set online = false")
    _send(connection, _spo2(91, 60))
    (case,) = connection.execute("select id from triage_case").fetchone() or (None,)
    assert case is not None
    case_store.acknowledge(connection, case, clinician_id="nurse-1", now=datetime.now(UTC))
    _send(connection, _spo2(95, 50))
    assert [row[0] for row in _cases(connection)] == ["closed"]
    _send(connection, _spo2(91, 40))
    assert [row[0] for row in _cases(connection)] == ["closed"], "held off"
    count = "select count(*) from finding where severity = 'yellow'"
    assert connection.execute(count).fetchone() == (2,), "and a finding all the same"
    _send(connection, _spo2(79, 30))
    assert sorted(row[0] for row in _cases(connection)) == ["closed", "new"]


def test_two_alerts_processes_raise_a_silence_once(
    connection: Db, home: Home, database_url: str
) -> None:
    _send(connection, _spo2(93, 60 * 24), _spo2(84))
    _let_time_pass(connection)

    def look(_: int) -> int:
        with psycopg.connect(database_url, autocommit=True) as own:
            return engine.raise_overdue(own)

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(look, range(2))) == 1
    assert _events(connection) == ["opened"]
