"""What happens to a patient: exacerbations, fluid, infections, anxious days, wasting.

Owns the shape of each kind of episode and how often it comes. Must not know readings.

The course of an exacerbation, and from where it is known:

* Symptoms rise slowly over up to two weeks and sharply in the last one (van den Berge et al.,
  Respir Res 2012;13:44; from day -5 in Al Rajeh and Hurst, 2020). That is the prodrome.
* Its *onset* is the diary's: the first of two days on which symptoms are clearly worse
  (Seemungal et al., AJRCCM 2000;161:1608). Lung function has not moved before it.
* Signs follow: the largest change comes 2-3 days after the onset, and pulse moves more than
  saturation (Hurst 2010; Al Rajeh and Hurst 2020).
* Symptoms recover in 7 days (IQR 4-14) and peak flow in 6 (IQR 1-14); in 7.1 % peak flow is not
  back after 91 days (Seemungal 2000).
* How bad it gets differs so much that many hardly show in the signs: the area under the curve of
  published home monitoring is 0.63-0.83 (clinical.md, section 4; van den Berge 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from device_sim.physiology.chance import Floats, stream
from device_sim.physiology.profile import Profile
from device_sim.physiology.scatter import DAYS_PER_YEAR, winter
from telekol.quantities import Quantity


class Kind(StrEnum):
    """Kinds of episode."""

    EXACERBATION = "exacerbation"
    FLUID = "fluid"
    INFECTION = "infection"
    ANXIETY = "anxiety"
    OXYGEN_TOO_HIGH = "oxygen-too-high"
    CACHEXIA = "cachexia"


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode; times are days since the first midnight, with fractions.

    Parameters
    ----------
    symptoms_from
        When symptoms begin to rise: the start of the prodrome.
    onset
        The diary's onset: symptoms are clearly worse from here on.
    signs_from
        When saturation, pulse, weight and the lungs begin to move.
    peak
        When the signs are worst.
    symptoms_end, end
        When symptoms, and when everything but what is `lasting`, is over.
    severity
        1 is an average exacerbation; 2 usually ends in hospital.
    symptom_severity
        How bad it feels, which follows the signs only loosely.
    lasting
        Part of the lungs' loss that never comes back.
    fever_cel
        Highest rise of temperature.
    in_hospital
        First day and day after the last in hospital, if the patient was admitted.
    """

    kind: Kind
    symptoms_from: float
    onset: float
    signs_from: float
    peak: float
    symptoms_end: float
    end: float
    severity: float = 1.0
    symptom_severity: float = 1.0
    lasting: float = 0.0
    fever_cel: float = 0.0
    in_hospital: tuple[float, float] | None = None


# Change at the peak of an episode of severity 1, in the quantity's unit. Size: so that the signs
# alone part sick days from well ones as badly as they do in the studies; held by
# tests/unit/test_physiology.py.
EFFECTS: Final[dict[Kind, dict[Quantity, float]]] = {
    # About one stable SD of saturation and a little more of pulse, as Hurst 2010 found; falls of
    # peak flow are small too, and an average exacerbation takes 0.1 L of FEV1.
    Kind.EXACERBATION: {
        Quantity.SPO2: -1.4,
        Quantity.PULSE_RATE: 8.0,
        Quantity.PEF: -14.0,
        Quantity.FEV1: -0.10,
        Quantity.FVC: -0.12,
        Quantity.SYSTOLIC_BP: 3.0,
    },
    # A gain of more than 1 kg (2 lb) in the last week parts those who will be admitted from the
    # others, most gain 1-5 kg (Chaudhry et al., Circulation 2007;116:1549).
    Kind.FLUID: {
        Quantity.BODY_WEIGHT: 3.0,
        Quantity.SPO2: -0.8,
        Quantity.PULSE_RATE: 4.0,
        Quantity.SYSTOLIC_BP: 6.0,
    },
    Kind.INFECTION: {Quantity.PULSE_RATE: 7.0, Quantity.SPO2: -0.3},
    Kind.ANXIETY: {Quantity.PULSE_RATE: 16.0, Quantity.SYSTOLIC_BP: 10.0},
    # Too much oxygen: the danger lies above the target of 88-92 %, not below.
    Kind.OXYGEN_TOO_HIGH: {Quantity.SPO2: 6.0, Quantity.PULSE_RATE: -2.0},
    Kind.CACHEXIA: {},
}

ADMITTED_FROM: Final = 1.9
"""Severity from which an exacerbation ends in hospital. With the spread of `_severity` that is
6 %, between the 8.4 % of winter and the 4.6 % of summer (Donaldson et al., Chest 2012;141:94)."""

SEASON: Final = 0.26
"""How much more often exacerbations begin in the depth of winter. 1,052 began from November to
February and 676 from May to August (Donaldson 2012): a ratio of 1.56, which a cosine of this
size gives."""


def draw(
    seed: int, name: str, profile: Profile, days: int, first_day_of_year: int
) -> list[Episode]:
    """Draw what happens to a patient in `days` days, in order of onset."""
    found: list[Episode] = []
    for kind, per_year, make in _RATES:
        luck = stream(seed, name, "episodes", kind)
        for onset in _onsets(luck, per_year(profile), first_day_of_year, kind):
            if onset >= days:
                break
            if kind is not Kind.EXACERBATION or _is_clear(found, onset):
                found.append(make(luck, onset))
    if profile.weight_loss_per_year:
        found.append(wasting(0.0, float(days)))
    return sorted(found, key=lambda episode: episode.onset)


def exacerbation(luck: np.random.Generator, onset: float, severity: float | None = None) -> Episode:
    """Make an exacerbation that begins, by the diary, at `onset`."""
    is_cold = bool(luck.random() < 0.4)  # 31-43 % come with a cold (Donaldson 2012)
    drawn = _severity(luck)
    severity = drawn if severity is None else severity
    prodrome = float(np.clip(luck.lognormal(np.log(5.0), 0.5), 1.5, 14))
    signs_from = onset + float(luck.uniform(-0.5, 1.0))
    peak = onset + float(luck.uniform(2.0, 3.5))
    # ln(14/4) / 1.349 = 0.93 is the SD of a lognormal with the published quartiles; a cold takes
    # longer.
    longer = 1.25 if is_cold else 0.85
    felt = longer * float(np.clip(luck.lognormal(np.log(7.0), 0.93), 2, 90))
    signs = longer * float(np.clip(luck.lognormal(np.log(6.0), 1.1), 1, 90))
    end = max(peak + 1.0, onset + signs)
    stay = float(np.clip(luck.lognormal(np.log(5.0), 0.5), 2, 21))
    return Episode(
        kind=Kind.EXACERBATION,
        symptoms_from=onset - prodrome,
        onset=onset,
        signs_from=signs_from,
        peak=peak,
        symptoms_end=onset + max(felt, 3.0),
        end=end,
        severity=severity,
        symptom_severity=float(np.clip(severity**0.4 * luck.lognormal(0, 0.35), 0.3, 3)),
        lasting=float(luck.uniform(0.2, 0.6)) if luck.random() < 0.071 else 0.0,
        fever_cel=float(luck.uniform(0.4, 1.8)) if is_cold and luck.random() < 0.6 else 0.0,
        in_hospital=(peak, peak + stay) if severity >= ADMITTED_FROM else None,
    )


def fluid(luck: np.random.Generator, onset: float, severity: float | None = None) -> Episode:
    """Make a gain of fluid that is felt from `onset` on.

    Weight rises gradually from about 30 days before an admission and fast in the last week
    (Chaudhry 2007); here the gain begins 6-20 days before its peak.
    """
    rise = float(luck.uniform(6, 20))
    drawn = float(np.clip(luck.lognormal(0, 0.4), 0.4, 2.5))
    return Episode(
        kind=Kind.FLUID,
        symptoms_from=onset - 1,
        onset=onset,
        signs_from=onset - rise * 0.6,
        peak=onset + rise * 0.4,
        symptoms_end=onset + rise * 0.4 + 6,
        end=onset + rise * 0.4 + float(luck.uniform(5, 10)),
        severity=drawn if severity is None else severity,
        symptom_severity=float(luck.uniform(0.3, 1.0)),
    )


def infection(luck: np.random.Generator, onset: float, severity: float | None = None) -> Episode:
    """Make an infection that is no exacerbation: fever and a fast pulse for some days."""
    drawn = float(luck.uniform(0.5, 1.5))
    return _short(
        Kind.INFECTION,
        onset,
        days=float(luck.uniform(3, 7)),
        severity=drawn if severity is None else severity,
        felt=0.25,
        fever_cel=float(luck.uniform(0.6, 2.2)),
    )


def anxiety(luck: np.random.Generator, onset: float, severity: float | None = None) -> Episode:
    """Make an anxious day or two: a fast pulse and a feeling of breathlessness."""
    drawn = float(luck.uniform(0.5, 1.5))
    return _short(
        Kind.ANXIETY,
        onset,
        days=float(luck.uniform(0.8, 2.0)),
        severity=drawn if severity is None else severity,
        felt=0.5,
    )


def oxygen_too_high(
    luck: np.random.Generator, onset: float, severity: float | None = None
) -> Episode:
    """Make some days with the oxygen turned up too far."""
    return _short(
        Kind.OXYGEN_TOO_HIGH,
        onset,
        days=float(luck.uniform(4, 8)),
        severity=1.0 if severity is None else severity,
        felt=0.0,
    )


def wasting(start: float, days: float) -> Episode:
    """Mark the time in which body weight is lost for ever; the pace stands in the profile."""
    end = start + days
    return Episode(
        kind=Kind.CACHEXIA,
        symptoms_from=start,
        onset=start,
        signs_from=start,
        peak=end,
        symptoms_end=end,
        end=end,
        symptom_severity=0.0,
    )


Make = Callable[[np.random.Generator, float], Episode]

MAKERS: Final[dict[Kind, Callable[[np.random.Generator, float, float | None], Episode]]] = {
    Kind.EXACERBATION: exacerbation,
    Kind.FLUID: fluid,
    Kind.INFECTION: infection,
    Kind.ANXIETY: anxiety,
    Kind.OXYGEN_TOO_HIGH: oxygen_too_high,
}
"""What a scenario may let happen, with a severity of its own."""

_RATES: Final[tuple[tuple[Kind, Callable[[Profile], float], Make], ...]] = (
    (Kind.EXACERBATION, lambda who: who.exacerbations_per_year, exacerbation),
    (Kind.FLUID, lambda who: who.fluid_per_year, fluid),
    (Kind.INFECTION, lambda who: who.infections_per_year, infection),
    (Kind.ANXIETY, lambda who: who.anxious_days_per_year, anxiety),
)


def signs(episode: Episode, days: Floats) -> Floats:
    """Give how far the signs have moved at each time: 0 before, 1 at the peak, 0 at the end."""
    return _shape(days, episode.signs_from, episode.peak, episode.end)


def symptoms(episode: Episode, days: Floats) -> Floats:
    """Give how bad it feels at each time: slowly up in the prodrome, a jump at the onset.

    At the onset it is 0.8 of its worst, so that the diary's two days are these.
    """
    lead = max(episode.onset - episode.symptoms_from, 1e-6)
    into = np.clip((days - episode.symptoms_from) / lead, 0, 1)
    early = np.where(days < episode.onset, 0.6 * into**1.3, 0.0)
    worst = episode.onset + 1.5
    late = 0.8 + 0.2 * np.clip((days - episode.onset) / 1.5, 0, 1)
    falling = _fall(days, worst, max(episode.symptoms_end, worst + 0.5))
    return np.where(days < episode.onset, early, np.where(days < worst, late, falling))


def _short(
    kind: Kind, onset: float, *, days: float, severity: float, felt: float, fever_cel: float = 0.0
) -> Episode:
    return Episode(
        kind=kind,
        symptoms_from=onset,
        onset=onset,
        signs_from=onset,
        peak=onset + days * 0.3,
        symptoms_end=onset + days,
        end=onset + days,
        severity=severity,
        symptom_severity=felt,
        fever_cel=fever_cel,
    )


def _shape(days: Floats, start: float, peak: float, end: float) -> Floats:
    rise = np.clip((days - start) / max(peak - start, 1e-6), 0, 1)
    smooth = rise * rise * (3 - 2 * rise)
    return np.where(days <= peak, smooth, _fall(days, peak, end))


def _fall(days: Floats, top: float, end: float) -> Floats:
    """Fall exponentially from 1 at `top` to exactly 0 at `end`, half of it in a quarter of it."""
    gone = np.clip((days - top) / max(end - top, 1e-6), 0, 1)
    floor = np.exp(-3.0)
    left: Floats = (np.exp(-3.0 * gone) - floor) / (1 - floor)
    return left


def _severity(luck: np.random.Generator) -> float:
    return float(np.clip(luck.lognormal(np.log(0.8), 0.55), 0.15, 3.0))


def _onsets(
    luck: np.random.Generator, per_year: float, first_day_of_year: int, kind: Kind
) -> Iterator[float]:
    """Give the onsets of one kind, without end: a Poisson process, thinned by the season.

    Drawn from the first day on, so that a longer period only adds to a shorter one.
    """
    if per_year <= 0:
        return
    season = SEASON if kind in {Kind.EXACERBATION, Kind.INFECTION} else 0.0
    day = 0.0
    while True:
        day += luck.exponential(DAYS_PER_YEAR / (per_year * (1 + season)))
        chance = 1 + season * float(winter(np.array([int(day)]), first_day_of_year)[0])
        if luck.random() * (1 + season) < chance:
            yield day


def _is_clear(before: list[Episode], onset: float) -> bool:
    """Say whether an earlier exacerbation is over: two at once would be one."""
    return all(onset > max(episode.end, episode.symptoms_end) + 2 for episode in before)
