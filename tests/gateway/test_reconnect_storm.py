"""A broker that restarts loses every home in the same second; they must not come back in one."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import Counter
from pathlib import Path

import pytest

from gateway.keeping.outbox import Outbox
from gateway.link.mqtt import Broker
from gateway.link.policy import RECONNECT_WINDOW_S
from telekol.backoff import spread_s
from tests.gateway.conftest import NOW, Link, Server, make_link, observation
from tests.gateway.test_uplink import running, until
from tests.support.processes import Broker as BrokerProcess

HOMES = 400
SHARE = 0.23
"""The stated share. A tenth of the homes makes its first try in each second of the window; while
the broker is away, second tries of those who failed add a twentieth, and third ones a little:
0.155 at the end of the window. Four standard deviations of 400 homes are another 0.072. With
equal waits it would be 1."""


def come_back(rng: random.Random, back_after_s: float) -> tuple[Counter[int], list[float]]:
    """Lose the broker at 0 for all homes; count tries in each second until all are back."""
    queue = [
        (spread_s(1, rng.random(), window_s=RECONNECT_WINDOW_S), 1, home) for home in range(HOMES)
    ]
    heapq.heapify(queue)
    tries: Counter[int] = Counter()
    back: list[float] = []
    while queue:
        now_s, attempt, home = heapq.heappop(queue)
        tries[int(now_s)] += 1
        if now_s >= back_after_s:
            back.append(now_s)
            continue
        wait_s = spread_s(attempt + 1, rng.random(), window_s=RECONNECT_WINDOW_S)
        heapq.heappush(queue, (now_s + wait_s, attempt + 1, home))
    return tries, back


@pytest.mark.parametrize("back_after_s", [0, 3, 30, 600])
@pytest.mark.parametrize("seed", range(5))
def test_no_second_sees_more_than_its_share_of_homes(back_after_s: float, seed: int) -> None:
    tries, back = come_back(random.Random(seed), back_after_s)
    assert len(back) == HOMES
    assert max(tries.values()) <= SHARE * HOMES
    assert max(back) - back_after_s <= 61


def test_a_single_home_waits_half_the_window_on_average_and_never_more_than_it() -> None:
    rng = random.Random(1)
    waits = [spread_s(1, rng.random(), window_s=RECONNECT_WINDOW_S) for _ in range(2000)]
    assert max(waits) <= RECONNECT_WINDOW_S
    assert abs(sum(waits) / len(waits) - RECONNECT_WINDOW_S / 2) < 0.5


def test_what_we_had_before_would_have_been_a_storm() -> None:
    """Waits of 0.25 to 0.5 s, as of one party that tries again: the share is not met by luck."""
    from telekol.backoff import delay_s

    rng = random.Random(1)
    tries = Counter(int(delay_s(1, rng.random())) for _ in range(HOMES))
    assert max(tries.values()) > SHARE * HOMES


@pytest.mark.timeout(180)
async def test_thirty_homes_outlive_a_restart_of_the_broker_and_lose_nothing(
    broker: BrokerProcess, server: Server, tmp_path: Path
) -> None:
    broker.start()
    server.start()
    homes: list[tuple[Link, Outbox]] = []
    for number in range(30):
        outbox = Outbox.open(tmp_path / f"{number}.db", NOW)
        outbox.put([observation(10 * number)])
        gateway = f"gw-test-{number:03}"
        link = make_link(Broker("127.0.0.1", broker.port, gateway), outbox, window_s=2)
        homes.append((link, outbox))
    tasks = [asyncio.create_task(link.uplink.run()) for link, _ in homes]
    try:
        await until(lambda: all(outbox.depth() == 0 for _, outbox in homes), 60)
        broker.kill()
        for number, (link, outbox) in enumerate(homes):
            outbox.put([observation(10 * number + 1), observation(10 * number + 2)])
            link.uplink.wake()
        broker.start()
        await until(lambda: all(outbox.depth() == 0 for _, outbox in homes), 90)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=10)
        for _, outbox in homes:
            outbox.close()
    assert len(server.stored) == 90


async def test_a_home_tries_no_sooner_than_chance_says(
    broker: BrokerProcess,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The uplink uses the window, at its start and after a lost connection."""
    asked: list[tuple[int, float]] = []

    def spread(attempt: int, _luck: float, *, window_s: float) -> float:
        asked.append((attempt, window_s))
        return 0.01

    monkeypatch.setattr("gateway.link.uplink.spread_s", spread)
    outbox = Outbox.open(tmp_path / "o.db", NOW)
    link = make_link(Broker("127.0.0.1", broker.port, "gw-test-001"), outbox, window_s=7)
    async with running(link.uplink):
        await until(lambda: len(asked) >= 3)
        broker.start()
        server.start()
        outbox.put([observation(1)])
        await until(lambda: outbox.depth() == 0)
    outbox.close()
    assert [attempt for attempt, _ in asked[:3]] == [1, 2, 3]
    assert {window_s for _, window_s in asked} == {7}
