"""What becomes of an instruction to a home that somebody put on record. Pure.

Owns the judgement: a row of ``instruction`` and the home's answer in, one deed out. It knows
neither broker nor database, nor what an instruction says. Requests to send readings again are
`ingest.asking`'s business, which judges them by what is missing.

Invariants
----------
1. An instruction goes out under its one id until the home has answered or its time is over.
2. A home that has it on its disk is not sent it again; its end is the home's own word, or the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final
from uuid import UUID

from ingest.asking import Outcome
from telekol.instructions import AcknowledgementState

FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=1)
"""Between two sendings of one instruction; it doubles. The broker keeps it for a home that is away,
so this is only for a broker that lost it."""


class Wait(Enum):
    """Nothing is to be done now."""

    WAIT = auto()


class Send(Enum):
    """It is to be handed to the broker."""

    SEND = auto()


WAIT: Final = Wait.WAIT
SEND: Final = Send.SEND


@dataclass(frozen=True, slots=True)
class Letter:
    """An instruction that has not ended.

    Parameters
    ----------
    answer
        The home's furthest word; None for none.
    """

    id: UUID
    gateway: str
    expires_at: datetime
    times_sent: int = 0
    sent_at: datetime | None = None
    answer: AcknowledgementState | None = None


_ENDS: Final = {
    AcknowledgementState.DONE: Outcome.SETTLED,
    AcknowledgementState.REFUSED: Outcome.REFUSED,
    AcknowledgementState.EXPIRED: Outcome.EXPIRED,
}


def deed(letter: Letter, now: datetime) -> Wait | Send | Outcome:
    """Say what to do with an instruction: end it, send it, or wait."""
    if letter.answer in _ENDS:
        return _ENDS[letter.answer]
    if now >= letter.expires_at:
        return Outcome.EXPIRED
    if letter.answer is AcknowledgementState.RECEIVED:
        return WAIT
    if letter.sent_at is None:
        return SEND
    doublings = min(max(letter.times_sent, 1) - 1, 16)
    wait = min(LONGEST_WAIT, FIRST_WAIT * (1 << doublings))
    return SEND if now - letter.sent_at >= wait else WAIT
