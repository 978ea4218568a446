"""The quantities a home measures, with one unit each.

Owns the names used on the wire, in the database and in rules, and the range that
a working device can report at all. It knows nothing of what is healthy: limits
belong to a patient and to the physician who set them.

Invariant: a quantity has exactly one unit inside the system. A message that carries
another one is refused rather than converted, because a silent pound read as a
kilogram is a hazard (unit slips are on the hazard list of docs/safety.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Quantity(StrEnum):
    """What was measured."""

    SPO2 = "spo2"
    PULSE_RATE = "pulse_rate"
    BODY_WEIGHT = "body_weight"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityFacts:
    """What is agreed about one quantity.

    Parameters
    ----------
    unit
        The only unit it has inside the system, in UCUM notation.
    lowest, highest
        Inclusive bounds of what a working device can report, in ``unit``. Outside them the
        number is a fault of the device or the decoder, never a state of the patient.
    decimals
        Digits after the point that people are shown.
    danish, english
        The name shown to people.
    """

    unit: str
    lowest: float
    highest: float
    decimals: int
    danish: str
    english: str

    def is_possible(self, value: float) -> bool:
        """Say whether a working device can have measured `value` (NaN: no)."""
        return self.lowest <= value <= self.highest


FACTS: Final[dict[Quantity, QuantityFacts]] = {
    # A fraction of haemoglobin: 0 means "no reading" on every oximeter we know, so 1 is lowest.
    Quantity.SPO2: QuantityFacts(
        unit="%", lowest=1, highest=100, decimals=0, danish="Iltmætning", english="SpO2"
    ),
    # 511 is the "missing" mark of the Nonin classic frame and 255 that of the BCI frame; real
    # oximeters state a range of about 18-321 per minute, so 350 parts the two.
    Quantity.PULSE_RATE: QuantityFacts(
        unit="/min", lowest=1, highest=350, decimals=0, danish="Puls", english="Pulse"
    ),
    # The SIG weight field ends at 327.675 kg (u16 in steps of 0.005 kg); below 2 kg nobody stands
    # on the scale.
    Quantity.BODY_WEIGHT: QuantityFacts(
        unit="kg", lowest=2, highest=330, decimals=1, danish="Vægt", english="Weight"
    ),
}
