"""One simulated gateway's end of the wire, against a server that loses, repeats and refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from device_sim.fleet.delivery import Delivery, Trouble
from telekol import topics
from telekol.observation import Observation
from telekol.wire import DecodedMessage, Receipt, Refusal, decode_observations
from tests.support.messages import observation

GATEWAY = "fleet-00001"
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def _read(payload: bytes) -> DecodedMessage:
    return decode_observations(topics.observations(GATEWAY), payload)


class _Server:
    """Stores by number, and answers as the real one: settled without a gap, and this run."""

    def __init__(self) -> None:
        self.stored: dict[int, Observation] = {}

    def take(self, payload: bytes, refused: tuple[Refusal, ...] = ()) -> Receipt:
        message = _read(payload)
        for number, item in message.observations:
            assert self.stored.setdefault(number, item) == item
        through = 0
        while through + 1 in self.stored:
            through += 1
        return Receipt(
            v=1,
            gateway=GATEWAY,
            boot=message.boot,
            through=through,
            first=message.first,
            last=message.last,
            refused=refused,
        )


def _delivery(seed: int = 1, **trouble: float) -> Delivery:
    return Delivery(GATEWAY, uuid4(), Trouble(**trouble), Random(seed))  # type: ignore[arg-type]


@given(
    seed=st.integers(0, 1000),
    bursts=st.lists(st.integers(0, 6), min_size=1, max_size=12),
    twice=st.sampled_from([0.0, 0.5]),
    overtaken=st.sampled_from([0.0, 0.5, 1.0]),
    lost=st.sampled_from([0.0, 0.5]),
    batch=st.integers(1, 4),
)
def test_everything_arrives_whatever_is_lost_or_overtaken(
    seed: int, bursts: list[int], twice: float, overtaken: float, lost: float, batch: int
) -> None:
    delivery, server, luck = (
        _delivery(seed, twice=twice, overtaken=overtaken, batch=batch),
        _Server(),
        Random(seed),
    )
    sent: dict[int, UUID] = {}
    now_s = 0.0
    for round_number in range(300):
        if round_number < len(bursts):
            for _ in range(bursts[round_number]):
                item = observation()
                sent[delivery.add(item)] = item.id
        for payload in delivery.messages(now_s, NOW):
            if luck.random() < lost:
                continue
            receipt = server.take(payload)
            if luck.random() >= lost:
                delivery.settle(receipt, now_s)
        if round_number >= len(bursts) and not delivery.waiting:
            break
        now_s += 20
    assert delivery.waiting == 0
    assert {number: item.id for number, item in server.stored.items()} == sent
    assert delivery.tally.settled == delivery.tally.observations == len(sent)


def test_a_message_is_overtaken_by_the_next_one() -> None:
    delivery = _delivery(overtaken=1.0)
    delivery.add(observation())
    assert delivery.messages(0, NOW) == []
    delivery.add(observation())
    # The second is held too, and the first comes now, before its time to be sent again.
    assert [_read(payload).first for payload in delivery.messages(1, NOW)] == [1]
    assert delivery.tally.overtaken == 2


def test_what_has_no_receipt_is_sent_again_ever_more_rarely() -> None:
    delivery = _delivery(resend_s=10)
    delivery.add(observation())
    assert len(delivery.messages(0, NOW)) == 1
    assert delivery.messages(5, NOW) == []
    assert len(delivery.messages(10, NOW)) == 1
    assert delivery.due_s is not None
    assert 16 <= delivery.due_s - 10 <= 24
    delivery.connection_lost()
    assert len(delivery.messages(11, NOW)) == 1
    assert delivery.tally.resent == 2


def test_a_refusal_is_counted_once_and_another_lifes_receipt_not_at_all() -> None:
    delivery, server = _delivery(), _Server()
    delivery.add(observation())
    (payload,) = delivery.messages(0, NOW)
    receipt = server.take(payload, (Refusal(seq=1, code="unknown-kit", reason="nobody's"),))
    delivery.settle(receipt.model_copy(update={"boot": uuid4()}), 1)
    assert delivery.waiting == 1
    delivery.settle(receipt, 2)
    delivery.settle(receipt, 3)
    assert delivery.waiting == 0
    assert delivery.tally.refused == {"unknown-kit": 1}
    assert delivery.tally.waits_s == [2]
