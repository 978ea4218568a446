"""Filled-in questionnaires: stored, judged once, told in a sentence, and held against the last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from typer.testing import CliRunner

from alerts.answers import replay as answer_replay
from alerts.answers import round as answer_round
from alerts.answers import store as answer_store
from alerts.answers.commands import app
from alerts.in_use import rule_store
from alerts.past import replay_commands
from alerts.rulesets.model import RuleSet
from telekol.errors import TelekolError
from telekol.observation import Entry
from telekol.questionnaires import loading
from telekol.questionnaires.loading import QuestionnaireError
from tests.integration.test_roles import acting_as
from tests.support.house import add_home
from tests.support.processes import telekol, wait_until

Db = Connection[TupleRow]
NOW = datetime.now(UTC).replace(microsecond=0)
CAT = [step.id for step in loading.load("cat").steps]


@pytest.fixture
def patient(connection: Db) -> UUID:
    answer_store.publish_shipped(connection)
    return add_home(connection).patient_id


def _answer(
    connection: Db,
    patient: UUID,
    name: str,
    answers: Mapping[str, Any],
    at: datetime = NOW,
    *,
    stored_at: datetime | None = None,
) -> UUID:
    number, _ = answer_store.store(
        connection,
        patient_id=patient,
        questionnaire=loading.load(name),
        answers=answers,
        answered_at=at,
        received_at=at,
        entered=Entry.TYPED,
    )
    return number


def _cat(points: int) -> dict[str, int]:
    """A CAT of this score."""
    return {item: min(5, max(0, points - 5 * place)) for place, item in enumerate(CAT)}


def _judge(connection: Db) -> int:
    settled = 0
    while judged := answer_round.run_round(connection):
        settled += judged
    return settled


def _findings(connection: Db, columns: str = "rule, severity, reason_en") -> list[tuple[Any, ...]]:
    query = (
        f"select {columns} from finding order by measured_at, found_at, channel, cause nulls first"
    )
    return connection.execute(query.encode()).fetchall()


def _cases(connection: Db) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select channel, severity, state, reason_en from triage_case order by opened_at, channel"
    ).fetchall()


def test_more_breathless_and_more_cough_is_told_as_a_nurse_would(
    connection: Db, patient: UUID
) -> None:
    answers = {"more-breathless": "yes", "cough-breathless": "yes", "sputum": "no"}
    number = _answer(connection, patient, "telecare-nord-kol", answers | {"inhaler-used": "no"})

    assert _judge(connection) == 1

    (finding,) = _findings(
        connection,
        "rule, rule_version, severity, result, answer_id, reason_da, reason_en, evidence",
    )
    assert finding[:5] == ("questionnaire", 1, "red", "judged", number)
    assert finding[5] == "Mere åndenød end vanligt og hoster mere: rød"
    assert finding[6] == "More breathless than usual and coughs more: red"
    assert finding[7]["flags"] == ["more-breathless=yes", "cough-breathless=yes"]
    assert finding[7]["questionnaire"] == "telecare-nord-kol"
    assert finding[7]["approved"] is False
    assert _cases(connection) == [("clinical", "red", "new", finding[6])]


def test_an_answer_is_judged_once_however_often_it_is_sent(connection: Db, patient: UUID) -> None:
    answers = dict.fromkeys(("more-breathless", "more-cough", "more-sputum"), "no")
    whole = answers | {"sputum-colour": "yes"}
    first = _answer(connection, patient, "hovedstaden-kol", whole)
    assert _judge(connection) == 1
    assert _answer(connection, patient, "hovedstaden-kol", whole) == first
    assert _judge(connection) == 0
    assert _findings(connection) == [
        ("questionnaire", "yellow", "Sputum more yellow or green: yellow")
    ]


def test_no_worsening_closes_what_the_answers_before_had_opened(
    connection: Db, patient: UUID
) -> None:
    four = ("more-breathless", "more-cough", "more-sputum", "sputum-colour")
    yes = dict.fromkeys(four, "no") | {"more-cough": "yes"}
    _answer(connection, patient, "hovedstaden-kol", yes, NOW - timedelta(hours=5))
    _judge(connection)
    assert _cases(connection)[0][:3] == ("clinical", "yellow", "new")
    _answer(connection, patient, "hovedstaden-kol", dict.fromkeys(four, "no"))
    _judge(connection)
    assert _findings(connection)[1][1:] == ("green", "No worsening in the answers: green")
    assert _cases(connection)[0][2] == "returned"


def test_missing_answers_ask_a_person_and_complete_ones_take_that_back(
    connection: Db, patient: UUID
) -> None:
    earlier = NOW - timedelta(hours=3)
    _answer(connection, patient, "hovedstaden-kol", {"more-breathless": "no"}, earlier)
    _judge(connection)
    clinical, technical = _findings(connection, "channel, severity, result, evidence, reason_en")
    assert clinical[:3] == ("clinical", "green", "insufficient")
    assert technical[:3] == ("technical", "yellow", "insufficient")
    assert technical[3]["missing"] == ["more-cough", "more-sputum", "sputum-colour"]
    assert technical[4].endswith("answers are missing. Ask the patient")
    assert [case[:2] for case in _cases(connection)] == [("technical", "yellow")]

    four = ("more-breathless", "more-cough", "more-sputum", "sputum-colour")
    _answer(connection, patient, "hovedstaden-kol", dict.fromkeys(four, "no"))
    _judge(connection)
    assert _cases(connection)[0][1:3] == ("yellow", "returned")


def test_a_yes_is_red_although_the_rest_was_not_answered(connection: Db, patient: UUID) -> None:
    answers = {"more-breathless": "yes", "cough-breathless": "yes"}
    _answer(connection, patient, "telecare-nord-kol", answers)
    _judge(connection)
    found = _findings(connection, "channel, severity, reason_en")
    assert found[0][:2] == ("clinical", "red")
    assert found[0][2].endswith("coughs more: red; not all was answered")
    assert found[1][:2] == ("technical", "yellow")


def test_answers_that_are_none_are_named_and_stop_nobody_else(
    connection: Db, patient: UUID
) -> None:
    _answer(connection, patient, "mmrc", {"breathlessness": "7"}, NOW - timedelta(minutes=2))
    _answer(connection, patient, "mmrc", {"breathlessness": "2"})
    assert _judge(connection) == 2
    technical = [one for one in _findings(connection, "channel, evidence") if one[0] == "technical"]
    assert technical[0][1]["missing"] == [
        "breathlessness: expected one of 0, 1, 2, 3, 4, found '7'"
    ]


def test_a_cat_is_held_against_the_last_one(connection: Db, patient: UUID) -> None:
    for days, points in ((56, 19), (28, 20), (0, 22)):
        _answer(connection, patient, "cat", _cat(points), NOW - timedelta(days=days))
    _judge(connection)
    assert _findings(connection, "severity, result, score") == [
        ("green", "insufficient", 19),
        ("green", "judged", 20),
        ("yellow", "judged", 22),
    ]
    last = _findings(connection, "reason_da, reason_en, evidence")[2]
    assert last[0].startswith("CAT 22, 2 højere end sidst (20): gul")
    assert last[1].startswith("CAT 22, 2 higher than last time (20): yellow")
    assert (last[2]["previous"], last[2]["change"], last[2]["band"]) == (20, 2, "high")


def test_a_cat_of_too_few_items_makes_no_score_and_is_passed_over(
    connection: Db, patient: UUID
) -> None:
    few = dict.fromkeys(CAT[:5], 5)
    _answer(connection, patient, "cat", _cat(19), NOW - timedelta(hours=6))
    _answer(connection, patient, "cat", few, NOW - timedelta(hours=4))
    _answer(connection, patient, "cat", _cat(19), NOW)
    _judge(connection)
    clinical = [
        one
        for one in _findings(connection, "channel, score, result, reason_en")
        if one[0] == "clinical"
    ]
    assert [one[1] for one in clinical] == [19, None, 19]
    assert clinical[1][3] == "CAT cannot be judged: more than two items are missing"
    assert clinical[2][3] == "CAT 19, as last time: green"


def test_a_cat_that_comes_late_has_the_next_one_judged_again_and_marked(
    connection: Db, patient: UUID
) -> None:
    _answer(connection, patient, "cat", _cat(15), NOW - timedelta(days=56))
    now = _answer(connection, patient, "cat", _cat(22), NOW)
    _judge(connection)
    assert _cases(connection)[0][1:3] == ("yellow", "new")

    late = _answer(connection, patient, "cat", _cat(22), NOW - timedelta(days=28))
    _judge(connection)

    of_the_last = _findings(connection, "answer_id, severity, cause, reason_en")[-2:]
    assert [one[0] for one in of_the_last] == [now, now]
    assert of_the_last[0][1:3] == ("yellow", None)
    assert of_the_last[1][1:] == ("green", f"late/{late}", "CAT 22, as last time: green")
    assert _cases(connection)[0][2] == "returned"


def test_a_late_cat_makes_nothing_worse_on_the_board(connection: Db, patient: UUID) -> None:
    _answer(connection, patient, "cat", _cat(20), NOW - timedelta(days=56))
    _answer(connection, patient, "cat", _cat(20), NOW)
    _judge(connection)
    _answer(connection, patient, "cat", _cat(15), NOW - timedelta(days=28))
    _judge(connection)
    assert _findings(connection, "severity, cause is not null")[-1] == ("yellow", True)
    assert _cases(connection) == []


def test_a_late_answer_after_a_newer_one_pages_nobody(connection: Db, patient: UUID) -> None:
    four = ("more-breathless", "more-cough", "more-sputum", "sputum-colour")
    _answer(connection, patient, "hovedstaden-kol", dict.fromkeys(four, "no"))
    _judge(connection)
    late = NOW - timedelta(days=2)
    _answer(connection, patient, "hovedstaden-kol", dict.fromkeys(four, "yes"), late)
    _judge(connection)
    found = _findings(connection, "severity, late, reason_en")
    assert found[0][:2] == ("yellow", True)
    assert "came late" in found[0][2]
    assert _cases(connection) == []


def test_an_answer_out_of_order_is_told_and_then_what_is_so_now(
    connection: Db, patient: UUID
) -> None:
    four = ("more-breathless", "more-cough", "more-sputum", "sputum-colour")
    _answer(connection, patient, "hovedstaden-kol", dict.fromkeys(four, "no"))
    _judge(connection)
    earlier = NOW - timedelta(hours=2)
    _answer(connection, patient, "hovedstaden-kol", dict.fromkeys(four, "yes"), earlier)
    _judge(connection)
    assert _cases(connection)[0][:3] == ("clinical", "yellow", "returned")


def test_rises_by_another_method_are_not_compared(connection: Db, patient: UUID) -> None:
    ways = (("no-arms", 11), ("armrests", 8), ("armrests", 5))
    for days, (method, rises) in enumerate(ways):
        at = NOW - timedelta(hours=9 - days)
        _answer(connection, patient, "sit-to-stand", {"method": method, "rises": rises}, at)
    _judge(connection)
    found = _findings(connection, "result, severity, reason_en")
    assert [one[0] for one in found] == ["insufficient", "insufficient", "judged"]
    assert found[1][2].endswith("last time without arms, so they cannot be compared")
    assert found[2][1:] == (
        "yellow",
        "Stood up 5 times in 30 seconds with armrests, last time 8: yellow",
    )


def test_the_rule_set_in_use_says_what_a_change_means(connection: Db, patient: UUID) -> None:
    parameters = {"questionnaire": "cat", "yellow_rise": 3, "red_rise": 5}
    rule = {"id": "cat-rise", "family": "cat-change", "parameters": parameters}
    rule_set = RuleSet.model_validate(
        {"name": "own", "version": 1, "title_da": "Egen", "title_en": "Own", "rules": [rule]}
    )
    number, _ = rule_store.publish(connection, rule_set)
    rule_store.use(connection, "own", by="test", since=NOW - timedelta(days=90))
    for hours, points in ((9, 15), (6, 17), (3, 20), (0, 25)):
        _answer(connection, patient, "cat", _cat(points), NOW - timedelta(hours=hours))
    _judge(connection)
    found = _findings(connection, "severity, rule_id, rule_set_id, limits")
    assert [one[0] for one in found] == ["green", "green", "yellow", "red"]
    assert {one[1:3] for one in found} == {("cat-rise", number)}
    assert found[0][3]["yellow_rise"] == 3


def test_an_answer_the_engine_fails_on_asks_a_person_and_stops_nobody_else(
    connection: Db, patient: UUID
) -> None:
    broken = {"id": "odd", "version": 1, "steps": []}
    connection.execute(
        "insert into questionnaire (id, version, title_da, title_en, definition) "
        "values ('odd', 1, 'Sær', 'Odd', %s)",
        [json.dumps(broken)],
    )
    connection.execute(
        "insert into questionnaire_answer (id, patient_id, questionnaire_id, "
        "questionnaire_version, answered_at, received_at, timing, entered, answers) "
        "values (%s, %s, 'odd', 1, now(), now(), 'ad-hoc', 'typed', '{}')",
        [uuid4(), patient],
    )
    _answer(connection, patient, "mmrc", {"breathlessness": "2"}, NOW - timedelta(hours=1))
    assert _judge(connection) == 2
    rules = {one[0] for one in _findings(connection, "rule")}
    assert rules == {"mmrc-change", "answers-not-judged"}
    assert [case[:2] for case in _cases(connection)] == [("technical", "yellow")]


def test_answers_are_stored_and_judged_in_the_services_own_roles(
    connection: Db, patient: UUID
) -> None:
    with acting_as(connection, "telekol_api"):
        _answer(connection, patient, "mmrc", {"breathlessness": "2"})
    with acting_as(connection, "telekol_alerts"):
        answer_store.publish_shipped(connection)
        assert _judge(connection) == 1


def test_two_workers_judge_each_answer_once(
    connection: Db, patient: UUID, database_url: str
) -> None:
    for minutes in range(4):
        _answer(connection, patient, "cat", _cat(20), NOW - timedelta(minutes=minutes))
    with psycopg.connect(database_url, autocommit=True) as other, connection.transaction():
        assert answer_round.run_round(connection) == 4
        assert answer_round.run_round(other) == 0
    assert len(_findings(connection)) == 4


# ------------------------------------------------------------------------------- published data


def test_publishing_again_changes_nothing_and_another_content_is_refused(connection: Db) -> None:
    questionnaire = loading.load("mmrc")
    assert answer_store.publish(connection, questionnaire)
    assert not answer_store.publish(connection, questionnaire)
    changed = questionnaire.model_copy(update={"source": "another"})
    with pytest.raises(QuestionnaireError, match="raise the version"):
        answer_store.publish(connection, changed)
    third = questionnaire.model_copy(update={"version": 3})
    with pytest.raises(QuestionnaireError, match="expected version 2 of mmrc next, found 3"):
        answer_store.publish(connection, third)
    assert answer_store.publish(connection, questionnaire.model_copy(update={"version": 2}))


# --------------------------------------------------------------------------------- the command


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TELEKOL_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, list(words), catch_exceptions=False)


HOVEDSTADEN = ("more-breathless=yes", "more-cough=no", "more-sputum=no", "sputum-colour=no")


def test_a_nurse_types_answers_in_and_they_are_judged(connection: Db, patient: UUID, run) -> None:
    at = (NOW - timedelta(hours=1)).isoformat()
    words = ("answer", "hovedstaden-kol", *HOVEDSTADEN, "--patient", str(patient), "--at", at)
    done = run(*words, "--json")
    assert json.loads(done.stdout)["severity"] == "yellow"
    assert json.loads(run(*words, "--json").stdout)["stored"] is False
    entered = connection.execute(
        "select entered, timing, answers ->> 'more-breathless' from questionnaire_answer"
    ).fetchall()
    assert entered == [("typed-by-nurse", "ad-hoc", "yes")]
    assert _judge(connection) == 1
    assert _cases(connection)[0][:2] == ("clinical", "yellow")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (("more-breathless=perhaps",), "more-breathless: expected one of yes, no, found 'perhaps'"),
        (("fever=yes",), "fever: expected a question"),
        (("more-breathless=no",), "missing: more-cough, more-sputum, sputum-colour"),
        (("more-breathless",), "expected STEP=ANSWER"),
        (("more-cough=no", "more-cough=yes"), "each step once"),
    ],
)
def test_answers_that_are_none_are_refused_at_the_keyboard(
    connection: Db, patient: UUID, run, answers: tuple[str, ...], said: str
) -> None:
    with pytest.raises(TelekolError) as caught:
        run("answer", "hovedstaden-kol", *answers, "--patient", str(patient))
    assert said in str(caught.value)
    assert connection.execute("select count(*) from questionnaire_answer").fetchone() == (0,)


def test_an_unknown_patient_or_questionnaire_is_refused(connection: Db, patient: UUID, run) -> None:
    with pytest.raises(TelekolError, match="nobody's"):
        run("answer", "mmrc", "breathlessness=2", "--patient", str(uuid4()))
    with pytest.raises(QuestionnaireError, match="found no 'nonesuch'"):
        run("answer", "nonesuch", "a=b", "--patient", str(patient))
    tomorrow = (NOW + timedelta(days=1)).isoformat()
    with pytest.raises(QuestionnaireError, match="a time that has been"):
        run("answer", "mmrc", "breathlessness=2", "--patient", str(patient), "--at", tomorrow)


def test_the_shipped_questionnaires_are_published_by_one_command(connection: Db, run) -> None:
    assert run("publish").stdout.count("published") == len(loading.shipped_names())
    assert run("publish").stdout.count("was there") == len(loading.shipped_names())
    listed = json.loads(run("list", "--published", "--json").stdout)
    assert [row["id"] for row in listed] == list(loading.shipped_names())
    assert "more-breathless (choice)" in run("show", "telecare-nord-kol").stdout
    assert "GlaxoSmithKline" in run("show", "cat").stdout
    assert "can be used" in run("check", "mmrc").stdout


# ---------------------------------------------------------------------------------- the replay


@pytest.fixture
def told(connection: Db, patient: UUID) -> UUID:
    """A patient with every kind of finding about answers."""
    _answer(connection, patient, "cat", _cat(15), NOW - timedelta(days=56))
    _answer(connection, patient, "cat", _cat(22))
    _judge(connection)
    _answer(connection, patient, "cat", _cat(22), NOW - timedelta(days=28))
    few = dict.fromkeys(CAT[:5], 5)
    _answer(connection, patient, "cat", few, NOW - timedelta(hours=1))
    _answer(connection, patient, "telecare-nord-kol", {"more-breathless": "yes"})
    _answer(connection, patient, "mmrc", {"breathlessness": "2"}, NOW - timedelta(hours=1))
    _answer(connection, patient, "mmrc", {"breathlessness": "3"})
    _answer(connection, patient, "sit-to-stand", {"method": "armrests", "rises": 5})
    _judge(connection)
    return patient


def test_what_was_found_of_answers_comes_out_the_same(connection: Db, told: UUID) -> None:
    report = answer_replay.replay(connection, told)
    assert report.differences == []
    assert report.replayed["findings"] == len(_findings(connection))
    assert not report.left


def test_a_finding_that_does_not_follow_from_its_answers_is_told(
    connection: Db, told: UUID
) -> None:
    connection.execute("alter table finding disable trigger user")
    connection.execute("update finding set severity = 'green' where rule = 'mmrc-change'")
    connection.execute("update finding set reason_en = 'all is well' where rule = 'questionnaire'")
    report = answer_replay.replay(connection, told)
    assert {one.what for one in report.differences} == {"severity", "reason_en"}


def test_telekol_replay_counts_what_was_found_of_answers(
    connection: Db, told: UUID, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEKOL_DATABASE_URL", database_url)
    done = CliRunner().invoke(replay_commands.app, ["--json"], catch_exceptions=False)
    document = json.loads(done.stdout)
    assert document["difference_count"] == 0
    assert document["replayed"]["findings"] == len(_findings(connection))
    assert document["not_replayed"] == {}


def test_the_alerts_process_publishes_what_is_shipped_and_judges_answers(
    tmp_path: Path, connection: Db, database_url: str
) -> None:
    patient = add_home(connection).patient_id

    def published() -> bool:
        rows = connection.execute("select count(*) from questionnaire").fetchone()
        return rows == (len(loading.shipped_names()),)

    with telekol(tmp_path, "alerts", TELEKOL_DATABASE_URL=database_url) as process:
        wait_until(published, "the questionnaires to be published")
        _answer(connection, patient, "mmrc", {"breathlessness": "2"}, NOW - timedelta(days=1))
        _answer(connection, patient, "mmrc", {"breathlessness": "3"})
        wait_until(lambda: len(_findings(connection)) == 2, "both to be judged")
        assert process.stop() == 0
    assert _cases(connection)[0][:2] == ("clinical", "yellow")
