"""Beurer PO60: the 24-byte record of its memory, and the assembler of a cut stream.

Owns the layout and how notifications become records. Must not know bleak: notifications come
in as bytes. The device is asked for ten records at a time (write ``99 00 19`` to 0xFF01, then
``99 01 1a``), and answers on 0xFF02 with 24 bytes each, cut into notifications of 20 as the
link allows. So the pulse of a record arrives in the *next* notification.

All bytes but the header have seven bits. The pulse's eighth bits stand together in byte 14; who
masks the pulse with 0x7F reads 140 as 12. Source: the maker's description as three independent
open decoders read it; the checksum was found to fit the maker's example.

Invariants
----------
1. ``bytes(Po60Record.from_bytes(raw)) == raw``.
2. A record counts only with its checksum: the sum of all bytes before it, seven bits.
3. The assembler never joins bytes across a missing one: what does not check is dropped up to
   the next header.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Self

from gateway.errors import ProfileError
from gateway.profiles.ieee11073 import FieldReader
from gateway.profiles.measurement import Reading, readings_of
from telekol.quantities import Quantity

SERVICE: Final = "0000ff12-0000-1000-8000-00805f9b34fb"
COMMANDS: Final = "0000ff01-0000-1000-8000-00805f9b34fb"
NOTIFY: Final = "0000ff02-0000-1000-8000-00805f9b34fb"

HEADER: Final = 0xE9
RECORD_BYTES: Final = 24
_SEVEN_BITS: Final = 0x7F
_SPO2_MISSING: Final = 0x7F
_PULSE_MISSING: Final = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A moment by the device's clock; the year counts from 2000."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int

    @property
    def moment(self) -> datetime | None:
        """The naive time; None if there is no such date."""
        fields = (2000 + self.year, self.month, self.day, self.hour, self.minute, self.second)
        try:
            return datetime(*fields)  # noqa: DTZ001 - a device's time has no zone
        except ValueError:
            return None

    def __bytes__(self) -> bytes:
        return bytes((self.year, self.month, self.day, self.hour, self.minute, self.second))


@dataclass(frozen=True, slots=True)
class Spread:
    """The greatest, the least and the mean of one measurement."""

    most: int
    least: int
    mean: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Po60Record:
    """One measurement from the memory, over some seconds to minutes.

    Parameters
    ----------
    number
        Byte 1; its low four bits count the record within the answer.
    high_bits
        Byte 14: the pulse's eighth bits, and bits of unknown meaning.
    duration
        Bytes 15 and 16, how long it was measured.
    """

    number: int
    start: Clock
    end: Clock
    high_bits: int
    duration: bytes
    spo2: Spread
    pulse: Spread

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode one record.

        Raises
        ------
        ProfileError
            If it is not 24 bytes, has another header, a byte of eight bits or a wrong checksum.
        """
        reader = FieldReader(payload, "PO60 record")
        record = reader.take(RECORD_BYTES, "record")
        reader.finish()
        _check(record)
        high = record[14]
        return cls(
            number=record[1],
            start=_clock(record[2:8]),
            end=_clock(record[8:14]),
            high_bits=high,
            duration=record[15:17],
            spo2=Spread(*record[17:20]),
            pulse=Spread(
                record[20] | (high & 0x20) << 2,
                record[21] | (high & 0x10) << 3,
                record[22] | (high & 0x08) << 4,
            ),
        )

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The means, which the display shows, those that are not marked as missing."""
        spo2, pulse = self.spo2.mean, self.pulse.mean
        return readings_of(
            (Quantity.SPO2, None if spo2 == _SPO2_MISSING else Decimal(spo2)),
            (Quantity.PULSE_RATE, None if pulse == _PULSE_MISSING else Decimal(pulse)),
        )

    @property
    def device_time(self) -> datetime | None:
        """When the measurement ended, if there is such a time."""
        return self.end.moment

    @property
    def quality(self) -> tuple[str, ...]:
        """Its memory holds finished measurements and no flags."""
        return ()

    @property
    def refusal(self) -> str | None:
        """It marks nothing as simulated."""
        return None

    def __bytes__(self) -> bytes:
        spo2, pulse = self.spo2, self.pulse
        body = b"".join(
            (
                bytes((HEADER, self.number)),
                bytes(self.start),
                bytes(self.end),
                bytes((self.high_bits,)),
                self.duration,
                bytes((spo2.most, spo2.least, spo2.mean)),
                bytes(value & _SEVEN_BITS for value in (pulse.most, pulse.least, pulse.mean)),
            )
        )
        return body + bytes((_checksum(body),))


@dataclass(frozen=True, slots=True)
class Po60Assembler:
    """What has come of a record so far; feeding gives a new one.

    Examples
    --------
    >>> rest, records = Po60Assembler().fed(bytes.fromhex("e900"))
    >>> len(rest.pending), records
    (2, ())
    """

    pending: bytes = b""

    def fed(self, notification: bytes) -> tuple[Self, tuple[Po60Record, ...]]:
        """Take a notification in; gives what is left over, and the records now complete."""
        stream = self.pending + notification
        records: list[Po60Record] = []
        while (start := stream.find(HEADER)) >= 0 and len(stream) - start >= RECORD_BYTES:
            try:
                records.append(Po60Record.from_bytes(stream[start : start + RECORD_BYTES]))
                stream = stream[start + RECORD_BYTES :]
            except ProfileError:
                # No other byte can be a header, so the next one begins a record.
                stream = stream[start + 1 :]
        return type(self)(stream[start:] if start >= 0 else b""), tuple(records)


def _clock(field: bytes) -> Clock:
    year, month, day, hour, minute, second = field
    return Clock(year=year, month=month, day=day, hour=hour, minute=minute, second=second)


def _checksum(body: bytes) -> int:
    return sum(body) & _SEVEN_BITS


def _check(record: bytes) -> None:
    if record[0] != HEADER or any(byte & ~_SEVEN_BITS for byte in record[1:]):
        raise ProfileError(
            f"PO60 record: expected {HEADER:#04x} and bytes of seven bits, found {record.hex()}; "
            "it does not start at the start of a record"
        )
    if record[-1] != _checksum(record[:-1]):
        raise ProfileError(
            f"PO60 record: expected the checksum {_checksum(record[:-1]):#04x}, found "
            f"{record[-1]:#04x}; bytes were lost or changed on the way"
        )
