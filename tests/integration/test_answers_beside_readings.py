"""An answer is held beside the readings of its day, also when it comes after them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine
from alerts.answers import store as answer_store
from alerts.in_use import rule_store
from alerts.in_use.rule_store import RuleSets
from alerts.past import replay_store
from alerts.past.replay import replay
from alerts.rulesets import loading
from telekol.observation import Entry
from telekol.questionnaires import loading as questionnaires
from tests.support.house import add_home
from tests.support.stored_readings import Reading, store

Db = Connection[TupleRow]
NOW = datetime.now(UTC).replace(microsecond=0)

RULES = """
name = "trial"
version = 1
title_da = "Prøve"
title_en = "Trial"
[[rules]]
id = "both"
family = "spo2-pulse-composite"
quantity = "spo2"
[rules.parameters]
yellow_with = 0.5
yellow_without = 50.0
"""
QUESTIONS = "hovedstaden-kol"
SAME = {
    "spo2": "measured",
    "weight": "measured",
    "more-breathless": "no",
    "more-cough": "no",
    "more-sputum": "no",
    "sputum-colour": "no",
}
WORSE = SAME | {"more-breathless": "yes"}


@pytest.fixture
def patient(connection: Db) -> UUID:
    """Measures daily, is used to 93 % and 80 a minute, and stands at 91 % and 88 today."""
    home = add_home(connection)
    answer_store.publish_shipped(connection)
    number, _ = rule_store.publish(connection, loading.parsed(RULES, "test"))
    connection.execute(
        "insert into rule_set_use (rule_set_id, valid_from, set_by) values (%s, %s, 'nurse-1')",
        [number, NOW - timedelta(days=90)],
    )
    readings = []
    for day in range(20, 0, -1):
        at = NOW - timedelta(days=day)
        readings += [
            Reading("spo2", 92.0 + day % 3, at),
            Reading("pulse_rate", 78.0 + day % 5, at),
        ]
    today = NOW - timedelta(minutes=30)
    readings += [Reading("pulse_rate", 88.0, today), Reading("spo2", 91.0, today)]
    store(connection, home.patient_id, *readings)
    return home.patient_id


def _judge(connection: Db) -> None:
    while engine.run_round(connection):
        pass


def _answer(connection: Db, patient: UUID, answers: dict[str, Any], at: datetime) -> None:
    answer_store.store(
        connection,
        patient_id=patient,
        questionnaire=questionnaires.load(QUESTIONS),
        answers=answers,
        answered_at=at,
        received_at=at,
        entered=Entry.TYPED,
    )


def _today(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select j.severity, j.turn, coalesce(split_part(j.cause, '/', 1), '') from judgement j "
        "where j.quantity = 'spo2' and j.measured_at > %s order by j.turn",
        [NOW - timedelta(hours=1)],
    ).fetchall()


def _replayed(connection: Db, patient: UUID) -> list[object]:
    record = replay_store.record_of(connection, patient)
    report = replay(record, replay_store.understood(connection, record, RuleSets()))
    return list(report.differences)


def test_a_patient_who_says_that_it_is_worse_has_the_readings_of_the_day_judged_by_that(
    connection: Db, patient: UUID
) -> None:
    _answer(connection, patient, WORSE, NOW - timedelta(hours=2))
    _judge(connection)
    assert _today(connection) == [("yellow", 0, "")]
    row = connection.execute(
        "select reason_da from finding where rule_id = 'both' and severity = 'yellow'"
    ).fetchone()
    assert row is not None
    assert "patienten har det værre" in row[0]
    assert _replayed(connection, patient) == []


def test_questions_come_last_and_the_readings_of_the_session_are_judged_again(
    connection: Db, patient: UUID
) -> None:
    _judge(connection)
    assert _today(connection) == [("green", 0, "")]
    _answer(connection, patient, WORSE, NOW - timedelta(minutes=20))
    _judge(connection)
    assert _today(connection) == [("green", 0, ""), ("yellow", 1, "answer")]
    opened = connection.execute("select severity from triage_case where channel = 'clinical'")
    assert opened.fetchall() == [("yellow",)]
    assert _replayed(connection, patient) == []


@pytest.mark.parametrize(
    ("answers", "hours"),
    [(SAME, 2), (WORSE, 26), ({"more-breathless": "yes"}, 26)],
)
def test_no_symptoms_or_those_of_another_day_do_not_count(
    connection: Db, patient: UUID, answers: dict[str, Any], hours: float
) -> None:
    _answer(connection, patient, answers, NOW - timedelta(hours=hours))
    _judge(connection)
    assert _today(connection) == [("green", 0, "")]
    assert _replayed(connection, patient) == []


def test_a_score_is_no_symptom(connection: Db, patient: UUID) -> None:
    connection.execute(
        "insert into questionnaire_answer (id, patient_id, questionnaire_id, "
        "questionnaire_version, answered_at, received_at, timing, entered, answers) "
        "values (gen_random_uuid(), %s, 'mmrc', 1, now(), now(), 'ad-hoc', 'typed', '{}')",
        [patient],
    )
    _judge(connection)
    assert [row[0] for row in _today(connection)] == ["green"]
