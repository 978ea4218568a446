"""What is known of each device's clock, kept over restarts.

Owns how eras are written down. Must not know when a clock is read or set.

Invariants
----------
1. What `keep` was told is on disk when it returns. A clock is set after that: a gateway that is
   restarted between setting a clock and reading the memory knows both eras.
2. An undated era is dated as soon as the gateway knows the time of the boot it is of. One of a
   boot whose time was never known says nothing any more and is forgotten; a reading that needs
   it carries its own copy (`gateway.held`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, NaiveDatetime, TypeAdapter, ValidationError

from gateway.clock import wrongness
from gateway.clock_notes import ClockNotes
from gateway.device_clock import DeviceClock, Era
from gateway.outbox import Outbox

_LOG = logging.getLogger(__name__)

_MICROSECOND: Final = timedelta(microseconds=1)


class BootDates(Protocol):
    """What must be known of the gateway's own time to date what was written undated."""

    @property
    def boot(self) -> str:
        """Names the boot of the kernel."""

    @property
    def shift(self) -> timedelta | None:
        """What leads from undated moments of this boot to dates; None while not known."""

    def dated_at_least(self, moment: datetime) -> datetime:
        """Give a date that `moment` is not before."""


class AlwaysKnown:
    """A gateway that has always known the time."""

    boot: str = ""
    shift: timedelta | None = timedelta()

    def dated_at_least(self, moment: datetime) -> datetime:
        """Give the moment itself."""
        return moment


class _WrittenEra(BaseModel):
    """An era as text; the offset in microseconds, so that nothing is rounded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset_us: int
    since: NaiveDatetime | None = None
    until: NaiveDatetime | None = None
    steady_from: NaiveDatetime | None = None
    seen: NaiveDatetime | None = None
    anchor_us: int | None = None
    is_undated: bool = False
    is_proven: bool = True

    def era(self) -> Era:
        fields = self.model_dump(exclude={"offset_us", "anchor_us"})
        anchor = None if self.anchor_us is None else self.anchor_us * _MICROSECOND
        return Era(offset=self.offset_us * _MICROSECOND, anchor=anchor, **fields)


class _Written(BaseModel):
    """A clock as text; `boot` says to what undated eras refer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eras: tuple[_WrittenEra, ...]
    ignored_count: int = 0
    restart_count: int = 0
    boot: str = ""


_EITHER: Final[TypeAdapter[_Written | tuple[_WrittenEra, ...]]] = TypeAdapter(
    _Written | tuple[_WrittenEra, ...]
)
"""Gateways up to version 1 wrote the eras alone."""


def to_text(clock: DeviceClock, boot: str) -> str:
    """Write a clock, with the boot that its undated eras are of."""
    written = _Written(
        eras=tuple(_written(era) for era in clock.eras),
        ignored_count=clock.ignored_count,
        restart_count=clock.restart_count,
        boot=boot if any(era.is_undated for era in clock.eras) else "",
    )
    return written.model_dump_json(exclude_defaults=True)


def from_text(text: str) -> tuple[DeviceClock, str]:
    """Read a clock and the boot that its undated eras are of.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    found = _EITHER.validate_json(text)
    written = found if isinstance(found, _Written) else _Written(eras=found)
    try:
        eras = tuple(item.era() for item in written.eras)
    except OverflowError as error:
        raise ValueError(f"expected an offset within our calendar: {error}") from error
    return DeviceClock(eras, written.ignored_count, written.restart_count), written.boot


class ClockBook:
    """Remembers clocks by the device's address, in the outbox's file.

    Parameters
    ----------
    dates
        What the gateway knows of its own time.
    on_judged
        Called with a device's address and what is wrong with its clock, or None, whenever it is
        kept.
    """

    def __init__(
        self,
        outbox: Outbox,
        dates: BootDates | None = None,
        zone: tzinfo = UTC,
        on_judged: Callable[[str, str | None], None] | None = None,
    ) -> None:
        self._notes = ClockNotes(outbox.file)
        self._dates: BootDates = AlwaysKnown() if dates is None else dates
        self._zone = zone
        self._on_judged = on_judged

    def clock(self, address: str) -> DeviceClock:
        """Give what is known of a device's clock; nothing if it cannot be read any more."""
        text = self._notes.recall(address)
        if text is None:
            return DeviceClock()
        try:
            clock, boot = from_text(text)
        except (ValidationError, ValueError) as error:
            _LOG.error("%s: what was known of its clock cannot be read: %s", address, error)
            return DeviceClock()
        return self.dated(clock) if boot == self._dates.boot else clock.without_undated()

    def keep(self, address: str, clock: DeviceClock, now: datetime) -> None:
        """Write down what is known; the same once more costs nothing.

        Raises
        ------
        OutboxError
            If it could not be written.
        """
        clock = self.dated(clock)
        text = to_text(clock, self._dates.boot)
        self._notes.note(address, text, self._dates.dated_at_least(now))
        if self._on_judged is not None:
            self._on_judged(address, wrongness(clock, self._zone))

    def redated(self, jump: timedelta, since: datetime) -> dict[str, frozenset[timedelta]]:
        """Move what was compared since `since` with a wrong time.

        Gives the offsets that were found then, by the device's address.

        Raises
        ------
        OutboxError
            If it could not be written.
        """
        found = {}
        for address in self._notes.all():
            clock = self.clock(address)
            wrong = clock.found_since(since)
            if wrong:
                found[address] = frozenset(era.offset for era in wrong)
                text = to_text(clock.redated(jump, since), self._dates.boot)
                self._notes.note(address, text, since + jump)
        return found

    def dated(self, clock: DeviceClock) -> DeviceClock:
        """Date what can be dated of a clock that was compared in this boot."""
        shift = self._dates.shift
        return clock if shift is None else clock.dated(shift)


def _written(era: Era) -> _WrittenEra:
    return _WrittenEra(
        offset_us=era.offset // _MICROSECOND,
        since=era.since,
        until=era.until,
        steady_from=era.steady_from,
        seen=era.seen,
        anchor_us=None if era.anchor is None else era.anchor // _MICROSECOND,
        is_undated=era.is_undated,
        is_proven=era.is_proven,
    )
