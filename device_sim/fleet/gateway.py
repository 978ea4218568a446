"""One gateway of a fleet: its story's readings as their time comes, its line, its health.

Owns one simulated gateway and the order that describes the fleet it belongs to. Touches the clock
to know what is due. What is sent and again is `delivery`'s, what there is to send `emitting`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final
from uuid import uuid4

from device_sim.fleet import emitting
from device_sim.fleet.delivery import Delivery, Trouble
from device_sim.fleet.emitting import Reading
from device_sim.fleet.line import Address, Line
from device_sim.pace import Pace
from device_sim.scenario.model import Scenario
from device_sim.scenario.timeline import Happening, What, unfold_home
from telekol import topics
from telekol.health import ConnectionCount, HealthMessage, RadioHealth, RadioState, encode_health
from telekol.wire import decode_receipt

LOOK_EVERY_S: Final = 10.0
"""How often a gateway looks whether there is something to do, if nothing calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOrder:
    """What fleet to run.

    Parameters
    ----------
    gateways
        How many; each lives one home of the scenario, in turn, with a seed of its own.
    connections
        How many MQTT connections carry them; None: one each, as in life.
    drain_s
        How long to wait for the last receipts.
    """

    address: Address
    scenario: Scenario
    pace: Pace
    gateways: int
    prefix: str = "fleet"
    connections: int | None = None
    trouble: Trouble = field(default_factory=Trouble)
    drain_s: float = 60.0
    oracle: Path | None = None


def gateway_id(prefix: str, number: int) -> str:
    """Name a gateway of the fleet, from 1."""
    return f"{prefix}-{number:05d}"


def readings_of(order: FleetOrder, number: int) -> list[Reading]:
    """Make the readings of one gateway of the fleet.

    Raises
    ------
    ScenarioError
        If the story needs the radio.
    """
    return _told(order, _happenings(order, number))


def _happenings(order: FleetOrder, number: int) -> list[Happening]:
    homes = order.scenario.homes
    happenings = unfold_home(
        homes[(number - 1) % len(homes)],
        gateway_id(order.prefix, number),
        order.scenario.seed,
        order.pace.first_day,
        order.scenario.days,
    )
    return sorted(happenings, key=lambda each: each.at)


def _told(order: FleetOrder, happenings: list[Happening]) -> list[Reading]:
    emitting.check(happenings)
    end = order.pace.caught_up
    found = emitting.readings(happenings)
    # A fleet tells the past and ends; what would be measured later today is not told.
    return found if end is None else [each for each in found if each.sendable_at <= end]


class Gateway:
    """One gateway of the fleet."""

    def __init__(self, order: FleetOrder, number: int, oracle: Callable[..., None]) -> None:
        self.id = gateway_id(order.prefix, number)
        self.line: Line | None = None
        luck = Random(f"{order.scenario.seed}/{self.id}")  # noqa: S311 - a simulation
        self.delivery = Delivery(self.id, uuid4(), order.trouble, luck)
        self.emitted: set[str] = set()
        self._order = order
        self._oracle = oracle
        # As a real gateway numbers them: in the order received, also while it cannot send.
        happenings = _happenings(order, number)
        self._readings = _told(order, happenings)
        self._cuts = [each for each in happenings if each.what in {What.CUT, What.RESTORED}]
        self._life, self._connection, self._began = uuid4(), 0, datetime.now(UTC)
        # The story is over when it has caught up with the present, or there is no more of it.
        told = (order.pace.real(each.sendable_at) for each in self._readings)
        self.ends_at = order.pace.caught_up or max(told, default=order.pace.began)
        self._told = 0
        self._news = asyncio.Event()

    def is_done(self, now: datetime) -> bool:
        """Whether the story is over and everything of it is sent and settled."""
        told = self._told == len(self._readings) and now >= self.ends_at
        return told and not self.delivery.waiting

    def wake(self) -> None:
        """Look again whether there is something to do."""
        self._news.set()

    def hear(self, payload: bytes, now_s: float) -> None:
        """Take in a receipt."""
        self.delivery.settle(decode_receipt(payload), now_s)
        self._news.set()

    def back(self) -> None:
        """Notice that the line is there, again or for the first time."""
        self.delivery.connection_lost()
        if self.line is not None and self.line.has_will:
            self.line.publish(topics.health(self.id), self._health(online=True), retain=True)
        self._news.set()

    def will(self) -> tuple[str, bytes]:
        """Give the Last Will of the next connection."""
        self._connection += 1
        return topics.health(self.id), self._health(online=False)

    def _health(self, *, online: bool) -> bytes:
        now = datetime.now(UTC)
        count = ConnectionCount(life=self._life, number=self._connection, report=int(online))
        if not online:
            return encode_health(
                HealthMessage(v=1, gateway=self.id, sent_at=now, online=False, connection=count)
            )
        return encode_health(
            HealthMessage(
                v=1,
                gateway=self.id,
                boot=self.delivery.boot,
                sent_at=now,
                online=True,
                connection=count,
                version="fleet",
                started_at=self._began,
                uptime_s=int((now - self._began).total_seconds()),
                radio=RadioHealth(state=RadioState.LISTENING, since=self._began),
            )
        )

    async def live(self, give_up: asyncio.Event) -> None:
        """Send the story as its time comes, until it is told and settled."""
        while not self.is_done(datetime.now(UTC)) and not give_up.is_set():
            self._news.clear()
            now = datetime.now(UTC)
            self._obey_cuts(now)
            self._take_due(now)
            self._send(now)
            wait_s = self._wait_s(now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    def _obey_cuts(self, now: datetime) -> None:
        while self._cuts and self._order.pace.real(self._cuts[0].at) <= now:
            each = self._cuts.pop(0)
            # A line that carries other homes too is theirs as well.
            if self.line is not None and self.line.has_will:
                (self.line.cut if each.what is What.CUT else self.line.mend)()

    def _take_due(self, now: datetime) -> None:
        pace = self._order.pace
        while self._told < len(self._readings):
            reading = self._readings[self._told]
            if pace.real(reading.sendable_at) > now:
                return
            observation = reading.observation(self.id, self._told)
            number = self.delivery.add(observation)
            self.emitted.add(str(observation.id))
            self._oracle(self.id, number, observation)
            self._told += 1

    def _send(self, now: datetime) -> None:
        if self.line is None or not self.line.is_ready:
            return
        now_s = asyncio.get_running_loop().time()
        for payload in self.delivery.messages(now_s, now):
            self.line.publish(topics.observations(self.id), payload)

    def _wait_s(self, now: datetime) -> float:
        """Say for how long there is nothing to do, unless a receipt comes."""
        waits = [LOOK_EVERY_S]
        if now < self.ends_at:
            waits.append((self.ends_at - now).total_seconds())
        if self._told < len(self._readings):
            due = self._order.pace.real(self._readings[self._told].sendable_at)
            waits.append((due - now).total_seconds())
        if self.delivery.due_s is not None and self.line is not None and self.line.is_ready:
            waits.append(self.delivery.due_s - asyncio.get_running_loop().time())
        if self._cuts:
            due = self._order.pace.real(self._cuts[0].at)
            waits.append((due - now).total_seconds())
        return max(min(waits), 0.001)
