"""Runs a plan against a house and counts what came of it. Touches the clock.

Every so many rounds everything is mended and the house must come to rest with nothing missing;
what has not arrived by then counts as missing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.chaos import oracle
from tests.chaos.harm import Harm
from tests.chaos.house import ChaosHouse
from tests.chaos.plan import LINES, ROUND_S, Kind, Round, draw
from tests.chaos.spy import ReceiptSpy

REST_S: Final = 180.0
"""How long the mended house may take to come to rest: readings wait for a device's next advert,
for a gateway's back-off and for a broker's, each some seconds; the machine may have other work."""

_MUST_BE_NOUGHT: Final = (
    "missing",
    "duplicates",
    "gaps_open",
    "receipts_before_commit",
    "other_values",
    "unjudged",
)
"""The four of the promise, and what they would be worth nothing without: each reading came with its
value, and alerts, killed like the others, has looked at all of them."""

Told = Callable[[int, str], None]
"""Is told the number of the round and what happens."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to run."""

    seed: int
    rounds: int
    homes: int = 2
    rest_every: int = 20


def is_sound(result: dict[str, Any]) -> bool:
    """Say whether a campaign's result is what we promise. Nothing emitted proves nothing."""
    return result["emitted"] > 0 and all(result[name] == 0 for name in _MUST_BE_NOUGHT)


def run(order: Order, folder: Path, told: Told) -> dict[str, Any]:
    """Run a campaign in an empty folder and give its result, sound or not."""
    plan = draw(order.seed, order.rounds, order.homes)
    with ChaosHouse(folder, order.homes, order.seed) as house:
        spy = ReceiptSpy(house.broker.port, house.url)
        spy.start()
        harm = Harm(house)
        began_s = time.monotonic()
        finished = _run_rounds(plan, order, house, harm, told)
        spy.close()
        result = _result(house, harm, finished)
    seen = spy.seen
    return {
        "seed": order.seed,
        "homes": order.homes,
        **result,
        "receipts_before_commit": len(seen.before_commit),
        "receipts_seen": seen.receipts,
        "early_receipts": seen.before_commit[:10],
        "seconds": round(time.monotonic() - began_s, 1),
    }


def _run_rounds(
    plan: Sequence[Round], order: Order, house: ChaosHouse, harm: Harm, told: Told
) -> int:
    """Run rounds until all are done or one period ends with something missing."""
    for start in range(0, len(plan), order.rest_every):
        period = plan[start : start + order.rest_every]
        _play(period, house, harm, told)
        told(period[-1].number, "coming to rest")
        if not _comes_to_rest(house, harm):
            return period[-1].number
    return len(plan)


def _play(period: Sequence[Round], house: ChaosHouse, harm: Harm, told: Told) -> None:
    """Let a period's faults begin and end at their times; at its end all have ended."""
    began_s = time.monotonic()
    for at_s, number, what, do in sorted(_acts(period, house, harm), key=lambda act: act[:2]):
        while (ahead_s := began_s + at_s - time.monotonic()) > 0:
            time.sleep(min(ahead_s, 0.2))
            harm.look_after()
        told(number, what)
        do()


Act = tuple[float, int, str, Callable[[], None]]


def _acts(period: Sequence[Round], house: ChaosHouse, harm: Harm) -> Iterator[Act]:
    for place, one in enumerate(period):
        zero_s = place * ROUND_S
        for at_s, home, device in one.measures:
            yield zero_s + at_s, one.number, f"{home} {device}", _measure(house, home, device)
        for fault in one.faults:
            words = f"{fault.kind} {fault.target}"
            begin_s = zero_s + fault.at_s
            yield begin_s, one.number, words, _bound(harm.begin, fault)
            yield begin_s + fault.for_s, one.number, f"{words} ends", _bound(harm.end, fault)


def _bound(do: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    return lambda: do(*arguments)


def _measure(house: ChaosHouse, home: str, device: str) -> Callable[[], None]:
    def measure() -> None:
        with house.control() as sim:
            sim.measure(home, device)

    return measure


def _comes_to_rest(house: ChaosHouse, harm: Harm) -> bool:
    deadline_s = time.monotonic() + REST_S
    while time.monotonic() < deadline_s:
        harm.look_after()
        with contextlib.suppress(psycopg.OperationalError):
            if _is_at_rest(house):
                return True
        time.sleep(0.3)
    return False


def _is_at_rest(house: ChaosHouse) -> bool:
    with house.control() as sim:
        if sim.status()["total"]["pending"]:
            return False
    if any(oracle.waiting(house.outbox(home)) for home in house.homes):
        return False
    with psycopg.connect(house.url, autocommit=True, connect_timeout=5) as connection:
        outcome = oracle.outcome(house.emissions, connection)
        if outcome.missing or _gaps(house, connection):
            return False
        return connection.execute("select from judgement_queue limit 1").fetchone() is None


def _gaps(house: ChaosHouse, connection: psycopg.Connection[Any]) -> int:
    given: dict[oracle.Life, int] = {}
    for home in house.homes:
        given |= oracle.lives(house.outbox(home), home)
    return oracle.gaps_open(given, oracle.settled(connection))


def _result(house: ChaosHouse, harm: Harm, rounds: int) -> dict[str, Any]:
    done = harm.done
    with psycopg.connect(house.url, autocommit=True) as connection:
        outcome = oracle.outcome(house.emissions, connection)
        counts = connection.execute(
            "select (select count(*) from quarantine), (select count(*) from judgement_queue), "
            "(select count(*) from instruction)"
        ).fetchone()
        assert counts is not None
        return {
            "rounds": rounds,
            "kills": done.kinds[Kind.KILL],
            "cuts": sum(done.kinds[kind] for kind in LINES),
            "emitted": outcome.emitted,
            "stored": outcome.stored,
            "missing": outcome.missing,
            "duplicates": outcome.duplicates + oracle.doubled_rows(connection),
            "gaps_open": _gaps(house, connection),
            "other_values": oracle.other_values(house.emissions, connection),
            "quarantined": counts[0],
            "unjudged": counts[1],
            "asked_to_send_again": counts[2],
            "faults": dict(sorted(done.kinds.items())),
            "left_out": done.left_out,
            "ended_by_themselves": dict(done.died),
            "waiting_in_homes": sum(oracle.waiting(house.outbox(home)) for home in house.homes),
            "lost": oracle.lost_keys(house.emissions, connection)[:10],
        }
