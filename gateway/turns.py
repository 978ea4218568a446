"""Whose turn it is: which of the devices in sight is talked to next.

Owns the waits and the order. Pure: sightings and the time come in. Must not know the radio.

Invariants
----------
1. A device that failed, or had nothing to say, waits longer each time, up to a minute; the
   first success with a new reading ends that.
2. Among those that need not wait, the one served longest ago is next; so a device that fails
   or chatters never starves another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from telekol.backoff import delay_s

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
"""A measurement keeps a device awake 10-30 s; one that has failed many times is asked about as
often as a patient could measure again."""


@dataclass(slots=True)
class _Record:
    served_s: float = float("-inf")
    not_before_s: float = float("-inf")
    setbacks: int = 0


class Turns:
    """Remembers each device's last turn and how it went."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def next(self, in_sight: Iterable[str], now_s: float) -> str | None:
        """Choose among the addresses in sight; None if all of them have to wait."""
        ready = [item for item in in_sight if self._record(item).not_before_s <= now_s]
        return min(ready, key=lambda item: self._record(item).served_s, default=None)

    def served(self, address: str, now_s: float, *, had_news: bool) -> None:
        """Take in a conversation that went well."""
        record = self._record(address)
        record.served_s = now_s
        if had_news:
            record.setbacks = 0
            record.not_before_s = now_s
        else:
            self._set_back(record, now_s, luck=0.5)

    def failed(self, address: str, now_s: float, luck: float) -> float:
        """Take in a conversation that failed; gives the wait in seconds."""
        record = self._record(address)
        record.served_s = now_s
        return self._set_back(record, now_s, luck)

    def _set_back(self, record: _Record, now_s: float, luck: float) -> float:
        record.setbacks += 1
        wait_s = delay_s(record.setbacks, luck, first_s=FIRST_WAIT_S, most_s=LONGEST_WAIT_S)
        record.not_before_s = now_s + wait_s
        return wait_s

    def _record(self, address: str) -> _Record:
        return self._records.setdefault(address, _Record())
