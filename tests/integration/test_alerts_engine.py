"""From stored readings to findings and cases, in a real database."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine
from alerts.casework import store as case_store
from alerts.casework.cases import CaseConflictError, UnknownCaseError
from alerts.round import finding_store, findings, verdicts
from alerts.round.subjects import Subject
from ingest import writer
from telekol import topics
from telekol.observation import Observation
from telekol.quantities import Quantity
from telekol.severity import Channel
from tests.support.house import Home, add_home, set_limits
from tests.support.messages import message, observation, sort

Db = Connection[TupleRow]


@pytest.fixture
def home(connection: Db) -> Home:
    """A patient with own limits on SpO2, open ones on weight; the standard set for the rest."""
    made = add_home(connection)
    set_limits(connection, made.patient_id, "spo2", red_low=88, yellow_low=90)
    set_limits(connection, made.patient_id, "body_weight")
    return made


def _send(connection: Db, *observations: Observation) -> None:
    payload = message(*observations)
    writer.store(connection, [sort(topics.observations("gw-test-1"), payload)])


def _cases(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select channel, state, severity, reason_da from triage_case order by opened_at"
    ).fetchall()


def test_a_red_reading_becomes_a_finding_and_a_case_that_explain_themselves(
    connection: Db, home: Home
) -> None:
    reading = observation(84.0)
    _send(connection, reading)
    assert engine.run_round(connection) == 1

    row = connection.execute(
        "select severity, limits, reading_ids, reason_da, reason_en, late, score from finding"
    ).fetchone()
    assert row is not None
    assert row[0] == "red"
    assert {"red_low": 88.0, "yellow_low": 90.0}.items() <= row[1].items()
    assert row[2] == [reading.id]
    assert row[3] == "Iltmætning 84 %, under den røde grænse 88 %"
    assert row[4] == "SpO2 84 %, under the red limit 88 %"
    assert (row[5], row[6]) == (False, 4.0)
    assert _cases(connection) == [("clinical", "new", "red", row[3])]
    assert engine.run_round(connection) == 0


def test_a_green_reading_is_judged_and_opens_nothing(connection: Db, home: Home) -> None:
    _send(connection, observation(93.0))
    engine.run_round(connection)
    judged = connection.execute("select severity, late, turn, cause from judgement").fetchall()
    assert judged == [("green", False, 0, None)]
    assert connection.execute("select count(*) from finding").fetchone() == (0,)
    assert _cases(connection) == []


def test_limits_that_are_all_open_are_a_decision_and_green(connection: Db, home: Home) -> None:
    _send(connection, observation(74.0, Quantity.BODY_WEIGHT))
    engine.run_round(connection)
    assert connection.execute("select severity from judgement").fetchall() == [("green",)]


def test_a_battery_asks_no_physician_for_limits(connection: Db, home: Home) -> None:
    _send(
        connection, observation(12.0, Quantity.BATTERY), observation(0.4, Quantity.PERFUSION_INDEX)
    )
    engine.run_round(connection)
    assert _cases(connection) == []


def test_without_limits_a_person_is_asked_until_they_are_set(connection: Db, home: Home) -> None:
    """Neither the patient nor the rule set has any for this quantity."""
    _send(connection, observation(280.0, Quantity.PEF))
    engine.run_round(connection)
    channel, state, severity, reason = _cases(connection)[0]
    assert (channel, state, severity) == ("technical", "new", "yellow")
    assert "ikke sat grænser" in reason

    set_limits(
        connection,
        home.patient_id,
        "pef",
        red_low=150,
        valid_from=datetime.now(UTC) - timedelta(seconds=5),
    )
    _send(connection, observation(281.0, Quantity.PEF))
    engine.run_round(connection)
    assert [row[:2] for row in _cases(connection)] == [("technical", "returned")]


def test_a_case_names_everything_that_is_wrong(connection: Db, home: Home) -> None:
    set_limits(connection, home.patient_id, "pulse_rate", yellow_high=100, red_high=120)
    _send(connection, observation(112.0, Quantity.PULSE_RATE), observation(84.0))
    engine.run_round(connection)
    assert _cases(connection)[0][3] == (
        "Iltmætning 84 %, under den røde grænse 88 %; Puls 112 /min, over den gule grænse 100 /min"
    )


def test_severity_moves_inside_one_case(connection: Db, home: Home) -> None:
    start = datetime.now(UTC) - timedelta(minutes=10)
    for minute, value in enumerate((89.0, 84.0, 95.0)):
        _send(connection, observation(value, measured_at=start + timedelta(minutes=minute)))
        engine.run_round(connection)
    assert [row[1:3] for row in _cases(connection)] == [("returned", "red")]
    kinds = connection.execute("select kind from case_event order by version").fetchall()
    assert kinds == [("opened",), ("worsened",), ("returned",)]


def test_a_late_reading_is_judged_at_its_own_time_and_moves_no_case(
    connection: Db, home: Home
) -> None:
    _send(connection, observation(94.0))
    engine.run_round(connection)
    _send(connection, observation(84.0, measured_at=datetime.now(UTC) - timedelta(days=3)))
    engine.run_round(connection)
    rows = connection.execute(
        "select severity, late, turn from judgement order by judged_at, measured_at"
    ).fetchall()
    assert rows == [("green", False, 0), ("red", True, 0), ("green", False, 1)]
    assert _cases(connection) == []


def test_a_late_reading_that_is_the_newest_there_is_says_that_it_came_late(
    connection: Db, home: Home
) -> None:
    _send(connection, observation(84.0, measured_at=datetime(2026, 11, 2, 7, 5, tzinfo=UTC)))
    engine.run_round(connection)
    assert _cases(connection)[0][3] == (
        "Iltmætning 84 %, under den røde grænse 88 % (kom sent, målt 2. nov. kl. 08.05)"
    )


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_case_ends_the_same_whatever_order_readings_come_in(
    connection: Db, home: Home, order: tuple[int, ...]
) -> None:
    """A home sends the newest first, and a gateway's clock may be behind by hours."""
    start = datetime.now(UTC) - timedelta(hours=3)
    readings = [
        observation(value, measured_at=start + timedelta(minutes=minute))
        for minute, value in enumerate((92.0, 84.0, 89.0))
    ]
    for index in order:
        _send(connection, readings[index])
        engine.run_round(connection)
    assert [row[1:3] for row in _cases(connection)] == [("new", "red")]
    levels = case_store.levels_of(connection, home.patient_id, Channel.CLINICAL)
    assert levels == {"readings/spo2": "yellow"}


def test_a_reading_from_the_future_mutes_nobody(connection: Db, home: Home) -> None:
    """It once muted the patient's red readings until that day came."""
    future = datetime.now(UTC) + timedelta(days=3650)
    _send(connection, observation(95.0, measured_at=future))
    row = connection.execute("select measured_at, quality, time_confidence from observation")
    measured_at, quality, confidence = row.fetchall()[0]
    assert abs(measured_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (quality, confidence) == (["gateway-clock-ahead"], "arrival")
    engine.run_round(connection)
    _send(connection, observation(70.0))
    engine.run_round(connection)
    assert [row[:3] for row in _cases(connection)] == [("clinical", "new", "red")]


def test_the_limits_that_held_then_are_the_ones_in_force(connection: Db, home: Home) -> None:
    changed = datetime.now(UTC) - timedelta(hours=2)
    set_limits(connection, home.patient_id, "spo2", red_low=80, valid_from=changed)
    _send(
        connection,
        observation(84.0, measured_at=changed - timedelta(minutes=1)),
        observation(84.0, measured_at=changed + timedelta(minutes=1)),
    )
    engine.run_round(connection)
    rows = connection.execute("select severity from judgement order by measured_at").fetchall()
    assert rows == [("red",), ("green",)]


def test_an_acknowledgement_and_its_undo(connection: Db, home: Home) -> None:
    _send(connection, observation(84.0))
    engine.run_round(connection)
    row = connection.execute("select id from triage_case").fetchone()
    assert row is not None
    now = datetime.now(UTC)
    with connection.transaction():
        case_store.acknowledge(connection, row[0], clinician_id="nurse-1", now=now)
    assert _cases(connection)[0][1] == "seen"
    with pytest.raises(CaseConflictError), connection.transaction():
        case_store.acknowledge(connection, row[0], clinician_id="nurse-1", now=now)
    with connection.transaction():
        case_store.unacknowledge(connection, row[0], clinician_id="nurse-1", now=now)
    assert _cases(connection)[0][1] == "new"
    who = connection.execute("select kind, clinician_id from case_event order by version")
    assert who.fetchall()[1:] == [("acknowledged", "nurse-1"), ("unacknowledged", "nurse-1")]
    with pytest.raises(UnknownCaseError), connection.transaction():
        case_store.acknowledge(connection, uuid4(), clinician_id="nurse-1", now=now)


def test_undoing_a_closed_case_beside_a_newer_one_is_refused_in_words(
    connection: Db, home: Home
) -> None:
    start = datetime.now(UTC) - timedelta(minutes=10)
    for minute, value in enumerate((84.0, 95.0)):
        _send(connection, observation(value, measured_at=start + timedelta(minutes=minute)))
        engine.run_round(connection)
    row = connection.execute("select id from triage_case").fetchone()
    assert row is not None
    now = datetime.now(UTC)
    case_store.acknowledge(connection, row[0], clinician_id="nurse-1", now=now)
    _send(connection, observation(83.0))
    engine.run_round(connection)
    with pytest.raises(CaseConflictError, match="newer case"), connection.transaction():
        case_store.unacknowledge(connection, row[0], clinician_id="nurse-1", now=now)


def test_history_cannot_be_rewritten(connection: Db, home: Home) -> None:
    _send(connection, observation(84.0))
    engine.run_round(connection)
    for table in ("finding", "case_event"):
        for statement in (
            f"update {table} set severity = 'green'",
            f"delete from {table}",
            f"truncate {table} cascade",
        ):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(statement.encode())


def test_two_engines_side_by_side_judge_every_reading_once(
    connection: Db, database_url: str, home: Home
) -> None:
    for _ in range(40):
        _send(connection, observation(84.0))
    connections = [psycopg.connect(database_url, autocommit=True) for _ in range(2)]
    threads = [
        threading.Thread(target=lambda c=c: [engine.run_round(c) for _ in range(30)])
        for c in connections
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for opened in connections:
        opened.close()
    assert connection.execute("select count(*) from finding").fetchone() == (40,)
    assert connection.execute("select count(*) from judgement_queue").fetchone() == (0,)
    assert len(_cases(connection)) == 1


def test_a_finding_about_very_many_readings_is_stored_and_told(connection: Db, home: Home) -> None:
    """It once failed: a notification may hold 8000 bytes, which 250 reading ids exceed."""
    ids = tuple(uuid4() for _ in range(1000))
    finding = findings.not_judged(home.patient_id, ids, datetime.now(UTC))
    connection.execute("listen telekol_board")
    assert finding_store.insert(connection, [finding]) == {finding.id}
    told = list(connection.notifies(timeout=5, stop_after=1))
    assert len(json.loads(told[0].payload)["readings"]) == 100


def test_a_batch_the_engine_cannot_judge_asks_a_person_and_holds_up_nobody(
    connection: Db, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = observation(90.5), observation(84.0)
    _send(connection, bad)
    _send(connection, good)
    honest = verdicts.judge

    def broken(subjects: Sequence[Subject], *others: Any) -> object:
        if any(one.reading.id == bad.id for one in subjects):
            raise ZeroDivisionError("a bug in the engine")
        return honest(subjects, *others)

    monkeypatch.setattr(verdicts, "judge", broken)
    assert engine.run_round(connection) == 2
    rows = connection.execute("select channel, rule, severity from finding order by 2, 3")
    assert rows.fetchall() == [
        ("clinical", "absolute-limits", "red"),
        ("technical", "not-judged", "green"),
        ("technical", "not-judged", "yellow"),
    ]
    # The reading beside it could be judged, so the complaint is back to normal, but unseen.
    assert {row[:2] for row in _cases(connection)} == {
        ("clinical", "new"),
        ("technical", "returned"),
    }
    assert connection.execute("select count(*) from judgement_queue").fetchone() == (0,)
