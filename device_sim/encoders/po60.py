"""The records of a Beurer PO60, and what it is asked with.

Owns the byte layout. A record is 24 bytes: 0xE9, a number, start and end as six bytes each, the
pulse's eighth bits (byte 14), how many seconds it took, SpO2 and pulse as highest, lowest and
mean, and a checksum; all bytes but the first have seven bits. The places of the values and the
request 99 00 19 are those of a public bleak script for the PO60. Which bit of byte 14 belongs to
which pulse is said nowhere that we found: it is what the project's own decoder assumes, so here
alone encoder and decoder are not independent. Must not know how the record is cut into
notifications.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

RECORD_START: Final = 0xE9
RECORD_BYTES: Final = 24
FETCH: Final = 0x99
FETCH_FIRST: Final = 0x00
FETCH_NEXT: Final = 0x01
FETCH_DELETE: Final = 0x7F
SET_CLOCK: Final = 0x83
SET_CLOCK_BYTES: Final = 10
RECORDS_PER_FETCH: Final = 10
SEVEN_BITS: Final = 0x7F


@dataclass(frozen=True, slots=True)
class Spread:
    """Highest, lowest and mean of one quantity over the measurement."""

    highest: int
    lowest: int
    mean: int

    def bytes7(self) -> bytes:
        """Write the lower seven bits of each."""
        return bytes(value & SEVEN_BITS for value in (self.highest, self.lowest, self.mean))

    def eighth_bits(self) -> int:
        """Collect the eighth bits: the mean's in bit 3, the lowest's in 4, the highest's in 5."""
        values = (self.mean, self.lowest, self.highest)
        return sum((value >> 7 & 1) << place for place, value in enumerate(values, 3))


def record(number: int, start: datetime, end: datetime, spo2: Spread, pulse: Spread) -> bytes:
    """Write one record.

    Parameters
    ----------
    number
        Its place in the answer, 0-9.
    start, end
        By the device's own clock.
    spo2, pulse
        In % and per minute.
    """
    seconds = int((end - start).total_seconds())
    body = (
        bytes([RECORD_START, number & 0x0F])
        + _six(start)
        + _six(end)
        + bytes([pulse.eighth_bits(), seconds >> 7, seconds & SEVEN_BITS])
        + spo2.bytes7()
        + pulse.bytes7()
    )
    return body + bytes([checksum(body)])


def checksum(body: bytes) -> int:
    """Sum up, in seven bits."""
    return sum(body) & SEVEN_BITS


def is_fetch(request: bytes) -> bool:
    """Say whether a host asks for records, rightly summed up."""
    return len(request) == 3 and request[0] == FETCH and request[2] == checksum(request[:2])


def time_set(request: bytes) -> datetime | None:
    """Read the time that a host sets the clock to; None if it is no such request.

    83, year since 2000, month, day, hour, minute, second, two zeros, checksum: as three open
    clients of the PO60 write it.
    """
    if len(request) != SET_CLOCK_BYTES or request[0] != SET_CLOCK:
        return None
    if request[-1] != checksum(request[:-1]):
        return None
    year, month, day, hour, minute, second = request[1:7]
    try:
        # A device's clock has no zone.
        return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001 - see above
    except ValueError:
        return None


def _six(moment: datetime) -> bytes:
    return bytes(
        [
            moment.year % 100,
            moment.month,
            moment.day,
            moment.hour,
            moment.minute,
            moment.second,
        ]
    )
