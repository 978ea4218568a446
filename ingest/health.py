"""What a home says of itself: the pure half.

Owns the sorting of health messages and acknowledgements, and which of two health messages is the
newer. It knows no broker and no database.

Invariants
----------
1. Whatever the bytes are, something comes out: news, or a parcel that goes to quarantine.
2. Order is by the gateway's count of connections, never by a clock or by arrival: a Last Will
   that was retained or comes late never overrules newer health.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from ingest.parcel import UNFORESEEN, Parcel
from telekol import topics
from telekol.errors import WireError
from telekol.health import HealthMessage, decode_health
from telekol.instructions import Acknowledgement, decode_acknowledgement
from telekol.wire import shortened

log = logging.getLogger(__name__)

CHANNELS: Final = frozenset({topics.HEALTH, topics.ACKNOWLEDGEMENTS})
"""Last parts of the topics that are this module's."""


@dataclass(frozen=True, slots=True)
class News:
    """A message that could be read, with its bytes in case the database refuses it."""

    topic: str
    payload: bytes
    said: HealthMessage | Acknowledgement

    def refuse(self, code: str, reason: str) -> Parcel:
        """Send it to quarantine instead."""
        return Parcel(self.topic, self.payload, None).refuse_whole(code, reason)


@dataclass(frozen=True, slots=True)
class Known:
    """What was heard of a gateway last."""

    life: UUID
    connection: int
    report: int
    online: bool


def is_ours(topic: str) -> bool:
    """Say whether a topic is for this module."""
    return topics.channel_of(topic) in CHANNELS


def sort(topic: str, payload: bytes) -> News | Parcel:
    """Read what a home says of itself; never raises, whatever a peer can send."""
    try:
        if topics.channel_of(topic) == topics.HEALTH:
            return News(topic, payload, decode_health(topic, payload))
        return News(topic, payload, decode_acknowledgement(topic, payload))
    except WireError as error:
        return Parcel(topic, payload, None).refuse_whole(error.code, error.reason)
    except Exception as error:
        # As with readings: one message nobody thought of must not stop every home's.
        log.exception("a message of a home's health could not be sorted; it goes to quarantine")
        reason = shortened(f"unforeseen {type(error).__name__}: {error}")
        return Parcel(topic, payload, None).refuse_whole(UNFORESEEN, reason)


def is_newer(message: HealthMessage, known: Known | None) -> bool:
    """Say whether a message tells more than is known.

    Within one life of the gateway's count the higher connection is newer, within one connection
    the higher report, and the Last Will ends its connection. A life that we do not know begins
    with a gateway that is online; a Last Will of another life is one that comes too late.
    """
    if known is None:
        return True
    count = message.connection
    if count.life != known.life:
        return message.online
    if count.number != known.connection:
        return count.number > known.connection
    if not message.online:
        return known.online
    return known.online and count.report > known.report
