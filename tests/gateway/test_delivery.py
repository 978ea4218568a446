"""The delivery plan: bounded, fair to what is fresh, and in the end everything is settled."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.keeping.outbox import Row
from gateway.link.delivery import (
    ENVELOPE_BYTES,
    DeliveryPlan,
    DeliveryPolicy,
    Run,
    cut_newest,
    cut_oldest,
)
from telekol.wire import MESSAGE_LIMIT_BYTES, OBSERVATIONS_PER_MESSAGE, ObservationMessage, encode
from tests.gateway.conftest import GATEWAY, NOW, observation

POLICY = DeliveryPolicy(slots=4, resend_first_s=10, resend_most_s=100)
BOOT = UUID(int=1)
SURE = 0.999999  # the most of every wait


def rows(*numbers: int, size_bytes: int = 450) -> tuple[Row, ...]:
    return tuple(Row(BOOT, number, size_bytes) for number in numbers)


@pytest.fixture
def plan() -> DeliveryPlan:
    return DeliveryPlan(POLICY)


def test_a_few_readings_travel_in_one_message(plan: DeliveryPlan) -> None:
    assert plan.next_runs(rows(1, 2, 3), 0, SURE) == (Run(BOOT, 1, 3),)
    assert plan.next_runs(rows(1, 2, 3), 1, SURE) == ()


def test_what_is_not_consecutive_travels_apart(plan: DeliveryPlan) -> None:
    assert plan.next_runs(rows(1, 2, 5, 6, 9), 0, SURE) == (
        Run(BOOT, 9, 9),
        Run(BOOT, 1, 2),
        Run(BOOT, 5, 6),
    )


def test_slots_are_bounded_and_one_is_for_the_newest(plan: DeliveryPlan) -> None:
    backlog = rows(*range(1, 5001))
    first = plan.next_runs(backlog, 0, SURE)
    assert first == (
        Run(BOOT, 4801, 5000),
        Run(BOOT, 1, 200),
        Run(BOOT, 201, 400),
        Run(BOOT, 401, 600),
    )
    plan.settled(BOOT, 4801, 5000, 1)
    fresh = rows(*range(1, 4801), 5001)
    assert plan.next_runs(fresh, 1, SURE) == (Run(BOOT, 5001, 5001),)


def test_a_fresh_reading_waits_for_the_fresh_slot_only(plan: DeliveryPlan) -> None:
    plan.next_runs(rows(*range(1, 5001)), 0, SURE)
    waiting = rows(*range(1, 5002))
    assert plan.next_runs(waiting, 1, SURE) == ()
    # The fresh run got no receipt in time: its slot goes to what is newest now.
    assert Run(BOOT, 4802, 5001) in plan.next_runs(waiting, 11, SURE)


def test_the_wait_grows_and_a_receipt_brings_it_back(plan: DeliveryPlan) -> None:
    policy = DeliveryPolicy(slots=2, resend_first_s=10, resend_most_s=100)
    plan = DeliveryPlan(policy)
    waiting = rows(1, 3)
    assert plan.next_runs(waiting, 0, SURE) == (Run(BOOT, 3, 3), Run(BOOT, 1, 1))
    seconds = range(1, 400)
    sent_s = [
        0,
        *(now_s for now_s in seconds if Run(BOOT, 1, 1) in plan.next_runs(waiting, now_s, SURE)),
    ]
    gaps_s = [later - sooner for sooner, later in itertools.pairwise(sent_s)]
    assert gaps_s == [10, 20, 40, 80, 100, 100]
    plan.settled(BOOT, 3, 3, 400)
    assert plan.wake_at_s is not None
    assert plan.wake_at_s <= 410
    assert plan.next_runs(rows(1), 410, SURE) == (Run(BOOT, 1, 1),)


def test_a_new_connection_begins_anew(plan: DeliveryPlan) -> None:
    plan.next_runs(rows(1), 0, SURE)
    plan.reset()
    assert plan.wake_at_s is None
    assert plan.next_runs(rows(1), 1, SURE) == (Run(BOOT, 1, 1),)


def test_a_dropped_run_is_cut_anew(plan: DeliveryPlan) -> None:
    plan.next_runs(rows(1, 2), 0, SURE)
    plan.drop(Run(BOOT, 1, 2))
    assert plan.next_runs(rows(2), 0, SURE) == (Run(BOOT, 2, 2),)


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 140_000)), min_size=1, max_size=450))
def test_every_run_fits_into_a_message(steps: list[tuple[int, int]]) -> None:
    seq, waiting = 0, []
    for step, size_bytes in steps:
        seq += step
        waiting.append(Row(BOOT, seq, size_bytes))
    sizes = {row.seq: row.size_bytes for row in waiting}
    for run in (cut_oldest(waiting), cut_newest(waiting)):
        assert run is not None
        numbers = range(run.first, run.last + 1)
        assert all(number in sizes for number in numbers)
        assert len(numbers) <= OBSERVATIONS_PER_MESSAGE
        size = ENVELOPE_BYTES + sum(sizes[number] + 1 for number in numbers)
        assert len(numbers) == 1 or size <= MESSAGE_LIMIT_BYTES
    assert cut_oldest(waiting).first == waiting[0].seq  # type: ignore[union-attr]
    assert cut_newest(waiting).last == waiting[-1].seq  # type: ignore[union-attr]
    assert cut_oldest([]) is None


def test_the_envelope_is_smaller_than_its_reserve() -> None:
    from uuid import uuid4

    message = ObservationMessage(
        v=1, gateway=GATEWAY, boot=uuid4(), seq=2**53, sent_at=NOW, observations=(observation(1),)
    )
    body = len(observation(1).model_dump_json().encode())
    longest_id = 63 - len(GATEWAY)
    assert len(encode(message)) - body + longest_id < ENVELOPE_BYTES


@dataclass
class SlowModel:
    """A server behind a line that loses, repeats and delays, in both directions."""

    plan: DeliveryPlan
    waiting: set[int] = field(default_factory=set)
    stored: set[int] = field(default_factory=set)
    receipts: list[tuple[int, int, int]] = field(default_factory=list)
    last_seq: int = 0
    now_s: float = 0.0

    def measure(self, count: int) -> None:
        self.waiting |= set(range(self.last_seq + 1, self.last_seq + 1 + count))
        self.last_seq += count

    def pending(self) -> Sequence[Row]:
        ordered = sorted(self.waiting)
        window = self.plan.window
        return rows(*sorted({*ordered[:window], *ordered[-window:]}))

    def send(self, *, arrives: bool) -> None:
        for run in self.plan.next_runs(self.pending(), self.now_s, 0.5):
            assert len(self.plan.in_flight) <= POLICY.slots
            if arrives:
                self.stored |= set(range(run.first, run.last + 1))
                through = next(n for n in range(self.last_seq + 1) if n + 1 not in self.stored)
                self.receipts.append((through, run.first, run.last))
        taken = [n for run in self.plan.in_flight for n in range(run.first, run.last + 1)]
        assert len(taken) == len(set(taken))

    def hear(self, which: int, *, again: bool) -> None:
        if not self.receipts:
            return
        receipt = self.receipts[which % len(self.receipts)]
        if not again:
            self.receipts.remove(receipt)
        through, first, last = receipt
        self.waiting -= set(range(1, through + 1)) | set(range(first, last + 1))
        self.plan.settled(BOOT, first, last, self.now_s)

    def lose(self, which: int) -> None:
        self.receipts[which : which + 1] = []

    def wait(self, seconds: int) -> None:
        self.now_s += seconds


EVENTS = st.one_of(
    st.tuples(st.just("measure"), st.integers(1, 700)),
    st.tuples(st.just("send"), st.booleans()),
    st.tuples(st.just("hear"), st.integers(0, 9)),
    st.tuples(st.just("hear again"), st.integers(0, 9)),
    st.tuples(st.just("lose"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(1, 120)),
    st.tuples(st.just("reconnect"), st.none()),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(EVENTS, max_size=40))
def test_whatever_is_lost_or_repeated_everything_is_settled_in_the_end(
    events: list[tuple[str, int | None]],
) -> None:
    model = SlowModel(DeliveryPlan(POLICY))
    happen: dict[str, Callable[[int], None]] = {
        "measure": model.measure,
        "send": lambda arrives: model.send(arrives=bool(arrives)),
        "hear": lambda which: model.hear(which, again=False),
        "hear again": lambda which: model.hear(which, again=True),
        "lose": model.lose,
        "wait": model.wait,
        "reconnect": lambda _: model.plan.reset(),
    }
    for name, value in events:
        happen[name](int(value or 0))
    rounds = 0
    while model.waiting:
        model.send(arrives=True)
        while model.receipts:
            model.hear(0, again=False)
        model.now_s += 100
        rounds += 1
        assert rounds <= 5 + model.last_seq // 100
    assert model.stored == set(range(1, model.last_seq + 1))
