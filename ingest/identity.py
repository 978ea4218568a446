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
from datetime import datetime
from typing import Final, NamedTuple

from telekol.observation import Observation

_SIGN: Final = 1 << 63


class Key(NamedTuple):
    """A row's key in ``observation_identity``; sorts by time first, as the index does."""

    stamp: datetime
    id_head: int


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch's readings by their place in it.

    Parameters
    ----------
    news
        What is stored, with its key, in the order of the keys: two workers with the same
        readings then wait for each other instead of blocking each other.
    clashes
        Those whose key is known with the other value given.
    """

    news: tuple[tuple[Key, int], ...]
    clashes: tuple[tuple[int, float], ...]


def key_of(observation: Observation) -> Key:
    """Give the key of a reading; see `telekol.observation.reading_id` for its id."""
    stamp = observation.device_time
    if stamp is None:
        stamp = observation.received_at.replace(tzinfo=None)
    return Key(stamp, (observation.id.int >> 64) - _SIGN)


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
    news: list[tuple[Key, int]] = []
    clashes: list[tuple[int, float]] = []
    for position, (key, value) in enumerate(keyed):
        if key not in values:
            values[key] = value
            news.append((key, position))
        elif values[key] != value:
            clashes.append((position, values[key]))
    return Sorted(tuple(sorted(news)), tuple(clashes))
