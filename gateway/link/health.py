"""The health publisher: when the home's health is said, and what is said.

Owns the composition of the health message and its timing. Must not know MQTT; the uplink asks
what is due and sends it. What is wrong in the home is in `gateway.condition`.

Invariants
----------
1. Each connection begins with a report, so that the server sees at once that we are back.
2. News waits a moment for company and never makes more than one report in AT_MOST_EVERY_S, however
   often a radio flaps.
3. Regular reports are jittered, so that homes that came back together do not report together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from gateway.condition import Condition
from gateway.keeping.outbox import OutboxState, Room
from gateway.link.policy import HEALTH_INTERVAL_S
from telekol import __version__
from telekol.health import (
    ConnectionCount,
    HealthMessage,
    OutboxHealth,
    TroubleCode,
    encode_health,
)

GATHER_S: Final = 1.0
"""How long news waits for company: a device that fails raises two or three troubles at once."""

AT_MOST_EVERY_S: Final = 30.0
"""Least time between two reports of one connection. A person reads them; twice a minute is more
than anybody follows, and 10 000 homes with trouble are then 333 messages a second at most."""

OUTBOX_OLD: Final = timedelta(hours=24)
"""From when waiting readings are a trouble: a working day went by without them."""


class Outbox(Protocol):
    """What the publisher asks of the outbox."""

    @property
    def boot(self) -> UUID:
        """Its present life."""

    def state(self, now: datetime) -> OutboxState:
        """How it stands."""


@dataclass(slots=True)
class HealthTiming:
    """When the next report is due, in monotonic seconds; pure.

    Parameters
    ----------
    due_s
        None before the first connection.
    """

    interval_s: float = HEALTH_INTERVAL_S
    due_s: float | None = None
    sent_s: float | None = None

    def opened(self, now_s: float) -> None:
        """Begin a connection: a report is due."""
        self.sent_s = None
        self.due_s = now_s

    def changed(self, now_s: float) -> None:
        """Note news."""
        if self.due_s is None:
            return
        soonest_s = now_s if self.sent_s is None else self.sent_s + AT_MOST_EVERY_S
        self.due_s = min(self.due_s, max(now_s + GATHER_S, soonest_s))

    def is_due(self, now_s: float) -> bool:
        """Say whether to report now."""
        return self.due_s is not None and self.due_s <= now_s

    def sent(self, now_s: float, luck: float) -> None:
        """Note that a report was sent; the next comes after half to all of the interval."""
        self.sent_s = now_s
        self.due_s = now_s + self.interval_s * (0.5 + luck / 2)


class HealthReporter:
    """Composes reports and the Last Will.

    Parameters
    ----------
    count
        Counts a new connection (`InstructionBook.next_connection`).
    clock
        Gives the time, aware.
    monotonic
        Gives seconds that never jump.
    """

    def __init__(
        self,
        gateway: str,
        condition: Condition,
        outbox: Outbox,
        count: Callable[[], ConnectionCount],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        *,
        interval_s: float = HEALTH_INTERVAL_S,
    ) -> None:
        self._gateway = gateway
        self._condition = condition
        self._outbox = outbox
        self._count = count
        self._clock = clock
        self._monotonic = monotonic
        self._timing = HealthTiming(interval_s)
        self._started_at = clock()
        self._started_s = monotonic()
        self._connection: ConnectionCount | None = None

    @property
    def wake_at_s(self) -> float | None:
        """When the next report is due."""
        return self._timing.due_s

    def will(self) -> bytes:
        """Count a new connection and give its Last Will."""
        self._connection = self._count()
        return encode_health(
            HealthMessage(
                v=1,
                gateway=self._gateway,
                sent_at=self._clock(),
                online=False,
                connection=self._connection,
                version=__version__,
            )
        )

    def opened(self) -> None:
        """Begin the connection that was counted last."""
        self._timing.opened(self._monotonic())

    def changed(self) -> None:
        """Note news of the home's condition."""
        self._timing.changed(self._monotonic())

    def take(self, luck: float) -> bytes | None:
        """Give the report that is due, and count it as sent; None if none is.

        Raises
        ------
        OutboxError
            If the outbox cannot say how it stands.
        """
        now_s = self._monotonic()
        if self._connection is None or not self._timing.is_due(now_s):
            return None
        message = self._compose(now_s, self._connection)
        self._timing.sent(now_s, luck)
        if len(message.troubles) > len(self._condition.troubles):
            # Some were over before they could be told; the next report says so.
            self._timing.changed(now_s)
        return encode_health(message)

    def _compose(self, now_s: float, connection: ConnectionCount) -> HealthMessage:
        now = self._clock()
        self._connection = connection.model_copy(update={"report": connection.report + 1})
        home = self._condition.report()
        return HealthMessage(
            v=1,
            gateway=self._gateway,
            boot=self._outbox.boot,
            sent_at=now,
            online=True,
            connection=self._connection,
            version=__version__,
            started_at=self._started_at,
            uptime_s=int(now_s - self._started_s),
            clock=home.clock,
            radio=home.radio,
            outbox=_outbox_health(self._outbox.state(now)),
            devices=home.devices,
            troubles=home.troubles,
        )


_ROOM_TROUBLES: Final = {
    Room.NEARLY_FULL: (
        TroubleCode.OUTBOX_NEARLY_FULL,
        "readings that wait fill four fifths of the limit",
    ),
    Room.GIVING_UP: (
        TroubleCode.OUTBOX_FULL,
        "the oldest waiting readings are given up to make room",
    ),
    Room.FULL: (TroubleCode.OUTBOX_FULL, "new readings stay in their devices"),
    Room.DISK_FULL: (TroubleCode.DISK_FULL, "new readings stay in their devices"),
}


def judge_outbox(condition: Condition, state: OutboxState, now: datetime) -> None:
    """Raise and clear the troubles that the outbox's state speaks of."""
    present = _ROOM_TROUBLES.get(state.room)
    for code in {code for code, _ in _ROOM_TROUBLES.values()}:
        if present is None or code is not present[0]:
            condition.clear(code)
    if present is not None:
        condition.raise_trouble(present[0], None, present[1], now)
    if state.damaged_files:
        detail = f"files that lie beside it: {state.damaged_files}"
        condition.raise_trouble(TroubleCode.OUTBOX_DAMAGED, None, detail, now)
    if state.oldest_age is not None and state.oldest_age > OUTBOX_OLD:
        hours = int(state.oldest_age.total_seconds() // 3600)
        condition.raise_trouble(TroubleCode.OUTBOX_OLD, None, f"the oldest for {hours} hours", now)
    else:
        condition.clear(TroubleCode.OUTBOX_OLD)


def _outbox_health(state: OutboxState) -> OutboxHealth:
    age = state.oldest_age
    return OutboxHealth(
        depth=state.depth,
        # A clock that was set back makes ages negative; that is no age to report.
        oldest_age_s=None if age is None else max(0, int(age.total_seconds())),
        size_bytes=state.size_bytes,
        limit_bytes=state.limit_bytes,
        last_seq=state.last_seq,
    )
