"""What makes a reading the same reading, as the database's key sees it. Pure.

Owns the key of ``observation_identity`` and which readings of a batch are new. It knows no
database: what is stored already comes in.

Invariants
----------
1. The key follows from what never changes however often a reading is sent: the device's own
   time (or its arrival) and its id. A corrected time is not in it, for two gateways correct
   differently.
2. A key that is known with another value is a clash and never a repetition: one of the two
   readings would be dropped without a trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Key = tuple[int, int]
"""``stamp_us`` and ``id_head`` of a reading; sorts by time first, as the index does."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch's readings by their place in it.

    Parameters
    ----------
    news
        What is stored, in the order it came.
    clashes
        Those whose key is known with the other value given.
    """

    news: tuple[int, ...]
    clashes: tuple[tuple[int, float], ...]


def sort_out(keyed: Iterable[tuple[Key, float]], known: Mapping[Key, float]) -> Sorted:
    """Part the new from the repeated and from those that clash.

    Parameters
    ----------
    keyed
        Key and value of each reading, in the order they came.
    known
        Keys that the database has, with their values; others of the batch may be missing.
    """
    values = dict(known)
    news: list[int] = []
    clashes: list[tuple[int, float]] = []
    for position, (key, value) in enumerate(keyed):
        if key not in values:
            values[key] = value
            news.append(position)
        elif values[key] != value:
            clashes.append((position, values[key]))
    return Sorted(tuple(news), tuple(clashes))
