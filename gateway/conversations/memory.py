"""Records of a device's memory that no time stamp identifies: which of them were read before.

Owns a note of their bytes. A memory is read without being erased, and so is read again and
again. A record with a usable stamp has the same id each time; one without is a new reading each
time it arrives, unless its bytes are known.

Invariants
----------
1. A record is skipped only if its bytes were read before at least as often as in this pass.
2. A memory with fewer records than were noted was erased by somebody: the note is void. A record
   too many is the lesser evil than one too few.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from gateway.device_notes import DeviceNotes

_TOPIC: Final = "unstamped-records"
_MOST: Final = 2000
"""More than any memory of the devices we know (Nonin 3230: 20, Beurer PO60: 100, GHS sensors:
some hundreds); a device that makes up records without end must not fill the card."""


class ReadBefore:
    """The note of one device."""

    def __init__(self, notes: DeviceNotes, address: str) -> None:
        self._notes = notes
        self._address = address
        text = notes.read(address, _TOPIC)
        self._known: dict[str, list[list[str]]] = {} if text is None else json.loads(text)
        self._seen: Counter[str] = Counter()

    def begin(self, records: int | None) -> None:
        """Begin a pass over a memory of so many records, if that is known."""
        self._seen.clear()
        if records is not None and records < sum(map(len, self._known.values())):
            self.forget()

    def ids_of(self, payload: bytes) -> tuple[UUID, ...] | None:
        """Take the next record in; gives its ids if it is known, None if it is new."""
        key = payload.hex()
        number = self._seen[key]
        self._seen[key] += 1
        known = self._known.get(key, ())
        return tuple(map(UUID, known[number])) if number < len(known) else None

    def add(self, payload: bytes, ids: Sequence[UUID]) -> None:
        """Note a record that was kept; on disk when this returns.

        Raises
        ------
        OutboxError
            If it could not be written.
        """
        if sum(map(len, self._known.values())) >= _MOST:
            return
        self._known.setdefault(payload.hex(), []).append([str(item) for item in ids])
        self._notes.write(self._address, _TOPIC, json.dumps(self._known))

    def forget(self) -> None:
        """Forget all: the memory was erased."""
        self._known.clear()
        self._notes.write(self._address, _TOPIC, None)


class Pass:
    """One reading of a memory: every record, and whether all of it may go.

    Parameters
    ----------
    records
        How many there are, if the device told.
    """

    def __init__(self, before: ReadBefore, records: int | None = None) -> None:
        self._before = before
        before.begin(records)
        self.records = 0
        self.ids: list[UUID] = []
        self.is_understood = True

    def known(self, payload: bytes) -> bool:
        """Take a record in; say whether it was read before and needs no keeping."""
        self.records += 1
        ids = self._before.ids_of(payload)
        self.ids.extend(ids or ())
        return ids is not None

    def kept(
        self, payload: bytes, ids: Iterable[UUID], *, is_understood: bool, is_by_arrival: bool
    ) -> None:
        """Take in what became of a record that was not known."""
        ids = tuple(ids)
        self.ids.extend(ids)
        self.is_understood = self.is_understood and is_understood
        if is_by_arrival:
            self._before.add(payload, ids)
