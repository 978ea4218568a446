"""Whose turn it is: which of the devices in sight is talked to next.

Owns the waits and the order. Pure: sightings, causes and the time come in. Must not know the
radio.

Invariants
----------
1. A device that failed, or had nothing to say, waits longer each time, as long as its cause
   asks for; the first success with a new reading ends that.
2. Among those that need not wait, the one served longest ago is next; so a device that fails
   or chatters never starves another.
3. A failure of our own (a full disk) is not held against the device: it waits, and its count
   of setbacks stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from telekol.backoff import delay_s

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
"""A measurement keeps a device awake 10-30 s; one that has failed many times is asked about as
often as a patient could measure again."""


@unique
class Cause(StrEnum):
    """Why a conversation brought nothing, as far as it can be told."""

    UNREACHABLE = "unreachable"
    MUTE = "mute"
    REFUSED = "refused"
    BOND = "bond"
    LOST = "lost"
    SILENT = "silent"
    GARBAGE = "garbage"
    DISK = "disk"
    STUCK = "stuck"
    UNFORESEEN = "unforeseen"


@dataclass(frozen=True, slots=True)
class Waits:
    """The first and the longest wait after a cause, in seconds; they double in between."""

    first_s: float
    most_s: float


WAITS: Final[Mapping[Cause, Waits]] = {
    # It was heard and then did not answer: asleep or at the edge of range. Soon again, while it
    # is still awake.
    Cause.UNREACHABLE: Waits(1.0, 60.0),
    # It is near and its program hangs: each try costs the others up to 15 s.
    Cause.MUTE: Waits(2.0, 120.0),
    # It does not let us in. Asking often makes many devices lock out for minutes (Core v5.4
    # Vol 3 Part H 2.3.6, repeated attempts).
    Cause.REFUSED: Waits(30.0, 600.0),
    # It forgot our keys: repaired at once while it is awake; if that fails, as if refused.
    Cause.BOND: Waits(0.5, 600.0),
    # The link broke in mid-conversation: it has a reading to give and is awake now.
    Cause.LOST: Waits(0.5, 30.0),
    # Nothing new: it advertises for as long as it is switched on.
    Cause.SILENT: Waits(FIRST_WAIT_S, LONGEST_WAIT_S),
    # The same bytes come again; but the next measurement may be whole.
    Cause.GARBAGE: Waits(5.0, 300.0),
    # Ours: a full disk is emptied by the uplink, within a minute when the line is up.
    Cause.DISK: Waits(1.0, 60.0),
    # The radio is being mended by the ladder meanwhile.
    Cause.STUCK: Waits(2.0, 60.0),
    Cause.UNFORESEEN: Waits(5.0, 300.0),
}
"""How long a device waits after each cause."""

_NOT_ITS_FAULT: Final = frozenset({Cause.DISK})


@dataclass(slots=True)
class _Record:
    served_s: float = float("-inf")
    not_before_s: float = float("-inf")
    setbacks: int = 0
    ours: int = 0


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
            record.setbacks = record.ours = 0
            record.not_before_s = now_s
        else:
            self._set_back(record, now_s, luck=0.5, cause=Cause.SILENT)

    def failed(
        self, address: str, now_s: float, luck: float, cause: Cause = Cause.UNREACHABLE
    ) -> float:
        """Take in a conversation that failed; gives the wait in seconds."""
        record = self._record(address)
        record.served_s = now_s
        return self._set_back(record, now_s, luck, cause)

    def setbacks(self, address: str) -> int:
        """Give how often in a row a device brought nothing."""
        return self._record(address).setbacks

    def _set_back(self, record: _Record, now_s: float, luck: float, cause: Cause) -> float:
        if cause in _NOT_ITS_FAULT:
            record.ours += 1
            times = record.ours
        else:
            record.ours = 0
            record.setbacks += 1
            times = record.setbacks
        waits = WAITS[cause]
        wait_s = delay_s(times, luck, first_s=waits.first_s, most_s=waits.most_s)
        record.not_before_s = now_s + wait_s
        return wait_s

    def _record(self, address: str) -> _Record:
        return self._records.setdefault(address, _Record())
