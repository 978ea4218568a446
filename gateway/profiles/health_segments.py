"""Segments of the Generic Health Sensor Service 1.0: one observation over several indications.

Owns the segment header and putting the body together again. Must not know what a body says;
`gateway.profiles.generic_health_sensor` does.

Invariants
----------
1. ``bytes(Segment.from_bytes(raw)) == raw``.
2. Only consecutive segments of one body are joined: after a lost one nothing is, until the next
   first segment comes. Two halves of two measurements would be a false reading.
3. What waits for its last segment never grows beyond the longest body there can be.

Bit 0 of the header marks the first segment, bit 1 the last, and the upper six count, modulo 64:
so in Realtek's GHSS server and Philips' draft, which agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

from gateway.profiles.ieee11073 import FieldReader

_FIRST: Final = 0x01
_LAST: Final = 0x02
_COUNTER_SHIFT: Final = 2
_COUNTERS: Final = 64

LONGEST_BODY: Final = 4 + 1 + 2 + 0xFFFF
"""Record number, class, length and as many bytes as the length can say."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One notification or indication of 0x2B8B or 0x2BDD."""

    header: int
    data: bytes

    @classmethod
    def of(cls, counter: int, data: bytes, *, is_first: bool, is_last: bool) -> Self:
        """Make a segment; `counter` may run on beyond 63."""
        flags = _FIRST * is_first | _LAST * is_last
        return cls(counter % _COUNTERS << _COUNTER_SHIFT | flags, data)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a segment.

        Raises
        ------
        ProfileError
            If it has not even a header.
        """
        reader = FieldReader(payload, "health observation segment")
        return cls(reader.unsigned(1, "header"), reader.rest())

    @property
    def is_first(self) -> bool:
        """Whether a body begins here."""
        return bool(self.header & _FIRST)

    @property
    def is_last(self) -> bool:
        """Whether the body ends here."""
        return bool(self.header & _LAST)

    @property
    def counter(self) -> int:
        """Counts the segments of a connection, 0 to 63 and round."""
        return self.header >> _COUNTER_SHIFT

    def __bytes__(self) -> bytes:
        return bytes((self.header,)) + self.data


@dataclass(frozen=True, slots=True)
class SegmentAssembler:
    """What came of a body so far.

    Parameters
    ----------
    pending
        The data of its segments; None if no body has begun.
    counter
        Of the last segment that was taken.
    given_up
        How many bodies were lost because a segment did not come.
    """

    pending: bytes | None = None
    counter: int = 0
    given_up: int = 0

    def fed(self, segment: Segment) -> tuple[Self, bytes | None]:
        """Take the next segment; gives the new state and a body if one is complete."""
        if segment.is_first:
            # A body that waited for more has lost its end.
            state = replace(self, pending=b"", given_up=self.given_up + self._is_open)
        elif not self._is_open or segment.counter != (self.counter + 1) % _COUNTERS:
            return self._given_up(), None
        else:
            state = self
        data = (state.pending or b"") + segment.data
        if len(data) > LONGEST_BODY:
            return state._given_up(), None
        if segment.is_last:
            return replace(state, pending=None, counter=segment.counter), data
        return replace(state, pending=data, counter=segment.counter), None

    @property
    def _is_open(self) -> bool:
        return self.pending is not None

    def _given_up(self) -> Self:
        """Forget the body; the rest of its segments is passed over without counting again."""
        return replace(self, pending=None, given_up=self.given_up + self._is_open)


def segments(body: bytes, room: int, counter: int = 0) -> tuple[Segment, ...]:
    """Cut a body into segments of at most `room` bytes of data, as a sensor does."""
    pieces = [body[at : at + room] for at in range(0, len(body), room)] or [b""]
    last = len(pieces) - 1
    return tuple(
        Segment.of(counter + at, piece, is_first=at == 0, is_last=at == last)
        for at, piece in enumerate(pieces)
    )
