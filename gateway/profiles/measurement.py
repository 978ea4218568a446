"""What every measurement profile gives, whatever device it is for.

Owns the shape between decoders and `gateway.capture`. Must not know any profile, nor what
a reading becomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Protocol, Self

from telekol.quantities import Quantity


@dataclass(frozen=True, slots=True)
class Reading:
    """One value as decoded, exact, in the quantity's own unit."""

    quantity: Quantity
    value: Decimal
    unit: str


class Measurement(Protocol):
    """One decoded indication."""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode; raises `gateway.errors.ProfileError` and nothing else."""

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The values it holds; none if the device marked them as missing."""

    @property
    def device_time(self) -> datetime | None:
        """When it was measured by the device's own clock, naive; None if not usable."""

    @property
    def quality(self) -> tuple[str, ...]:
        """Names of the quality flags that are set."""

    @property
    def refusal(self) -> str | None:
        """Why it must not be sent as a patient's reading; None if it may be."""

    def __bytes__(self) -> bytes:
        """Encode; the same bytes that were decoded."""


def flag_names(flags: IntFlag) -> Iterator[str]:
    """Name the set flags that have a name, like ``poor-signal``.

    Reserved bits have none; they survive in the decoded value and its bytes.
    """
    for flag in flags:
        if flag.name:
            yield flag.name.lower().replace("_", "-")
