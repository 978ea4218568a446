"""Flipped bits, old versions, and a check at the start that takes no longer than it may."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.condition import Condition
from gateway.errors import OutboxCorruptError, OutboxError
from gateway.keeping import file as outbox_file
from gateway.keeping.outbox import Outbox
from gateway.keeping.place import suspicion
from gateway.keeping.schema import SCHEMA_VERSION
from gateway.link.health import judge_outbox
from telekol.troubles import TroubleCode
from tests.gateway import old_outboxes
from tests.gateway.conftest import NOW, observation, receipt
from tests.gateway.test_salvage import PAGE, overwrite, root_page


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def filled(path: Path, count: int = 40) -> Outbox:
    outbox = Outbox.open(path, NOW)
    outbox.put([observation(number) for number in range(count)])
    return outbox


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seq=st.integers(1, 5), bit=st.integers(0, 8 * 400))
def test_any_flipped_bit_of_a_body_is_noticed(tmp_path: Path, seq: int, bit: int) -> None:
    with closing(Outbox.open(tmp_path / f"{seq}-{bit}.db", NOW)) as outbox:
        outbox.put([observation(number) for number in range(5)])
        query = "SELECT body FROM observation WHERE seq = ?"
        body = bytearray(outbox._db.execute(query, (seq,)).fetchone()[0].encode())
        body[bit // 8 % len(body)] ^= 1 << bit % 8
        update = "UPDATE observation SET body = CAST(? AS TEXT) WHERE seq = ?"
        outbox._db.execute(update, (bytes(body), seq))
        assert len(outbox.read(1, 5, NOW)) == seq - 1
        assert {row.seq for row in outbox.pending(9)} == {1, 2, 3, 4, 5} - {seq}
        (report,) = outbox.reports(NOW) or ()
        assert report.runs == ((seq, seq),)


def test_a_flipped_bit_in_an_index_is_noticed_and_costs_nothing(path: Path) -> None:
    outbox = filled(path, 5)
    boot = str(outbox.boot)
    outbox.close()
    root = root_page(path, "observation_pending")
    content = path.read_bytes()
    place = content.index(boot.encode(), root * PAGE, (root + 1) * PAGE)
    path.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    outbox = Outbox.open(path, NOW)  # a quick check does not look at what an index says
    with pytest.raises(OutboxCorruptError, match="a life that cannot be"):
        outbox.pending(9)
    outbox.close()
    again = Outbox.open(path, NOW)
    assert again.read(1, 9, NOW) == tuple(observation(number) for number in range(5))
    again.close()


def test_a_spoilt_row_is_kept_for_a_person_for_thirty_days(path: Path) -> None:
    outbox = filled(path, 2)
    outbox._db.execute("UPDATE observation SET received_at = 'x' WHERE seq = 1")
    outbox.read(1, 1, NOW)
    query = "SELECT boot, seq, reason FROM spoilt"
    assert outbox._db.execute(query).fetchall() == [(str(outbox.boot), 1, "unreadable")]
    outbox.prune(NOW + timedelta(days=31))
    assert outbox._db.execute(query).fetchall() == []
    outbox.close()


def test_spoilt_history_is_no_gap_since_the_server_has_it(path: Path) -> None:
    outbox = filled(path, 2)
    outbox.published(1, 2)
    outbox.settle(receipt(outbox.boot, first=1, last=2), NOW)
    outbox._db.execute("UPDATE observation SET checksum = 1 WHERE seq = 2")
    assert outbox.put([observation(1)]).seqs == (3,)
    assert outbox.reports(NOW) is None
    assert (outbox.depth(), outbox.state(NOW).history) == (1, 1)
    outbox.close()


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_file_is_brought_up_to_date_with_all_it_holds(path: Path, version: int) -> None:
    old_outboxes.make(
        path,
        version,
        waiting=[observation(number) for number in range(10, 14)],
        history=[observation(number) for number in range(3)],
        of_old_life=[observation(number) for number in range(20, 22)],
    )
    for _ in range(2):
        outbox = Outbox.open(path, NOW)
        state = outbox.state(NOW)
        assert (outbox.boot, state.last_seq) == (old_outboxes.BOOT, 7)
        assert (state.depth, state.history) == (4, 5)
        expected = tuple(observation(number) for number in range(10, 14))
        assert outbox.read(4, 7, NOW) == expected
        outbox.close()
    outbox = Outbox.open(path, NOW)
    assert outbox.send_again(old_outboxes.OLD_BOOT, 1, None, NOW) == 2
    assert outbox.read(1, 2, NOW, old_outboxes.OLD_BOOT) == (observation(20), observation(21))
    assert outbox._db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    outbox.close()


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_file_that_is_damaged_is_salvaged(path: Path, version: int) -> None:
    old_outboxes.make(
        path,
        version,
        waiting=[observation(number) for number in range(100)],
        history=[observation(number) for number in range(100, 150)],
        of_old_life=[observation(number) for number in range(200, 210)],
    )
    overwrite(path, root_page(path, "observation_pending"))
    outbox = Outbox.open(path, NOW)
    assert (outbox.depth(), outbox.state(NOW).history) == (100, 60)
    assert outbox.send_again(old_outboxes.OLD_BOOT, 3, 5, NOW) == 3
    assert outbox.send_again(old_outboxes.BOOT, 1, None, NOW) == 50
    outbox.close()


def test_lives_reports_and_what_was_asked_for_are_salvaged(path: Path) -> None:
    outbox = filled(path, 200)
    old = outbox.boot
    outbox.published(1, 100)
    outbox.settle(receipt(old, first=1, last=100), NOW)
    outbox.settle(receipt(old, through=999), NOW)  # a new life
    outbox.send_again(old, 5, 6, NOW)
    outbox._db.execute(
        "UPDATE observation SET checksum = 1 WHERE boot <> ? AND seq = 7", (str(old),)
    )
    outbox.read(7, 7, NOW)
    reports, depth = outbox.reports(NOW), outbox.depth()
    outbox.close()
    overwrite(path, root_page(path, "observation_settled"))
    again = Outbox.open(path, NOW)
    assert again.boot != outbox.boot
    assert again.reports(NOW) == reports
    assert (again.depth(), again.state(NOW).history) == (depth, 98)
    assert [(row.boot, row.seq) for row in again.pending(1000)][:2] == [(old, 5), (old, 6)]
    assert again.send_again(old, 99, None, NOW) == 2
    again.close()


def test_the_check_at_the_start_ends_in_time_unless_damage_was_met(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    filled(path, 3000).close()
    overwrite(path, root_page(path, "observation_pending"))
    monkeypatch.setattr(outbox_file, "CHECK_WITHIN_S", -1.0)
    monkeypatch.setattr(outbox_file, "_STEPS_BETWEEN_LOOKS", 1)
    outbox = Outbox.open(path, NOW)
    with pytest.raises(OutboxCorruptError):
        outbox.pending(5)
    outbox.close()
    assert "not to its end" in caplog.text
    assert suspicion(path).exists()
    # The next start checks all of it, whatever that takes.
    outbox = Outbox.open(path, NOW)
    assert outbox.depth() == 3000
    outbox.close()
    assert not suspicion(path).exists()
    assert len(list(path.parent.glob("*.damaged-*[0-9]"))) == 1


def test_a_damaged_file_is_trouble_until_somebody_has_taken_it_away(path: Path) -> None:
    filled(path, 40).close()
    overwrite(path, root_page(path, "observation_pending"))
    for _ in range(2):  # also after the next start
        outbox = Outbox.open(path, NOW)
        condition = Condition()
        judge_outbox(condition, outbox.state(NOW), NOW)
        codes = [trouble.code for trouble in condition.snapshot().troubles]
        assert codes == [TroubleCode.OUTBOX_DAMAGED]
        outbox.close()
    for file in path.parent.glob("*.damaged-*"):
        file.unlink()
    outbox = Outbox.open(path, NOW)
    assert outbox.state(NOW).damaged_files == 0
    outbox.close()


def test_a_suspicion_without_damage_is_dropped(path: Path) -> None:
    filled(path, 3).close()
    suspicion(path).touch()
    outbox = Outbox.open(path, NOW)
    assert outbox.depth() == 3
    assert not suspicion(path).exists()
    outbox.close()


def test_an_upgrade_that_fails_leaves_the_old_file(path: Path) -> None:
    old_outboxes.make(path, 2, waiting=[observation(number) for number in range(50)])
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE spoilt (x)")  # the upgrade trips over it
    with pytest.raises(OutboxError, match="cannot open"):
        Outbox.open(path, NOW)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert db.execute("SELECT count(*) FROM observation").fetchone() == (50,)
    assert path.stat().st_size % PAGE == 0
