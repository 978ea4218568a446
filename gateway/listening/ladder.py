"""The recovery ladder: what is done next about a radio that fails, and when it is called blind.

Owns the order of the rungs, how often each is tried and the waits. Pure: faults, proofs and the
time come in, the next state comes out. Must not know a radio, a device or a clock.

Why a ladder: Bluetooth hangs in more ways than can be told apart from above, and each remedy
costs more than the one before (field lesson 10). A home in which nobody measures is silent for
days, so silence is no fault; whoever hears nothing asks the adapter, and only an adapter that
does not answer is at fault.

Invariants
----------
1. Only `fault` climbs. Time, silence and proofs never do.
2. While faults keep coming, the gateway is blind at the latest `BLIND_AFTER_S` after the first,
   also across restarts of the process.
3. What shows that the radio works again brings the gateway to the ground at once; an answered
   probe alone does so after the calm that its fault asks for, because a controller can answer
   between two hangs.
4. Restarts are bounded: a process that restarts for ever sends nothing and reports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum, unique
from typing import Final


@unique
class Fault(StrEnum):
    """What went wrong with the radio."""

    ABSENT = "absent"
    """It cannot be opened, or it went away: unplugged, or the system's Bluetooth ended."""
    REFUSED = "refused"
    """It is there, and does not start or stop to look for devices."""
    HUNG = "hung"
    """It does not answer when asked for its name, or says that it does not look."""
    STUCK = "stuck"
    """It hears a device, and an attempt to connect neither succeeds nor ends."""


@unique
class Proof(StrEnum):
    """What speaks for the radio."""

    ANSWERED = "answered"
    HEARD = "heard"
    CONNECTED = "connected"


@unique
class Rung(IntEnum):
    """What is done, from the cheapest to the dearest."""

    GROUND = 0
    RETRY = 1
    FORGET = 2
    POWER_CYCLE = 3
    REOPEN = 4
    RESTART = 5
    BLIND = 6


CLIMB: Final[Mapping[Fault, tuple[Rung, ...]]] = {
    # What is not there cannot be switched off and on.
    Fault.ABSENT: (Rung.RETRY, Rung.REOPEN, Rung.RESTART, Rung.BLIND),
    Fault.REFUSED: (Rung.RETRY, Rung.POWER_CYCLE, Rung.REOPEN, Rung.RESTART, Rung.BLIND),
    Fault.HUNG: (Rung.RETRY, Rung.POWER_CYCLE, Rung.REOPEN, Rung.RESTART, Rung.BLIND),
    # The radio hears: one device must not make the gateway restart or call itself blind.
    Fault.STUCK: (Rung.RETRY, Rung.FORGET, Rung.POWER_CYCLE, Rung.REOPEN),
}
"""Which rungs a fault climbs, in order."""

TRIES: Final[Mapping[Rung, int]] = {
    Rung.RETRY: 2,
    Rung.FORGET: 1,
    Rung.POWER_CYCLE: 2,
    Rung.REOPEN: 3,
    Rung.RESTART: 1,
}
"""How often a rung is tried before the next. Power is cut twice because the first can come while
the controller still loads its firmware."""

MOST_RESTARTS: Final = 2
"""Restarts of the process within one trouble. What two have not mended, a third does not."""

BLIND_AFTER_S: Final = 600.0
"""A patient measures within minutes of being reminded, and a support person can act within the
hour; ten minutes lose neither, and all rungs but the restarts fit into them."""

_DISPROVED_BY: Final[Mapping[Fault, frozenset[Proof]]] = {
    Fault.ABSENT: frozenset({Proof.HEARD, Proof.CONNECTED}),
    Fault.REFUSED: frozenset({Proof.HEARD, Proof.CONNECTED}),
    Fault.HUNG: frozenset({Proof.HEARD, Proof.CONNECTED}),
    # A device advertises all the time while connecting to it is stuck.
    Fault.STUCK: frozenset({Proof.CONNECTED}),
}

CALM_S: Final[Mapping[Fault, float]] = {
    Fault.ABSENT: 120.0,
    Fault.REFUSED: 120.0,
    Fault.HUNG: 120.0,
    # A scale is stepped on once a day; until then nothing can show whether it is still stuck.
    Fault.STUCK: 26 * 3600.0,
}
"""How long after the last fault an answered probe is enough; four probes in a row."""

_FIRST_WAIT_S: Final[Mapping[Rung, float]] = {
    Rung.GROUND: 0.0,
    Rung.RETRY: 0.5,
    Rung.FORGET: 0.5,
    Rung.POWER_CYCLE: 1.0,
    Rung.REOPEN: 5.0,
    Rung.RESTART: 0.0,
    Rung.BLIND: 60.0,
}
"""Waits before an action; they double with each try on the same rung."""

LONGEST_WAIT_S: Final = 300.0
"""A blind gateway still tries; somebody who has replugged its adapter looks for five minutes."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where on the ladder we stand.

    Attributes
    ----------
    rung
        What is to be done now, after `wait_s`.
    tries
        How often this rung has been tried, this time included.
    fault
        The fault that was met last; None on the ground.
    since_s, last_s
        When this trouble began, and when its last fault was met.
    restarts
        How often the process was restarted in this trouble.
    may_restart
        Whether anybody would start the process again.
    """

    rung: Rung = Rung.GROUND
    tries: int = 0
    fault: Fault | None = None
    since_s: float = 0.0
    last_s: float = 0.0
    restarts: int = 0
    may_restart: bool = True

    @classmethod
    def after_restart(cls, restarts: int, troubled_for_s: float, now_s: float) -> Ladder:
        """Go on in a trouble that made the process restart: on the ground, and not from anew."""
        return cls(
            fault=Fault.HUNG,
            since_s=now_s - max(0.0, troubled_for_s),
            last_s=now_s,
            restarts=restarts,
        )

    @property
    def is_troubled(self) -> bool:
        """Whether a fault was met that nothing has disproved yet."""
        return self.fault is not None

    @property
    def is_blind(self) -> bool:
        """Whether the gateway says of itself that it hears no device."""
        overdue = self.last_s - self.since_s >= BLIND_AFTER_S and self.fault is not Fault.STUCK
        return self.rung is Rung.BLIND or overdue

    @property
    def wait_s(self) -> float:
        """How long to wait before `rung` is done."""
        doubled = _FIRST_WAIT_S[self.rung] * 2.0 ** min(max(self.tries, 1) - 1, 16)
        return min(LONGEST_WAIT_S, doubled)

    def met(self, fault: Fault, now_s: float) -> Ladder:
        """Take in a fault; the answer's `rung` is what to do about it."""
        rung = self._next(fault)
        return replace(
            self,
            rung=rung,
            tries=self.tries + 1 if rung is self.rung else 1,
            fault=fault,
            since_s=self.since_s if self.is_troubled else now_s,
            last_s=now_s,
            restarts=self.restarts + (rung is Rung.RESTART),
        )

    def saw(self, proof: Proof, now_s: float) -> Ladder:
        """Take in what speaks for the radio."""
        if self.fault is None:
            return self
        if proof in _DISPROVED_BY[self.fault] or now_s - self.last_s >= CALM_S[self.fault]:
            return Ladder(may_restart=self.may_restart)
        return self

    def _next(self, fault: Fault) -> Rung:
        path = [rung for rung in CLIMB[fault] if rung is not Rung.RESTART or self._restarts_help()]
        if self.rung in path and self.tries < TRIES.get(self.rung, self.tries + 1):
            return self.rung
        return next((rung for rung in path if rung > self.rung), max(self.rung, path[-1]))

    def _restarts_help(self) -> bool:
        return self.may_restart and self.restarts < MOST_RESTARTS
