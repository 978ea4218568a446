"""What conversations need of the home, and what outlives a connection.

Owns the list of the neighbours: notes on disk, receipts, the home's condition, what the scan
overhears. Must not know how they are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Protocol
from uuid import UUID

from gateway.condition import Condition
from gateway.device_notes import DeviceNotes
from gateway.intake import Intake
from gateway.listening.adverts import Adverts
from gateway.profiles.measurement import Decoded
from gateway.streams.steady import Steady


class Receipts(Protocol):
    """What the server has answered for."""

    def released(self, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Give those of these readings that the server has."""


class NoReceipts:
    """Nothing has been answered for: nothing is ever erased."""

    def released(self, ids: Iterable[UUID]) -> frozenset[UUID]:  # noqa: ARG002 - the protocol's
        """Give the cautious answer."""
        return frozenset()


@dataclass(slots=True)
class StreamState:
    """A streaming device over its connections: the rule, and a reading the disk did not take."""

    rule: Steady[tuple[Decoded, bytes, datetime]]
    unkept: list[tuple[Decoded, bytes, datetime]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Home:
    """The home as conversations see it.

    Parameters
    ----------
    zone
        Where its devices live.
    now
        Gives the time, aware.
    keeps_batteries
        Whether battery levels become readings.
    streams
        The streaming devices by address.
    described
        Addresses of devices whose revisions were written to the log since the start.
    adverts
        Whose adverts are an invitation, and whose a reading.
    """

    intake: Intake
    zone: tzinfo
    now: Callable[[], datetime]
    notes: DeviceNotes = field(default_factory=DeviceNotes)
    receipts: Receipts = field(default_factory=NoReceipts)
    condition: Condition = field(default_factory=Condition)
    keeps_batteries: bool = False
    streams: dict[str, StreamState] = field(default_factory=dict)
    described: set[str] = field(default_factory=set)
    adverts: Adverts = field(default_factory=Adverts)
