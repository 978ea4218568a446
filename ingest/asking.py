"""Whether the server is behind a home, and what it asks the home to send again. Pure.

Owns the judgement: what came before, what is missing and `now` in, deeds out. It knows neither
broker nor database.

A number is *missing* if the gateway has given it and the server has not settled it. That alone
is no loss: it can be on its way. It is one when the gateway no longer holds it back:

- The gateway's health says how many readings wait for their receipt (`depth`). A reading that was
  receipted waits no longer, so with more missing than waiting, the server has answered for
  readings that it does not have: it was restored from an older backup. No clock plays a part.
- Or the oldest missing number has not come for GAP_AGE though the home is online, which is longer
  than any gateway waits before it sends again by itself.

Invariants
----------
1. What is asked for is asked until it has come, or the home has said often enough that it has
   done so and nothing came: then it is no longer there, and the gap stays visible as a gap.
2. One open instruction at most for a number; asking for what waits anyway changes nothing.
3. A gap with a reason (the gateway gave the readings up) is not asked for.

What else changes with it: docs/operating.md, docs/wire.md, gateway.instruction_desk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from telekol.instructions import AcknowledgementState

Run = tuple[int, int]
"""First and last number, both included; `last` of END means: to the newest."""

END: Final = 2**62

GAP_AGE: Final = timedelta(minutes=15)
"""Three times the longest wait of a gateway before it sends a message again (five minutes)."""

LIFETIME: Final = timedelta(days=30)
"""A home keeps its history for thirty days; there is nothing to ask for after that."""

FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=6)
"""Between two sendings of one instruction; it doubles. The broker keeps it for a home that is
away, so this is only for a broker that lost it."""

ATTEMPTS: Final = (timedelta(0), timedelta(minutes=10), timedelta(hours=2))
"""How long after the last fruitless attempt the next instruction goes out. After the last one the
numbers count as gone: a home that did so three times has them no longer."""

REFUSED_WAIT: Final = timedelta(hours=6)
"""After a refusal: a home whose book of instructions is full, or whose software is too old to
know the kind. It says nothing of the readings, so it never makes them count as gone."""

COMING: Final = timedelta(minutes=2)
"""How long readings may take after the home has said that they wait again."""

COMING_MOST: Final = timedelta(days=2)
"""How long they may take while the home is away or still has readings waiting; then it is asked
again, which costs one message."""

OPEN_MOST: Final = 8
"""Open instructions for one home; with more gaps the oldest are asked for first. A home keeps
some dozens of instructions in all."""


class Outcome(StrEnum):
    """How an instruction ended."""

    SETTLED = "settled"
    NOT_THERE = "not-there"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the gateway last said of its outbox.

    Parameters
    ----------
    boot
        Its present life.
    last_seq
        The highest number it has given in that life.
    depth
        How many readings of any life wait for their receipt.
    """

    boot: UUID
    last_seq: int
    depth: int
    online: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """An instruction to send again, as it stands.

    Parameters
    ----------
    answer, answered_at
        The home's furthest word, and when we heard it.
    """

    id: UUID
    boot: UUID
    run: Run
    expires_at: datetime
    times_sent: int = 0
    sent_at: datetime | None = None
    answer: AcknowledgementState | None = None
    answered_at: datetime | None = None
    outcome: Outcome | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a gateway's outbox, as the server sees it.

    Parameters
    ----------
    missing
        What it has given, by all that is known, and what is not settled; without what it gave up.
    through
        The highest number settled, 0 for none.
    missing_since
        Since when the first missing number has been known as missing.
    """

    gateway: str
    boot: UUID
    missing: tuple[Run, ...]
    through: int
    missing_since: datetime
    heard: Heard | None
    asks: tuple[Ask, ...] = ()

    @property
    def is_past(self) -> bool:
        """Whether the gateway has begun another life since."""
        return self.heard is not None and self.heard.boot != self.boot


@dataclass(frozen=True, slots=True)
class Deeds:
    """What to do: numbers to ask for, instructions to send once more, instructions that ended."""

    issue: tuple[Run, ...] = ()
    repeat: tuple[UUID, ...] = ()
    end: tuple[tuple[UUID, Outcome], ...] = ()


def decide(life: Life, now: datetime) -> Deeds:
    """Say what to do about one life."""
    still_open, ended = [], []
    for ask in life.asks:
        if ask.outcome is not None:
            continue
        outcome = _outcome(ask, life, now)
        if outcome is None:
            still_open.append(ask)
        else:
            ended.append((ask.id, outcome))
    repeat = tuple(ask.id for ask in still_open if _is_due(ask, now))
    # What has just ended is judged anew the next time, when its end is on record.
    wanted = () if ended else _wanted(life, now)[: max(0, OPEN_MOST - len(still_open))]
    return Deeds(wanted, repeat, tuple(ended))


def is_behind(life: Life, now: datetime) -> bool:
    """Say whether something is missing that will not come by itself."""
    heard = life.heard
    if not life.missing:
        return False
    if heard is not None and heard.boot == life.boot:
        known = clipped(life.missing, (1, heard.last_seq))
        if count(known) > heard.depth:
            return True
    is_away = heard is not None and not heard.online
    return not is_away and now - life.missing_since >= GAP_AGE


def _wanted(life: Life, now: datetime) -> tuple[Run, ...]:
    """Give the runs to ask for now."""
    open_runs = [ask.run for ask in life.asks if ask.outcome is None]
    wanted = without(life.missing, open_runs) if is_behind(life, now) else ()
    due = tuple(run for run in wanted if _may_be_asked_for(run, life.asks, now))
    return (*due, *_unknown_end(life))


def _unknown_end(life: Life) -> tuple[Run, ...]:
    """Give what may stand behind the highest number of a life that is over, asked for once.

    Nobody says any more how many numbers that life gave.
    """
    if not life.is_past or any(ask.run[1] == END for ask in life.asks):
        return ()
    return ((life.through + 1, END),)


def _may_be_asked_for(run: Run, asks: Iterable[Ask], now: datetime) -> bool:
    about = [ask for ask in asks if clipped([run], ask.run)]
    refused = _last_end(about, Outcome.REFUSED)
    if refused is not None and now - refused < REFUSED_WAIT:
        return False
    attempts = sum(ask.outcome is Outcome.NOT_THERE for ask in about)
    if attempts >= len(ATTEMPTS):
        return False
    last = _last_end(about, Outcome.NOT_THERE)
    return last is None or now - last >= ATTEMPTS[attempts]


def _last_end(asks: Iterable[Ask], outcome: Outcome) -> datetime | None:
    ends = (ask.ended_at for ask in asks if ask.outcome is outcome and ask.ended_at)
    return max(ends, default=None)


def _outcome(ask: Ask, life: Life, now: datetime) -> Outcome | None:
    """Say how an open instruction ended; None while it has not."""
    is_endless = ask.run[1] == END
    if not is_endless and not clipped(life.missing, ask.run):
        return Outcome.SETTLED
    if ask.answer is AcknowledgementState.REFUSED:
        return Outcome.REFUSED
    if ask.answer is AcknowledgementState.EXPIRED or now >= ask.expires_at:
        return Outcome.EXPIRED
    if ask.answer is not AcknowledgementState.DONE or ask.answered_at is None:
        return None
    if is_endless:
        return Outcome.SETTLED
    return None if _may_still_come(ask.answered_at, life, now) else Outcome.NOT_THERE


def _may_still_come(done_at: datetime, life: Life, now: datetime) -> bool:
    if now - done_at < COMING:
        return True
    if now - done_at >= COMING_MOST:
        return False
    # A home with a long history sends it for a while, and one that is away sends it later.
    heard = life.heard
    return heard is None or not heard.online or heard.at <= done_at or heard.depth > 0


def _is_due(ask: Ask, now: datetime) -> bool:
    if ask.answer is not None:
        return False  # the home has it on its disk, and answers when it is done
    if ask.sent_at is None:
        return True
    doublings = min(max(ask.times_sent, 1) - 1, 16)
    wait = min(LONGEST_WAIT, FIRST_WAIT * (1 << doublings))
    return now - ask.sent_at >= wait


def count(runs: Iterable[Run]) -> int:
    """Count the numbers in runs that do not overlap."""
    return sum(last - first + 1 for first, last in runs)


def clipped(runs: Iterable[Run], to: Run) -> tuple[Run, ...]:
    """Give the parts of runs that lie within another.

    Examples
    --------
    >>> clipped([(1, 3), (5, 9)], (3, 6))
    ((3, 3), (5, 6))
    """
    parts = ((max(first, to[0]), min(last, to[1])) for first, last in runs)
    return tuple((first, last) for first, last in parts if first <= last)


def without(runs: Iterable[Run], others: Sequence[Run]) -> tuple[Run, ...]:
    """Give the parts of runs that lie in none of the others.

    Examples
    --------
    >>> without([(1, 9)], [(3, 4), (9, 12)])
    ((1, 2), (5, 8))
    """
    left = tuple(runs)
    for low, high in others:
        left = tuple(
            part
            for first, last in left
            for part in ((first, min(last, low - 1)), (max(first, high + 1), last))
            if part[0] <= part[1]
        )
    return left
