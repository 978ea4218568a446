"""One gateway's end of the wire: sequence numbers, what is in flight, receipts, trouble on purpose.

Owns the delivery of one simulated gateway. Pure: observations, receipts and times in, messages out.
Written apart from the real gateway's, so that the two cannot share a mistake.

Invariants
----------
1. A number means one observation for the whole life of a boot, however often it is sent.
2. What has no receipt is sent again, after a wait that doubles.
3. Trouble (a message twice, one after its successor) changes when and how often something is sent,
   never what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Final
from uuid import UUID

from telekol.observation import Observation
from telekol.wire import (
    OBSERVATIONS_PER_MESSAGE,
    WIRE_VERSION,
    ObservationMessage,
    Receipt,
    encode,
)

RESEND_MOST_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong on purpose.

    Parameters
    ----------
    twice
        Part of the messages that are sent twice.
    overtaken
        Part of the messages that are sent after their successor.
    batch
        Most observations in a message.
    resend_s
        How long to wait for a receipt the first time.
    """

    twice: float = 0.0
    overtaken: float = 0.0
    batch: int = OBSERVATIONS_PER_MESSAGE
    resend_s: float = 15.0


@dataclass(slots=True)
class Tally:
    """What one gateway, or a whole fleet, has done."""

    observations: int = 0
    messages: int = 0
    resent: int = 0
    sent_twice: int = 0
    overtaken: int = 0
    settled: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    waits_s: list[float] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another's in."""
        self.observations += other.observations
        self.messages += other.messages
        self.resent += other.resent
        self.sent_twice += other.sent_twice
        self.overtaken += other.overtaken
        self.settled += other.settled
        self.waits_s.extend(other.waits_s)
        for code, count in other.refused.items():
            self.refused[code] = self.refused.get(code, 0) + count


@dataclass(slots=True)
class _Flight:
    first: int
    last: int
    due_s: float
    count: int = 1


class Delivery:
    """What is between one gateway and the server.

    Parameters
    ----------
    boot
        Names this life of the gateway; a new one at every run of the fleet.
    luck
        Decides which messages are troubled.
    """

    def __init__(self, gateway: str, boot: UUID, trouble: Trouble, luck: Random) -> None:
        self.gateway = gateway
        self.boot = boot
        self.tally = Tally()
        self._trouble = trouble
        self._luck = luck
        self._unsettled: dict[int, Observation] = {}
        self._since_s: dict[int, float] = {}
        self._flights: list[_Flight] = []
        self._held: list[_Flight] = []
        self._next = 1
        self._unsent = 1

    def add(self, observation: Observation) -> int:
        """Take an observation in, and give its number."""
        number, self._next = self._next, self._next + 1
        self._unsettled[number] = observation
        self.tally.observations += 1
        return number

    @property
    def waiting(self) -> int:
        """How many observations have no receipt."""
        return len(self._unsettled)

    @property
    def due_s(self) -> float | None:
        """When something must be sent again; None if nothing is in flight."""
        return min((flight.due_s for flight in self._flights), default=None)

    def messages(self, now_s: float, sent_at: datetime) -> list[bytes]:
        """Give the messages to publish now, in order, and count them as sent."""
        again = [self._again(flight, now_s) for flight in self._flights if flight.due_s <= now_s]
        fresh = [self._launched(first, last, now_s) for first, last in self._fresh_runs()]
        return [
            self._written(flight, sent_at)
            for flight in (*again, *self._troubled(fresh))
            if any(number in self._unsettled for number in range(flight.first, flight.last + 1))
        ]

    def connection_lost(self) -> None:
        """Send everything in flight again as soon as there is a line."""
        for flight in self._flights:
            flight.due_s = 0.0

    def settle(self, receipt: Receipt, now_s: float) -> None:
        """Take in a receipt; another life's is none of ours."""
        if receipt.boot != self.boot:
            return
        done = [number for number in self._unsettled if _covers(receipt, number)]
        for number in done:
            del self._unsettled[number]
            self.tally.waits_s.append(now_s - self._since_s.pop(number, now_s))
        self.tally.settled += len(done)
        for refusal in receipt.refused:
            if refusal.seq in done:
                codes = self.tally.refused
                codes[refusal.code] = codes.get(refusal.code, 0) + 1
        self._flights = [
            flight
            for flight in self._flights
            if any(number in self._unsettled for number in range(flight.first, flight.last + 1))
        ]

    def _fresh_runs(self) -> Iterator[tuple[int, int]]:
        while self._unsent < self._next:
            first = self._unsent
            self._unsent = min(first + self._trouble.batch, self._next)
            yield first, self._unsent - 1

    def _launched(self, first: int, last: int, now_s: float) -> _Flight:
        for number in range(first, last + 1):
            self._since_s[number] = now_s
        flight = _Flight(first, last, now_s + self._trouble.resend_s)
        self._flights.append(flight)
        return flight

    def _again(self, flight: _Flight, now_s: float) -> _Flight:
        self._held = [held for held in self._held if held is not flight]
        flight.count += 1
        wait_s = min(self._trouble.resend_s * 2 ** (flight.count - 1), RESEND_MOST_S)
        flight.due_s = now_s + wait_s * self._luck.uniform(0.8, 1.2)
        self.tally.resent += 1
        return flight

    def _troubled(self, fresh: list[_Flight]) -> list[_Flight]:
        """Hold some back until after the next ones, and send some twice."""
        overdue, self._held = (self._held, []) if fresh else ([], self._held)
        sent: list[_Flight] = []
        for flight in fresh:
            if self._luck.random() < self._trouble.overtaken:
                self._held.append(flight)
                self.tally.overtaken += 1
                continue
            sent += [flight] * (1 + (self._luck.random() < self._trouble.twice))
        self.tally.sent_twice += len(sent) - len(set(map(id, sent)))
        return [*sent, *overdue]

    def _written(self, flight: _Flight, sent_at: datetime) -> bytes:
        self.tally.messages += 1
        # What was settled in the meantime is left off at the front; numbers stay consecutive.
        first = next(n for n in range(flight.first, flight.last + 1) if n in self._unsettled)
        numbers = []
        for number in range(first, flight.last + 1):
            if number not in self._unsettled:
                break
            numbers.append(number)
        return encode(
            ObservationMessage(
                v=WIRE_VERSION,
                gateway=self.gateway,
                boot=self.boot,
                seq=first,
                sent_at=sent_at,
                observations=tuple(self._unsettled[number] for number in numbers),
            )
        )


def _covers(receipt: Receipt, number: int) -> bool:
    return number <= receipt.through or receipt.first <= number <= receipt.last
