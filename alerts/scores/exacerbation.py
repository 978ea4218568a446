"""How bad an exacerbation is: the Rome proposal of 2021 and the types of Anthonisen.

Rome: severe with PaCO2 above 45 mmHg and pH under 7.35; else moderate with three or more of five:
breathlessness 5 or more of 10, respiration 24 or more, heart rate 95 or more, SpO2 under 92 % or a
fall of more than 3 points, CRP 10 mg/L or more; else mild. "Mild" is said only where too few of the
five can still be found: unknown is not normal.

Anthonisen: more breathlessness, more sputum, purulent sputum. Type 1 all three, type 2 two, type 3
one and a minor sign (cold within 5 days, fever without another cause, more wheeze, more cough,
respiration or heart rate up by a fifth).

Sources: Celli et al., Am J Respir Crit Care Med 2021;204:1251 (limits as in `pyspiro` 1.0.0);
Anthonisen et al., Ann Intern Med 1987;106:196 (unverified: the original was not read).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from alerts.scores.checks import within

MODERATE_FROM: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Acute:
    """What is known of a patient during an exacerbation; None where it is not.

    Parameters
    ----------
    breathlessness
        0-10, on a visual analogue scale.
    spo2_fall
        Points below the usual level.
    paco2_mmhg, ph
        Arterial.
    """

    breathlessness: float | None = None
    respiration_rate: float | None = None
    heart_rate: float | None = None
    spo2: float | None = None
    spo2_fall: float | None = None
    crp_mg_l: float | None = None
    paco2_mmhg: float | None = None
    ph: float | None = None


_BOUNDS: Final = {
    "breathlessness": (0, 10),
    "respiration_rate": (0, 100),
    "heart_rate": (1, 350),
    "spo2": (1, 100),
    "spo2_fall": (-100, 100),
    "crp_mg_l": (0, 1000),
    "paco2_mmhg": (5, 250),
    "ph": (6, 8),
}


def rome(acute: Acute) -> str | None:
    """Give "severe", "moderate" or "mild"; None where what is known does not decide.

    Raises
    ------
    ScoreError
        If a value is impossible.
    """
    for field in fields(acute):
        value = getattr(acute, field.name)
        if value is not None:
            within(field.name, value, *_BOUNDS[field.name])
    if _acidotic(acute):
        return "severe"
    signs = _signs(acute)
    if signs.count(True) >= MODERATE_FROM:
        return "moderate"
    return "mild" if signs.count(True) + signs.count(None) < MODERATE_FROM else None


def _acidotic(acute: Acute) -> bool:
    if acute.paco2_mmhg is None or acute.ph is None:
        return False
    return acute.paco2_mmhg > 45 and acute.ph < 7.35


def _signs(acute: Acute) -> list[bool | None]:
    def at_least(value: float | None, limit: float) -> bool | None:
        return None if value is None else value >= limit

    low = None if acute.spo2 is None else acute.spo2 < 92
    fallen = None if acute.spo2_fall is None else acute.spo2_fall > 3
    # Either is enough; that there is neither is known only of both.
    saturation = True if low or fallen else None if None in (low, fallen) else False
    return [
        at_least(acute.breathlessness, 5),
        at_least(acute.respiration_rate, 24),
        at_least(acute.heart_rate, 95),
        saturation,
        at_least(acute.crp_mg_l, 10),
    ]


def anthonisen(
    *, more_breathless: bool, more_sputum: bool, purulent: bool, minor_sign: bool
) -> int | None:
    """Give the type, 1-3; None where it is no exacerbation by these criteria."""
    majors = more_breathless + more_sputum + purulent
    types = {3: 1, 2: 2, 1: 3 if minor_sign else None, 0: None}
    return types[majors]
