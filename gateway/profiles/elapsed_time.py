"""Elapsed Time: the time stamp of Generic Health Sensors, and their clock, 0x2BF2.

Owns both byte layouts (GATT Specification Supplement; Elapsed Time Service 1.0, 0x183F). Must not
know what a device's clock is worth; `gateway.timing.clock` does.

Invariants
----------
1. ``bytes(X.from_bytes(raw)) == raw``; reserved bits and unknown time sources survive.
2. What the device's display shows stays naive. A time is called UTC only if the device says so,
   or says how far it is from UTC.
3. A tick counter counts from nobody knows when, so it is no time.

Flags, resolutions, sources and the length of 0x2BF2 were compared with Zephyr's Elapsed Time
Service and the GSS file that bluetooth-sig-python quotes; both agree. The offset's "not known" is
-128, as in one vendor's reference sensor.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum, IntFlag
from typing import Final, Self

from gateway.profiles.ieee11073 import FieldReader

_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - the start of a count in the device's time
_RESOLUTIONS: Final = (
    timedelta(seconds=1),
    timedelta(milliseconds=100),
    timedelta(milliseconds=1),
    timedelta(microseconds=100),
)
_RESOLUTION_SHIFT: Final = 2
_OFFSET_STEP: Final = timedelta(minutes=15)
_NO_OFFSET: Final = -128


class TimeFlags(IntFlag):
    """What the count is; bits 2 and 3 are its resolution, and bits 6 and 7 are reserved."""

    TICK_COUNTER = 1 << 0
    UTC = 1 << 1
    OFFSET_USED = 1 << 4
    CURRENT_TIMELINE = 1 << 5


class TimeSource(IntEnum):
    """Where a clock got its time."""

    UNKNOWN = 0
    NETWORK = 1
    SATELLITE = 2
    RADIO = 3
    MANUAL = 4
    ATOMIC = 5
    CELLULAR = 6
    NOT_SYNCHRONISED = 7


class ClockStatus(IntFlag):
    """What a device says of its clock."""

    NEEDS_SETTING = 1 << 0


@dataclass(frozen=True, slots=True)
class ElapsedTime:
    """A count of a device's clock: nine bytes.

    Parameters
    ----------
    count
        Steps since the year 2000 began by this clock, or ticks since nobody knows when.
    source
        Compare with `TimeSource`.
    offset_quarters
        From UTC to the time of the place, summer time included, in quarters of an hour.

    Examples
    --------
    >>> stamp = ElapsedTime.from_bytes(bytes.fromhex("22729d2b2900000600"))
    >>> stamp.utc.isoformat()
    '2021-11-20T11:50:10+00:00'
    """

    flags: TimeFlags
    count: int
    source: int
    offset_quarters: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode an Elapsed Time.

        Raises
        ------
        ProfileError
            If it is not nine bytes long.
        """
        reader = FieldReader(payload, "Elapsed Time")
        moment = cls.take(reader)
        reader.finish()
        return moment

    @classmethod
    def take(cls, reader: FieldReader) -> Self:
        """Cut the next nine bytes of `reader` as an Elapsed Time."""
        return cls(
            TimeFlags(reader.unsigned(1, "time flags")),
            reader.unsigned(6, "time value"),
            reader.unsigned(1, "time source"),
            int.from_bytes(reader.take(1, "time zone"), "little", signed=True),
        )

    @property
    def resolution(self) -> timedelta:
        """How long one step is."""
        return _RESOLUTIONS[self.flags >> _RESOLUTION_SHIFT & 3]

    @property
    def moment(self) -> datetime | None:
        """What the clock showed, naive; None if it only counts ticks, or counts past the calendar.

        It is UTC or local time, as the device counts; see `utc`.
        """
        if TimeFlags.TICK_COUNTER in self.flags:
            return None
        try:
            return _EPOCH + self.count * self.resolution
        except OverflowError:
            return None

    @property
    def offset(self) -> timedelta | None:
        """From UTC to the time of the place; None if the device does not say."""
        if TimeFlags.OFFSET_USED not in self.flags or self.offset_quarters == _NO_OFFSET:
            return None
        return self.offset_quarters * _OFFSET_STEP

    @property
    def utc(self) -> datetime | None:
        """The moment by this clock, aware; None if the device does not say how it lies to UTC."""
        moment = self.moment
        if moment is None:
            return None
        if TimeFlags.UTC in self.flags:
            return moment.replace(tzinfo=UTC)
        try:
            return None if self.offset is None else (moment - self.offset).replace(tzinfo=UTC)
        except OverflowError:
            return None

    @property
    def is_current(self) -> bool:
        """Whether the clock has run on without a jump since this stamp."""
        return TimeFlags.CURRENT_TIMELINE in self.flags

    def set_to(self, now: datetime, offset: timedelta, source: TimeSource) -> Self:
        """Give what to write so that this clock shows `now`: in its own resolution and convention.

        A device refuses a time in another form than its own (ATT error 0x81).

        Parameters
        ----------
        now
            Aware.
        offset
            From UTC to the time of the place at `now`.

        Raises
        ------
        ValueError
            If the device only counts ticks, or `now` is before the year 2000.
        """
        if TimeFlags.TICK_COUNTER in self.flags:
            raise ValueError("expected a clock with a date, found a tick counter; it cannot be set")
        shown = now.astimezone(UTC).replace(tzinfo=None)
        if TimeFlags.UTC not in self.flags:
            shown += offset
        if shown < _EPOCH:
            raise ValueError(f"expected a time from 2000 on, found {now.isoformat()}")
        uses_offset = TimeFlags.OFFSET_USED in self.flags
        return replace(
            self,
            flags=self.flags | TimeFlags.CURRENT_TIMELINE,
            count=(shown - _EPOCH) // self.resolution,
            source=source,
            offset_quarters=offset // _OFFSET_STEP if uses_offset else self.offset_quarters,
        )

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                struct.pack("<B", self.flags),
                self.count.to_bytes(6, "little"),
                struct.pack("<Bb", self.source, self.offset_quarters),
            )
        )


@dataclass(frozen=True, slots=True)
class CurrentElapsedTime:
    """A device's clock as it is read from 0x2BF2; only its first nine bytes are written.

    Parameters
    ----------
    capabilities
        Bit 0: it changes to summer time by itself; bit 1: it follows time zones by itself.
    """

    time: ElapsedTime
    status: ClockStatus
    capabilities: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a clock.

        Raises
        ------
        ProfileError
            If it is not eleven bytes long.
        """
        reader = FieldReader(payload, "Current Elapsed Time")
        clock = cls(
            ElapsedTime.take(reader),
            ClockStatus(reader.unsigned(1, "clock status")),
            reader.unsigned(1, "clock capabilities"),
        )
        reader.finish()
        return clock

    @property
    def needs_setting(self) -> bool:
        """Whether the device asks to be set."""
        return ClockStatus.NEEDS_SETTING in self.status

    @property
    def moment(self) -> datetime | None:
        """What the clock shows, naive."""
        return self.time.moment

    def __bytes__(self) -> bytes:
        return bytes(self.time) + struct.pack("<BB", self.status, self.capabilities)
