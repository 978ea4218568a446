"""The gateway is killed with -9 over streams, memories and serial ports: nothing missing or twice.

A device that indicates keeps what was not confirmed. These do not: a stream says a thing once, and
a memory is read again and again until it is erased, which it must not be before the receipt.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from device_sim.demo.broker import BrokerKind
from device_sim.demo.postgres import EmbeddedPostgres
from tests.support.databases import migrated_copy
from tests.support.processes import Broker, wait_until
from tests.support.street import WITHIN_S, Home, Step, Street

MEMORIES = ("recording-oximeter", "spirometer", "beurer-po60")
HOMES = (
    MEMORIES[:1],
    MEMORIES[1:2],
    MEMORIES[2:],
    ("streaming-oximeter",),
    ("nonin-3230", "vitalograph"),
)
STREAMS = ("streaming-oximeter", "nonin-3230")
KILLS = 4
SEED = random.randrange(2**32)

Walked = dict[str, Future[None]]


def _kill_and_restart(home: Home) -> None:
    home.gateway.kill()
    home.gateway.start()


def _killed_at_random(*kinds: str, within_s: float) -> Step:
    """Killed while it starts, connects, reads, commits, publishes or hears a receipt."""

    def step(home: Home) -> None:
        luck = random.Random(f"{SEED}/{home.number}")
        for _ in range(KILLS):
            for kind in kinds:
                home.measure(kind)
            time.sleep(luck.uniform(0.0, within_s))
            _kill_and_restart(home)
            _wait_for_fingers(home, kinds)
        for kind in kinds:
            home.until_right(kind, f"what the {kind} measured (seed {SEED})")

    return step


def _wait_for_fingers(home: Home, kinds: tuple[str, ...]) -> None:
    """One finger after the other: a stream's reading is told from another by when it came."""

    def are_out() -> bool:
        return all(home.status(kind)["pending"] == 0 for kind in kinds if kind in STREAMS)

    wait_until(are_out, f"the finger to be out (seed {SEED})", WITHIN_S)


def _killed_before_the_receipt(kind: str, *, is_erased: bool) -> Step:
    """No receipt comes: the memory is read, the gateway killed, and the memory still there."""

    def step(home: Home) -> None:
        home.measure(kind)
        home.until_right(kind, f"the first measurement of the {kind}")
        # A device that talks is not measuring: the first one's memory may be erased just now.
        home.until_hung_up(kind)
        with home.offline():
            home.measure(kind)
            wait_until(
                lambda: home.status(kind)["pending"] == 0,
                f"the {kind} to be read while no receipt comes",
                WITHIN_S,
            )
            home.gateway.kill()
            assert home.status(kind)["in_memory"] > 0
        home.gateway.start()
        home.measure(kind)
        home.until_right(kind, f"the memory of the {kind}, read again after kill -9")
        if is_erased:
            what = f"the memory of the {kind} to be erased after the receipt"
            wait_until(lambda: home.status(kind)["in_memory"] == 0, what, WITHIN_S)

    return step


STEPS: dict[str, tuple[int, Step]] = {
    **{
        f"{kind}, killed before the receipt": (
            number,
            _killed_before_the_receipt(kind, is_erased=kind != "beurer-po60"),
        )
        for number, kind in enumerate(MEMORIES, 1)
    },
    **{
        f"{kind}, killed at random": (number, _killed_at_random(kind, within_s=6))
        for number, kind in enumerate(MEMORIES, 1)
    },
    "a stream, killed at random": (4, _killed_at_random("streaming-oximeter", within_s=20)),
    "a stream and a port, killed at random": (
        5,
        _killed_at_random("nonin-3230", "vitalograph", within_s=20),
    ),
}


# Minutes of real waits, so `make streets` walks it and `make test` does not.
pytestmark = pytest.mark.street


@pytest.fixture(scope="module")
def street(
    tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedPostgres
) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    with (
        migrated_copy(postgres) as url,
        Broker(folder, BrokerKind.MOSQUITTO) as broker,
        Street(folder, broker.url, url, HOMES) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def walked(street: Street) -> Walked:
    return street.walk(STEPS)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_gateway_misses_and_doubles_nothing(walked: Walked, step: str) -> None:
    walked[step].result(6 * WITHIN_S)


@pytest.mark.timeout(900)
def test_in_the_end_every_number_was_used_once(street: Street, walked: Walked) -> None:
    for outcome in walked.values():
        outcome.exception(6 * WITHIN_S)
    assert [text for home in street.homes for text in home.complaints()] == []
    query = """
        select count(*) = count(distinct (outbox_id, seq)), count(distinct outbox_id)
        from observation
    """
    with street.database() as connection:
        assert connection.execute(query).fetchone() == (True, len(HOMES))
        assert connection.execute("select count(*) from quarantine").fetchone() == (0,)
