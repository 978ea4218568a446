"""Who a patient is: usual levels, illnesses and habits; drawn at random or written in a scenario.

Owns the description of a person and how a cohort of them is drawn. Must not know time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from device_sim.physiology.chance import stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A person with COPD, stable, in the morning.

    The defaults are a person with severe COPD whose saturation target is 88-92 %.

    Parameters
    ----------
    exacerbations_per_year, fluid_per_year, infections_per_year, anxious_days_per_year
        Mean number of such episodes.
    response
        How far this person's signs move in an exacerbation, against the average person's.
    weight_loss_per_year
        Part of the body weight that is lost in a year, for ever: cachexia. 0: none.
    skipping
        Probability that a stable day's measurement is left out, at first.
    fading
        Log-odds by which that grows in a year: habits wear off.
    usual_hour
        When this person measures, local time.
    holidays_per_year
        Mean number of journeys without the kit.
    cold_hands
        Probability that a finger is too cold for the oximeter, in spring and autumn.
    nail_polish_pct
        By how much polish lowers each saturation that is measured.
    """

    spo2_pct: float = 92.0
    on_oxygen: bool = False
    pulse_per_min: float = 78.0
    systolic_mmhg: float = 134.0
    diastolic_mmhg: float = 76.0
    weight_kg: float = 74.0
    temperature_cel: float = 36.5
    fev1_l: float = 1.05
    fvc_l: float = 2.5
    pef_l_per_min: float = 210.0
    fev1_loss_l_per_year: float = 0.033
    mmrc: int = 2
    cat: int = 19
    exacerbations_per_year: float = 2.4
    response: float = 1.0
    fluid_per_year: float = 0.0
    infections_per_year: float = 0.5
    anxious_days_per_year: float = 0.0
    weight_loss_per_year: float = 0.0
    is_depressed: bool = False
    skipping: float = 0.06
    fading: float = 0.0
    usual_hour: float = 8.5
    holidays_per_year: float = 1.5
    cold_hands: float = 0.01
    nail_polish_pct: float = 0.0


STEADY: Final = Profile(
    exacerbations_per_year=0.0,
    infections_per_year=0.0,
    holidays_per_year=0.0,
    skipping=0.0,
    cold_hands=0.0,
)
"""Nothing happens to this person but what a scenario says."""

TYPES: Final[dict[str, Profile]] = {
    "steady": STEADY,
    "low-but-usual": replace(STEADY, spo2_pct=87.0, pulse_per_min=84.0, fev1_l=0.7, mmrc=4),
    "oxygen": replace(STEADY, spo2_pct=90.0, on_oxygen=True, fev1_l=0.6, mmrc=4, cat=26),
    "heart-failure": replace(STEADY, weight_kg=88.0, systolic_mmhg=146.0, fvc_l=2.2),
    "wasting": replace(STEADY, weight_kg=52.0, weight_loss_per_year=0.12, fev1_l=0.7),
    "anxious": replace(STEADY, pulse_per_min=88.0, cat=24),
    "cold-hands": replace(STEADY, cold_hands=0.3),
    "mild": replace(STEADY, spo2_pct=95.0, fev1_l=1.6, fvc_l=3.2, pef_l_per_min=320.0, mmrc=1),
    "ordinary": Profile(),
}
"""People that a scenario may name; each but ``ordinary`` lives only what the scenario says."""


def draw(seed: int, name: str) -> Profile:
    """Draw a person of the kind that Danish programmes take in.

    The sources are those of each group of lines; where none is named, the spread is our choice.
    """
    luck = stream(seed, name, "profile")
    levels = _levels(luck) | _lungs(luck)
    return Profile(**levels, **_illness(luck), **_habits(luck, seed, name))


def _levels(luck: np.random.Generator) -> dict[str, Any]:
    # Long-term oxygen aims at 88-92 %; the others live at 87-97 % (the range is the issue's).
    on_oxygen = bool(luck.random() < 0.15)
    spo2 = luck.normal(90.5, 1.3) if on_oxygen else luck.normal(93.2, 1.9)
    height_m = luck.normal(1.70, 0.09)
    return {
        "on_oxygen": on_oxygen,
        "spo2_pct": round(float(np.clip(spo2, 87, 97)), 1),
        "pulse_per_min": round(float(np.clip(luck.normal(80, 9), 56, 108)), 1),
        "systolic_mmhg": round(float(np.clip(luck.normal(133, 13), 100, 175)), 1),
        "diastolic_mmhg": round(float(np.clip(luck.normal(76, 8), 55, 98)), 1),
        "weight_kg": round(float(height_m**2 * np.clip(luck.normal(25.5, 5), 16, 42)), 1),
        "temperature_cel": round(float(np.clip(luck.normal(36.5, 0.2), 36, 37)), 2),
    }


def _lungs(luck: np.random.Generator) -> dict[str, Any]:
    # FEV1 1.12 L, SD 0.46: the London COPD cohort (Donaldson et al., Chest 2012;141:94). Loss 33
    # ml a year, SD 59, also among who gains: Vestbo et al., N Engl J Med 2011;365:1184 (ECLIPSE;
    # unverified). Peak flow near 190 L/min for each litre: our choice.
    fev1 = float(np.clip(np.exp(luck.normal(np.log(1.04), 0.38)), 0.4, 2.6))
    ratio = float(np.clip(luck.normal(0.43, 0.08), 0.25, 0.69))
    return {
        "fev1_l": round(fev1, 3),
        "fvc_l": round(fev1 / ratio, 3),
        "pef_l_per_min": round(float(fev1 * luck.normal(190, 20) + 20), 1),
        "fev1_loss_l_per_year": round(float(luck.normal(0.033, 0.059)), 4),
        "mmrc": int(np.clip(round(luck.normal(2.6, 0.9)), 1, 4)),
        # CAT 19.4, SD 6.8: Mackay et al., Am J Respir Crit Care Med 2012;185:1218.
        "cat": int(np.clip(round(luck.normal(19.4, 6.8)), 5, 38)),
    }


def _illness(luck: np.random.Generator) -> dict[str, Any]:
    # Exacerbations, diary-defined: median 2.13 a year, IQR 1.0-3.2 (Donaldson et al., AJRCCM
    # 2015;192:943). A gamma of shape 1.8 and mean 2.43 has median 2.0 and IQR 1.1-3.3.
    anxious = luck.random() < 0.3
    return {
        "exacerbations_per_year": round(float(luck.gamma(1.8, 1.35)), 3),
        "response": round(float(np.exp(luck.normal(0.0, 0.3))), 3),
        "fluid_per_year": round(float(luck.gamma(2.0, 0.5)), 3) if luck.random() < 0.2 else 0.0,
        "infections_per_year": round(float(luck.gamma(2.0, 0.3)), 3),
        "anxious_days_per_year": round(float(luck.gamma(2.0, 5.0)), 3) if anxious else 0.0,
        # Cachexia is a loss of 5 % in 6-12 months (clinical.md): 6-14 % a year.
        "weight_loss_per_year": round(float(luck.uniform(0.06, 0.14)), 3)
        if luck.random() < 0.1
        else 0.0,
        "is_depressed": bool(luck.random() < 0.25),
    }


def _habits(luck: np.random.Generator, seed: int, name: str) -> dict[str, Any]:
    # Of 4,970 daily sets 7 % held no data (doi 10.1177/1357633X17735558). That includes illness
    # and journeys, which come on top here.
    return {
        "skipping": round(float(luck.beta(1.2, 28)), 4),
        "usual_hour": round(float(np.clip(luck.normal(8.6, 1.3), 5.5, 12)), 2),
        # That people measure less as months go by is often reported; how much is our choice: odds
        # of 1.6 times after a year on average, 3 times for one in ten.
        "fading": round(float(stream(seed, name, "fading").gamma(1.2, 0.4)), 3),
        "holidays_per_year": round(float(luck.gamma(2.0, 0.6)), 3),
        "cold_hands": round(float(luck.beta(1.0, 60)), 4),
        "nail_polish_pct": round(float(luck.uniform(0.5, 2)), 2) if luck.random() < 0.04 else 0.0,
    }
