"""What a living person can have, per quantity, and which slip of units would explain what cannot.

Owns the second of three layers. `telekol.quantities` says what a working device can report; this
says what a person who measures at home can have; a physician's limits say what is good for one
patient. A value outside the second layer is never judged and never dropped: it goes to the
quarantine, where people see it. Pure.

Invariants
----------
1. The range lies within the device's. A sick person always lies within it: it parts life from
   faults, never good from bad, so it is wide on purpose.
2. What describes the signal or the device alone has no range here.

What else changes with it: docs/wire.md has the ranges.

Every bound is our own template, rounded outwards from what is known; no guideline gives one. Of the
works named beside them the abstracts of Grocott and the staging table of Brown were read, and the
WHO's tables are as commonly printed; the others are named for who wants to look, not as proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from telekol.quantities import FACTS, Quantity


@dataclass(frozen=True, slots=True)
class Range:
    """Inclusive bounds, in the quantity's own unit."""

    lowest: float
    highest: float


HUMAN: Final[dict[Quantity, Range]] = {
    # The lowest in awake people: an oxygen tension of 19 mmHg in climbers near the top of Everest
    # (Grocott, NEJM 2009;360:140), by calculation some 34 % saturated. Nobody who is lower holds a
    # finger still and measures.
    Quantity.SPO2: Range(30, 100),
    # A ventricular escape rhythm is 20-40 a minute, and flutter conducted 1:1 reaches 300, as
    # textbooks have it. A little beyond both.
    Quantity.PULSE_RATE: Range(15, 320),
    # A child of one year, who can just stand, weighs 7-12 kg (WHO growth standards): whose weight
    # it is, is the attribution guard's question. Heavier people than 300 kg live, but no scale made
    # for homes carries them.
    Quantity.BODY_WEIGHT: Range(5, 300),
    # Below 40 no cuff finds a pulse and nobody is awake; 300 is where cuffs end (lifters had more,
    # by a line in the artery: MacDougall, J Appl Physiol 1985;58:785).
    Quantity.SYSTOLIC_BP: Range(40, 300),
    Quantity.DIASTOLIC_BP: Range(15, 220),
    Quantity.MEAN_BP: Range(20, 260),
    # Below 24 degrees there are typically no vital signs (Brown, NEJM 2012;367:1930, stage IV); the
    # hottest who is reported to have lived had 46.5 (Slovis, Ann Emerg Med 1982;11:269).
    Quantity.BODY_TEMPERATURE: Range(24, 46.5),
    # Very severe COPD keeps some 0.3 L; the tallest young men reach 7 L at the upper limit of
    # normal (Quanjer, GLI-2012, ERJ 2012;40:1324). The device's range ends beside both.
    Quantity.FEV1: Range(0.1, 8.5),
    Quantity.FVC: Range(0.15, 10),
    Quantity.FEV6: Range(0.15, 10),
    # A fifth is about the least in very severe COPD; half of that leaves room.
    Quantity.FEV1_FVC: Range(0.1, 1),
    # Nunn and Gregg (BMJ 1989;298:1068) give tall men some 650 L/min; meters end at 900.
    Quantity.PEF: Range(20, 900),
}

_KG_PER_LB: Final = 0.45359237
_KPA_PER_MMHG: Final = 0.133322


@dataclass(frozen=True, slots=True)
class _Slip:
    """A unit that people and devices mix up with ours: ours = (theirs + plus) * times."""

    unit: str
    times: float
    plus: float = 0.0


_SLIPS: Final[dict[Quantity, tuple[_Slip, ...]]] = {
    Quantity.SPO2: (_Slip("a fraction", 100),),
    Quantity.BODY_WEIGHT: (_Slip("pounds", _KG_PER_LB), _Slip("grams", 0.001)),
    Quantity.SYSTOLIC_BP: (_Slip("kPa", 1 / _KPA_PER_MMHG),),
    Quantity.DIASTOLIC_BP: (_Slip("kPa", 1 / _KPA_PER_MMHG),),
    Quantity.MEAN_BP: (_Slip("kPa", 1 / _KPA_PER_MMHG),),
    Quantity.BODY_TEMPERATURE: (_Slip("Fahrenheit", 5 / 9, -32), _Slip("kelvin", 1, -273.15)),
    Quantity.FEV1: (_Slip("millilitres", 0.001),),
    Quantity.FVC: (_Slip("millilitres", 0.001),),
    Quantity.FEV6: (_Slip("millilitres", 0.001),),
    Quantity.FEV1_FVC: (_Slip("percent", 0.01),),
    Quantity.PEF: (_Slip("L/s", 60),),
}


def bounds(quantity: Quantity) -> Range:
    """Give the bounds within which a value is stored: a person's, or else the device's."""
    facts = FACTS[quantity]
    return HUMAN.get(quantity, Range(facts.lowest, facts.highest))


def implausible(quantity: Quantity, value: float) -> str | None:
    """Say why nobody alive can have `value`; None if somebody can."""
    allowed = bounds(quantity)
    if allowed.lowest <= value <= allowed.highest:
        return None
    facts = FACTS[quantity]
    return (
        f"{quantity} of a living person is {allowed.lowest:g}-{allowed.highest:g} {facts.unit}, "
        f"found {value:g}{slip(quantity, value)}; look at the device and at who measured"
    )


def slip(quantity: Quantity, value: float) -> str:
    """Name the slip of units that would make `value` plausible; nothing if there is none."""
    allowed = bounds(quantity)
    for one in _SLIPS.get(quantity, ()):
        ours = (value + one.plus) * one.times
        if allowed.lowest <= ours <= allowed.highest:
            return f" (as {one.unit} it would be {ours:.3g} {FACTS[quantity].unit})"
    return ""
