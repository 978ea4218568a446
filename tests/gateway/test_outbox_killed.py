"""An outbox whose process is killed: what it said is kept is there, numbers are used once.

Two ways of looking: a real process killed with -9 at random moments, and a power cut simulated
at every byte boundary that matters of SQLite's write-ahead log.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.keeping.outbox import Outbox
from tests.gateway.conftest import NOW, observation, receipt

ROUNDS = 16

_WORKER = """
import random, sys
from datetime import timedelta
from pathlib import Path
from gateway.keeping.outbox import Outbox
from tests.gateway.conftest import NOW, observation, receipt

def say(*words):
    sys.stdout.write(" ".join(str(word) for word in words) + "\\n")
    sys.stdout.flush()

luck = random.Random(int(sys.argv[2]))
next_number = int(sys.argv[3])
outbox = Outbox.open(Path(sys.argv[1]), NOW, limit_bytes=10**8)
outbox._db.execute("PRAGMA wal_autocheckpoint = 8")  # checkpoints often, so that some are killed
say("open", outbox.boot)
while True:
    what = luck.choice(("put", "put", "put", "settle", "settle", "again", "prune"))
    if what == "put":
        numbers = list(range(next_number, next_number + luck.randint(1, 5)))
        next_number = numbers[-1] + 1
        say("putting", *numbers)
        kept = outbox.put([observation(number) for number in numbers])
        for seq, number in zip(kept.seqs, numbers, strict=True):
            say("kept", seq, number)
    elif what == "settle":
        rows = outbox.pending(40)
        if not rows:
            continue
        first = luck.choice(rows).seq
        count = len(outbox.read(first, first + luck.randint(0, 9), NOW))
        if not count:
            continue
        outbox.published(first, first + count - 1)
        say("settling", first, first + count - 1)
        outbox.settle(receipt(outbox.boot, first=first, last=first + count - 1), NOW)
    elif what == "again":
        first = luck.randint(1, outbox.last_seq + 1)
        outbox.send_again(outbox.boot, first, first + 9, NOW)
    else:
        outbox.prune(NOW + timedelta(days=1))
"""


@dataclass
class Oracle:
    """What the worker said, on the other side of a pipe that a kill cannot reach."""

    putting: set[int] = field(default_factory=set)
    kept: dict[int, int] = field(default_factory=dict)
    may_be_settled: set[int] = field(default_factory=set)

    def hear(self, line: str) -> None:
        what, *rest = line.split()
        if what == "putting":
            self.putting |= {int(word) for word in rest}
        elif what == "kept":
            seq, number = int(rest[0]), int(rest[1])
            assert seq not in self.kept, f"number {seq} was used twice"
            self.kept[seq] = number
        elif what == "settling":
            self.may_be_settled |= set(range(int(rest[0]), int(rest[1]) + 1))

    def judge(self, outbox: Outbox) -> None:
        """Compare with the file; learn what was put without the word having come through."""
        found = dict(outbox._db.execute("SELECT seq, id FROM observation").fetchall())
        for seq, number in self.kept.items():
            assert found.get(seq) == str(observation(number).id), f"number {seq} is not there"
        unsaid = {str(observation(number).id): number for number in self.putting}
        for seq in sorted(set(found) - set(self.kept)):
            self.kept[seq] = unsaid[found[seq]]
        assert sorted(self.kept) == list(range(1, outbox.last_seq + 1))
        assert len(set(self.kept.values())) == len(self.kept)
        released = set(found) - {row.seq for row in outbox.pending(10**6)}
        assert released <= self.may_be_settled
        for seq in released:
            assert outbox.put([observation(self.kept[seq])]).repeated == 1


@pytest.mark.timeout(180)
def test_whenever_it_is_killed_nothing_is_missing_and_nothing_doubled(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    luck = random.Random(seed)
    oracle, path = Oracle(), tmp_path / "outbox.db"
    for _ in range(ROUNDS):
        start = max(oracle.putting, default=-1) + 1
        command = [sys.executable, "-c", _WORKER, str(path), str(luck.random())[2:9], str(start)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        try:
            lines = [worker.stdout.readline()]  # until it is at work
            time.sleep(luck.uniform(0, 0.12))
        finally:
            worker.kill()
        lines += worker.stdout.readlines()
        worker.wait()
        worker.stdout.close()
        assert lines[0].startswith("open"), f"seed {seed}"
        for line in lines:
            if line.endswith("\n"):  # the last may have been cut by the kill
                oracle.hear(line)
        outbox = Outbox.open(path, NOW)
        try:
            oracle.judge(outbox)
        except AssertionError as error:
            raise AssertionError(f"{error} (seed {seed})") from error
        finally:
            outbox.close()
    assert not list(tmp_path.glob("*damaged*")), f"seed {seed}"
    assert len(oracle.kept) > 50
    assert oracle.may_be_settled


@dataclass(frozen=True)
class Snapshot:
    """The state after an operation, and how long the log was when it returned."""

    log_bytes: int
    rows: frozenset[tuple[str, int, str, bool]]
    lives: frozenset[tuple[str, int]]
    abandoned: frozenset[tuple[str, int, int]]


def _snapshot(db: sqlite3.Connection, log: Path) -> Snapshot:
    def ask(query: str) -> frozenset[tuple[str, int, str, bool]]:
        return frozenset(db.execute(query).fetchall())

    return Snapshot(
        log.stat().st_size if log.exists() else 0,
        ask("SELECT boot, seq, id, settled_at IS NULL FROM observation"),
        ask("SELECT boot, last_seq, '', 0 FROM life"),  # type: ignore[arg-type]
        ask("SELECT boot, first, last, 0 FROM abandoned"),  # type: ignore[arg-type]
    )


def _operations(path: Path, log: Path) -> list[Snapshot]:
    """Do some of everything without a checkpoint; snapshots after each operation."""
    outbox = Outbox.open(path, NOW)
    outbox._db.execute("PRAGMA wal_autocheckpoint = 0")
    outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    taken = [_snapshot(outbox._db, log)]
    boot = outbox.boot

    def done() -> None:
        taken.append(_snapshot(outbox._db, log))

    outbox.put([observation(number) for number in range(5)])
    done()
    outbox.published(1, 5)
    outbox.settle(receipt(boot, first=1, last=4), NOW)
    done()
    outbox.send_again(boot, 2, 3, NOW + timedelta(days=1))
    done()
    outbox._db.execute("UPDATE observation SET body = '{}' WHERE seq = 5")
    done()
    outbox.read(5, 5, NOW)
    done()
    outbox.put([observation(7), observation(8)])
    done()
    outbox.settle(receipt(boot, through=99), NOW)  # a new life
    done()
    outbox.prune(NOW + timedelta(days=60))
    done()
    outbox._keeper.limit_bytes = 1
    outbox._keep_to_limit(NOW + timedelta(days=60))
    done()
    shutil.copy(path, path.with_name("main"))
    shutil.copy(log, path.with_name("log"))
    outbox.close()
    return taken


@pytest.mark.timeout(180)
def test_a_power_cut_at_any_place_of_the_log_leaves_a_state_that_was(tmp_path: Path) -> None:
    path = tmp_path / "first" / "outbox.db"
    path.parent.mkdir()
    taken = _operations(path, path.with_name("outbox.db-wal"))
    assert len({(one.rows, one.lives, one.abandoned) for one in taken}) >= 7
    main, log = path.with_name("main"), path.with_name("log").read_bytes()
    frame = 4096 + 24
    cuts = {0, 31, 32, len(log)}
    for start in range(32, len(log), frame):
        cuts |= {start, start + 1, start + 24, start + frame // 2, start + frame - 1}
    for number, cut in enumerate(sorted(cut for cut in cuts if cut <= len(log))):
        copy = tmp_path / str(number) / "outbox.db"
        copy.parent.mkdir()
        shutil.copy(main, copy)
        copy.with_name("outbox.db-wal").write_bytes(log[:cut])
        Outbox.open(copy, NOW).close()
        with closing(sqlite3.connect(copy)) as db:
            found = _snapshot(db, copy.with_name("none"))
        said = [one for one in taken if one.log_bytes <= cut][-1]
        later = [one for one in taken if one.log_bytes >= said.log_bytes]
        allowed = [(one.rows, one.lives, one.abandoned) for one in later[:2]]
        assert (found.rows, found.lives, found.abandoned) in allowed, cut
        assert not list(copy.parent.glob("*damaged*"))
        shutil.rmtree(copy.parent)
