"""Silence is never green: from plans and readings in a real database to blue cases."""

from __future__ import annotations

import threading
from datetime import datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts.adherence import desk, statements
from alerts.casework import store as case_store
from alerts.casework.cases import CaseConflictError
from device_sim.demo.postgres import EmbeddedPostgres
from tests.support.databases import migrated_copy
from tests.support.house import Home, add_home
from tests.support.plans import enrol, invalidate, measure, pause, plan, wall
from tests.support.processes import telekol

Db = Connection[TupleRow]

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
START = wall(2026, 11, 2, 0)  # a Monday


@pytest.fixture
def home(connection: Db) -> Home:
    return add_home(connection)


@pytest.fixture
def enrolment(connection: Db, home: Home) -> UUID:
    return enrol(connection, home.patient_id, START)


def _cases(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select state, severity, reason_da from triage_case where channel = 'missing' "
        "order by opened_at, id"
    ).fetchall()


def _states(connection: Db) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in _cases(connection)]


def _findings(connection: Db) -> list[TupleRow]:
    return connection.execute(
        "select id, severity, measured_at, reason_da, reason_en, evidence from finding "
        "where channel = 'missing' order by measured_at, found_at"
    ).fetchall()


def _case_id(connection: Db) -> UUID:
    row = connection.execute("select id from triage_case where state <> 'closed'").fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_a_patient_who_has_not_measured_by_the_deadline_is_blue_not_green(
    connection: Db, enrolment: UUID
) -> None:
    plan(connection, enrolment, START, "spo2", "pulse_rate", "body_weight")
    deadline = wall(2026, 11, 2, 10)
    desk.look(connection, START, deadline + 4 * MINUTE)
    assert _cases(connection) == []
    desk.look(connection, deadline, deadline + 5 * MINUTE)
    assert _cases(connection) == [
        ("new", "blue", "Mangler iltmætning, puls og vægt (frist mandag 2. nov. kl. 10.00)")
    ]
    assert (
        _findings(connection)[0][4] == "Missing: SpO2, pulse and weight (due Monday 2 Nov at 10:00)"
    )


def test_a_reading_in_its_window_fulfils_and_nothing_is_told(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START)
    measure(connection, home.patient_id, wall(2026, 11, 2, 9, 59))
    assert desk.look(connection, START, wall(2026, 11, 2, 11)).told == 0


def test_a_reading_before_the_window_opens_does_not_count(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START, weekdays=[2])
    measure(connection, home.patient_id, wall(2026, 11, 2, 23, 59))
    desk.look(connection, START, wall(2026, 11, 3, 11))
    assert _states(connection) == [("new", "blue")]


def test_a_reading_that_was_on_its_way_for_hours_fulfils_and_clears(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START)
    noon, evening = wall(2026, 11, 2, 12), wall(2026, 11, 2, 20)
    desk.look(connection, START, noon)
    assert _states(connection) == [("new", "blue")]
    measure(connection, home.patient_id, wall(2026, 11, 2, 9), stored_at=evening - MINUTE)
    desk.look(connection, noon, evening)
    assert _states(connection) == [("returned", "blue")]
    assert _findings(connection)[-1][3] == "Iltmætning er kommet"


def test_a_reading_after_the_deadline_ends_the_silence(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START, weekdays=[1])
    desk.look(connection, START, wall(2026, 11, 2, 12))
    measure(connection, home.patient_id, wall(2026, 11, 3, 12))
    desk.look(connection, wall(2026, 11, 2, 12), wall(2026, 11, 3, 13))
    assert [row[1] for row in _findings(connection)] == ["blue", "green"]
    assert _states(connection) == [("returned", "blue")]


def test_whoever_has_seen_one_missed_deadline_is_told_of_the_next(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START)
    desk.look(connection, START, wall(2026, 11, 2, 12))
    case_store.acknowledge(
        connection, _case_id(connection), clinician_id="nurse-1", now=wall(2026, 11, 2, 13)
    )
    desk.look(connection, wall(2026, 11, 2, 12), wall(2026, 11, 2, 14))
    assert _states(connection) == [("seen", "blue")]
    desk.look(connection, wall(2026, 11, 2, 14), wall(2026, 11, 3, 12))
    assert _cases(connection) == [
        ("new", "blue", "Mangler iltmætning (frist tirsdag 3. nov. kl. 10.00, 2. gang i træk)")
    ]
    measure(connection, home.patient_id, wall(2026, 11, 3, 13))
    case_store.acknowledge(
        connection, _case_id(connection), clinician_id="nurse-1", now=wall(2026, 11, 3, 14)
    )
    desk.look(connection, wall(2026, 11, 3, 12), wall(2026, 11, 3, 14))
    assert _states(connection) == [("closed", "blue")]


def test_a_person_can_clear_a_missed_measurement_and_the_next_miss_opens_another_case(
    connection: Db, enrolment: UUID
) -> None:
    plan(connection, enrolment, START)
    desk.look(connection, START, wall(2026, 11, 2, 12))
    now = wall(2026, 11, 2, 13)
    case_store.clear(connection, _case_id(connection), clinician_id="nurse-1", now=now)
    desk.look(connection, wall(2026, 11, 2, 12), wall(2026, 11, 2, 14))
    desk.recompute(connection, wall(2026, 11, 2, 23), wall(2026, 11, 2, 23))
    assert _states(connection) == [("closed", "blue")]
    desk.look(connection, wall(2026, 11, 2, 14), wall(2026, 11, 3, 12))
    assert _states(connection) == [("closed", "blue"), ("new", "blue")]


def test_only_what_is_missing_can_be_cleared(connection: Db, home: Home) -> None:
    case = "00000000-0000-0000-0000-000000000001"
    connection.execute(
        "insert into triage_case values (%s, %s, 'clinical', 'team-akut', 'new', 'red', 'da', "
        "'en', now(), now(), 1)",
        [case, home.patient_id],
    )
    finding = connection.execute(
        "insert into finding (id, patient_id, channel, rule, rule_version, result, severity, "
        "measured_at, late, reading_ids, limits, evidence, reason_da, reason_en) values "
        "(gen_random_uuid(), %s, 'clinical', 'r', 1, 'judged', 'red', now(), false, '{}', '{}', "
        "'{}', 'da', 'en') returning id",
        [home.patient_id],
    ).fetchone()
    assert finding is not None
    connection.execute(
        "insert into case_event values (%s, 1, now(), 'opened', 'r', 'red', 1, %s, null)",
        [case, finding[0]],
    )
    with pytest.raises(CaseConflictError, match="missing"):
        case_store.clear(connection, UUID(case), clinician_id="nurse-1", now=START)


def test_blue_masks_no_red_and_an_acknowledgement_of_one_leaves_the_other(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START)
    desk.look(connection, START, wall(2026, 11, 2, 12))
    missing = _case_id(connection)
    connection.execute(
        "insert into triage_case values (gen_random_uuid(), %s, 'clinical', 'team-akut', 'new', "
        "'red', 'da', 'en', now(), now(), 1)",
        [home.patient_id],
    )
    case_store.acknowledge(connection, missing, clinician_id="nurse-1", now=wall(2026, 11, 2, 13))
    rows = connection.execute("select channel, state, severity from triage_case order by 1")
    assert rows.fetchall() == [("clinical", "new", "red"), ("missing", "seen", "blue")]


def test_a_reading_that_is_invalid_but_counts_as_submitted_fulfils(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START)
    at = wall(2026, 11, 2, 9)
    reading = measure(connection, home.patient_id, at)
    invalidate(connection, home.patient_id, reading, at, fulfils=True, said_at=at + MINUTE)
    desk.look(connection, START, wall(2026, 11, 2, 12))
    assert _cases(connection) == []


def test_a_reading_that_is_invalid_and_does_not_count_is_missing_again(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START)
    at, noon = wall(2026, 11, 2, 9), wall(2026, 11, 2, 12)
    reading = measure(connection, home.patient_id, at)
    desk.look(connection, START, noon)
    assert _cases(connection) == []
    invalidate(connection, home.patient_id, reading, at, fulfils=False, said_at=noon + MINUTE)
    desk.look(connection, noon, noon + HOUR)
    assert _states(connection) == [("new", "blue")]


def test_a_reading_held_back_as_somebody_elses_does_not_fulfil(
    connection: Db, enrolment: UUID
) -> None:
    plan(connection, enrolment, START)
    measure(connection, None, wall(2026, 11, 2, 9))
    desk.look(connection, START, wall(2026, 11, 2, 12))
    assert _states(connection) == [("new", "blue")]


def test_an_admitted_patient_is_not_asked_and_not_blue(connection: Db, enrolment: UUID) -> None:
    plan(connection, enrolment, START)
    pause(connection, enrolment, wall(2026, 11, 2, 8), wall(2026, 11, 5, 8))
    desk.look(connection, START, wall(2026, 11, 5, 9))
    assert _cases(connection) == []
    desk.look(connection, wall(2026, 11, 5, 9), wall(2026, 11, 5, 11))
    assert _cases(connection)[0][2] == "Mangler iltmætning (frist torsdag 5. nov. kl. 10.00)"


def test_a_pause_entered_afterwards_takes_the_blue_back(connection: Db, enrolment: UUID) -> None:
    plan(connection, enrolment, START)
    desk.look(connection, START, wall(2026, 11, 3, 12))
    pause(connection, enrolment, wall(2026, 11, 1, 8))
    desk.look(connection, wall(2026, 11, 3, 12), wall(2026, 11, 3, 13))
    assert _states(connection) == [("returned", "blue")]
    assert _findings(connection)[-1][3] == "Iltmætning ventes ikke længere"


def test_a_patient_who_has_left_the_programme_is_not_missing(connection: Db, home: Home) -> None:
    enrolment = enrol(connection, home.patient_id, START, wall(2026, 11, 3, 0))
    plan(connection, enrolment, START)
    desk.look(connection, START, wall(2026, 11, 2, 12))
    assert _states(connection) == [("new", "blue")]
    desk.look(connection, wall(2026, 11, 2, 12), wall(2026, 11, 9))
    assert _states(connection) == [("returned", "blue")]


def test_a_plan_changed_in_mid_week_asks_by_the_old_until_then_and_by_the_new_from_then(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    change = wall(2026, 11, 4, 12)
    plan(connection, enrolment, START, end=change)
    plan(connection, enrolment, change, weekdays=[4, 7], due=time(20), counts_from=23 * HOUR)
    for day in (2, 3, 4):
        measure(connection, home.patient_id, wall(2026, 11, day, 9))
    desk.look(connection, START, wall(2026, 11, 5, 19))
    assert _cases(connection) == []  # Thursday 10 is of the old plan, which has ended
    desk.look(connection, wall(2026, 11, 5, 19), wall(2026, 11, 5, 21))
    assert _cases(connection)[0][2] == "Mangler iltmætning (frist torsdag 5. nov. kl. 20.00)"


def test_the_intensive_period_asks_daily_and_then_the_steady_days_hold(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(
        connection,
        enrolment,
        START,
        weekdays=[1],
        intensive=[1, 2, 3, 4, 5, 6, 7],
        intensive_days=14,
        due=time(23, 59),
        counts_from=23 * HOUR,
    )
    for day in range(14):
        measure(connection, home.patient_id, START + day * DAY + 9 * HOUR)
    assert desk.look(connection, START, wall(2026, 11, 16, 23)).told == 0
    desk.look(connection, wall(2026, 11, 16, 23), wall(2026, 11, 22))
    assert [row[3] for row in _findings(connection)] == [
        "Mangler iltmætning (frist mandag 16. nov. kl. 23.59)"
    ]


def test_a_questionnaire_that_was_not_answered_is_missing_until_it_is(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    connection.execute(
        "insert into questionnaire values ('kol-spm', 1, 'KOL-spørgsmål', 'COPD questions', '{}')"
    )
    plan(connection, enrolment, START, "questionnaire:kol-spm")
    noon = wall(2026, 11, 2, 12)
    desk.look(connection, START, noon)
    assert _cases(connection)[0][2] == (
        "Mangler spørgeskemaet KOL-spørgsmål (frist mandag 2. nov. kl. 10.00)"
    )
    connection.execute(
        "insert into questionnaire_answer (id, patient_id, questionnaire_id, "
        "questionnaire_version, answered_at, received_at, stored_at, due_at, timing, entered, "
        "answers) values (gen_random_uuid(), %s, 'kol-spm', 1, %s, %s, %s, null, 'ad-hoc', "
        "'typed', '{}')",
        [home.patient_id, noon + MINUTE, noon + MINUTE, noon + MINUTE],
    )
    desk.look(connection, noon, noon + HOUR)
    assert _states(connection) == [("returned", "blue")]


def test_what_is_optional_is_never_missed(connection: Db, enrolment: UUID) -> None:
    plan(connection, enrolment, START, required=False)
    assert desk.look(connection, START, wall(2026, 11, 9)).told == 0


@pytest.mark.parametrize(
    ("night", "instant"),
    [
        # 02:30 does not exist: the wall goes from 01:59 to 03:00.
        (wall(2026, 3, 29, 0), datetime.fromisoformat("2026-03-29T01:30:00+00:00")),
        # 02:30 comes twice: the second one counts.
        (wall(2026, 10, 25, 0), datetime.fromisoformat("2026-10-25T01:30:00+00:00")),
    ],
)
def test_the_night_on_which_the_clocks_change_makes_nobody_late(
    connection: Db, home: Home, night: datetime, instant: datetime
) -> None:
    enrolment = enrol(connection, home.patient_id, night)
    plan(connection, enrolment, night, weekdays=[7], due=time(2, 30), counts_from=2 * HOUR)
    looked = desk.look(connection, night, instant + 4 * MINUTE)
    assert looked.told == 0
    desk.look(connection, instant + 4 * MINUTE, instant + 5 * MINUTE)
    assert _states(connection) == [("new", "blue")]
    (item,) = _findings(connection)[0][5]["items"]
    assert datetime.fromisoformat(item["deadline"]) == instant


def test_three_days_of_downtime_lose_and_double_nothing(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    """Missed on Monday and Tuesday, measured late on Wednesday, missed again on Thursday."""
    plan(connection, enrolment, START)
    measure(connection, home.patient_id, wall(2026, 11, 4, 15))
    back = wall(2026, 11, 5, 12)
    for _ in range(3):
        desk.look(connection, START, back)
    assert [(row[1], row[2], row[3]) for row in _findings(connection)] == [
        (
            "blue",
            wall(2026, 11, 2, 10, 5),
            "Mangler iltmætning (frist mandag 2. nov. kl. 10.00)",
        ),
        (
            "blue",
            wall(2026, 11, 3, 10, 5),
            "Mangler iltmætning (frist tirsdag 3. nov. kl. 10.00, 2. gang i træk)",
        ),
        (
            "blue",
            wall(2026, 11, 4, 10, 5),
            "Mangler iltmætning (frist onsdag 4. nov. kl. 10.00, 3. gang i træk)",
        ),
        ("green", wall(2026, 11, 4, 15), "Iltmætning er kommet"),
        (
            "blue",
            wall(2026, 11, 5, 10, 5),
            "Mangler iltmætning (frist torsdag 5. nov. kl. 10.00)",
        ),
    ]
    assert _states(connection) == [("new", "blue")]


def test_two_processes_side_by_side_tell_everything_once(connection: Db, database_url: str) -> None:
    for number in range(30):
        patient = add_home(connection, f"gw-test-{number}").patient_id
        plan(connection, enrol(connection, patient, START), START)
    others = [psycopg.connect(database_url, autocommit=True) for _ in range(2)]
    until = [wall(2026, 11, day, 12) for day in (2, 3, 4, 5)]

    def work(one: Db) -> None:
        since = START
        for now in until:
            desk.look(one, since, now)
            since = now

    threads = [threading.Thread(target=work, args=[one]) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.close()
    counted = connection.execute(
        "select count(*), count(distinct patient_id) from finding group by measured_at order by 1"
    ).fetchall()
    assert counted == [(30, 30)] * 4
    assert _states(connection) == [("new", "blue")] * 30


def test_every_statement_can_be_made_again_from_what_was_stored(
    connection: Db, home: Home, enrolment: UUID
) -> None:
    plan(connection, enrolment, START, "spo2", "body_weight")
    measure(connection, home.patient_id, wall(2026, 11, 3, 15))
    desk.look(connection, START, wall(2026, 11, 9))
    rows = connection.execute(
        "select evidence, severity, score, reason_da, reason_en from finding"
    ).fetchall()
    assert len(rows) >= 5
    for evidence, *found in rows:
        answer = statements.replay(evidence)
        assert [answer.severity, answer.score, answer.reason.danish, answer.reason.english] == found


# ------------------------------------------------------------- whoever looks, whenever


@st.composite
def _weeks(draw: st.DrawFn) -> list[tuple[int, str]]:
    """Hours since the start, and what happens then."""
    kinds = st.sampled_from(["measure", "late", "invalid", "look", "look", "look"])
    return sorted(draw(st.lists(st.tuples(st.integers(1, 24 * 12), kinds), max_size=25)))


@pytest.fixture(scope="module")
def long_lived(postgres: EmbeddedPostgres) -> object:
    with migrated_copy(postgres) as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    weeks=_weeks(),
    weekdays=st.sets(st.integers(1, 7), min_size=1),
    due=st.sampled_from([time(0), time(2, 30), time(10), time(23, 59)]),
    start=st.sampled_from([wall(2026, 3, 23, 8), wall(2026, 10, 19, 8), wall(2026, 11, 2)]),
)
def test_what_points_to_patients_points_to_everyone_of_whom_something_is_untold(
    long_lived: Db, weeks: list[tuple[int, str]], weekdays: set[int], due: time, start: datetime
) -> None:
    """After looks at any times, a recomputation of everybody finds that nothing has drifted."""
    connection = long_lived
    row = connection.execute("select count(*) from patient").fetchone()
    assert row is not None
    patient = add_home(connection, f"gw-{row[0]}").patient_id
    enrolment = enrol(connection, patient, start)
    plan(connection, enrolment, start, weekdays=sorted(weekdays), due=due)
    since, readings = start, []
    for hours, kind in [*weeks, (24 * 13, "look")]:
        now = start + hours * HOUR
        if kind == "measure":
            readings.append((measure(connection, patient, now - MINUTE), now - MINUTE))
        elif kind == "late":
            measure(connection, patient, now - 30 * HOUR, stored_at=now - MINUTE)
        elif kind == "invalid" and readings:
            reading, at = readings.pop()
            invalidate(connection, patient, reading, at, fulfils=False, said_at=now - MINUTE)
        elif kind == "look":
            desk.look(connection, since, now)
            since = now
    assert desk.recompute(connection, since, since).told == 0
    connection.execute(
        "update enrolment set period = tstzrange(lower(period), %s), "
        "ended_because = 'completed' where id = %s",
        [since, enrolment],
    )


def test_telekol_replay_makes_silence_again_and_tells_what_differs(
    connection: Db, database_url: str, home: Home, enrolment: UUID, tmp_path: Path
) -> None:
    plan(connection, enrolment, START)
    desk.look(connection, START, wall(2026, 11, 4, 12))

    def run() -> tuple[int, str]:
        ran = telekol(tmp_path, "replay", TELEKOL_DATABASE_URL=database_url)
        ran.log.unlink(missing_ok=True)
        with ran:
            return ran.wait(120), ran.output()

    status, output = run()
    assert (status, "3 findings" in output) == (0, True), output
    connection.execute("alter table finding disable trigger all")
    connection.execute("update finding set severity = 'green'")
    assert run()[0] == 1
