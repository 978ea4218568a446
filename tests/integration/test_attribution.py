"""Whose a reading is and whether it holds: the guard, the desk, and what the engine makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine
from alerts.casework import store as case_store
from alerts.round import finding_store, history, planning
from ingest import guard_store, writer
from telekol import topics
from telekol.observation import Device, Observation
from telekol.quantities import Quantity
from telekol.severity import Channel, Severity
from tests.support.house import Home, add_home, set_limits
from tests.support.messages import message, observation, sort

Db = Connection[TupleRow]
SCALE = Device(address="C0:00:00:00:00:02", manufacturer="Simulated", model="Scale", serial="S-1")
NOW = datetime.now(UTC)
BY = "sofie"


@pytest.fixture
def home(connection: Db) -> Home:
    made = add_home(connection)
    set_limits(connection, made.patient_id, "spo2", red_low=85, yellow_low=88)
    set_limits(connection, made.patient_id, "body_weight", yellow_high=73)
    return made


def _weight(kg: float, days_ago: float, slot: int | None = None) -> Observation:
    made = observation(
        kg, Quantity.BODY_WEIGHT, measured_at=NOW - timedelta(days=days_ago), device=SCALE
    )
    return made.model_copy(update={"user_index": slot})


def _send(connection: Db, *observations: Observation, gateway: str = "gw-test-1") -> None:
    writer.store(connection, [sort(topics.observations(gateway), message(*observations))])


def _judge(connection: Db) -> None:
    while engine.run_round(connection):
        pass


def _do(connection: Db, call: str, *values: Any) -> int:
    marks = ", ".join(["%s"] * len(values))
    row = connection.execute(f"select {call}({marks})".encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def _patient(connection: Db, reading: Observation) -> UUID | None:
    row = connection.execute(
        "select patient_id from observation where reading_id = %s", [reading.id]
    ).fetchone()
    assert row is not None
    found: UUID | None = row[0]
    return found


def _case(connection: Db, patient: UUID) -> list[TupleRow]:
    return connection.execute(
        "select severity, state from triage_case where patient_id = %s and channel = 'clinical' "
        "and state <> 'closed'",
        [patient],
    ).fetchall()


def _attribute(connection: Db, reading: Observation, was: UUID | None, to: UUID) -> int:
    return _do(
        connection, "attribute_reading", reading.id, reading.measured_at, was, to, BY, "asked"
    )


def _invalidate(connection: Db, reading: Observation, patient: UUID) -> int:
    return _do(
        connection,
        "invalidate_reading",
        *(reading.id, reading.measured_at, patient, BY, "cold finger", True),
    )


# ---------------------------------------------------------------------------------- the guard


def test_a_child_on_the_scale_is_held_and_moves_nothing(connection: Db, home: Home) -> None:
    _send(connection, *(_weight(100.0, days) for days in (5, 4, 3)))
    child = _weight(15.0, 1)
    _send(connection, child)
    _send(connection, after := _weight(100.4, 0.5))
    _judge(connection)
    assert _patient(connection, child) is None
    assert _patient(connection, after) == home.patient_id
    rows = connection.execute(
        "select reading_id, held_from, held_code, held_reason from unattributed_reading"
    ).fetchall()
    assert [row[:3] for row in rows] == [(child.id, home.patient_id, "weight-jump")]
    assert "15.0 kg, -85.0 kg from the usual 100.0 kg" in rows[0][3]
    named = connection.execute("select reading_ids[1] from finding").fetchall()
    assert (child.id,) not in named


def test_a_backlog_in_one_message_is_judged_in_the_order_of_its_times(
    connection: Db, home: Home
) -> None:
    weights = [_weight(70.0 + 3.5 * step, 20 - 2 * step) for step in range(5)]
    spouse = _weight(58.0, 11.0)
    _send(connection, spouse, *reversed(weights))
    assert [_patient(connection, one) for one in weights] == [home.patient_id] * 5
    assert _patient(connection, spouse) is None


def test_the_first_weight_is_kept_and_marked(connection: Db, home: Home) -> None:
    _send(connection, first := _weight(70.0, 3))
    _send(connection, _weight(70.5, 2))
    rows = connection.execute("select reading_id, kind, code, to_patient from attribution_event")
    assert rows.fetchall() == [(first.id, "unproven", "no-history", home.patient_id)]


def test_another_slot_is_held_and_learned_from_a_person(connection: Db, home: Home) -> None:
    _send(connection, *(_weight(70.0, days, slot=1) for days in (6, 5, 4)))
    _send(connection, other := _weight(70.2, 3, slot=2))
    assert _patient(connection, other) is None
    _attribute(connection, other, None, home.patient_id)
    _send(connection, later := _weight(70.1, 2, slot=2))
    assert _patient(connection, later) == home.patient_id


def test_a_new_weight_that_a_person_attributed_is_learned(connection: Db, home: Home) -> None:
    _send(connection, *(_weight(100.0, days) for days in (30, 29, 28)))
    _send(connection, jump := _weight(75.0, 5))
    assert _patient(connection, jump) is None
    _send(connection, also := _weight(75.0, 4))
    assert _patient(connection, also) is None
    _attribute(connection, jump, None, home.patient_id)
    _send(connection, later := _weight(75.6, 3))
    assert _patient(connection, later) == home.patient_id


def test_an_invalid_weight_is_no_history(connection: Db, home: Home) -> None:
    _send(connection, wrong := _weight(40.0, 6))
    _invalidate(connection, wrong, home.patient_id)
    _send(connection, right := _weight(80.0, 5))
    assert _patient(connection, right) == home.patient_id


def test_other_quantities_cost_the_guard_no_query(
    connection: Db, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_store, "_SQL", {})
    _send(connection, observation(93.0), observation(80.0, Quantity.PULSE_RATE))
    with pytest.raises(KeyError):
        _send(connection, _weight(70.0, 1))


# ----------------------------------------------------------------------------------- the desk


def test_an_attributed_reading_is_judged_as_late(connection: Db, home: Home) -> None:
    _send(connection, *(_weight(60.0, days) for days in (5, 4, 3)))
    _send(connection, held := _weight(75.0, 2))
    _judge(connection)
    _attribute(connection, held, None, home.patient_id)
    _judge(connection)
    row = connection.execute(
        "select severity, late from finding where rule = 'absolute-limits' "
        "and %s = reading_ids[cardinality(reading_ids)]",
        [held.id],
    ).fetchone()
    assert row == ("yellow", True)
    assert connection.execute("select count(*) from unattributed_reading").fetchone() == (0,)


def test_a_reading_given_to_another_is_judged_there_and_taken_back_here(
    connection: Db, home: Home
) -> None:
    other = add_home(connection, "gw-test-2", "Bent Prøvesen")
    set_limits(connection, other.patient_id, "spo2", red_low=85)
    _send(connection, good := observation(93.0, measured_at=NOW - timedelta(hours=3)))
    _send(connection, low := observation(80.0, measured_at=NOW - timedelta(hours=1)))
    _judge(connection)
    assert _case(connection, home.patient_id)[0][0] == "red"

    event = _attribute(connection, low, home.patient_id, other.patient_id)
    _judge(connection)
    assert _patient(connection, low) == other.patient_id
    assert _case(connection, other.patient_id)[0][0] == "red"
    levels = connection.execute(
        "select reading_ids[1], severity from finding where patient_id = %s order by found_at desc",
        [home.patient_id],
    ).fetchall()
    assert levels[0] == (good.id, "green")
    here = case_store.levels_of(connection, home.patient_id, Channel.CLINICAL)
    assert here.get("readings/spo2", Severity.GREEN) is Severity.GREEN

    _do(connection, "undo_attribution", event, BY, "mistake")
    _judge(connection)
    assert _patient(connection, low) == home.patient_id
    assert _case(connection, home.patient_id)[0][0] == "red"
    there = case_store.levels_of(connection, other.patient_id, Channel.CLINICAL)
    assert there.get("readings/spo2", Severity.GREEN) is Severity.GREEN


def test_refused_and_undone_waits_again(connection: Db, home: Home) -> None:
    _send(connection, *(_weight(70.0, days) for days in (5, 4, 3)))
    _send(connection, held := _weight(40.0, 2))
    waiting = b"select reading_id from unattributed_reading"
    event = _do(connection, "refuse_reading", held.id, held.measured_at, None, BY, "a guest")
    assert connection.execute(waiting).fetchall() == []
    undone = _do(connection, "undo_attribution", event, BY, "not a guest")
    assert connection.execute(waiting).fetchall() == [(held.id,)]
    with pytest.raises(psycopg.Error, match="expected an event that a person made"):
        _do(connection, "undo_attribution", undone, BY, "again")
    with pytest.raises(psycopg.Error, match="is not the last of its reading"):
        _do(connection, "undo_attribution", event, BY, "again")
    kinds = connection.execute(
        "select kind from attribution_event where reading_id = %s order by id", [held.id]
    ).fetchall()
    assert [kind for (kind,) in kinds] == ["held", "refused", "undone"]


def test_a_wrong_from_changes_nothing(connection: Db, home: Home) -> None:
    _send(connection, reading := observation(93.0))
    before = connection.execute("select count(*) from attribution_event").fetchone()
    with pytest.raises(psycopg.errors.NoDataFound, match="found none"):
        _attribute(connection, reading, None, home.patient_id)
    assert connection.execute("select count(*) from attribution_event").fetchone() == before


# --------------------------------------------------------------------------------- validity


def test_the_only_reading_withdrawn_takes_its_red_off_the_board(connection: Db, home: Home) -> None:
    _send(connection, low := observation(80.0))
    _judge(connection)
    assert _case(connection, home.patient_id)[0][0] == "red"
    _invalidate(connection, low, home.patient_id)
    _judge(connection)
    levels = case_store.levels_of(connection, home.patient_id, Channel.CLINICAL)
    assert set(levels.values()) <= {Severity.GREEN}
    found = connection.execute("select severity, result from finding order by found_at").fetchall()
    assert found == [("red", "judged"), ("green", "insufficient")]
    _do(
        connection,
        "reinstate_reading",
        *(low.id, low.measured_at, home.patient_id, BY, "it was right"),
    )
    _judge(connection)
    levels = case_store.levels_of(connection, home.patient_id, Channel.CLINICAL)
    assert levels["readings/spo2"] is Severity.RED


def test_an_invalid_reading_is_in_no_window_and_counts_as_submitted(
    connection: Db, home: Home
) -> None:
    _send(connection, observation(93.0, measured_at=NOW - timedelta(hours=5)))
    _send(connection, bad := observation(50.0, measured_at=NOW - timedelta(hours=4)))
    _judge(connection)
    _invalidate(connection, bad, home.patient_id)
    _judge(connection)
    _send(connection, observation(94.0, measured_at=NOW - timedelta(hours=1)))
    (segment,) = planning.segments(
        finding_store.touches_of(connection, finding_store.take(connection, 10))
    )
    history.fill(connection, [segment], looks_back=32)
    (draft,) = planning.plan([segment], looks_back=32)
    assert [reading.value for reading in draft.window] == [93.0, 94.0]
    row = connection.execute(
        "select valid, counts_as_submitted, reason, by_whom from reading_validity"
    ).fetchone()
    assert row == (False, True, "cold finger", BY)


def test_a_reading_withdrawn_before_it_was_judged_is_not_judged(connection: Db, home: Home) -> None:
    _send(connection, low := observation(80.0))
    _invalidate(connection, low, home.patient_id)
    _judge(connection)
    assert connection.execute("select count(*) from finding").fetchone() == (0,)


def test_withdrawing_an_old_reading_tells_nothing_about_the_newest(
    connection: Db, home: Home
) -> None:
    _send(connection, old := observation(93.0, measured_at=NOW - timedelta(hours=5)))
    _send(connection, observation(87.0, measured_at=NOW - timedelta(hours=1)))
    _judge(connection)
    events = b"select count(*) from case_event"
    before = connection.execute(events).fetchone()
    _invalidate(connection, old, home.patient_id)
    _judge(connection)
    assert connection.execute(events).fetchone() == before == (1,)
    judged = connection.execute(
        "select severity, turn, cause from judgement order by judged_at, measured_at"
    ).fetchall()
    assert judged == [("green", 0, None), ("yellow", 0, None), ("yellow", 1, "validity/1")]


def test_twice_invalid_or_valid_is_told(connection: Db, home: Home) -> None:
    _send(connection, reading := observation(93.0))
    values = (reading.id, reading.measured_at, home.patient_id, BY, "why")
    with pytest.raises(psycopg.errors.NoDataFound, match="found a valid one"):
        _do(connection, "reinstate_reading", *values)
    _invalidate(connection, reading, home.patient_id)
    with pytest.raises(psycopg.errors.NoDataFound, match="found an invalid one"):
        _invalidate(connection, reading, home.patient_id)


def test_an_invalid_reading_stays_invalid_with_another_patient(connection: Db, home: Home) -> None:
    other = add_home(connection, "gw-test-2", "Bent Prøvesen")
    _send(connection, reading := observation(80.0))
    _invalidate(connection, reading, home.patient_id)
    _attribute(connection, reading, home.patient_id, other.patient_id)
    _judge(connection)
    rows = connection.execute("select patient_id, why from withdrawn_reading order by why")
    assert rows.fetchall() == [(other.patient_id, "invalid"), (home.patient_id, "moved")]
    assert _case(connection, other.patient_id) == []


@pytest.mark.parametrize(
    "statement",
    [
        "update observation set value = 95",
        "update observation set measured_at = now()",
        "update observation set patient_id = null",
        "delete from observation",
        "truncate observation",
        "delete from attribution_event",
        "update validity_event set reason = 'x'",
    ],
)
def test_a_reading_never_changes(connection: Db, home: Home, statement: str) -> None:
    _send(connection, reading := _weight(70.0, 1))
    _invalidate(connection, reading, home.patient_id)
    with pytest.raises(psycopg.Error, match="refused"):
        connection.execute(statement.encode())
    with connection.transaction(force_rollback=True):
        connection.execute("select set_config('telekol.attribution', 'on', true)")
        with pytest.raises(psycopg.Error, match="refused"):
            connection.execute("update observation set value = 95")
