"""BODE: body mass, obstruction, dyspnoea and exercise in one number, 0-10; for the outlook.

Formula, points 0/1/2/3: BMI above 21 / 21 or less (1 at most); FEV1 in percent of predicted
65+ / 50-64 / 36-49 / 35 or less; mMRC 0-1 / 2 / 3 / 4; six-minute walk in metres
350+ / 250-349 / 150-249 / 149 or less. What lies between two printed cells takes the worse one.

Source: Celli et al., N Engl J Med 2004;350:1005, table 2; quartiles 0-2, 3-4, 5-6, 7-10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from alerts.scores import mmrc as mmrc_scale
from alerts.scores.checks import MISSING, Codes, Floats, one, table, within

PARTS: Final = ("bmi", "fev1_percent", "mmrc", "walk")
BANDS: Final = ("quartile-1", "quartile-2", "quartile-3", "quartile-4")
HIGHEST: Final = 10


@dataclass(frozen=True, slots=True)
class Bode:
    """One patient's BODE."""

    score: int
    points: Mapping[str, int]
    band: str


def scores(
    bmi: Floats, fev1_percent: Floats, mmrc: Floats, walk_m: Floats
) -> tuple[dict[str, Codes], Floats, Codes]:
    """Score many patients, each array of shape (n,), NaN where not known.

    Returns
    -------
    tuple
        Points by part, MISSING where not known; the score, NaN unless all parts are known; and
        its index into BANDS, MISSING where there is no score.
    """
    points = {
        # Just above 21 is above 21: the edge is the next number there is.
        "bmi": table(bmi, (np.nextafter(21, 22),), (1, 0)),
        "fev1_percent": table(fev1_percent, (36, 50, 65), (3, 2, 1, 0)),
        "mmrc": table(mmrc, (2, 3, 4), (0, 1, 2, 3)),
        "walk": table(walk_m, (150, 250, 350), (3, 2, 1, 0)),
    }
    stacked = np.stack([points[part] for part in PARTS])
    score = np.where((stacked != MISSING).all(axis=0), stacked.sum(axis=0), np.nan)
    return points, score, table(score, (3, 5, 7), (0, 1, 2, 3))


def score(*, bmi: float, fev1_percent: float, mmrc: int, walk_m: float) -> Bode:
    """Score one patient.

    Parameters
    ----------
    bmi
        kg/m2.
    fev1_percent
        After a bronchodilator, in percent of predicted; 45, never 0.45.
    mmrc
        0-4.
    walk_m
        Six-minute walk, metres.

    Raises
    ------
    ScoreError
        If a value is impossible.
    """
    within("BMI", bmi, 8, 100, "kg/m2")
    within("FEV1", fev1_percent, 5, 250, "% of predicted")
    within("the six-minute walk", walk_m, 0, 1500, "m")
    grade = mmrc_scale.grade(mmrc)
    points, total, band = scores(one(bmi), one(fev1_percent), one(grade), one(walk_m))
    parts = {part: int(points[part][0]) for part in PARTS}
    return Bode(int(total[0]), parts, BANDS[band[0]])
