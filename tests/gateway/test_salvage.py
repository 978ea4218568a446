"""A damaged outbox: what SQLite can still read is not lost."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.keeping.outbox import Outbox
from tests.gateway.conftest import NOW, observation, receipt

ROWS = 200
SETTLED = 60
PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An outbox with history and readings that wait, closed."""
    path = tmp_path / "outbox.db"
    outbox = Outbox.open(path, NOW)
    outbox.put([observation(number) for number in range(ROWS)])
    outbox.published(1, SETTLED)
    outbox.settle(receipt(outbox.boot, through=SETTLED, first=1, last=SETTLED), NOW)
    outbox.close()
    return path


def pages(path: Path) -> int:
    return path.stat().st_size // PAGE


def overwrite(path: Path, page: int, content: bytes = b"\x55" * PAGE) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(content)


def root_page(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        return int(db.execute(query, (name,)).fetchone()[0]) - 1


def readable(path: Path, *, settled: bool) -> set[str]:
    """The ids of the rows that SQLite gives when asked for them one by one."""
    found = set()
    query = "SELECT id FROM observation NOT INDEXED WHERE rowid = ? AND (settled_at IS NULL) = ?"
    with closing(sqlite3.connect(path)) as db:
        for number in range(1, ROWS + 1):
            try:
                found |= {row[0] for row in db.execute(query, (number, not settled))}
            except sqlite3.DatabaseError:
                continue
    return found


def waiting(outbox: Outbox) -> set[str]:
    return {str(item.id) for item in outbox.read(1, outbox.last_seq, NOW)}


def history(outbox: Outbox) -> set[str]:
    query = "SELECT id FROM observation WHERE settled_at IS NOT NULL"
    return {row[0] for row in outbox._db.execute(query)}


def test_whichever_page_is_damaged_what_can_be_read_is_not_lost(path: Path, tmp_path: Path) -> None:
    moved_aside = 0
    for page in range(1, pages(path)):
        copy = tmp_path / str(page) / "outbox.db"
        copy.parent.mkdir()
        shutil.copy(path, copy)
        overwrite(copy, page)
        expected = readable(copy, settled=False), readable(copy, settled=True)
        outbox = Outbox.open(copy, NOW)
        assert waiting(outbox) >= expected[0], page
        assert history(outbox) >= expected[1], page
        seqs = [row.seq for row in outbox.pending(1000)]
        assert seqs == list(range(1, outbox.last_seq + 1))
        outbox.close()
        moved_aside += len(list(copy.parent.glob("*.damaged-*[0-9]")))
    assert moved_aside == pages(path) - 1


def test_one_damaged_page_costs_its_own_rows_only(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    overwrite(path, pages(path) - 1)
    outbox = Outbox.open(path, NOW)
    assert outbox.depth() > ROWS - SETTLED - 20
    assert len(history(outbox)) == SETTLED
    assert f"Salvaged: {outbox.depth()} readings that wait" in caplog.text
    # The history still recognises, prunes, and belongs to the old life.
    assert outbox.put([observation(0)]).repeated == 1
    assert outbox.put([observation(ROWS)]).seqs == (outbox.last_seq,)
    assert outbox.prune(NOW + timedelta(days=31)) == SETTLED
    outbox.close()


@pytest.mark.parametrize("index", ["observation_pending", "observation_settled", "life"])
def test_a_damaged_index_costs_nothing(path: Path, index: str) -> None:
    overwrite(path, root_page(path, index))
    outbox = Outbox.open(path, NOW)
    assert outbox.depth() == ROWS - SETTLED
    assert len(history(outbox)) == SETTLED
    outbox.close()


def test_a_file_that_was_cut_short_gives_what_is_left(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate((pages(path) // 2) * PAGE)
    outbox = Outbox.open(path, NOW)
    assert len(history(outbox)) + outbox.depth() > ROWS // 4
    outbox.close()


def test_both_ends_of_the_table_damaged(path: Path) -> None:
    leaves = [page for page in range(pages(path)) if _holds_rows(path, page)]
    overwrite(path, leaves[0])
    overwrite(path, leaves[-1])
    outbox = Outbox.open(path, NOW)
    assert outbox.depth() + len(history(outbox)) > ROWS - 40
    outbox.close()


def _holds_rows(path: Path, page: int) -> bool:
    content = path.read_bytes()[page * PAGE : (page + 1) * PAGE]
    return content[0] == 0x0D and b'"quantity"' in content


def test_a_row_that_disagrees_with_itself_is_left_behind(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = path.read_bytes()
    place = content.rindex(b'"value":95.0')
    damaged = bytearray(content)
    damaged[place : place + 12] = b'"value":75.0'
    path.write_bytes(damaged)
    overwrite(path, root_page(path, "observation_settled"))
    outbox = Outbox.open(path, NOW)
    assert outbox.depth() + len(history(outbox)) == ROWS - 1
    assert "1 rows are known that cannot be read" in caplog.text
    outbox.close()


def test_a_receipt_that_cannot_be_read_sends_the_reading_again(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE observation SET settled_at = 'yester' WHERE seq = 1")
        db.commit()
    overwrite(path, root_page(path, "observation_pending"))
    outbox = Outbox.open(path, NOW)
    assert outbox.depth() == ROWS - SETTLED + 1
    outbox.close()


def test_a_new_life_begins_and_the_damaged_file_stays(path: Path) -> None:
    before = Outbox.open(path, NOW)
    boot = before.boot
    before.close()
    overwrite(path, 2)
    content = path.read_bytes()
    outbox = Outbox.open(path, NOW)
    assert outbox.boot != boot
    outbox.close()
    (aside,) = path.parent.glob("outbox.db.damaged-*")
    assert len(aside.read_bytes()) == len(content)
    assert aside.stat().st_mode & 0o777 == 0o600
    assert not path.with_name("outbox.db.new").exists()


def test_a_crash_between_the_two_renames_is_healed_at_the_next_start(path: Path) -> None:
    path.rename(path.with_name("outbox.db.new"))
    outbox = Outbox.open(path, NOW)
    assert outbox.depth() == ROWS - SETTLED
    outbox.close()
