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
    SYSTOLIC_BP = "systolic_bp"
    DIASTOLIC_BP = "diastolic_bp"
    MEAN_BP = "mean_bp"
    BODY_TEMPERATURE = "body_temperature"
    FEV1 = "fev1"
    FVC = "fvc"
    FEV6 = "fev6"
    FEV1_FVC = "fev1_fvc"
    PEF = "pef"
    PERFUSION_INDEX = "perfusion_index"
    BATTERY = "battery"


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
    of_patient
        Whether it says something of the patient. What describes the signal or the device alone
        has no limits, so no rule may ask a physician to set them.
    """

    unit: str
    lowest: float
    highest: float
    decimals: int
    danish: str
    english: str
    of_patient: bool = True

    @property
    def shown_unit(self) -> str:
        """The unit as people write it: UCUM's ``Cel``, ``mm[Hg]`` and ``{ratio}`` are for programs.

        Empty where a number stands for itself.
        """
        return _SHOWN_UNITS.get(self.unit, self.unit)

    def is_possible(self, value: float) -> bool:
        """Say whether a working device can have measured `value` (NaN: no)."""
        return self.lowest <= value <= self.highest


_SHOWN_UNITS: Final = {"Cel": "°C", "mm[Hg]": "mmHg", "{ratio}": ""}


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
    # ISO 81060-2:2018 makes cuffs measure at least 60-230 systolic and 40-130 diastolic; makers
    # go to 300 (A&D UA-651: 0-299). 20 leaves room for shock; below it a cuff finds no pulse.
    Quantity.SYSTOLIC_BP: QuantityFacts(
        unit="mm[Hg]",
        lowest=20,
        highest=300,
        decimals=0,
        danish="Systolisk blodtryk",
        english="Systolic blood pressure",
    ),
    Quantity.DIASTOLIC_BP: QuantityFacts(
        unit="mm[Hg]",
        lowest=10,
        highest=250,
        decimals=0,
        danish="Diastolisk blodtryk",
        english="Diastolic blood pressure",
    ),
    # It lies between the two others.
    Quantity.MEAN_BP: QuantityFacts(
        unit="mm[Hg]",
        lowest=10,
        highest=300,
        decimals=0,
        danish="Middelblodtryk",
        english="Mean blood pressure",
    ),
    # ISO 80601-2-56 asks for 34-43 at least; the coldest survivor had 13.7 (Gilbert, Lancet
    # 2000;355:375), and above 46.5 nobody lived (Slovis, Ann Emerg Med 1982;11:269). 20 parts a
    # cold person from a thermometer left on a table.
    Quantity.BODY_TEMPERATURE: QuantityFacts(
        unit="Cel",
        lowest=20,
        highest=47,
        decimals=1,
        danish="Temperatur",
        english="Temperature",
    ),
    # ATS/ERS 2019 (Graham, AJRCCM 200:e70) asks spirometers for 0-8 L at least; the tallest
    # healthy have an FVC above 8. Below 0.1 L is no blow: severe COPD keeps some 0.3 L.
    Quantity.FEV1: QuantityFacts(
        unit="L", lowest=0.1, highest=9, decimals=2, danish="FEV1", english="FEV1"
    ),
    Quantity.FVC: QuantityFacts(
        unit="L", lowest=0.1, highest=10, decimals=2, danish="FVC", english="FVC"
    ),
    # Six seconds of the same blow: never more than the FVC, and never stored in its place.
    Quantity.FEV6: QuantityFacts(
        unit="L", lowest=0.1, highest=10, decimals=2, danish="FEV6", english="FEV6"
    ),
    # A part of the whole, as a fraction; 72 would be percent, and is refused.
    Quantity.FEV1_FVC: QuantityFacts(
        unit="{ratio}", lowest=0.05, highest=1, decimals=2, danish="FEV1/FVC", english="FEV1/FVC"
    ),
    # ISO 23747 and ATS/ERS 2005 (Miller, ERJ 26:319): meters reach 900 L/min, 14 L/s (840) at
    # the least; below 30 the scale of a peak flow meter begins. A value in L/s, at most 16, is
    # refused and not read as L/min.
    Quantity.PEF: QuantityFacts(
        unit="L/min", lowest=20, highest=1000, decimals=0, danish="Peak flow", english="Peak flow"
    ),
    # Nonin gives 0.00-20.00, Masimo 0.02-20.00; 30 leaves room. 0 is a signal too weak to count.
    Quantity.PERFUSION_INDEX: QuantityFacts(
        unit="%",
        lowest=0,
        highest=30,
        decimals=2,
        danish="Perfusionsindeks",
        english="Perfusion index",
        of_patient=False,
    ),
    # Battery Level 0x2A19: 0-100; 101-255 are reserved.
    Quantity.BATTERY: QuantityFacts(
        unit="%",
        lowest=0,
        highest=100,
        decimals=0,
        danish="Batteri",
        english="Battery",
        of_patient=False,
    ),
}
