"""What breaks when, by seed. Pure: no clock, no process.

Owns the kinds of fault and how they are drawn. Must not know how one is done.

Invariant: the plan follows from seed, rounds and the number of homes alone. A machine that
cannot do a fault (no root for a small disk) leaves it out when it comes, so that the same seed
names the same plan everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ROUND_S: Final = 3.0
"""Within which faults of one round begin; some outlast it, so that rounds overlap."""

DAY_S: Final = 86_400


class Kind(StrEnum):
    """What can be done to the house."""

    KILL = "kill"
    CUT = "cut"
    RESET = "reset"
    BLACK_HOLE = "black-hole"
    SLOW = "slow"
    SLICE = "slice"
    FILL_DISK = "fill-disk"
    DEVICE_CLOCK = "device-clock"
    GATEWAY_CLOCK = "gateway-clock"
    DROP_LINK = "drop-link"


LINES: Final = (Kind.CUT, Kind.RESET, Kind.BLACK_HOLE, Kind.SLOW, Kind.SLICE)
DEVICES: Final = ("oximeter", "scale")

_WEIGHTS: Final = {
    Kind.KILL: 10,
    Kind.CUT: 3,
    Kind.RESET: 2,
    Kind.BLACK_HOLE: 3,
    Kind.SLOW: 2,
    Kind.SLICE: 1,
    Kind.FILL_DISK: 2,
    Kind.DEVICE_CLOCK: 1,
    Kind.GATEWAY_CLOCK: 2,
    Kind.DROP_LINK: 2,
}
"""Kills are most of it: they are what no test of a single part can place at every point."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Parameters
    ----------
    target
        A process, a line, a home, or HOME/DEVICE, by the kind.
    at_s, for_s
        From the beginning of its round, and for how long.
    size
        By the kind: seconds a clock jumps.
    """

    kind: Kind
    target: str
    at_s: float
    for_s: float
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Round:
    """What happens in one round: who measures when, and what breaks."""

    number: int
    measures: tuple[tuple[float, str, str], ...]
    faults: tuple[Fault, ...]


def home_name(number: int) -> str:
    """Name a home as the simulator does, from 1."""
    return f"gateway-{number:04}"


def processes(homes: int) -> tuple[str, ...]:
    """Name what can be killed."""
    gateways = tuple(home_name(number) for number in range(1, homes + 1))
    return (*gateways, *gateways, "broker", "ingest", "postgres", "alerts")


def lines(homes: int) -> tuple[str, ...]:
    """Name what can be cut."""
    gateways = tuple(home_name(number) for number in range(1, homes + 1))
    return (*gateways, "ingest-broker", "ingest-database", "alerts-database")


def draw(seed: int, rounds: int, homes: int) -> tuple[Round, ...]:
    """Draw a campaign.

    Every kind of fault and every process comes in each run of `rounds` long enough for it: the
    first rounds go through all of them, and luck begins after that.
    """
    luck = random.Random(seed)
    opening = _opening(luck, homes)
    return tuple(_round(luck, number, homes, opening) for number in range(1, rounds + 1))


def _opening(luck: random.Random, homes: int) -> list[tuple[Kind, str]]:
    musts = [(Kind.KILL, name) for name in sorted(set(processes(homes)))]
    musts += [(kind, _target(luck, kind, homes)) for kind in Kind if kind is not Kind.KILL]
    luck.shuffle(musts)
    return musts


def _round(luck: random.Random, number: int, homes: int, opening: list[tuple[Kind, str]]) -> Round:
    measures = tuple(
        (round(luck.uniform(0, ROUND_S), 2), home_name(home), device)
        for home in range(1, homes + 1)
        for device in DEVICES
        if luck.random() < 0.7
    )
    wanted = luck.choice((1, 2, 2, 3))
    chosen = [opening.pop() for _ in range(min(wanted, len(opening)))]
    chosen += [_drawn(luck, homes) for _ in range(wanted - len(chosen))]
    return Round(number, measures, tuple(_fault(luck, *one) for one in chosen))


def _drawn(luck: random.Random, homes: int) -> tuple[Kind, str]:
    kind = luck.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    return kind, _target(luck, kind, homes)


def _target(luck: random.Random, kind: Kind, homes: int) -> str:
    if kind is Kind.KILL:
        return luck.choice(processes(homes))
    if kind in LINES:
        return luck.choice(lines(homes))
    home = home_name(luck.randint(1, homes))
    if kind in {Kind.DEVICE_CLOCK, Kind.DROP_LINK}:
        return f"{home}/{luck.choice(DEVICES)}"
    return home


def _fault(luck: random.Random, kind: Kind, target: str) -> Fault:
    size = 0.0
    if kind is Kind.DEVICE_CLOCK:
        # To the second and never twice the same: a clock that shows one second twice gives two
        # readings one identity, which no server can part.
        size = float(luck.choice((-1, 1)) * luck.randint(600, 300 * DAY_S))
    if kind is Kind.GATEWAY_CLOCK:
        # A gateway sets its devices' clocks. Never back into the minutes of this campaign, where
        # one second of a device would come twice.
        back, ahead = luck.randint(2 * DAY_S, 60 * DAY_S), luck.randint(7200, 90 * DAY_S)
        size = float(luck.choice((-back, ahead)))
    return Fault(
        kind, target, round(luck.uniform(0, ROUND_S), 2), round(luck.uniform(0.2, 4.0), 2), size
    )


def kinds_of(rounds: Sequence[Round]) -> frozenset[Kind]:
    """Name the kinds of fault in a plan."""
    return frozenset(fault.kind for one in rounds for fault in one.faults)
