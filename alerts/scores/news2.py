"""NEWS2: the National Early Warning Score 2, when and only when every part was measured.

Formula: seven parts of 0-3 points each (oxygen 0 or 2), added up, 0-20.

Invariants
----------
1. Values are rounded before they are looked up, halves upwards: temperature to 0.1 °C, the others
   to whole numbers. The chart has no cell for 36.05.
2. A part that was not measured makes no score; no part is ever taken for normal. Homes measure
   neither respiration rate nor consciousness, so a set from a home is never shown as NEWS2.
3. SpO2 scale 2 only where it is stated: it holds after hypercapnic respiratory failure was
   confirmed and a clinician has set it.

Source: Royal College of Physicians. National Early Warning Score (NEWS) 2. London: RCP, 2017, chart
1. The working party puts no restriction on its use and asks to be named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.scores.checks import MISSING, Codes, Floats, ScoreError, half_up, one, table, within
from telekol.quantities import FACTS, Quantity

PARTS: Final = (
    "respiration_rate",
    "spo2",
    "oxygen",
    "systolic",
    "pulse",
    "consciousness",
    "temperature",
)
HIGHEST: Final = 20
"""Six parts of at most 3 and oxygen's 2."""

BANDS: Final = ("low", "low-medium", "medium", "high")
"""0-4; 0-4 with a 3 in a single part; 5-6; 7 and more."""

RESPIRATION_MOST: Final = 100
"""Breaths per minute that no adult reaches; above it is a slip of the hand. 0 is apnoea."""


class Consciousness(StrEnum):
    """ACVPU: alert, new confusion, responds to voice, to pain, unresponsive."""

    ALERT = "a"
    CONFUSED = "c"
    VOICE = "v"
    PAIN = "p"
    UNRESPONSIVE = "u"


@dataclass(frozen=True, slots=True)
class Vitals:
    """What NEWS2 is made of, one row per patient; each of shape (n,), NaN where not measured.

    Parameters
    ----------
    respiration_rate, pulse
        Per minute.
    spo2
        Percent.
    oxygen
        1 breathing oxygen, 0 air.
    systolic
        mmHg.
    consciousness
        0 alert, 1 any of C, V, P, U.
    temperature
        Degrees Celsius.
    """

    respiration_rate: Floats
    spo2: Floats
    oxygen: Floats
    systolic: Floats
    pulse: Floats
    consciousness: Floats
    temperature: Floats


@dataclass(frozen=True, slots=True)
class Scores:
    """NEWS2 of many patients.

    Parameters
    ----------
    points
        By part, shape (n,): its points, MISSING where it was not measured.
    score
        Shape (n,), float64: 0-20, NaN where any part is missing.
    band
        Shape (n,): index into BANDS, MISSING where there is no score.
    """

    points: Mapping[str, Codes]
    score: Floats
    band: Codes


@dataclass(frozen=True, slots=True)
class News2:
    """NEWS2 of one patient."""

    score: int
    points: Mapping[str, int]
    band: str
    spo2_scale: int


def scores(vitals: Vitals, scale_2: NDArray[np.bool_]) -> Scores:
    """Score many patients; `scale_2`, shape (n,), says for whom SpO2 scale 2 was set."""
    points = {
        "respiration_rate": table(
            half_up(vitals.respiration_rate), (9, 12, 21, 25), (3, 1, 0, 2, 3)
        ),
        "spo2": _spo2(half_up(vitals.spo2), vitals.oxygen, scale_2),
        "oxygen": table(vitals.oxygen, (1,), (0, 2)),
        "systolic": table(half_up(vitals.systolic), (91, 101, 111, 220), (3, 2, 1, 0, 3)),
        "pulse": table(half_up(vitals.pulse), (41, 51, 91, 111, 131), (3, 1, 0, 1, 2, 3)),
        "consciousness": table(vitals.consciousness, (1,), (0, 3)),
        # In tenths: 36.1 has no exact binary form.
        "temperature": table(
            half_up(vitals.temperature, 10), (351, 361, 381, 391), (3, 1, 0, 1, 2)
        ),
    }
    all_points = np.stack([points[part] for part in PARTS])
    whole_set = (all_points != MISSING).all(axis=0)
    score = np.where(whole_set, all_points.sum(axis=0), np.nan)
    single = (all_points == 3).any(axis=0)
    band = table(score, (5, 7), (0, 2, 3))
    band[(band == 0) & single] = 1
    return Scores(points, score, band)


def _spo2(spo2: Floats, oxygen: Floats, scale_2: NDArray[np.bool_]) -> Codes:
    first = table(spo2, (92, 94, 96), (3, 2, 1, 0))
    on_air = table(spo2, (84, 86, 88), (3, 2, 1, 0))
    on_oxygen = table(spo2, (84, 86, 88, 93, 95, 97), (3, 2, 1, 0, 1, 2, 3))
    second = np.where(oxygen == 1, on_oxygen, on_air)
    # Above 92 the second scale asks whether it was oxygen; unknown is not air.
    second[np.isnan(oxygen)] = MISSING
    return np.where(scale_2, second, first).astype(np.int8)


def score(
    *,
    respiration_rate: float | None,
    spo2: float | None,
    oxygen: bool | None,
    systolic: float | None,
    pulse: float | None,
    consciousness: Consciousness | None,
    temperature: float | None,
    spo2_scale: int = 1,
) -> News2:
    """Score one patient.

    Raises
    ------
    ScoreError
        If a part is missing (all that are missing are named), a value is impossible, or the scale
        is neither 1 nor 2.

    Examples
    --------
    >>> score(respiration_rate=22, spo2=90, oxygen=True, systolic=118, pulse=104,
    ...       consciousness=Consciousness.ALERT, temperature=38.2, spo2_scale=2).score
    6
    """
    if spo2_scale not in (1, 2):
        raise ScoreError(f"expected SpO2 scale 1 or 2, found {spo2_scale}; 1 unless 2 was set")
    awake = None if consciousness is None else float(consciousness is not Consciousness.ALERT)
    given = (respiration_rate, spo2, oxygen, systolic, pulse, awake, temperature)
    vitals = Vitals(*(one(None if value is None else float(value)) for value in given))
    _check(vitals)
    found = scores(vitals, np.array([spo2_scale == 2]))
    points = {part: int(found.points[part][0]) for part in PARTS}
    return News2(int(found.score[0]), points, BANDS[found.band[0]], spo2_scale)


def _check(vitals: Vitals) -> None:
    values = {field.name: float(getattr(vitals, field.name)[0]) for field in fields(vitals)}
    missing = [part for part in PARTS if np.isnan(values[part])]
    if missing:
        raise ScoreError(
            f"NEWS2 needs all seven parts; missing: {', '.join(missing)}. "
            "Measure what is missing: there is no partial NEWS2"
        )
    within("respiration rate", values["respiration_rate"], 0, RESPIRATION_MOST, "/min")
    for part, quantity in _QUANTITIES.items():
        facts = FACTS[quantity]
        within(facts.english, values[part], facts.lowest, facts.highest, facts.shown_unit)


_QUANTITIES: Final = {
    "spo2": Quantity.SPO2,
    "systolic": Quantity.SYSTOLIC_BP,
    "pulse": Quantity.PULSE_RATE,
    "temperature": Quantity.BODY_TEMPERATURE,
}
