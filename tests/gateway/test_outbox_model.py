"""The outbox beside a plain model of itself: whatever is done in whatever order, both agree."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.keeping.outbox import HISTORY, Outbox
from gateway.keeping.rows import runs
from telekol.observation import Observation
from telekol.quantities import FACTS, Quantity
from tests.gateway.conftest import NOW, observation, receipt


def reading(number: int) -> Observation:
    """Every third describes the signal alone."""
    item = observation(number)
    if number % 3:
        return item
    quantity = Quantity.PERFUSION_INDEX
    return item.model_copy(
        update={"quantity": quantity, "value": 5.0, "unit": FACTS[quantity].unit}
    )


@dataclass
class Known:
    """What the model knows of one reading: its number, and how it stands."""

    key: tuple[UUID, int]
    item: Observation
    settled_on: int | None = None
    was_asked: bool = False

    @property
    def waits(self) -> bool:
        return self.settled_on is None


class OutboxBesideItsModel(RuleBasedStateMachine):
    """Numbers given, published, settled, asked for again, forgotten, reopened."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.db"
        self.day = 0
        self.known: dict[UUID, Known] = {}
        self.last: dict[UUID, int] = {}
        self.published: set[tuple[UUID, int]] = set()
        self.lives: list[UUID] = []
        self.abandoned: set[tuple[UUID, int]] = set()

    @property
    def now(self):
        return NOW + timedelta(days=self.day)

    @initialize()
    def begin(self) -> None:
        self.outbox = Outbox.open(self.path, self.now)
        self.lives = [self.outbox.boot]
        self.last = {self.outbox.boot: 0}

    @rule(numbers=st.lists(st.integers(0, 60), min_size=1, max_size=6))
    def put(self, numbers: list[int]) -> None:
        fresh = [n for n in dict.fromkeys(numbers) if reading(n).id not in self.known]
        kept = self.outbox.put([reading(number) for number in numbers])
        boot = self.lives[-1]
        first = self.last[boot] + 1
        assert kept.seqs == tuple(range(first, first + len(fresh)))
        assert kept.repeated == len(numbers) - len(fresh)
        for seq, number in zip(kept.seqs, fresh, strict=True):
            self.known[reading(number).id] = Known((boot, seq), reading(number))
        self.last[boot] += len(fresh)

    @rule(which=st.integers(0, 99), length=st.integers(1, 5))
    def publish(self, which: int, length: int) -> None:
        rows = self.outbox.pending(100)
        if rows:
            row = rows[which % len(rows)]
            items = self.outbox.read(row.seq, row.seq + length - 1, self.now, row.boot)
            numbers = [(row.boot, row.seq + at) for at in range(len(items))]
            by_key = {entry.key: entry for entry in self.known.values()}
            assert [by_key[number].item for number in numbers] == list(items)
            assert all(by_key[number].waits for number in numbers)
            self.outbox.published(row.seq, row.seq + len(items) - 1, row.boot)
            self.published |= set(numbers)

    @precondition(lambda self: self.published)
    @rule(which=st.integers(0, 99), before=st.integers(0, 3), length=st.integers(0, 9))
    def settle(self, which: int, before: int, length: int) -> None:
        boot, seq = sorted(self.published)[which % len(self.published)]
        first, last = max(seq - before, 1), min(seq + length, self.last[boot])
        answered = {key for key in self.published if key[0] == boot and first <= key[1] <= last}
        expected = [e for e in self.known.values() if e.key in answered and e.waits]
        assert self.outbox.settle(receipt(boot, first=first, last=last), self.now) == len(expected)
        for entry in expected:
            entry.settled_on, entry.was_asked = self.day, False
        self.published -= answered

    @rule(first=st.integers(1, 20), beyond=st.integers(1, 9))
    def meet_a_receipt_from_the_future(self, first: int, beyond: int) -> None:
        boot = self.lives[-1]
        last = self.last[boot] + beyond
        self.outbox.settle(receipt(boot, first=min(first, last), last=last), self.now)
        new = self.outbox.boot
        assert new not in self.lives
        moved = [e for e in self.known.values() if e.waits and not e.was_asked and e.key[0] == boot]
        for seq, entry in enumerate(sorted(moved, key=lambda entry: entry.key[1]), start=1):
            entry.key = (new, seq)
        self.lives.append(new)
        self.last[new] = len(moved)
        self.published.clear()

    @precondition(lambda self: any(not entry.waits for entry in self.known.values()))
    @rule(which=st.integers(0, 99), length=st.none() | st.integers(1, 9))
    def send_again(self, which: int, length: int | None) -> None:
        settled = [entry.key for entry in self.known.values() if not entry.waits]
        boot, first = settled[which % len(settled)]
        last = None if length is None else first + length - 1
        asked = [
            entry
            for entry in self.known.values()
            if entry.key[0] == boot
            and not entry.waits
            and first <= entry.key[1] <= (10**6 if last is None else last)
        ]
        assert self.outbox.send_again(boot, first, last, self.now) == len(asked)
        for entry in asked:
            entry.settled_on, entry.was_asked = None, True
            self.published.discard(entry.key)

    @rule(days=st.integers(0, 20))
    def wait_and_prune(self, days: int) -> None:
        self.day += days
        old = [
            key
            for key, entry in self.known.items()
            if entry.settled_on is not None and self.day - entry.settled_on > HISTORY.days
        ]
        assert self.outbox.prune(self.now) == len(old)
        for key in old:
            del self.known[key]

    @rule()
    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = Outbox.open(self.path, self.now)
        self.published.clear()

    @precondition(lambda self: any(entry.waits for entry in self.known.values()))
    @rule(which=st.integers(0, 99))
    def flip_a_bit(self, which: int) -> None:
        waiting = [key for key, entry in self.known.items() if entry.waits]
        entry = self.known.pop(waiting[which % len(waiting)])
        boot, seq = entry.key
        flip = "UPDATE observation SET body = replace(body, '\"value\"', '\"valuE\"') "
        self.outbox._db.execute(flip + "WHERE boot = ? AND seq = ?", (str(boot), seq))
        assert self.outbox.read(seq, seq, self.now, boot) == ()
        self.abandoned.add(entry.key)

    @invariant()
    def both_agree(self) -> None:
        if not self.lives:
            return
        waiting = [entry for entry in self.known.values() if entry.waits]
        settled = [entry for entry in self.known.values() if not entry.waits]
        rows = self.outbox.pending(10**4)
        assert {(row.boot, row.seq) for row in rows} == {entry.key for entry in waiting}
        assert len(rows) == len(waiting)
        present = [row.seq for row in rows if row.boot == self.lives[-1]]
        assert [row.seq for row in rows[len(rows) - len(present) :]] == sorted(present)
        state = self.outbox.state(self.now)
        assert (state.depth, state.history) == (len(waiting), len(settled))
        assert (self.outbox.boot, state.last_seq) == (self.lives[-1], self.last[self.lives[-1]])
        ids = list(self.known)
        assert self.outbox.released(ids) == {i for i in ids if not self.known[i].waits}
        told = {
            (report.boot, seq)
            for report in self.outbox.reports(self.now) or ()
            for first, last in report.runs
            for seq in range(first, last + 1)
        }
        assert told == self.abandoned
        assert state.abandoned == len(told)

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()


TestOutboxBesideItsModel = OutboxBesideItsModel.TestCase
TestOutboxBesideItsModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_numbers_join_to_runs() -> None:
    assert runs([]) == []
    assert runs([7, 3, 4, 4, 5, 9]) == [(3, 5), (7, 7), (9, 9)]
