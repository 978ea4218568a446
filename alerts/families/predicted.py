"""Spirometry against what is normal: the z-score of a volume by GLI, with percent and lower limit.

Owns its parameters and sentences; the equations are `alerts.scores.gli`. Pure.

Sex, birth year and height are a patient's own numbers in the rule set: the house keeps them nowhere
else. Where one is missing the answer is insufficient data, never a guess. Limits in z may be left
out: then the reading is put beside what is normal and flags nothing. Most patients with COPD lie
far under the lower limit on their best day, so a fall from their own level is what another family
watches; in litres, never in percent.
"""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from alerts.families import words
from alerts.families.base import About, Family, FamilyParameters, Found, Input, Inputs
from alerts.reasons import Reason, number
from alerts.rules import judging
from alerts.rules.judging import Judgement, Need
from alerts.scores import gli, severity
from alerts.scores.gli import Measure, People, Reference
from telekol.quantities import Quantity

NEED: Final = Need(least_count=1, longest_gap_days=np.inf, longest_age_days=np.inf)
"""The reading alone is compared."""

US_PER_YEAR: Final = 365.25 * 86_400e6


class Predicted(FamilyParameters):
    """Whose lungs, which equations, and limits in z.

    Parameters
    ----------
    male
        1 male, 0 female.
    birth_year
        With a decimal for the part of the year: 1960.5 is the first of July.
    """

    reference: Reference = Reference.GLI_GLOBAL
    male: int | None = Field(None, ge=0, le=1)
    birth_year: float | None = Field(None, ge=1900, le=2100)
    height_cm: float | None = Field(None, ge=gli.HEIGHT_LOWEST_CM, le=gli.HEIGHT_HIGHEST_CM)
    yellow_z: float | None = Field(None, ge=-10, le=0)
    red_z: float | None = Field(None, ge=-10, le=0)

    own_allowed: ClassVar[tuple[str, ...]] = (
        "male",
        "birth_year",
        "height_cm",
        "yellow_z",
        "red_z",
    )


def judge(inputs: Inputs) -> Found:
    """Compare each reading with what is normal for its patient."""
    readings, rows = inputs.readings, inputs.rows
    male = inputs.number("male")
    year = 1970 + readings.measured_us[rows] / US_PER_YEAR
    known = np.where(np.isnan(male), np.nan, inputs.number("height_cm"))
    people = People(male == 1, year - inputs.number("birth_year"), known)
    quantity = readings.quantity[rows[0]] if len(rows) else 0
    measure = Measure(tuple(Quantity)[quantity].value)
    normal = gli.norm(inputs.parameters.reference, measure, people)
    values = readings.values[rows]
    z = normal.z(values)
    graded = judging.grade(-z, -inputs.number("yellow_z"), -inputs.number("red_z"), noise=0)
    evidence: dict[str, NDArray[np.float64]] = {
        "z": z,
        "percent": normal.percent(values),
        "predicted": normal.predicted,
        "lln": normal.lower_limit(),
    }
    impaired = severity.severities(z)
    return Found(Judgement(graded, -z, evidence), beside={"impaired": impaired})


_IMPAIRED: Final = {
    0: Reason("normalt", "normal"),
    1: Reason("let nedsat", "mildly reduced"),
    2: Reason("moderat nedsat", "moderately reduced"),
    3: Reason("svært nedsat", "severely reduced"),
}

_UNKNOWN: Final = Reason(
    "køn, fødselsår eller højde er ikke skrevet ind eller ligger uden for ligningerne (3-95 år)",
    "sex, birth year or height is not entered or outside the equations (3-95 years)",
)


def sentence(
    about: About, graded: int, value: float, z: float, percent: float, impaired: int
) -> Reason:
    """Say what part of the predicted value it is, and how far that is from normal."""
    if graded == judging.INSUFFICIENT:
        return words.cannot(about.quantity, value, _UNKNOWN)
    how = _IMPAIRED[impaired]
    share, score = round(percent), words.tidy(round(z, 1))
    said = Reason(
        f"{share} % af forventet, {how.danish} (z {number(score, 1, danish=True)})",
        f"{share} % of predicted, {how.english} (z {number(score, 1, danish=False)})",
    )
    return words.sentence(about.quantity, value, said)


FAMILY: Final = Family(
    name="spirometry",
    version=1,
    takes=Input.READINGS,
    parameters=Predicted,
    need=NEED,
    quantities=(Quantity.FEV1, Quantity.FVC, Quantity.FEV1_FVC),
    danish="Lungefunktion i forhold til normalværdier (GLI), z-score",
    english="Lung function against reference values (GLI), z-score",
    judge=judge,
    spoken=("z", "percent", "impaired"),
    words=sentence,
)
