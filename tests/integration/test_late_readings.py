"""What comes late or is withdrawn is judged at its own time, and again what follows from it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine
from alerts.engine import Memory
from alerts.in_use import rule_store
from alerts.rulesets import loading
from tests.support.house import Home, add_home, set_limits
from tests.support.stored_readings import Reading, store

Db = Connection[TupleRow]
NOW = datetime.now(UTC).replace(microsecond=0)

RISE = """
name = "rise"
version = 1
title_da = "Prøve"
title_en = "Trial"
[[rules]]
id = "weight-up"
family = "change-over-days"
quantity = "body_weight"
[rules.parameters]
direction = "high"
yellow = 2.0
within_days = 3
[[rules]]
id = "spo2-usual"
family = "own-baseline"
quantity = "spo2"
[rules.parameters]
direction = "low"
yellow = 3.0
floor = 1.0
[[rules]]
id = "both"
family = "spo2-pulse-composite"
quantity = "spo2"
need = { least_count = 5 }
[rules.parameters]
yellow_without = 3.0
"""


@pytest.fixture
def home(connection: Db) -> Home:
    made = add_home(connection)
    rule_store.publish(connection, loading.parsed(RISE, "test"))
    rule_store.use(connection, "rise", by="drift", since=NOW - timedelta(days=99))
    return made


def _judge(connection: Db) -> None:
    memory = Memory()
    while engine.run_round(connection, memory):
        pass


def _weight(kg: float, days_ago: float, *, came: float | None = None) -> Reading:
    came_at = None if came is None else NOW - timedelta(days=came)
    return Reading("body_weight", kg, NOW - timedelta(days=days_ago), came_at)


def _turns(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select severity, turn, late, cause from judgement order by judged_at, measured_at, turn"
    ).fetchall()


def _cases(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select channel, state, severity, reason_en from triage_case"
    ).fetchall()


def test_a_late_reading_changes_what_came_after_it_and_pages_nobody(
    connection: Db, home: Home
) -> None:
    """Weighed 71, then nothing, then 73.5: with the 71 of two days before it is a rise."""
    for weight in (_weight(73.4, 9), _weight(73.5, 1)):
        store(connection, home.patient_id, weight)
    _judge(connection)
    late = _weight(71.0, 3, came=0.5)
    store(connection, home.patient_id, late)
    _judge(connection)
    assert _turns(connection) == [
        (None, 0, False, None),
        (None, 0, False, None),
        (None, 0, True, None),
        ("yellow", 1, False, f"late/{late.id}"),
    ]
    assert [row for row in _cases(connection) if row[0] == "clinical"] == []
    reason = connection.execute(
        "select reason_da, late, cause from finding where severity = 'yellow'"
    ).fetchone()
    assert reason is not None
    assert "(vurderet igen)" in reason[0]
    assert reason[1:] == (False, f"late/{late.id}")
    # The next new reading tells of it.
    store(connection, home.patient_id, _weight(73.6, 0))
    _judge(connection)
    assert [row[:3] for row in _cases(connection)] == [("clinical", "new", "yellow")]


def test_what_a_late_reading_eases_is_eased(connection: Db, home: Home) -> None:
    """The baseline was of three sick days; the backlog shows that they are usual."""
    for day in range(20, 8, -1):
        store(connection, home.patient_id, Reading("spo2", 94.0, NOW - timedelta(days=day)))
    store(connection, home.patient_id, Reading("spo2", 89.0, NOW - timedelta(days=1)))
    _judge(connection)
    assert [row[1:3] for row in _cases(connection)] == [("new", "yellow")]
    backlog = [
        Reading("spo2", 89.0, NOW - timedelta(days=2 + hour / 24), NOW - timedelta(hours=1))
        for hour in range(19)
    ]
    store(connection, home.patient_id, *backlog)
    _judge(connection)
    assert [row[1:3] for row in _cases(connection)] == [("returned", "yellow")]


def test_a_reading_out_of_order_of_the_same_morning_pages(connection: Db, home: Home) -> None:
    set_limits(connection, home.patient_id, "spo2", red_low=88, valid_from=NOW - timedelta(days=9))
    store(connection, home.patient_id, Reading("spo2", 94.0, NOW - timedelta(hours=1)))
    _judge(connection)
    store(
        connection,
        home.patient_id,
        Reading("spo2", 85.0, NOW - timedelta(hours=2), NOW - timedelta(minutes=5)),
    )
    _judge(connection)
    assert [row[:3] for row in _cases(connection)] == [("clinical", "returned", "red")]


def test_withdrawing_an_old_reading_judges_all_again_that_held_it_and_no_more(
    connection: Db, home: Home
) -> None:
    readings = [Reading("spo2", 93.0, NOW - timedelta(days=60 - day)) for day in range(60)]
    for one in readings:
        store(connection, home.patient_id, one)
    _judge(connection)
    wrong = readings[10]
    connection.execute(
        "select invalidate_reading(%s, %s, %s, 'sofie', 'slipped', true)",
        [wrong.id, wrong.measured_at, home.patient_id],
    )
    _judge(connection)
    again = connection.execute(
        "select j.reading_id, j.cause from judgement j where turn > 0 order by measured_at"
    ).fetchall()
    # Windows hold 32 readings: those of the 31 after it, and the newest, which the event names.
    assert again == [(one.id, "validity/1") for one in (*readings[11:42], readings[59])]
    held = connection.execute(
        "select count(*) from judgement where %s = any(reading_ids) and turn > 0", [wrong.id]
    ).fetchone()
    assert held == (0,)


def test_a_pulse_that_comes_after_its_saturation_is_judged_with_it(
    connection: Db, home: Home
) -> None:
    for day in range(12, 0, -1):
        at = NOW - timedelta(days=day)
        store(
            connection,
            home.patient_id,
            Reading("spo2", 94.0 + day % 2, at),
            Reading("pulse_rate", 72.0 + day % 3, at),
        )
    store(connection, home.patient_id, Reading("spo2", 92.0, NOW - timedelta(minutes=30)))
    _judge(connection)
    newest = (
        "select severity, turn, beside_id is not null, outcomes from judgement "
        "where quantity = 'spo2' order by measured_at desc, turn desc limit 1"
    )
    assert connection.execute(newest.encode()).fetchone() == ("green", 0, False, "gi")
    store(connection, home.patient_id, Reading("pulse_rate", 104.0, NOW - timedelta(minutes=28)))
    _judge(connection)
    assert connection.execute(newest.encode()).fetchone() == ("yellow", 1, True, "gy")
    assert [row[:3] for row in _cases(connection) if row[0] == "clinical"] == [
        ("clinical", "new", "yellow")
    ]


def test_queued_again_it_is_judged_once(connection: Db, home: Home) -> None:
    reading = _weight(71.0, 1)
    store(connection, home.patient_id, reading)
    _judge(connection)
    connection.execute(
        "insert into judgement_queue (patient_id, reading_ids, measured_from, measured_to) "
        "values (%s, %s, %s, %s)",
        [home.patient_id, [reading.id], reading.measured_at, reading.measured_at],
    )
    _judge(connection)
    assert len(_turns(connection)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_order_of_arrival_all_is_judged_in_the_end_as_in_order(
    connection: Db, home: Home, seed: int
) -> None:
    luck = random.Random(seed)
    other = add_home(connection, "gw-in-order")
    days = 40
    told = [
        (quantity, round(luck.gauss(*of), 1), NOW - timedelta(days=days - day, minutes=number))
        for day in range(days)
        for number, (quantity, of) in enumerate(
            (("spo2", (92, 2)), ("pulse_rate", (78, 6)), ("body_weight", (71, 1)))
        )
    ]
    store(connection, other.patient_id, *(Reading(*one) for one in told))
    _judge(connection)
    luck.shuffle(told)
    while told:
        count = luck.randrange(1, 12)
        store(connection, home.patient_id, *(Reading(*one) for one in told[:count]))
        del told[:count]
        if luck.random() < 0.6:
            _judge(connection)
    _judge(connection)
    last = (
        "select distinct on (quantity, measured_at) quantity, measured_at, severity, outcomes "
        "from judgement where patient_id = %s order by quantity, measured_at, turn desc"
    )
    shuffled, in_order = (
        connection.execute(last.encode(), [one.patient_id]).fetchall() for one in (home, other)
    )
    assert shuffled == in_order
    assert len(shuffled) == days * 3
    stored_whole = connection.execute(
        "select count(*) from judgement where patient_id = %s and reading_ids is not null",
        [other.patient_id],
    ).fetchone()
    assert stored_whole == (0,)
