"""GOLD: grade 1-4 of obstruction, and group A, B or E, by the year of the report.

Grade, by FEV1 in percent of predicted after a bronchodilator, where FEV1/FVC is under 0.70:
80+ 1, 50-79 2, 30-49 3, under 30 4. Group: E by exacerbations of the last twelve months; else B
with many symptoms (CAT 10 or more, or mMRC 2 or more); else A.

What makes E depends on the report: 2023 asks for two moderate exacerbations or one admission, 2026
for one of either.

Sources: GOLD report 2023, tables 2.6 and figure 2.3, as `pyspiro` 1.0.0 has them; GOLD 2026 as
reported by HCPLive, November 2025 (consultantlive.com). The reports themselves were not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from alerts.scores.checks import MISSING, Codes, Floats, ScoreError, one, table, whole, within
from alerts.scores.mmrc import MANY_SYMPTOMS
from alerts.scores.mmrc import grade as mmrc_grade

GRADES: Final = ("no-obstruction", "mild", "moderate", "severe", "very-severe")
GROUPS: Final = ("A", "B", "E")

OBSTRUCTED_BELOW: Final = 0.70
"""FEV1/FVC after a bronchodilator under this is obstruction, whatever the age (GOLD)."""

CAT_MANY_SYMPTOMS: Final = 10


@dataclass(frozen=True, slots=True)
class GroupRule:
    """What makes group E: so many moderate exacerbations, or so many admissions, in a year."""

    moderate: int
    admissions: int


YEARS: Final = {
    2023: GroupRule(moderate=2, admissions=1),
    2026: GroupRule(moderate=1, admissions=1),
}
NEWEST: Final = max(YEARS)


def grades(fev1_percent: Floats, fev1_fvc: Floats) -> Codes:
    """Grade many patients, shape (n,): 0 no obstruction, 1-4, MISSING where either is NaN."""
    found = table(fev1_percent, (30, 50, 80), (4, 3, 2, 1))
    found[fev1_fvc >= OBSTRUCTED_BELOW] = 0
    found[np.isnan(fev1_percent) | np.isnan(fev1_fvc)] = MISSING
    return found


def groups(
    moderate: Floats, admissions: Floats, cat: Floats, mmrc: Floats, year: int = NEWEST
) -> Codes:
    """Give each patient's index into GROUPS; MISSING where what is known does not decide it.

    Parameters
    ----------
    moderate, admissions
        Exacerbations of the last twelve months, those with admission counted in the second only.
    cat, mmrc
        NaN where not asked; either is enough, and the worse of the two counts.
    """
    rule = YEARS[year]
    exacerbated = (moderate >= rule.moderate) | (admissions >= rule.admissions)
    counted = ~(np.isnan(moderate) | np.isnan(admissions))
    many = (cat >= CAT_MANY_SYMPTOMS) | (mmrc >= MANY_SYMPTOMS)
    asked = ~(np.isnan(cat) & np.isnan(mmrc))
    found = np.where(many, 1, 0)
    found[~(counted & asked)] = MISSING
    found[exacerbated] = 2
    return found.astype(np.int8)


def grade(*, fev1_percent: float, fev1_fvc: float) -> int:
    """Grade one patient; 0 where there is no obstruction.

    Raises
    ------
    ScoreError
        If a value is impossible; a ratio in percent and a percent as a fraction are.
    """
    within("FEV1", fev1_percent, 5, 250, "% of predicted")
    within("FEV1/FVC, a fraction such as 0.55,", fev1_fvc, 0.05, 1)
    return int(grades(one(fev1_percent), one(fev1_fvc))[0])


def group(
    *,
    moderate: float,
    admissions: float,
    cat: float | None = None,
    mmrc: float | None = None,
    year: int = NEWEST,
) -> str:
    """Give one patient's group by the report of `year`.

    Raises
    ------
    ScoreError
        If a value is impossible, there is no rule of that year, or neither CAT nor mMRC is given
        where exacerbations do not decide.
    """
    if year not in YEARS:
        known = ", ".join(map(str, YEARS))
        raise ScoreError(f"expected the year of a GOLD report we know ({known}), found {year}")
    whole("moderate exacerbations of a year", moderate, 0, 100)
    whole("admissions of a year", admissions, 0, 100)
    if cat is not None:
        whole("a CAT score", cat, 0, 40)
    if mmrc is not None:
        mmrc_grade(mmrc)
    found = groups(one(moderate), one(admissions), one(cat), one(mmrc), year)[0]
    if found == MISSING:
        raise ScoreError(
            "GOLD's group needs CAT or mMRC where exacerbations do not decide; found neither. "
            "Give --cat or --mmrc"
        )
    return GROUPS[found]
