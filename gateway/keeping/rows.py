"""What goes in and out of the outbox: rows, answers and the state it reports.

Owns the shapes and how an observation becomes a row and is recognised in one. Pure. Must not
know the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from gateway.keeping.repetition import is_repetition
from gateway.keeping.schema import checksum
from telekol.observation import Observation

COLUMNS: Final = "boot, seq, id, body, received_at, size_bytes, checksum"
"""What a row is made of, in the order of `columns`."""


@dataclass(frozen=True, slots=True)
class Row:
    """A waiting observation, as the delivery plan needs it."""

    boot: UUID
    seq: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What `put` did: what was new and its numbers, how many were known, and which clash.

    A clash has the id of a row that is another reading; it was not stored.
    """

    seqs: tuple[int, ...] = ()
    news: tuple[Observation, ...] = ()
    repeated: int = 0
    clashes: tuple[Observation, ...] = ()


class Room(StrEnum):
    """How much room is left for readings."""

    PLENTY = "plenty"
    NEARLY_FULL = "nearly-full"
    """Readings that wait fill four fifths of the limit; history does not count, it goes first."""
    GIVING_UP = "giving-up"
    """Readings that waited were given up to make room."""
    FULL = "full"
    """Nothing may be given up any more: new readings are refused and stay in their devices."""
    DISK_FULL = "disk-full"
    """The disk itself has no room: new readings are refused and stay in their devices."""


@dataclass(frozen=True, slots=True)
class OutboxState:
    """What the outbox tells of itself.

    Parameters
    ----------
    depth
        Rows that wait for their receipt.
    oldest_age
        How long the oldest of them has waited, since it came or was asked for again.
    history
        Released rows that are still there.
    size_bytes, limit_bytes
        Pages in use, and how many may be.
    abandoned
        Numbers that were given up and not yet told to the server.
    damaged_files
        Damaged or rescued files that lay beside it at the start: somebody should look at them.
    """

    depth: int
    oldest_age: timedelta | None
    history: int
    size_bytes: int
    limit_bytes: int
    last_seq: int
    abandoned: int
    room: Room
    damaged_files: int = 0


def columns(boot: str, seq: int, item: Observation) -> tuple[str, int, str, str, str, int, int]:
    """Make the row of an observation; see COLUMNS."""
    body, received_at = item.model_dump_json(), text(item.received_at)
    proof = checksum(boot, seq, str(item.id), body, received_at)
    return boot, seq, str(item.id), body, received_at, len(body.encode()), proof


def believed(row: tuple[str, int, str, str, str, int, int]) -> Observation:
    """Read a row back.

    Raises
    ------
    ValueError
        If it is not what was written, with the reason; no value is in it.
    """
    boot, seq, reading, body, received_at, _size, proof = row
    if checksum(boot, seq, reading, body, received_at) != proof:
        raise ValueError("unreadable in the outbox: its checksum is another one")
    try:
        return Observation.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["type"]
        raise ValueError(f"unreadable in the outbox: {problem}") from None


def says(known: Observation, item: Observation) -> bool:
    """Say whether a known reading is `item` once more."""
    return is_repetition(known, item)


def text(moment: datetime) -> str:
    """Write a moment so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Join numbers to runs of consecutive ones, in order.

    Examples
    --------
    >>> runs([5, 1, 2, 3])
    [(1, 3), (5, 5)]
    """
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
