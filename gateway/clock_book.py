"""What is known of each device's clock, kept over restarts.

Owns how eras are written down. Must not know when a clock is read or set.

Invariant: what `keep` was told is on disk when it returns. A clock is set after that: a gateway
that is restarted between setting a clock and reading the memory knows both eras.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, NaiveDatetime, TypeAdapter, ValidationError

from gateway.clock import DeviceClock, Era
from gateway.outbox import Outbox

_LOG = logging.getLogger(__name__)

_MICROSECOND: Final = timedelta(microseconds=1)


class _WrittenEra(BaseModel):
    """An era as text; the offset in microseconds, so that nothing is rounded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset_us: int
    since: NaiveDatetime | None

    def era(self) -> Era:
        return Era(self.offset_us * _MICROSECOND, self.since)


_WRITTEN: Final = TypeAdapter(tuple[_WrittenEra, ...])


class ClockBook:
    """Remembers clocks by the device's address, in the outbox's file."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def clock(self, address: str) -> DeviceClock:
        """Give what is known of a device's clock; nothing if it cannot be read any more."""
        text = self._outbox.recall_clock(address)
        if text is None:
            return DeviceClock()
        try:
            return DeviceClock(tuple(item.era() for item in _WRITTEN.validate_json(text)))
        except (ValidationError, OverflowError) as error:
            _LOG.error("%s: what was known of its clock cannot be read: %s", address, error)
            return DeviceClock()

    def keep(self, address: str, clock: DeviceClock, now: datetime) -> None:
        """Write down what is known; the same once more costs nothing.

        Raises
        ------
        OutboxError
            If it could not be written.
        """
        eras = tuple(
            _WrittenEra(offset_us=era.offset // _MICROSECOND, since=era.since) for era in clock.eras
        )
        self._outbox.note_clock(address, _WRITTEN.dump_json(eras).decode(), now)
