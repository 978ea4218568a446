"""Rule sets in the database: published, in use by whom, approved; and what findings say of it."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine, program
from alerts.context import Context
from alerts.engine import Memory
from alerts.in_use import reference_store, rule_store
from alerts.in_use.rule_store import ApprovalError
from alerts.readings import NUMBER_OF, Readings
from alerts.round import verdicts
from alerts.rulesets import loading
from alerts.rulesets.loading import RuleSetError
from telekol.quantities import Quantity
from tests.support.house import Home, add_home, set_limits
from tests.support.processes import telekol, wait_until
from tests.support.stored_readings import Reading, store

Db = Connection[TupleRow]
NOW = datetime.now(UTC).replace(microsecond=0)

TOML = """
name = "prove"
version = {version}
title_da = "Prøve"
title_en = "Trial"
[[rules]]
id = "spo2-low"
family = "absolute-limits"
quantity = "spo2"
[rules.parameters]
red_low = {red_low}
"""


@pytest.fixture
def home(connection: Db) -> Home:
    made = add_home(connection)
    connection.execute(
        "insert into clinician values ('physician-1', 'Læge Prøve', 'team-akut', 'physician')"
    )
    return made


RELATIVE = """
name = "usual"
version = 1
title_da = "Prøve"
title_en = "Trial"
[[rules]]
id = "spo2-below-usual"
family = "relative-limits"
quantity = "spo2"
[rules.parameters]
yellow_low = -4
"""


def _publish(connection: Db, *, version: int = 1, red_low: float = 90) -> None:
    text = TOML.format(version=version, red_low=red_low)
    rule_store.publish(connection, loading.parsed(text, "test"))


def _judge(connection: Db, memory: Memory | None = None) -> None:
    while engine.run_round(connection, memory):
        pass


def _said(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select r.name, r.version, b.approved, j.severity, j.outcomes from judgement j "
        "join rule_basis b on b.id = j.basis_id left join rule_set r on r.id = b.rule_set_id "
        "order by j.measured_at, j.turn"
    ).fetchall()


def test_an_empty_installation_judges_by_the_standard_as_an_unapproved_template(
    connection: Db, home: Home
) -> None:
    store(connection, home.patient_id, Reading("spo2", 78.0, NOW))
    _judge(connection)
    ((name, _, approved, severity, _),) = _said(connection)
    assert (name, approved, severity) == ("kol-standard", False, "red")
    row = connection.execute("select reason_da, evidence from finding").fetchone()
    assert row is not None
    assert row[0].endswith("(skabelon, ikke lægegodkendt)")
    assert row[1]["approved"] is False


def test_a_patients_own_limits_take_the_place_of_the_sets(connection: Db, home: Home) -> None:
    set_limits(connection, home.patient_id, "spo2", red_low=75)
    store(connection, home.patient_id, Reading("spo2", 78.0, NOW))
    _judge(connection)
    assert _said(connection)[0][3] == "green"


def test_own_limits_judge_also_what_the_set_does_not_watch(connection: Db, home: Home) -> None:
    _publish(connection)
    rule_store.use(connection, "prove", by="drift", since=NOW - timedelta(days=9))
    set_limits(connection, home.patient_id, "pulse_rate", red_high=120)
    store(connection, home.patient_id, Reading("pulse_rate", 130.0, NOW))
    _judge(connection)
    assert [row[3:] for row in _said(connection)] == [("red", "r")]
    rule = connection.execute("select rule_id, rule, reason_en from finding").fetchone()
    own = ("own-limits", "absolute-limits", "Pulse 130 /min, over the red limit 120 /min")
    assert rule == own


def test_a_version_is_published_once_and_never_changes(connection: Db, home: Home) -> None:
    _publish(connection)
    _publish(connection)
    with pytest.raises(RuleSetError, match="raise the version"):
        _publish(connection, red_low=85)
    _publish(connection, version=2, red_low=85)
    for statement in (
        "update rule_set set definition = '{}'",
        "update rule_set set approved_by = 'nurse-1', approved_at = now()",
        "delete from rule_set",
        "truncate rule_set cascade",
        "update rule_set_use set valid_from = now()",
        "delete from judgement",
        "update rule_basis set approved = true",
    ):
        if "rule_set_use" in statement or "judgement" in statement or "basis" in statement:
            store(connection, home.patient_id, Reading("spo2", 93.0, NOW))
            _judge(connection)
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute(statement.encode())


def test_only_a_physician_approves_and_findings_say_it_from_then_on(
    connection: Db, home: Home
) -> None:
    _publish(connection)
    rule_store.use(connection, "prove", by="drift", since=NOW - timedelta(days=9))
    store(connection, home.patient_id, Reading("spo2", 84.0, NOW - timedelta(hours=2)))
    _judge(connection)
    with pytest.raises(ApprovalError, match="expected a physician, found nurse-1"):
        rule_store.approve(connection, "prove", "nurse-1")
    assert rule_store.approve(connection, "prove", "physician-1") == 1
    with pytest.raises(ApprovalError, match="approved already, by physician-1"):
        rule_store.approve(connection, "prove", "physician-1")
    store(connection, home.patient_id, Reading("spo2", 83.0, NOW - timedelta(hours=1)))
    _judge(connection)
    assert [row[2] for row in _said(connection)] == [False, True]
    said = connection.execute("select reason_en from finding order by measured_at").fetchall()
    assert ["template" in reason for (reason,) in said] == [True, False]


def test_the_teams_set_comes_before_the_programmes_and_that_before_all_others(
    connection: Db, home: Home
) -> None:
    for version in (1, 2, 3):
        _publish(connection, version=version, red_low=80 + version)
    connection.execute("insert into programme values ('kol', 'Tele-KOL', 'Tele-COPD')")
    connection.execute(
        "insert into enrolment (patient_id, programme_id, team_id, period) "
        "values (%s, 'kol', 'team-akut', tstzrange(%s, null))",
        [home.patient_id, NOW - timedelta(days=3)],
    )
    long_ago = NOW - timedelta(days=30)
    rule_store.use(connection, "prove", version=1, by="drift", since=long_ago)
    rule_store.use(connection, "prove", version=2, by="drift", programme="kol", since=long_ago)
    at = [NOW - timedelta(days=5), NOW - timedelta(days=2), NOW - timedelta(minutes=1)]
    team_from = NOW - timedelta(days=1)
    rule_store.use(connection, "prove", version=3, by="drift", team="team-akut", since=team_from)
    store(connection, home.patient_id, *(Reading("spo2", 95.0, one) for one in at))
    _judge(connection)
    assert [row[1] for row in _said(connection)] == [1, 2, 3]
    with pytest.raises(RuleSetError, match="cannot be put in use"):
        rule_store.use(connection, "prove", by="drift", programme="none-such")


# --------------------------------------------------------------------------- the usual level


def _fortnight(connection: Db, home: Home, value: float, days: int = 14) -> datetime:
    start = NOW - timedelta(days=20)
    for day in range(days):
        at = start + timedelta(days=day)
        store(connection, home.patient_id, Reading("spo2", value + day % 3 - 1, at))
    return start


def test_the_usual_level_is_proposed_from_the_first_period_and_approved_by_a_physician(
    connection: Db, home: Home
) -> None:
    memory = Memory()
    rule_store.publish(connection, loading.parsed(RELATIVE, "test"))
    rule_store.use(connection, "usual", by="drift", since=NOW - timedelta(days=99))
    start = _fortnight(connection, home, 89.0)
    _judge(connection, memory)
    assert reference_store.proposals(connection) == []
    store(connection, home.patient_id, Reading("spo2", 84.0, start + timedelta(days=15)))
    _judge(connection, memory)
    (waiting,) = reference_store.proposals(connection)
    assert (waiting["quantity"], waiting["value"], waiting["evidence"]["n"]) == ("spo2", 89.0, 14)
    reason = connection.execute(
        "select reason_en, evidence -> 'reference' -> 'approved' from finding "
        "where severity <> 'green'"
    ).fetchone()
    assert reason is not None
    assert "proposed, not yet approved" in reason[0]
    assert reason[1] is False

    with pytest.raises(ApprovalError, match="expected a physician"):
        reference_store.approve(connection, waiting["id"], "nurse-1")
    reference_store.approve(connection, waiting["id"], "physician-1")
    assert reference_store.proposals(connection) == []
    store(connection, home.patient_id, Reading("spo2", 83.0, start + timedelta(days=16)))
    _judge(connection, memory)
    approved = connection.execute(
        "select evidence -> 'reference' -> 'approved' from finding "
        "where severity <> 'green' order by measured_at"
    ).fetchall()
    assert approved == [(False,), (True,)]


def test_the_engine_proposes_what_evaluate_would(connection: Db, home: Home) -> None:
    """One reading at a time, with what the database gives, or the whole series at once."""
    memory = Memory()
    rule_set = loading.load("every-family")
    rule_store.publish(connection, rule_set)
    rule_store.use(connection, "every-family", by="drift", since=NOW - timedelta(days=99))
    readings = [
        Reading("spo2", 92.0 - day % 4 - (5 if day > 60 else 0), NOW - timedelta(days=80 - day))
        for day in range(80)
    ]
    for one in readings:
        store(connection, home.patient_id, one)
        _judge(connection, memory)
    whole = Readings.of(
        ["a"],
        [0] * 80,
        [NUMBER_OF[Quantity.SPO2]] * 80,
        [verdicts.microseconds(one.measured_at) for one in readings],
        [one.value for one in readings],
    )
    outcomes = program.judge(rule_set, whole, whole.all_rows(), Context())
    letters = [
        "".join(verdicts.LETTERS[int(one.judgement.severity[row])] for one in outcomes)
        for row in range(80)
    ]
    stored = connection.execute("select outcomes from judgement order by measured_at").fetchall()
    assert [row[0] for row in stored] == letters
    assert len(set(letters)) > 5


def test_a_level_that_was_refused_is_asked_for(connection: Db, home: Home) -> None:
    start = _fortnight(connection, home, 89.0)
    store(connection, home.patient_id, Reading("spo2", 89.0, start + timedelta(days=15)))
    _judge(connection)
    (waiting,) = reference_store.proposals(connection)
    reference_store.refuse(connection, waiting["id"], "physician-1")
    after = datetime.now(UTC) + timedelta(seconds=1)
    store(connection, home.patient_id, Reading("spo2", 89.0, after))
    _judge(connection)
    (case,) = connection.execute(
        "select channel, severity, reason_en from triage_case where state <> 'closed'"
    ).fetchall()
    assert case[:2] == ("technical", "yellow")
    assert "no usual level" in case[2]


# --------------------------------------------------------------------------- failing open


def test_what_no_rule_can_say_anything_of_is_seen_and_never_green(
    connection: Db, home: Home
) -> None:
    store(connection, home.patient_id, Reading("body_weight", 71.0, NOW))
    _judge(connection)
    ((_, _, _, severity, outcomes),) = _said(connection)
    assert severity is None
    assert set(outcomes) == {"i"}
    assert connection.execute("select result, quantity from finding").fetchall() == [
        ("insufficient", "body_weight")
    ]


def test_a_rule_that_fails_silences_no_other_and_asks_a_person(
    connection: Db, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = program.judge

    def broken(rule_set: Any, *others: Any) -> Any:
        if any(rule.id == "spo2-below-usual" for rule in rule_set.rules):
            raise ZeroDivisionError("a bug in a rule")
        return honest(rule_set, *others)

    monkeypatch.setattr(program, "judge", broken)
    store(connection, home.patient_id, Reading("spo2", 78.0, NOW - timedelta(minutes=9)))
    _judge(connection)
    ((_, _, _, severity, outcomes),) = _said(connection)
    assert severity == "red"
    assert {"x", "r"} <= set(outcomes)
    cases = connection.execute("select channel, severity, reason_en from triage_case order by 1")
    channels = cases.fetchall()
    assert [row[:2] for row in channels] == [("clinical", "red"), ("technical", "yellow")]
    assert "a rule failed" in channels[1][2]
    monkeypatch.undo()
    store(connection, home.patient_id, Reading("spo2", 92.0, NOW))
    _judge(connection)
    states = connection.execute("select distinct state from triage_case").fetchall()
    assert states == [("returned",)]


def test_a_case_names_the_gravest_of_a_quantity_and_is_told_once(
    connection: Db, home: Home
) -> None:
    """Six rules may watch a saturation; the nurse reads one sentence of it."""
    start = _fortnight(connection, home, 93.0)
    store(connection, home.patient_id, Reading("spo2", 79.0, start + timedelta(days=15)))
    _judge(connection)
    findings = connection.execute("select count(*) from finding where severity <> 'green'")
    assert (findings.fetchone() or (0,))[0] >= 2
    ((reason,),) = connection.execute("select reason_en from triage_case").fetchall()
    assert reason.count("SpO2 79 %") == 1
    assert connection.execute("select count(*) from case_event").fetchone() == (1,)


# ------------------------------------------------------------------------------- processes


@pytest.mark.timeout(180)
def test_killed_in_the_middle_and_two_side_by_side_judge_everything_once(
    connection: Db, database_url: str, home: Home, tmp_path: Path
) -> None:
    others = [add_home(connection, f"gw-other-{number}") for number in range(3)]
    whom = [home, *others]
    for day in range(60):
        at = NOW - timedelta(days=60 - day)
        for one in whom:
            value = 85.0 if day % 9 == 8 else 93.0
            for quantity, said in (("spo2", value), ("pulse_rate", 75.0 + day % 5)):
                store(connection, one.patient_id, Reading(quantity, said, at))
    waiting = b"select count(*) from judgement_queue"
    environment = {"TELEKOL_DATABASE_URL": database_url}
    (tmp_path / "two").mkdir()
    with telekol(tmp_path, "alerts", **environment) as first:
        wait_until(lambda: connection.execute(waiting).fetchone() != (480,), "the first round", 60)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    with (
        telekol(tmp_path, "alerts", **environment) as second,
        telekol(tmp_path / "two", "alerts", **environment) as third,
    ):
        wait_until(lambda: connection.execute(waiting).fetchone() == (0,), "all judged", 90)
        assert (second.stop(), third.stop()) == (0, 0)
    first_turns = connection.execute(
        "select count(*), count(distinct (patient_id, quantity, reading_id)) "
        "from judgement where turn = 0"
    ).fetchone()
    assert first_turns == (480, 480)
    doubled = connection.execute(
        "select count(*) - count(distinct (patient_id, rule_id, quantity, turn, "
        "reading_ids[cardinality(reading_ids)])) from finding where rule_id is not null"
    ).fetchone()
    assert doubled == (0,)
    replayed = telekol(tmp_path, "replay", "--json", **environment)
    replayed.log.unlink(missing_ok=True)
    with replayed:
        assert replayed.wait(90) == 0, replayed.output()
    assert json.loads(replayed.output())["replayed"]["judgements"] >= 480


def test_the_commands_publish_use_approve_and_list(
    connection: Db, database_url: str, home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "prove.toml"
    file.write_text(TOML.format(version=1, red_low=88), encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        ran = telekol(tmp_path, *arguments, TELEKOL_DATABASE_URL=database_url)
        ran.log.unlink(missing_ok=True)
        with ran:
            return ran.wait(60), ran.output()

    for said in (" published.", "was published before."):
        status, output = run("rules", "publish", str(file))
        assert (status, said in output) == (0, True), output
    assert run("rules", "use", "prove", "--team", "team-akut", "--by", "drift")[0] == 0
    status, said = run("rules", "approve", "prove", "--by", "nurse-1")
    assert (status, "expected a physician" in said) == (2, True)
    assert run("rules", "approve", "prove", "--by", "physician-1")[0] == 0
    listed = json.loads(run("rules", "published", "--json")[1])
    assert [(one["name"], one["approved_by"]) for one in listed["rule_sets"]] == [
        ("prove", "physician-1")
    ]
    assert [one["team_id"] for one in listed["uses"]] == ["team-akut"]
    assert "No proposal waits" in run("reference", "list")[1]
    assert run("reference", "approve", "7", "--by", "physician-1")[0] == 2
