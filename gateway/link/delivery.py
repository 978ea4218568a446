"""The delivery plan: which readings to send next, and which again.

Owns what is in flight and when it is sent again. Pure: rows, receipts and the time come in,
runs come out. Must not know MQTT or the disk.

Invariants
----------
1. At most ``policy.slots`` messages are in flight, and no row is in two of them.
2. A run holds consecutive numbers of one life of the outbox, at most OBSERVATIONS_PER_MESSAGE
   of them, and fits into MESSAGE_LIMIT_BYTES.
3. One slot is kept for the newest rows: what a patient measures now never waits for a
   backlog. The other slots work from the oldest on.
4. A run without a receipt is sent again, each time after a longer wait; any receipt and every
   new connection bring the wait back to its start, since they say that somebody listens.
5. Only a receipt ends a flight. The plan may be wrong about what is stored, never about what is
   waiting: that is the outbox's word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from gateway.keeping.rows import Row
from telekol.backoff import delay_s
from telekol.wire import MESSAGE_LIMIT_BYTES, OBSERVATIONS_PER_MESSAGE

ENVELOPE_BYTES: Final = 512
"""What a message holds beside its observations: braces, names, two UUIDs' worth of ids and a
gateway id of at most 63 characters come to less than 300; the rest is reserve."""


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How much is in flight, and how long to wait for a receipt, in seconds."""

    slots: int = 4
    resend_first_s: float = 10.0
    resend_most_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive rows of one life that travel in one message."""

    boot: UUID
    first: int
    last: int

    def holds(self, row: Row) -> bool:
        """Say whether a row travels in it."""
        return row.boot == self.boot and self.first <= row.seq <= self.last


@dataclass(frozen=True, slots=True)
class _Flight:
    run: Run
    due_s: float
    sent_count: int
    is_fresh: bool


class DeliveryPlan:
    """What is in flight between this gateway and the server."""

    def __init__(self, policy: DeliveryPolicy) -> None:
        self._policy = policy
        self._flights: list[_Flight] = []

    @property
    def window(self) -> int:
        """How many of the oldest and of the newest waiting rows the plan needs to see."""
        # One slot more than can be in flight: rows in flight are in the window too.
        return (self._policy.slots + 1) * OBSERVATIONS_PER_MESSAGE

    @property
    def in_flight(self) -> tuple[Run, ...]:
        """The runs that wait for a receipt."""
        return tuple(flight.run for flight in self._flights)

    @property
    def wake_at_s(self) -> float | None:
        """When the next run is due to be sent again; None if nothing is in flight."""
        return min((flight.due_s for flight in self._flights), default=None)

    def next_runs(self, pending: Sequence[Row], now_s: float, luck: float) -> tuple[Run, ...]:
        """Choose what to send now, and count it as sent.

        Parameters
        ----------
        pending
            Waiting rows in the order they are to be sent: at least the oldest and the newest
            `window` of them.
        now_s
            Monotonic time in seconds.
        luck
            A random number in [0, 1), so that homes do not send again in step.
        """
        # A fresh run that is overdue gives its slot to what is newest now.
        self._flights = [
            item for item in self._flights if not (item.is_fresh and _due(item, now_s))
        ]
        again = self._send_again(now_s, luck)
        waiting = self._not_in_flight(pending)
        new: list[Run] = []
        if self._free_slots() and not any(flight.is_fresh for flight in self._flights):
            new += self._launch(cut_newest(waiting), now_s, luck, is_fresh=True)
            waiting = self._not_in_flight(waiting)
        while self._free_slots() and waiting:
            new += self._launch(cut_oldest(waiting), now_s, luck, is_fresh=False)
            waiting = self._not_in_flight(waiting)
        return (*again, *new)

    def settled(self, boot: UUID, first: int, last: int, now_s: float) -> None:
        """Take in a receipt: `first` to `last` of that life is settled."""
        soon_s = now_s + self._policy.resend_first_s
        self._flights = [
            replace(flight, sent_count=1, due_s=min(flight.due_s, soon_s))
            for flight in self._flights
            if not (
                flight.run.boot == boot and first <= flight.run.first and flight.run.last <= last
            )
        ]

    def reset(self) -> None:
        """Forget what is in flight: a new connection, or a new life of the outbox."""
        self._flights = []

    def drop(self, run: Run) -> None:
        """Forget one run that the outbox no longer holds as it was; its rows are cut anew."""
        self._flights = [flight for flight in self._flights if flight.run != run]

    def _send_again(self, now_s: float, luck: float) -> list[Run]:
        overdue = [flight for flight in self._flights if _due(flight, now_s)]
        for flight in overdue:
            self._flights.remove(flight)
            count = flight.sent_count + 1
            wait_s = self._wait_s(count, luck)
            self._flights.append(replace(flight, due_s=now_s + wait_s, sent_count=count))
        return [flight.run for flight in overdue]

    def _launch(
        self, run: Run | None, now_s: float, luck: float, *, is_fresh: bool
    ) -> tuple[Run, ...]:
        if run is None:
            return ()
        due_s = now_s + self._wait_s(1, luck)
        self._flights.append(_Flight(run, due_s, 1, is_fresh))
        return (run,)

    def _wait_s(self, sent_count: int, luck: float) -> float:
        return delay_s(
            sent_count, luck, first_s=self._policy.resend_first_s, most_s=self._policy.resend_most_s
        )

    def _free_slots(self) -> int:
        return self._policy.slots - len(self._flights)

    def _not_in_flight(self, rows: Iterable[Row]) -> list[Row]:
        runs = self.in_flight
        return [row for row in rows if not any(run.holds(row) for run in runs)]


def cut_oldest(rows: Sequence[Row]) -> Run | None:
    """Cut the longest run that starts at the first row and fits into a message."""
    return _cut(rows, 1)


def cut_newest(rows: Sequence[Row]) -> Run | None:
    """Cut the longest run that ends at the last row and fits into a message."""
    return _cut(rows[::-1], -1)


def _cut(rows: Sequence[Row], step: int) -> Run | None:
    if not rows:
        return None
    size = ENVELOPE_BYTES
    head, end = rows[0], rows[0].seq
    for count, row in enumerate(rows):
        size += row.size_bytes + 1  # and a comma
        is_next = row.boot == head.boot and row.seq == head.seq + count * step
        if not is_next or count >= OBSERVATIONS_PER_MESSAGE:
            break
        if size > MESSAGE_LIMIT_BYTES and count:
            break
        end = row.seq
    return Run(head.boot, min(head.seq, end), max(head.seq, end))


def _due(flight: _Flight, now_s: float) -> bool:
    return flight.due_s <= now_s
