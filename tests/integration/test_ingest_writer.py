"""The writer against a real database: once, attributed, settled, and nothing in the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from ingest import writer
from telekol import topics
from telekol.observation import Entry, TimeConfidence
from tests.support.house import add_home
from tests.support.messages import message, observation, sort

Db = Connection[TupleRow]
TOPIC = topics.observations("gw-test-1")


def _count(connection: Db, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_a_reading_is_stored_attributed_and_queued(connection: Db) -> None:
    home = add_home(connection)
    reading = observation(91.0)
    boot = uuid4()

    outcome = writer.store(connection, [sort(TOPIC, message(reading, boot=boot))])

    row = connection.execute(
        "select patient_id, quantity, value, measured_at, device_time, seq, boot from observation"
    ).fetchone()
    assert row == (home.patient_id, "spo2", 91.0, reading.measured_at, reading.device_time, 1, boot)
    queued = connection.execute("select patient_id, reading_ids from judgement_queue").fetchone()
    assert queued == (home.patient_id, [reading.id])
    assert outcome.stored == 1
    assert outcome.receipts[0] is not None
    assert outcome.receipts[0].through == 1


def test_a_reading_with_the_slot_of_its_device_is_stored(connection: Db) -> None:
    add_home(connection)
    reading = observation(91.0).model_copy(update={"user_index": 2})
    outcome = writer.store(connection, [sort(TOPIC, message(reading))])
    assert outcome.stored == 1
    assert _count(connection, "quarantine") == 0


@pytest.mark.parametrize("entered", list(Entry))
@pytest.mark.parametrize("confidence", list(TimeConfidence))
def test_every_way_in_and_every_confidence_is_stored(
    connection: Db, entered: Entry, confidence: TimeConfidence
) -> None:
    add_home(connection)
    changes = {"entered": entered, "time_confidence": confidence}
    writer.store(connection, [sort(TOPIC, message(observation(91.0).model_copy(update=changes)))])
    row = connection.execute(
        "select entered::text, time_confidence::text from observation"
    ).fetchone()
    assert row == (entered, confidence)


def test_the_same_reading_twice_is_one_row_and_two_receipts(
    connection: Db,
) -> None:
    add_home(connection)
    payload = message(observation())
    first = writer.store(connection, [sort(TOPIC, payload)])
    again = writer.store(connection, [sort(TOPIC, payload)])
    assert (first.stored, again.stored) == (1, 0)
    assert _count(connection, "observation") == 1
    assert _count(connection, "judgement_queue") == 1
    assert again.receipts[0] == first.receipts[0]


def test_the_same_reading_twice_in_one_batch_is_one_row(connection: Db) -> None:
    add_home(connection)
    payload = message(observation())
    writer.store(connection, [sort(TOPIC, payload), sort(TOPIC, payload)])
    assert _count(connection, "observation") == 1


def test_through_stops_at_the_first_gap_and_passes_it_when_filled(
    connection: Db,
) -> None:
    add_home(connection)
    boot = uuid4()

    def through(seq: int, readings: int) -> int:
        payload = message(*(observation() for _ in range(readings)), boot=boot, seq=seq)
        receipt = writer.store(connection, [sort(TOPIC, payload)]).receipts[0]
        assert receipt is not None
        assert (receipt.first, receipt.last) == (seq, seq + readings - 1)
        return receipt.through

    assert through(1, 2) == 2
    assert through(6, 3) == 2
    assert through(3, 3) == 8
    assert through(20, 1) == 8


def test_a_new_outbox_starts_its_own_count(connection: Db) -> None:
    add_home(connection)
    writer.store(connection, [sort(TOPIC, message(observation(), boot=uuid4(), seq=1))])
    other = writer.store(connection, [sort(TOPIC, message(observation(), boot=uuid4(), seq=5))])
    assert other.receipts[0] is not None
    assert other.receipts[0].through == 0


def test_an_unknown_kit_is_quarantined_whole_and_its_gateway_told(
    connection: Db,
) -> None:
    payload = message(observation(), observation())
    outcome = writer.store(connection, [sort(TOPIC, payload)])
    row = connection.execute("select code, payload, gateway_id from quarantine").fetchone()
    assert row == ("unknown-kit", payload, "gw-test-1")
    assert _count(connection, "observation") == 0
    assert outcome.receipts[0] is not None
    assert [(r.seq, r.code) for r in outcome.receipts[0].refused] == [
        (1, "unknown-kit"),
        (2, "unknown-kit"),
    ]


def test_a_kit_without_a_patient_gives_an_unattributed_reading(
    connection: Db,
) -> None:
    add_home(connection, assigned=False)
    outcome = writer.store(connection, [sort(TOPIC, message(observation()))])
    assert connection.execute("select patient_id from observation").fetchone() == (None,)
    assert outcome.unattributed == 1
    assert _count(connection, "judgement_queue") == 0


def test_attribution_goes_by_when_it_was_measured(connection: Db) -> None:
    home = add_home(connection, assigned=False)
    handed_over = datetime.now(UTC) - timedelta(days=2)
    other = add_home(connection, "gw-test-2", "Bodil Eksempelsen", assigned=False)
    for patient, period in ((home, (None, handed_over)), (other, (handed_over, None))):
        connection.execute(
            "insert into kit_assignment (kit_id, patient_id, period) "
            "values (%s, %s, tstzrange(%s, %s))",
            [home.kit, patient.patient_id, *period],
        )
    old = observation(measured_at=handed_over - timedelta(minutes=1))
    new = observation(measured_at=handed_over)
    writer.store(connection, [sort(TOPIC, message(old, new))])
    rows = connection.execute("select reading_id, patient_id from observation").fetchall()
    assert dict(rows) == {old.id: home.patient_id, new.id: other.patient_id}


def test_a_bad_observation_never_holds_back_its_neighbours(
    connection: Db,
) -> None:
    add_home(connection)
    document = json.loads(message(observation(), observation(), observation()))
    document["observations"][1]["value"] = 940.0
    outcome = writer.store(connection, [sort(TOPIC, json.dumps(document).encode())])
    assert _count(connection, "observation") == 2
    row = connection.execute("select code, seq, payload from quarantine").fetchone()
    assert row is not None
    assert row[:2] == ("bad-observation", 2)
    assert json.loads(row[2])["value"] == 940.0
    receipt = outcome.receipts[0]
    assert receipt is not None
    assert receipt.through == 3
    assert [refusal.seq for refusal in receipt.refused] == [2]


def test_what_a_gateway_gave_up_is_kept_once_as_the_reason_of_its_gap(connection: Db) -> None:
    add_home(connection)
    boot = uuid4()
    document = json.loads(message(observation(), boot=boot, seq=9))
    runs = [[2, 4], [6, 6]]
    document["abandoned"] = [{"boot": str(boot), "reason": "outbox-full", "runs": runs}]
    for _ in range(2):
        outcome = writer.store(connection, [sort(TOPIC, json.dumps(document).encode())])
        (receipt,) = outcome.receipts
        assert receipt is not None
        assert (receipt.through, receipt.refused) == (0, ())
    row = connection.execute("select code, boot, seq, reason, payload from quarantine").fetchall()
    reason = "outbox-full: 4 numbers from 2 on will not come"
    assert [entry[:4] for entry in row] == [("given-up", boot, 2, reason)]
    assert json.loads(bytes(row[0][4]))["runs"] == runs


def test_a_message_nobody_can_answer_is_kept_once_with_its_bytes(
    connection: Db,
) -> None:
    garbage = b"\x00\xffnot json"
    for _ in range(2):
        outcome = writer.store(connection, [sort(TOPIC, garbage)])
        assert outcome.receipts == (None,)
    rows = connection.execute("select code, payload from quarantine").fetchall()
    assert rows == [("not-json", garbage)]


def test_a_refused_message_that_is_sent_again_is_kept_once(connection: Db) -> None:
    """A gateway that gets no answer sends again, at another time and otherwise the same."""
    add_home(connection)
    boot, reading = uuid4(), observation()
    for _ in range(3):
        document = json.loads(message(reading, boot=boot))
        document["v"] = 9
        writer.store(connection, [sort(TOPIC, json.dumps(document).encode())])
    assert _count(connection, "quarantine") == 1


def test_what_the_database_refuses_goes_to_quarantine_alone(
    connection: Db,
) -> None:
    add_home(connection)
    connection.execute("alter table observation add constraint even check (value <> 77)")
    boot = uuid4()
    parcels = [
        sort(TOPIC, message(observation(value), boot=boot, seq=seq))
        for seq, value in ((1, 90.0), (2, 77.0), (3, 91.0))
    ]
    outcome = writer.store(connection, parcels)
    assert _count(connection, "observation") == 2
    row = connection.execute("select code, reason from quarantine").fetchone()
    assert row is not None
    assert row[0] == "not-storable"
    assert [r.through for r in outcome.receipts if r] == [1, 2, 3]


def test_two_assignments_of_one_kit_cannot_overlap(connection: Db) -> None:
    home = add_home(connection)
    with pytest.raises(Exception, match="kit_is_in_one_home_at_a_time"):
        connection.execute(
            "insert into kit_assignment (kit_id, patient_id, period) "
            "values (%s, %s, tstzrange(now(), null))",
            [home.kit, home.patient_id],
        )


def test_a_known_id_with_another_value_is_kept_aside_and_said(connection: Db) -> None:
    """It was once dropped without a trace: ON CONFLICT DO NOTHING says nothing."""
    add_home(connection)
    boot, first = uuid4(), observation(97.0)
    other = first.model_copy(update={"value": 70.0})
    writer.store(connection, [sort(TOPIC, message(first, boot=boot))])
    outcome = writer.store(
        connection, [sort(TOPIC, message(other, observation(), boot=boot, seq=2))]
    )
    assert connection.execute("select value from observation order by seq").fetchone() == (97.0,)
    row = connection.execute("select code, seq, reason, payload from quarantine").fetchone()
    assert row is not None
    assert row[:2] == ("id-clash", 2)
    assert "known as 97.0 and came as 70.0" in row[2]
    assert json.loads(row[3])["value"] == 70.0
    receipt = outcome.receipts[0]
    assert receipt is not None
    assert [(refusal.seq, refusal.code) for refusal in receipt.refused] == [(2, "id-clash")]
    assert outcome.stored == 1


def test_a_database_that_is_not_ready_is_no_fault_of_the_message(connection: Db) -> None:
    """A migration ahead of its code once sent good readings to quarantine."""
    add_home(connection)
    ready = sort(TOPIC, message(observation()))
    connection.execute("alter table observation rename column entered to entered_x")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        writer.store(connection, [ready])
    assert _count(connection, "quarantine") == 0
    connection.execute("alter table observation rename column entered_x to entered")
    assert writer.store(connection, [ready]).stored == 1
