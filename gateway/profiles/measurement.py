"""What every measurement profile gives, whatever device it is for.

Owns the shape between decoders and `gateway.capture`. Must not know any profile, nor what
a reading becomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import IntFlag
from typing import Final, Protocol, Self, runtime_checkable

from telekol.quantities import FACTS, Quantity

_HUNDREDTH: Final = Decimal("0.01")
DIGITS: Final = 400
"""Enough for any FLOAT: 7 digits with an exponent of -128 to 127, and a quotient rounded after."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value as decoded, exact, in the quantity's own unit."""

    quantity: Quantity
    value: Decimal
    unit: str


class Decoded(Protocol):
    """What was measured, whatever bytes told it."""

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


class Measurement(Decoded, Protocol):
    """One decoded indication."""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode; raises `gateway.errors.ProfileError` and nothing else."""

    def __bytes__(self) -> bytes:
        """Encode; the same bytes that were decoded."""


@runtime_checkable
class OfUser(Protocol):
    """A measurement of a device that several people use."""

    @property
    def user(self) -> int | None:
        """The device's own number for who used it; None if it does not know."""


def flag_names(flags: IntFlag) -> Iterator[str]:
    """Name the set flags that have a name, like ``poor-signal``.

    Reserved bits have none; they survive in the decoded value and its bytes.
    """
    for flag in flags:
        if flag.name:
            yield flag.name.lower().replace("_", "-")


def readings_of(*values: tuple[Quantity, Decimal | None]) -> tuple[Reading, ...]:
    """Make readings of values in their quantities' own units; None is no reading."""
    return tuple(
        Reading(quantity, value, FACTS[quantity].unit)
        for quantity, value in values
        if value is not None
    )


def hundredths(value: Decimal) -> Decimal:
    """Round a converted value to two decimals, half to even; only for units without exact ones.

    The context holds any number that a FLOAT can write (24 bits, exponent 127).
    """
    with localcontext(prec=DIGITS):
        return value.quantize(_HUNDREDTH, ROUND_HALF_EVEN)
