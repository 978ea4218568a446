"""What becomes of one message: the pure half of ingest.

Owns the sorting of a message into what is stored, what is quarantined and what is answered.
It knows no broker and no database.

Invariant: whatever the bytes are, a parcel comes out. It holds readings, or quarantine
entries with reasons, or both; never neither.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from ingest import quick
from ingest.reading import Reading, of_observation
from telekol import plausibility, wire
from telekol.errors import WireError
from telekol.observation import CLOCK_SLACK, GATEWAY_CLOCK_AHEAD, Observation, TimeConfidence
from telekol.wire import Abandoned, Receipt, Refusal

log = logging.getLogger(__name__)

_SENT_AT: Final = re.compile(rb'"sent_at" ?: ?"[^"]{1,40}"')

UNKNOWN_KIT: Final = "unknown-kit"
NOT_STORABLE: Final = "not-storable"
ID_CLASH: Final = "id-clash"
UNFORESEEN: Final = "unforeseen-error"
GIVEN_UP: Final = "given-up"
IMPLAUSIBLE: Final = "implausible-value"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Something that cannot be stored, with the reason and the bytes as they came."""

    topic: str
    payload: bytes
    code: str
    reason: str
    gateway: str | None = None
    boot: UUID | None = None
    seq: int | None = None

    @property
    def fingerprint(self) -> bytes:
        """Tells this entry from others, and knows it again when it is sent or delivered again."""
        head = f"{self.topic}|{self.seq}|".encode()
        return hashlib.sha256(head + _without_send_time(self.payload)).digest()


@dataclass(frozen=True, slots=True)
class Run:
    """The sequence numbers a message carried."""

    gateway: str
    boot: UUID
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message, sorted.

    Parameters
    ----------
    run
        None when the message was so broken that nobody can be answered.
    reported
        What the gateway says will never come; kept beside the quarantine, refuses nothing.
    """

    topic: str
    payload: bytes
    run: Run | None
    readings: tuple[Reading, ...] = ()
    quarantined: tuple[Quarantined, ...] = field(default=())
    reported: tuple[Quarantined, ...] = ()

    def refuse_whole(self, code: str, reason: str) -> Parcel:
        """Put the whole message into quarantine instead, answering as well as before."""
        return Parcel(self.topic, self.payload, self.run, (), (self._whole(code, reason),))

    def refuse(self, refused: Sequence[Quarantined]) -> Parcel:
        """Put some of its observations into quarantine instead."""
        numbers = {entry.seq for entry in refused}
        kept = tuple(item for item in self.readings if item.seq not in numbers)
        return replace(self, readings=kept, quarantined=(*self.quarantined, *refused))

    def entry(self, seq: int, payload: bytes, code: str, reason: str) -> Quarantined:
        """Make the entry that refuses one of its observations."""
        run = self.run
        return Quarantined(
            self.topic,
            payload,
            code,
            wire.shortened(reason),
            run.gateway if run else None,
            run.boot if run else None,
            seq,
        )

    def observation(self, seq: int) -> bytes:
        """Give one of its observations as JSON, read again from the bytes as they came."""
        message = wire.decode_observations(self.topic, self.payload)
        return dict(message.observations)[seq].model_dump_json().encode()

    def receipt(self, through: int) -> Receipt | None:
        """Answer the gateway: settled up to `through`, and this message's run."""
        if self.run is None:
            return None
        return Receipt(
            v=wire.WIRE_VERSION,
            gateway=self.run.gateway,
            boot=self.run.boot,
            through=through,
            first=self.run.first,
            last=self.run.last,
            refused=tuple(self._refusals(self.run)),
        )

    def _refusals(self, run: Run) -> list[Refusal]:
        refusals: list[Refusal] = []
        for entry in self.quarantined:
            whole = entry.seq is None
            numbers = range(run.first, run.last + 1) if whole else (entry.seq or 0,)
            refusals += [Refusal(seq=n, code=entry.code, reason=entry.reason) for n in numbers]
        return refusals

    def _whole(self, code: str, reason: str) -> Quarantined:
        run = self.run
        return Quarantined(
            self.topic,
            self.payload,
            code,
            reason,
            run.gateway if run else None,
            run.boot if run else None,
        )


def sort(topic: str, payload: bytes, now: datetime) -> Parcel:
    """Sort a message; never raises, whatever a peer can send.

    Parameters
    ----------
    now
        When it arrived, by the server's clock.
    """
    try:
        return _sort(topic, payload, now)
    except WireError as error:
        return Parcel(topic, payload, None).refuse_whole(error.code, error.reason)
    except Exception as error:
        # One message that we cannot read for a reason nobody thought of must not stop the
        # readings of every home, at every restart, as it once did.
        log.exception("a message could not be sorted; it goes to quarantine")
        reason = wire.shortened(f"unforeseen {type(error).__name__}: {error}")
        return Parcel(topic, payload, None).refuse_whole(UNFORESEEN, reason)


def _sort(topic: str, payload: bytes, now: datetime) -> Parcel:
    message = quick.read(topic, payload, now)
    if message is None:
        return _sort_slowly(topic, payload, now)
    last = message.first + len(message.readings) - 1
    run = Run(message.gateway, message.boot, message.first, last)
    return Parcel(topic, payload, run, message.readings)


def _sort_slowly(topic: str, payload: bytes, now: datetime) -> Parcel:
    message = wire.decode_observations(topic, payload)
    run = Run(message.gateway, message.boot, message.first, message.last)
    refused = tuple(
        Quarantined(topic, item.raw, item.code, item.reason, run.gateway, run.boot, item.seq)
        for item in message.refused
    )
    readings = tuple(
        of_observation(seq, not_ahead(item, now)) for seq, item in message.observations
    )
    reported = tuple(_given_up(topic, run.gateway, item) for item in message.abandoned)
    parcel = Parcel(topic, payload, run, readings, refused, reported)
    return parcel.refuse(_implausible(parcel, message.observations))


def _implausible(
    parcel: Parcel, observations: Sequence[tuple[int, Observation]]
) -> list[Quarantined]:
    """Find what a device can report and nobody alive can have."""
    reasons = (
        (seq, item, plausibility.implausible(item.quantity, item.value))
        for seq, item in observations
    )
    return [
        parcel.entry(seq, item.model_dump_json().encode(), IMPLAUSIBLE, reason)
        for seq, item, reason in reasons
        if reason is not None
    ]


def _given_up(topic: str, gateway: str, item: Abandoned) -> Quarantined:
    """Make the entry that gives a gap its reason; the numbers stay missing."""
    count = sum(last - first + 1 for first, last in item.runs)
    reason = f"{item.reason}: {count} numbers from {item.runs[0][0]} on will not come"
    payload = item.model_dump_json().encode()
    return Quarantined(topic, payload, GIVEN_UP, reason, gateway, item.boot, item.runs[0][0])


def not_ahead(observation: Observation, now: datetime) -> Observation:
    """Give an observation that claims to be from the future the time of its arrival.

    A gateway whose clock is ahead would otherwise mute its patient: everything measured before
    that future would look old. What the device said and what the gateway claimed
    (``received_at``) stay as they are, and a flag says what was done.
    """
    if observation.measured_at - now <= CLOCK_SLACK:
        return observation
    changes = {
        "measured_at": now,
        "clock_offset_s": None,
        "time_confidence": TimeConfidence.ARRIVAL,
        "quality": (*observation.quality[:31], GATEWAY_CLOCK_AHEAD),
    }
    return observation.model_copy(update=changes)


def _without_send_time(payload: bytes) -> bytes:
    """Leave out when a message was sent, all that differs when a gateway sends it again.

    By text and not by JSON: it must work on what is no JSON too. What is not a message of ours
    simply does not match.
    """
    return _SENT_AT.sub(b"", payload, count=1)
