"""What a message costs does not grow with what waits: counted in SQLite's steps, not in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.keeping.outbox import Outbox
from gateway.link.delivery import DeliveryPlan, DeliveryPolicy, Run
from telekol import topics
from telekol.observation import Observation
from telekol.wire import (
    MESSAGE_LIMIT_BYTES,
    OBSERVATIONS_PER_MESSAGE,
    ObservationMessage,
    decode_observations,
    encode,
)
from tests.gateway.conftest import GATEWAY, NOW, observation, receipt

MONTH = 60_000
"""A month without a line at 2000 readings a day, much more than a kit measures."""


class Steps:
    """Counts what SQLite does, in hundreds of its virtual machine's instructions."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox, self.count = outbox, 0

    def _step(self) -> int:
        self.count += 1
        return 0

    def of(self, act: Callable[[], object]) -> int:
        self.count = 0
        self.outbox._db.set_progress_handler(self._step, 100)
        try:
            act()
        finally:
            self.outbox._db.set_progress_handler(None, 0)
        return self.count


def backlog(outbox: Outbox, first: int, count: int) -> None:
    """Put many rows quickly: copies of one observation with ids of their own."""
    for start in range(first, first + count, 5000):
        end = min(start + 5000, first + count)
        outbox.put([observation(number) for number in range(start, end)])


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    outbox._db.execute("PRAGMA synchronous = OFF")  # thousands of rows, and no power cut here
    yield outbox
    outbox.close()


def costs(outbox: Outbox, window: int) -> dict[str, int]:
    """One of everything that happens for a message, at both ends."""
    steps = Steps(outbox)
    new = observation(10**6 + outbox.last_seq)
    first = outbox.pending(1)[0].seq
    run = receipt(outbox.boot, first=first, last=first + 199)
    found = {
        "put": steps.of(lambda: outbox.put([new])),
        "pending": steps.of(lambda: outbox.pending(window)),
        "read": steps.of(lambda: outbox.read(first, first + 199, NOW)),
        "state": steps.of(lambda: outbox.state(NOW)),
        "reports": steps.of(lambda: outbox.reports(NOW)),
        "released": steps.of(lambda: outbox.released([new.id])),
    }
    outbox.published(first, first + 199)
    found["settle"] = steps.of(lambda: outbox.settle(run, NOW))
    found["again"] = steps.of(lambda: outbox.send_again(outbox.boot, first, first + 9, NOW))
    return found


@pytest.mark.timeout(180)
def test_cost_does_not_grow_with_the_backlog(outbox: Outbox) -> None:
    plan = DeliveryPlan(DeliveryPolicy())
    backlog(outbox, 0, 3000)
    small = costs(outbox, plan.window)
    backlog(outbox, 3000, 27_000)
    large = costs(outbox, plan.window)
    for what, steps in small.items():
        assert large[what] <= steps * 1.2 + 3, what


@pytest.mark.timeout(240)
def test_a_month_drains_oldest_first_and_a_fresh_reading_goes_at_once(outbox: Outbox) -> None:
    backlog(outbox, 0, MONTH)
    plan, boot = DeliveryPlan(DeliveryPolicy()), outbox.boot
    sent: list[Run] = []
    fresh_after: list[int] = []
    now_s, rounds = 0.0, 0
    while outbox.depth():
        rounds += 1
        if rounds % 20 == 0:  # somebody measures
            (seq,) = outbox.put([observation(10**6 + rounds)]).seqs
        runs = plan.next_runs(outbox.pending(plan.window), now_s, 0.5)
        if rounds % 20 == 0:
            fresh_after.append([run.last for run in runs].index(seq))
        for run in runs:
            _send(outbox, run)
            sent.append(run)
        for run in runs:  # the server answers all of them
            outbox.settle(receipt(boot, first=run.first, last=run.last), NOW)
            plan.settled(boot, run.first, run.last, now_s)
        now_s += 1
    assert set(fresh_after) == {0}
    assert len(sent) < MONTH / OBSERVATIONS_PER_MESSAGE + rounds
    oldest = [run.first for run in sent if run.last <= MONTH * 0.7]
    assert len(oldest) > 100
    assert oldest == sorted(oldest)


def _send(outbox: Outbox, run: Run) -> None:
    observations: tuple[Observation, ...] = outbox.read(run.first, run.last, NOW, run.boot)
    message = ObservationMessage(
        v=1,
        gateway=GATEWAY,
        boot=run.boot,
        seq=run.first,
        sent_at=NOW + timedelta(days=30),
        observations=observations,
    )
    payload = encode(message)
    assert len(payload) <= MESSAGE_LIMIT_BYTES
    assert len(observations) == run.last - run.first + 1
    decoded = decode_observations(topics.observations(GATEWAY), payload)
    assert decoded.first == run.first
    outbox.published(run.first, run.last, run.boot)
