"""What was published, and the same of the simulated patients: people, or easy ones.

Owns the anchors (clinical.md, section 4) and how each is computed here. It knows no rule set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence import fixed
from benchmarks.evidence.world import STABLE, World
from telekol.quantities import Quantity

Floats = NDArray[np.float64]

FIELD: Final = {"green": 0.46, "yellow": 0.28, "red": 0.19, "no data": 0.07}
"""94 patients, 4,970 daily sets, static limits with personal parts (doi
10.1177/1357633X17735558); nurses graded a tenth of the yellow and red ones down."""

AREAS: Final = (0.65, 0.83)
"""Areas under the curve by patient-day: 0.655 (myCOPD 2022, baseline) to 0.832 (Hurst 2010)."""

DAY_SENSITIVITY: Final = (0.55, 0.75)
"""Part of sick days found at a specificity near 0.75: 0.551 at 0.759 (myCOPD 2022) to 0.71 at
0.74 (Hurst 2010, score and symptoms); our own gate lies at 0.75."""

SPO2_SD, PULSE_SD = 1.0, 3.0
"""Least stable SDs of the composite, as `alerts.rules.baseline` has them."""

_FEVER_CEL: Final = 38.0
_WEIGHT_KG: Final = 2.0


def as_in_the_field(world: World) -> Mapping[str, NDArray[np.int8]]:
    """Colours of each day by limits as programmes write them, with TeleCare Nord's questions.

    No Danish programme publishes its limits (danish-telekol.md, 1.1); these are the usual ones:
    SpO2 under 90 or 88, pulse over 100 or 110, or 2 and 4 % and 15 and 25 per minute from the
    patient's own, temperature over 38, weight 2 kg off that of the first fortnight.
    """
    asked = fixed.questions_of(world)
    weight = fixed.from_usual(world.worst(Quantity.BODY_WEIGHT, 1))
    fever = world.worst(Quantity.BODY_TEMPERATURE, 1) > _FEVER_CEL
    yellow = asked["tree yellow"] | fever | (np.abs(weight) > _WEIGHT_KG)
    found = {}
    for name, personal, low, high in (
        ("the same limits for all", False, (90, 88), (100, 110)),
        ("limits with personal parts", True, (-2, -4), (15, 25)),
    ):
        spo2, pulse = fixed.values_of(world, personal=personal)
        severity = np.where(yellow | (spo2 < low[0]) | (pulse > high[0]), 1, 0)
        severity[asked["tree red"] | (spo2 < low[1]) | (pulse > high[1])] = 2
        found[name] = severity.astype(np.int8)
    return found


def published_scores(world: World) -> Mapping[str, Floats]:
    """Scores by patient-day as the studies computed them; NaN where nothing was measured.

    Hurst's composite takes mean and SD of the patient's stable days, which nobody knows ahead: an
    upper bound, as in the study.
    """
    stable = world.measured & (world.state == STABLE)
    fall = -_standard(world.worst(Quantity.SPO2, -1), stable, SPO2_SD)
    rise = _standard(world.worst(Quantity.PULSE_RATE, 1), stable, PULSE_SD)
    composite = (fall + rise) / 2
    answers = np.sum(list(world.answered.values()), axis=0)
    before = np.nan_to_num(answers[:, :-1])
    twice = answers + np.concatenate([np.zeros((len(answers), 1)), before], axis=1)
    return {
        "SpO2 alone": fall,
        "pulse alone": rise,
        "composite of SpO2 and pulse (Hurst 2010)": composite,
        "number of yes among four questions": answers,
        "yes of two days together": twice,
        "composite and number of yes": composite + answers,
    }


def _standard(values: Floats, stable: NDArray[np.bool_], least_sd: float) -> Floats:
    usual = np.where(stable, values, np.nan)
    mean = np.nanmean(usual, axis=1, keepdims=True)
    sd = np.maximum(np.nanstd(usual, axis=1, ddof=1, keepdims=True), least_sd)
    return (values - mean) / sd
