"""What conversations need of the home, and what outlives a connection.

Owns the names of the neighbours: notes on disk, receipts, technical health. Must not know how
they are kept. The neighbours are protocols, so that a conversation can be tested without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Protocol
from uuid import UUID

from gateway.device_notes import DeviceNotes
from gateway.intake import Intake
from gateway.profiles.measurement import Decoded
from gateway.steady import Steady


class Receipts(Protocol):
    """What the server has answered for."""

    def released(self, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Give those of these readings that the server has."""


class Health(Protocol):
    """Where troubles of devices are told."""

    def trouble(self, code: str, device: str, detail: str) -> None:
        """Tell of a trouble; the same one again changes nothing."""

    def over(self, code: str, device: str) -> None:
        """Tell that a trouble is over, if there was one."""

    def heard(self, device: str, model: str, battery_pct: int | None) -> None:
        """Tell that a device was reached."""


class NoReceipts:
    """Nothing has been answered for: nothing is ever erased."""

    def released(self, ids: Iterable[UUID]) -> frozenset[UUID]:  # noqa: ARG002 - the protocol's
        """Give the cautious answer."""
        return frozenset()


class NoHealth:
    """Nobody is told."""

    def trouble(self, code: str, device: str, detail: str) -> None:
        """Take it in."""

    def over(self, code: str, device: str) -> None:
        """Take it in."""

    def heard(self, device: str, model: str, battery_pct: int | None) -> None:
        """Take it in."""


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
    """

    intake: Intake
    zone: tzinfo
    now: Callable[[], datetime]
    notes: DeviceNotes = field(default_factory=DeviceNotes)
    receipts: Receipts = field(default_factory=NoReceipts)
    health: Health = field(default_factory=NoHealth)
    keeps_batteries: bool = False
    streams: dict[str, StreamState] = field(default_factory=dict)
