"""Quarantine: replayed after a fix, never lost, never twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from typer.testing import CliRunner

from ingest import parcel, replay, writer
from ingest.quarantine_commands import app
from telekol import plausibility, topics
from telekol.errors import TelekolError
from telekol.plausibility import Range
from telekol.quantities import Quantity
from tests.support.house import add_home
from tests.support.messages import message, observation, sort

Db = Connection[TupleRow]
TOPIC = topics.observations("gw-test-1")


def _send(connection: Db, payload: bytes, topic: str = TOPIC) -> writer.Outcome:
    return writer.store(connection, [sort(topic, payload)])


def _count(connection: Db, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def _states(connection: Db) -> list[tuple[str, str]]:
    rows = connection.execute("select code, state from quarantine order by id").fetchall()
    return [(row[0], row[1]) for row in rows]


def _ids(connection: Db) -> list[int]:
    return [row[0] for row in connection.execute("select id from quarantine order by id")]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TELEKOL_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_after_its_kit_is_registered_all_of_a_gateway_is_stored_by_one_command(
    connection: Db, run
) -> None:
    boot = uuid4()
    for seq in (1, 3, 5):
        _send(connection, message(observation(), observation(), boot=boot, seq=seq))
    early = run("retry", "--gateway", "gw-test-1", "--json", "--by", "drift")
    assert early.exit_code == 1
    assert {one["state"] for one in json.loads(early.stdout)["tried"]} == {"still-refused"}
    home = add_home(connection)

    done = run("retry", "--gateway", "gw-test-1", "--json", "--by", "drift")

    assert done.exit_code == 0
    assert [one["detail"] for one in json.loads(done.stdout)["tried"]] == ["2 stored"] * 3
    assert connection.execute("select distinct patient_id from observation").fetchall() == [
        (home.patient_id,)
    ]
    assert _count(connection, "observation") == 6
    assert _count(connection, "judgement_queue") == 3
    # The numbers were never settled, since nobody knew the outbox; now they are, and no gap stays.
    (settled,) = connection.execute("select settled::text from outbox").fetchall()
    assert settled == ("{[1,7)}",)
    assert _count(connection, "quarantine_open") == 0
    events = connection.execute(
        "select kind, by_whom from quarantine_event where quarantine_id = %s order by id",
        [_ids(connection)[0]],
    ).fetchall()
    assert events == [("still-refused", "drift"), ("stored", "drift")]
    # Again it is nothing, and what the gateway sends again is known.
    assert json.loads(run("retry", "--all", "--json").stdout) == {"tried": [], "not_waiting": []}
    assert _count(connection, "observation") == 6


def test_a_try_that_is_refused_changes_nothing_but_that_it_was_tried(connection: Db) -> None:
    _send(connection, message(observation()))
    (number,) = _ids(connection)
    before = connection.execute("select payload, fingerprint, reason from quarantine").fetchall()
    for tries in (1, 2):
        came = replay.retry(connection, number, "drift")
        assert came is not None
        assert came.state == "still-refused"
        assert "unknown-kit" in came.detail
        assert connection.execute("select tries from quarantine").fetchone() == (tries,)
    after = connection.execute("select payload, fingerprint, reason from quarantine").fetchall()
    assert after == before
    assert (_count(connection, "outbox"), _count(connection, "observation")) == (0, 0)


def test_one_observation_is_stored_after_the_rule_was_mended(
    connection: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_home(connection)
    boot = uuid4()
    outcome = _send(connection, message(observation(25.0), observation(), boot=boot, seq=4))
    assert outcome.receipts[0] is not None
    assert [one.seq for one in outcome.receipts[0].refused] == [4]
    (number,) = _ids(connection)
    again = replay.retry(connection, number, "drift")
    assert again is not None
    assert again.state == "still-refused"
    assert _states(connection) == [("implausible-value", "still-refused")]
    monkeypatch.setitem(plausibility.HUMAN, Quantity.SPO2, Range(20, 100))

    came = replay.retry(connection, number, "drift")

    assert came == replay.Came(number, "stored", "1 stored")
    rows = connection.execute("select seq, value from observation order by seq").fetchall()
    assert rows == [(4, 25.0), (5, 93.0)]


def test_an_entry_with_one_bad_observation_is_stored_and_that_one_is_an_entry_of_its_own(
    connection: Db,
) -> None:
    document = json.loads(message(observation(), observation()))
    document["observations"][1]["value"] = 127.0
    _send(connection, json.dumps(document).encode())
    add_home(connection)
    came = replay.retry(connection, _ids(connection)[0], "drift")
    assert came is not None
    assert came.detail == "1 stored, 1 refused, each an entry of its own now"
    assert _states(connection) == [("unknown-kit", "stored"), ("bad-observation", "open")]
    second = replay.retry(connection, _ids(connection)[1], "drift")
    assert second is not None
    assert second.state == "still-refused"
    assert len(_ids(connection)) == 2


def test_what_the_gateway_has_sent_again_meanwhile_is_known(
    connection: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = message(observation())

    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(parcel, "_sort", broken)
        assert _send(connection, payload).receipts == (None,)
    add_home(connection)
    _send(connection, payload)
    came = replay.retry(connection, _ids(connection)[0], "drift")
    assert came is not None
    assert (came.state, came.detail) == ("stored", "0 stored, 1 known already")
    assert _count(connection, "observation") == 1


def test_a_message_that_came_late_keeps_the_time_at_which_it_came(connection: Db) -> None:
    """A clock that was ahead then is ahead still; the replay's own time means nothing."""
    ahead = datetime(2035, 1, 1, tzinfo=UTC)
    _send(connection, message(observation(measured_at=ahead, received_at=ahead)))
    add_home(connection)
    connection.execute("alter table quarantine disable trigger quarantine_is_kept")
    connection.execute("update quarantine set quarantined_at = now() - interval '3 days'")
    replay.retry(connection, _ids(connection)[0], "drift")
    row = connection.execute(
        "select measured_at = q.quarantined_at, o.quality from observation o, quarantine q"
    ).fetchone()
    assert row == (True, ["gateway-clock-ahead"])


def test_health_is_tried_its_own_way(connection: Db) -> None:
    topic = topics.health("gw-test-1")
    payload = b'{"v": 1, "gateway": "gw-test-1"}'
    writer.store(connection, [parcel.Parcel(topic, payload, None).refuse_whole("bad-health", "x")])
    came = replay.retry(connection, _ids(connection)[0], "drift")
    assert came is not None
    assert came.state == "still-refused"
    assert came.detail.startswith("bad-health")


def test_what_a_gateway_gave_up_cannot_be_tried_and_can_be_dismissed(connection: Db, run) -> None:
    add_home(connection)
    document = json.loads(message(observation(), seq=9))
    document["abandoned"] = [{"boot": document["boot"], "reason": "unreadable", "runs": [[3, 5]]}]
    _send(connection, json.dumps(document).encode())
    (number,) = _ids(connection)
    with pytest.raises(TelekolError, match="holds numbers and no readings"):
        replay.retry(connection, number, "drift")
    assert _count(connection, "quarantine_open") == 0
    assert run("dismiss", str(number), "--reason", "kortet er byttet", "--by", "drift")
    assert _states(connection) == [("given-up", "dismissed")]
    assert not replay.dismiss(connection, number, "drift", "again")


def test_two_operators_try_an_entry_once(connection: Db, database_url: str) -> None:
    _send(connection, message(observation()))
    add_home(connection)
    (number,) = _ids(connection)
    with psycopg.connect(database_url, autocommit=True) as other, connection.transaction():
        assert replay.retry(connection, number, "one") is not None
        assert replay.retry(other, number, "other") is None
    assert _count(connection, "observation") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "delete from quarantine",
        "truncate quarantine cascade",
        "update quarantine set payload = ''",
        "update quarantine set code = 'x'",
        "update quarantine set state = 'stored'",
        "delete from quarantine_event",
    ],
)
def test_an_entry_is_never_lost_nor_changed(connection: Db, statement: str) -> None:
    _send(connection, message(observation()))
    replay.retry(connection, _ids(connection)[0], "drift")
    with pytest.raises(psycopg.Error):
        connection.execute(statement.encode())


def test_people_and_programs_read_it(connection: Db, run) -> None:
    _send(connection, message(observation(), boot=UUID(int=7)))
    _send(connection, b"\xff\x00 not json", TOPIC)
    listed = json.loads(run("list", "--json").stdout)
    assert {(one["code"], one["entries"]) for one in listed["counts"]} == {
        ("unknown-kit", 1),
        ("not-json", 1),
    }
    table = run("list", "--code", "unknown-kit").stdout
    assert "unknown-kit" in table
    assert "not-json" not in table
    assert "Nothing is in quarantine" in run("list", "--older-than-hours", "1").stdout
    first, second = _ids(connection)
    shown = run("show", str(first)).stdout
    assert "can be health data" in shown
    assert '"gateway":"gw-test-1"' in shown
    raw = json.loads(run("show", str(second), "--json").stdout)
    assert raw["text"] is None
    assert bytes.fromhex(raw["hex"]) == b"\xff\x00 not json"
    with pytest.raises(TelekolError, match="found none numbered 99"):
        run("show", "99")
    with pytest.raises(TelekolError, match="found none of them"):
        run("retry")


def test_what_waits_is_a_technical_trouble_until_it_is_settled(connection: Db) -> None:
    home = add_home(connection)
    _send(connection, message(observation(25.0)))
    troubles = "select kit_id, code, detail from technical_trouble"
    assert connection.execute(troubles.encode()).fetchall() == [
        (home.kit, "readings-quarantined", "implausible-value 1")
    ]
    replay.dismiss(connection, _ids(connection)[0], "sofie", "finger was out")
    assert connection.execute(troubles.encode()).fetchall() == []
