"""Spirometry reference values: GLI-2012 (its Caucasian group) and GLI Global 2022.

Formula (LMS), with ln the natural logarithm, height in cm, age in years:

    M = exp(a0 + a1 ln(height) + a2 ln(age) + Mspline(age))
    S = exp(p0 + p1 ln(age) + Sspline(age))
    L = q0 + q1 ln(age) + Lspline(age)
    z = ((value / M)^L - 1) / (L S)        percent = 100 value / M
    LLN = M (1 - 1.645 L S)^(1 / L)

FEV1 and FVC in litres, FEV1/FVC as a fraction; for z and LLN the exact M is used, nothing is
rounded. The splines are tables in steps of a quarter of a year, interpolated on a line between.

Invariants
----------
1. Age 3-95 and the heights below; outside there is an error, never a value carried over the edge.
2. FEV6 is not FVC: there are no reference values for it here, and it is refused by its own name.

Sources: Quanjer et al., Eur Respir J 2012;40:1324 (GLI-2012); Bowerman et al., Am J Respir Crit
Care Med 2023;207:768 (GLI Global). Where the tables come from: alerts/scores/tables/README.md. The
packages `pyspiro` and `spiref` are the oracle of the tests; why neither is used here: decision
0029.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.scores.checks import Floats, ScoreError, one, within
from alerts.scores.severity import LOWER_LIMIT_Z

AGE_LOWEST: Final = 3.0
AGE_HIGHEST: Final = 95.0

HEIGHT_LOWEST_CM: Final = 80.0
HEIGHT_HIGHEST_CM: Final = 230.0
"""Our own bounds, since the publications name none: at three years the shortest healthy children
are some 85 cm tall, and hardly an adult has 230 cm. A height in metres or inches falls outside."""


class Reference(StrEnum):
    """Which equations."""

    GLI_2012 = "gli-2012"
    GLI_GLOBAL = "gli-global"


class Sex(StrEnum):
    """The sex the equations ask for."""

    MALE = "male"
    FEMALE = "female"


class Measure(StrEnum):
    """What there are reference values for."""

    FEV1 = "fev1"
    FVC = "fvc"
    FEV1_FVC = "fev1_fvc"


@dataclass(frozen=True, slots=True)
class People:
    """Whose reference values; each of shape (n,).

    Parameters
    ----------
    male
        True for male, False for female.
    age_years, height_cm
        NaN where not known.
    """

    male: NDArray[np.bool_]
    age_years: Floats
    height_cm: Floats


@dataclass(frozen=True, slots=True)
class Norm:
    """What is normal for some people, of one measure; each of shape (n,), NaN out of range.

    Parameters
    ----------
    skewness, predicted, spread
        L, M and S of the formula; M is the predicted value.
    """

    skewness: Floats
    predicted: Floats
    spread: Floats

    def percent(self, values: Floats) -> Floats:
        """Give values in percent of predicted."""
        return 100 * values / self.predicted

    def z(self, values: Floats) -> Floats:
        """Give values as z-scores; NaN for what is not above 0."""
        positive = np.where(values > 0, values, np.nan)
        scaled: Floats = (positive / self.predicted) ** self.skewness - 1
        return scaled / (self.skewness * self.spread)

    def lower_limit(self) -> Floats:
        """Give the lower limit of normal, the fifth percentile."""
        inside = 1 + LOWER_LIMIT_Z * self.skewness * self.spread
        limit: Floats = self.predicted * inside ** (1 / self.skewness)
        return limit


@dataclass(frozen=True, slots=True)
class Result:
    """One measured value against what is normal."""

    measured: float
    predicted: float
    percent: float
    z: float
    lln: float


def norm(reference: Reference, measure: Measure, people: People) -> Norm:
    """Give what is normal for some people.

    Notes
    -----
    Who is younger, older, shorter or taller than the equations go, or of unknown age or height,
    gets NaN, so that a population can be swept; for one patient `compare` raises instead.
    """
    age = np.where(_covered(people), people.age_years, np.nan)
    logs = np.log(np.stack([people.height_cm, age]))
    parts = np.full((3, len(age)), np.nan)
    for male, sex in ((True, Sex.MALE), (False, Sex.FEMALE)):
        rows = people.male == male
        equation = _equations(reference)[measure, sex]
        parts[:, rows] = equation.at(logs[:, rows], age[rows])
    return Norm(*parts)


def _covered(people: People) -> NDArray[np.bool_]:
    age, height = people.age_years, people.height_cm
    covered: NDArray[np.bool_] = (
        (age >= AGE_LOWEST)
        & (age <= AGE_HIGHEST)
        & (height >= HEIGHT_LOWEST_CM)
        & (height <= HEIGHT_HIGHEST_CM)
    )
    return covered


def compare(
    reference: Reference,
    *,
    sex: Sex,
    age_years: float,
    height_cm: float,
    fev1_l: float,
    fvc_l: float,
) -> dict[Measure, Result]:
    """Compare one patient's spirometry with what is normal.

    Raises
    ------
    ScoreError
        If age or height is out of the equations' range, or the volumes are impossible.
    """
    within("age, within what GLI covers,", age_years, AGE_LOWEST, AGE_HIGHEST, "years")
    within("height", height_cm, HEIGHT_LOWEST_CM, HEIGHT_HIGHEST_CM, "cm")
    within("FEV1", fev1_l, 0.1, 10, "L")
    within("FVC", fvc_l, 0.1, 12, "L")
    if fev1_l > fvc_l:
        raise ScoreError(
            f"expected FEV1 to be at most FVC, found {fev1_l:g} L and {fvc_l:g} L; "
            "check whether they were exchanged, and that the FVC is no FEV6"
        )
    people = People(np.array([sex is Sex.MALE]), one(age_years), one(height_cm))
    values = {Measure.FEV1: fev1_l, Measure.FVC: fvc_l, Measure.FEV1_FVC: fev1_l / fvc_l}
    return {
        measure: _result(norm(reference, measure, people), value)
        for measure, value in values.items()
    }


def _result(normal: Norm, value: float) -> Result:
    values = one(value)
    return Result(
        measured=value,
        predicted=float(normal.predicted[0]),
        percent=float(normal.percent(values)[0]),
        z=float(normal.z(values)[0]),
        lln=float(normal.lower_limit()[0]),
    )


@dataclass(frozen=True, slots=True)
class _Equation:
    """The coefficients and splines of one measure and sex.

    Parameters
    ----------
    skewness, median, spread
        Coefficients of L (constant, height, age), M and S; L and S have none of height.
    ages, splines
        Shape (m,) and (3, m): the L, M and S spline at each age.
    """

    skewness: tuple[float, float, float]
    median: tuple[float, float, float]
    spread: tuple[float, float, float]
    ages: Floats
    splines: Floats

    def at(self, logs: Floats, age: Floats) -> Floats:
        """Give L, M and S, shape (3, n), for the logarithms of height and age."""
        lines = [
            constant + height * logs[0] + years * logs[1]
            for constant, height, years in (self.skewness, self.median, self.spread)
        ]
        curved = [np.interp(age, self.ages, spline) for spline in self.splines]
        skewness, median, spread = (line + curve for line, curve in zip(lines, curved, strict=True))
        return np.stack([skewness, np.exp(median), np.exp(spread)])


@cache
def _equations(reference: Reference) -> Mapping[tuple[Measure, Sex], _Equation]:
    name = reference.replace("-", "_")
    coefficients = {
        (Measure(row["measure"]), Sex(row["sex"])): {
            key: float(row[key]) for key in ("a0", "a1", "a2", "p0", "p1", "q0", "q1")
        }
        for row in _rows(f"{name}_coefficients.csv")
    }
    rows = _rows(f"{name}_splines.csv")
    ages = np.array([float(row["age"]) for row in rows])
    return {
        (measure, sex): _Equation(
            (c["q0"], 0.0, c["q1"]),
            (c["a0"], c["a1"], c["a2"]),
            (c["p0"], 0.0, c["p1"]),
            ages,
            np.array([[float(row[f"{measure}_{sex}_{part}"]) for row in rows] for part in "lms"]),
        )
        for (measure, sex), c in coefficients.items()
    }


def _rows(file: str) -> list[dict[str, str]]:
    text = resources.files("alerts.scores").joinpath("tables", file).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))
