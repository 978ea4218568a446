"""What operators do at a command line, in their own role: gaps, attribution, validity."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from typer.testing import CliRunner

from alerts import engine, trends
from ingest import attribution_commands, gap_commands, gap_watch, validity_commands, writer
from ingest import quarantine_commands as quarantine
from ingest.asking_desk import AskingDesk
from telekol import topics
from telekol.errors import TelekolError
from telekol.observation import Observation
from telekol.quantities import Quantity
from tests.support.databases import as_service
from tests.support.house import Home, add_home, set_limits
from tests.support.messages import message, observation, sort

Db = Connection[TupleRow]
TOPIC = topics.observations("gw-test-1")
NOW = datetime.now(UTC)
APPS = {
    "gaps": gap_commands.app,
    "attribution": attribution_commands.app,
    "validity": validity_commands.app,
    "quarantine": quarantine.app,
}
Run = Callable[..., Any]
"""Gives what the command came to, as CliRunner does."""


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command as an operator, who has no other right than the role's."""
    monkeypatch.setenv("TELEKOL_DATABASE_URL", as_service(database_url, "operator"))
    monkeypatch.setenv("COLUMNS", "250")
    return lambda command, *words: CliRunner().invoke(
        APPS[command], [str(word) for word in words], catch_exceptions=False
    )


@pytest.fixture
def home(connection: Db) -> Home:
    made = add_home(connection)
    set_limits(connection, made.patient_id, "body_weight", yellow_high=73)
    return made


def _json(result: Any) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _send(connection: Db, *observations: Observation, seq: int = 1, boot: UUID | None = None):
    writer.store(connection, [sort(TOPIC, message(*observations, boot=boot, seq=seq))])


def _weight(kg: float, days_ago: float) -> Observation:
    return observation(kg, Quantity.BODY_WEIGHT, measured_at=NOW - timedelta(days=days_ago))


def _held(connection: Db) -> Observation:
    """A child's weight among the patient's."""
    _send(connection, *(_weight(100.0, days) for days in (5, 4, 3)))
    _send(connection, child := _weight(15.0, 1))
    return child


def _owner(connection: Db, reading: Observation) -> UUID | None:
    (row,) = connection.execute(
        "select patient_id from observation where reading_id = %s", [reading.id]
    ).fetchall()
    found: UUID | None = row[0]
    return found


# ------------------------------------------------------------------------------------- gaps


def test_a_gap_says_where_since_when_and_when_the_home_was_asked(
    connection: Db, home: Home, database_url: str, run: Run
) -> None:
    boot = uuid4()
    for seq in (1, 2, 6):
        _send(connection, observation(), seq=seq, boot=boot)
    gap_watch.look(connection, NOW - timedelta(hours=3))
    (gap,) = _json(run("gaps", "list", "--json"))["gaps"]
    told = {"gateway_id": "gw-test-1", "boot": str(boot), "first": 3, "last": 5, "count": 3}
    assert gap | told == gap
    assert (gap["times_asked"], gap["asked_at"]) == (0, None)
    assert datetime.fromisoformat(gap["since"]) == NOW - timedelta(hours=3)
    connection.execute(
        "insert into gateway_health values ('gw-test-1', %s, 1, 1, true, now(), now(), %s)",
        [uuid4(), json.dumps({"boot": str(boot), "outbox": {"last_seq": 6, "depth": 0}})],
    )
    desk = AskingDesk(as_service(database_url, "ingest"), lambda _topic, _payload: None, 0)
    for minutes in (0, 10):
        desk.look(NOW + timedelta(minutes=minutes))
    desk.close()
    (gap,) = _json(run("gaps", "list", "--json", "--gateway", "gw-test-1"))["gaps"]
    assert gap["times_asked"] >= 1
    assert gap["asked_at"]
    assert _json(run("gaps", "list", "--json", "--gateway", "gw-other"))["gaps"] == []
    assert _json(run("gaps", "list", "--json", "--older-than-hours", 4))["gaps"] == []
    table = run("gaps", "list").stdout
    assert "gw-test-1" in table
    assert str(boot) in table


def test_a_gap_that_is_explained_is_no_trouble_any_more(
    connection: Db, home: Home, run: Run
) -> None:
    boot = uuid4()
    for seq in (1, 4):
        _send(connection, observation(), seq=seq, boot=boot)
    with pytest.raises(TelekolError, match="expected a gap of gw-test-1 between 8 and 9"):
        run("gaps", "explain", "gw-test-1", boot, 8, 9, "--reason", "lost")
    with pytest.raises(TelekolError, match="last number of 3 or more"):
        run("gaps", "explain", "gw-test-1", boot, 3, 2, "--reason", "lost")
    done = run("gaps", "explain", "gw-test-1", boot, 2, 3, "--reason", "card lost", "--by", "drift")
    assert done.exit_code == 0
    assert run("gaps", "list").stdout.strip() == "Nothing is missing."
    (gap,) = _json(run("gaps", "list", "--all", "--json"))["gaps"]
    assert gap["reason"] == "card lost"
    said = connection.execute("select by_whom, first, last from gap_explanation").fetchall()
    assert said == [("drift", 2, 3)]


# ---------------------------------------------------------------------------------- attribution


def test_a_held_weight_is_attributed_undone_and_refused(
    connection: Db, home: Home, run: Run
) -> None:
    guest = add_home(connection, "gw-test-2", "Bodil Prøvesen")
    child = _held(connection)
    (held,) = _json(run("attribution", "list", "--json"))["waiting"]
    assert held["reading_id"] == str(child.id)
    assert held["held_from"] == str(home.patient_id)
    assert "15.0 kg" in held["held_reason"]
    assert str(child.id) in run("attribution", "list", "--patient", home.patient_id).stdout
    other = ("attribution", "list", "--patient", guest.patient_id, "--json")
    assert _json(run(*other))["waiting"] == []

    why = ("--reason", "a guest", "--by", "drift")
    to_guest = ("attribution", "attribute", child.id, "--to", guest.patient_id, *why)
    assert run(*to_guest).exit_code == 0
    assert _owner(connection, child) == guest.patient_id
    assert run("attribution", "list").stdout.strip() == "Nothing waits."
    *_, last = _json(run("attribution", "history", child.id, "--json"))["history"]
    assert (last["kind"], last["by_whom"], last["reason"]) == ("attributed", "drift", "a guest")

    assert run("attribution", "undo", last["event"], "--reason", "wrong one").exit_code == 0
    assert _owner(connection, child) is None
    assert run("attribution", "refuse", child.id, "--reason", "nobody of ours").exit_code == 0
    assert _owner(connection, child) is None
    assert _json(run("attribution", "list", "--json"))["waiting"] == []
    kinds = [
        one["kind"] for one in _json(run("attribution", "history", child.id, "--json"))["history"]
    ]
    assert kinds == ["held", "attributed", "undone", "refused"]


def test_what_cannot_be_done_is_said_and_changes_nothing(
    connection: Db, home: Home, run: Run
) -> None:
    child = _held(connection)
    why = ("--reason", "asked")
    nobody = uuid4()
    for expected, words in (
        ("expected a patient who is registered", ("attribute", child.id, "--to", nobody, *why)),
        (f"of patient {nobody}", ("refuse", child.id, "--from", nobody, *why)),
        ("that nobody has", ("refuse", uuid4(), *why)),
        ("expected an event that a person made", ("undo", 2**62, *why)),
        ("expected an event that a person made", ("undo", 1, *why)),
        ("expected a reason", ("refuse", child.id, "--reason", "  ")),
    ):
        with pytest.raises(TelekolError, match=expected):
            run("attribution", *words)
    assert _owner(connection, child) is None
    assert connection.execute(
        "select count(*) from attribution_event where kind <> 'held' and kind <> 'unproven'"
    ).fetchone() == (0,)
    for line in ("undo x", f"undo {2**63}", "attribute x", "list --patient '"):
        assert run("attribution", *line.split()).exit_code == 2


# ------------------------------------------------------------------------------------- validity


def test_a_reading_that_does_not_hold_is_out_of_its_day_until_it_is_reinstated(
    connection: Db, home: Home, run: Run
) -> None:
    good, slipped = observation(93.0), observation(71.0)
    _send(connection, good, slipped)

    def day() -> list[TupleRow]:
        while engine.run_round(connection) or trends.refresh(connection):
            pass
        return connection.execute("select lowest, count from observation_day").fetchall()

    assert day() == [(71.0, 2)]
    which = (slipped.id, "--patient", home.patient_id, "--reason", "cold finger", "--by", "drift")
    assert run("validity", "invalidate", *which).exit_code == 2, "whether it counts must be said"
    assert run("validity", "invalidate", *which, "--counts").exit_code == 0
    assert day() == [(93.0, 1)]
    (said,) = _json(run("validity", "list", "--json"))["said"]
    assert (said["valid"], said["counts_as_submitted"], said["by_whom"]) == (False, True, "drift")
    with pytest.raises(TelekolError, match="found an invalid one"):
        run("validity", "invalidate", *which, "--does-not-count")
    assert run("validity", "reinstate", *which).exit_code == 0
    assert day() == [(71.0, 2)]
    assert run("validity", "list").stdout.strip() == "Every reading holds."
    (said,) = _json(run("validity", "list", "--all", "--json"))["said"]
    assert said["valid"]
    with pytest.raises(TelekolError, match=r"expected a reading .* of patient"):
        run("validity", "reinstate", uuid4(), "--patient", home.patient_id, "--reason", "x")


# --------------------------------------------------------------------------------- who may not


def test_an_operator_replays_the_quarantine_and_changes_no_reading_otherwise(
    connection: Db, database_url: str, run: Run
) -> None:
    _send(connection, observation())
    add_home(connection)
    assert run("quarantine", "retry", "--all").exit_code == 0
    assert connection.execute("select count(*) from observation").fetchone() == (1,)
    with psycopg.connect(as_service(database_url, "operator"), autocommit=True) as operator:
        for statement in (
            "update observation set value = 1",
            "update observation set patient_id = null",
            "delete from observation",
            (
                "select set_config('telekol.attribution', 'on', false); "
                "update observation set patient_id = null"
            ),
            (
                "insert into attribution_event (reading_id, measured_at, kind, reason, by_whom) "
                "values (gen_random_uuid(), now(), 'attributed', 'x', 'x'); "
                "delete from attribution_event"
            ),
            "select * from civil_registration",
            "delete from gap_explanation",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                operator.execute(statement.encode())


@pytest.mark.parametrize("service", ["alerts", "api", "ingest"])
def test_a_service_that_is_no_operator_is_told_to_sign_in_as_one(
    connection: Db, home: Home, database_url: str, run: Run, service: str, monkeypatch
) -> None:
    child = _held(connection)
    monkeypatch.setenv("TELEKOL_DATABASE_URL", as_service(database_url, service))
    with pytest.raises(TelekolError, match="Sign in as an operator"):
        run("attribution", "refuse", child.id, "--reason", "x")


def test_words_that_no_database_takes_are_refused_in_words(
    connection: Db, home: Home, run: Run
) -> None:
    child = _held(connection)
    with pytest.raises(TelekolError, match="cannot be kept"):
        run("attribution", "refuse", child.id, "--reason", "\udcff")
    with pytest.raises(TelekolError, match="cannot be kept"):
        run("gaps", "list", "--gateway", "a\0b")
    for words in (("quarantine", "retry", str(10**30)), ("quarantine", "show", str(10**30))):
        with pytest.raises(TelekolError):
            run(*words)
    for command in ("gaps", "quarantine"):
        for hours in ("nan", "inf", "1e300", "87599.9999999999"):
            # Refused in words, or nothing is that old; any other error is a fault.
            with contextlib.suppress(TelekolError):
                assert run(command, "list", "--older-than-hours", hours).exit_code in {0, 2}
    assert run("gaps", "list", "--gateway", "'; drop table observation; --").exit_code == 0
    assert connection.execute("select count(*) from observation").fetchone() == (4,)
