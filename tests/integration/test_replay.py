"""Every stored judgement and finding comes out again as it was found; anything else is told."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine
from alerts.engine import Memory
from alerts.in_use import rule_store
from alerts.in_use.rule_store import RuleSets
from alerts.past import replay_store
from alerts.past.replay import Report, replay
from alerts.rulesets import loading
from tests.support.house import add_home, set_limits
from tests.support.processes import telekol
from tests.support.stored_readings import Reading, store

Db = Connection[TupleRow]
NOW = datetime.now(UTC).replace(microsecond=0)
DAYS = 75


def _judge(connection: Db, memory: Memory) -> None:
    while engine.run_round(connection, memory):
        pass


def _morning(luck: random.Random, day: int, ill: bool) -> list[Reading]:
    """Saturation, pulse and weight of one morning, worse in an exacerbation."""
    at = NOW - timedelta(days=DAYS - day, minutes=luck.randrange(90))
    worse = 5 if ill else 0
    return [
        Reading("spo2", 93.0 - worse + luck.choice((-1, 0, 0, 1)), at),
        Reading("pulse_rate", 76.0 + 4 * worse + luck.randrange(-5, 6), at),
        Reading("body_weight", 71.3 + luck.randrange(-6, 7) / 10, at + timedelta(minutes=3)),
    ]


def _live(connection: Db, patient: UUID, luck: random.Random, memory: Memory) -> None:
    """A patient's weeks: late messages, backlogs, withdrawn readings, judged as they come."""
    held: list[Reading] = []
    start_ill = luck.randrange(40, 60)
    for day in range(DAYS):
        readings = _morning(luck, day, ill=start_ill <= day < start_ill + 6)
        if luck.random() < 0.12:
            held += readings
            continue
        store(connection, patient, *readings)
        if held and luck.random() < 0.4:
            came = readings[0].measured_at + timedelta(hours=1)
            late = [Reading(o.quantity, o.value, o.measured_at, came, id=o.id) for o in held]
            store(connection, patient, *late)
            held = []
        if luck.random() < 0.7:
            _judge(connection, memory)
        if luck.random() < 0.08:
            _judge(connection, memory)
            _withdraw(connection, patient, luck.choice(readings), again=luck.random() < 0.5)
    _judge(connection, memory)


def _withdraw(connection: Db, patient: UUID, reading: Reading, *, again: bool) -> None:
    named = [reading.id, reading.measured_at, patient]
    connection.execute("select invalidate_reading(%s, %s, %s, 'sofie', 'slipped', true)", named)
    if again:
        connection.execute("select reinstate_reading(%s, %s, %s, 'sofie', 'held')", named)


def _replay(connection: Db) -> Report:
    whole, rule_sets = Report(), RuleSets()
    for patient in replay_store.patients(connection):
        record = replay_store.record_of(connection, patient)
        whole.add(replay(record, replay_store.understood(connection, record, rule_sets)))
    return whole


@contextmanager
def _without_guards(connection: Db) -> Iterator[None]:
    """As somebody with the database's own rights could: no trigger stands in the way."""
    connection.execute("set session_replication_role = replica")
    yield
    connection.execute("reset session_replication_role")


@pytest.fixture
def lived(connection: Db) -> list[UUID]:
    """Patients with weeks of judged readings: own limits, template limits, two rule sets."""
    luck, memory = random.Random(20261122), Memory()
    patients = []
    for number in range(4):
        home = add_home(connection, f"gw-replay-{number}", "Asta Prøvesen")
        patients.append(home.patient_id)
        if number % 2:
            long_ago = NOW - timedelta(days=200)
            set_limits(
                connection, home.patient_id, "spo2", red_low=88, yellow_low=90, valid_from=long_ago
            )
    connection.execute(
        "insert into clinician values ('physician-1', 'Læge Prøve', 'team-akut', 'physician')"
    )
    _live(connection, patients[0], luck, memory)
    _live(connection, patients[1], luck, memory)
    # Another version from the middle on, with every family, approved later still.
    rule_store.publish(connection, loading.load("every-family"))
    middle = NOW - timedelta(days=DAYS // 2)
    rule_store.use(connection, "every-family", by="drift", since=middle)
    _live(connection, patients[2], luck, memory)
    rule_store.approve(connection, "every-family", "physician-1")
    _live(connection, patients[3], luck, memory)
    return patients


@pytest.mark.timeout(300)
def test_a_season_of_readings_is_recomputed_without_a_difference(
    connection: Db, lived: list[UUID]
) -> None:
    report = _replay(connection)
    assert report.differences == []
    assert report.replayed["judgements"] > 4 * DAYS * 3 * 0.9
    assert report.replayed["findings"] > 50
    turns = connection.execute(
        "select count(*) filter (where turn > 0), count(*) filter (where cause like 'late/%'), "
        "count(*) filter (where cause like 'validity/%'), count(distinct basis_id) from judgement"
    ).fetchone()
    assert turns is not None
    assert min(turns) > 10, turns
    families = connection.execute(
        "select count(distinct rule) from finding where rule_id is not null"
    ).fetchone()
    assert families is not None
    assert families[0] >= 4


@pytest.mark.timeout(300)
def test_whatever_is_tampered_with_is_told(connection: Db, lived: list[UUID]) -> None:
    red = connection.execute(
        "select id from finding where severity = 'red' and rule_id is not null limit 1"
    ).fetchone()
    assert red is not None
    for statement, what in (
        ("update finding set severity = 'yellow' where id = %s", "severity"),
        ("update finding set score = score + 0.001 where id = %s", "score"),
        ("update finding set evidence = evidence || '{\"value\": 85.5}' where id = %s", "evidence"),
        ("update finding set reason_da = reason_da || '.' where id = %s", "reason"),
        ("update finding set reading_ids = reading_ids[2:] where id = %s", "reading_ids"),
        ("delete from finding where id = %s", "finding of"),
    ):
        with connection.transaction(force_rollback=True), _without_guards(connection):
            connection.execute(statement.encode(), red)
            (told,) = _replay(connection).differences
            assert told.what.startswith(what), told
    for statement, what in (
        ("update judgement set outcomes = translate(outcomes, 'g', 'y')", "outcomes"),
        ("update judgement set severity = 'red'", "severity"),
        ("update judgement set window_hash = window_hash + 1", "window"),
    ):
        with connection.transaction(force_rollback=True), _without_guards(connection):
            connection.execute(
                (
                    statement + " where (patient_id, reading_id, turn) = (select patient_id, "
                    "reading_id, turn from judgement where severity = 'green' "
                    "and quantity = 'body_weight' order by measured_at desc limit 1)"
                ).encode()
            )
            assert what in {one.what for one in _replay(connection).differences}
    with connection.transaction(force_rollback=True), _without_guards(connection):
        connection.execute("update observation set value = value + 3 where quantity = 'spo2'")
        assert len(_replay(connection).differences) > 20
    assert _replay(connection).differences == []


@pytest.mark.timeout(300)
def test_the_command_says_so_and_ends_with_1(
    connection: Db, database_url: str, lived: list[UUID], tmp_path: Path
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        ran = telekol(tmp_path, "replay", *arguments, TELEKOL_DATABASE_URL=database_url)
        ran.log.unlink(missing_ok=True)
        with ran:
            return ran.wait(120), ran.output()

    status, output = run()
    assert (status, "All came out as they were stored" in output) == (0, True), output
    status, output = run("--json", "--patient", str(lived[0]), "--since", "2000-01-01")
    assert (status, json.loads(output)["difference_count"]) == (0, 0)
    with _without_guards(connection):
        connection.execute(
            "update finding set severity = 'yellow' where id = (select id from finding "
            "where severity = 'red' and rule_id is not null limit 1)"
        )
    status, output = run("--json")
    (told,) = json.loads(output)["differences"]
    assert (status, told["what"], told["stored"], told["recomputed"]) == (
        1,
        "severity",
        "yellow",
        "red",
    )
    status, output = run("--patient", "00000000-0000-0000-0000-000000000001")
    assert status == 2
    assert "nothing was judged" in output


def test_findings_of_the_release_before_are_recomputed(connection: Db) -> None:
    """Version 1 compared in float32 and stored a finding for every reading."""
    home = add_home(connection)
    at = NOW - timedelta(days=3)
    low, fine = Reading("spo2", 84.0, at), Reading("spo2", 97.3, at + timedelta(hours=1))
    store(connection, home.patient_id, low, fine)
    connection.execute("delete from judgement_queue")
    limits = {"id": 1, "red_low": 88.0, "yellow_low": 90.0, "yellow_high": 97.3, "red_high": None}
    for reading, severity, score, passed, danish, english in (
        (
            low,
            "red",
            4.0,
            "red_low",
            "Iltmætning 84 %, under den røde grænse 88 %",
            "SpO2 84 %, under the red limit 88 %",
        ),
        (
            fine,
            "green",
            0.0,
            None,
            "Iltmætning 97,3 %, inden for grænserne",
            "SpO2 97.3 %, within the limits",
        ),
    ):
        connection.execute(
            "insert into finding (id, patient_id, channel, rule, rule_version, result, severity, "
            "score, quantity, measured_at, late, reading_ids, limits, evidence, reason_da, "
            "reason_en) values (gen_random_uuid(), %s, 'clinical', 'absolute-limits', 1, "
            "'judged', %s, %s, 'spo2', %s, false, %s, %s, %s, %s, %s)",
            [
                home.patient_id,
                severity,
                score,
                reading.measured_at,
                [reading.id],
                json.dumps(limits),
                json.dumps({"value": reading.value, "passed": passed}),
                danish,
                english,
            ],
        )
    report = _replay(connection)
    assert (report.differences, report.replayed["findings"]) == ([], 2)
    with _without_guards(connection):
        connection.execute("update finding set severity = 'yellow' where severity = 'red'")
    (told,) = _replay(connection).differences
    assert (told.what, told.stored, told.recomputed) == ("severity", "yellow", "red")
