"""How far lung function is impaired, by z, and what the three values say together.

Formula, by z-score: from -1.645 up normal; from -2.5 mild; from -4 moderate; below severe. Pattern:
each of FEV1, FVC and FEV1/FVC is low where its z is under -1.645, the fifth percentile. Without
total lung capacity a low FVC cannot be told to be restriction, so the words say "possible".

Source: Stanojevic et al., ERS/ATS technical standard, Eur Respir J 2022;60:2101499, table 1 (limits
as in `pyspiro` 1.0.0; the original was not read).
"""

from __future__ import annotations

from typing import Final

from alerts.scores.checks import MISSING, Codes, Floats, table

LOWER_LIMIT_Z: Final = -1.645
"""The fifth percentile of a normal distribution."""

SEVERITIES: Final = ("normal", "mild", "moderate", "severe")


def severities(z: Floats) -> Codes:
    """Give the index into SEVERITIES of each z-score, shape (n,); MISSING for NaN."""
    return table(z, (-4.0, -2.5, LOWER_LIMIT_Z), (3, 2, 1, 0))


def patterns(fev1_z: Floats, fvc_z: Floats, ratio_z: Floats) -> list[str | None]:
    """Name the pattern of each patient; None where a value is missing."""
    low = [table(z, (LOWER_LIMIT_Z,), (1, 0)) for z in (fev1_z, fvc_z, ratio_z)]
    return [_pattern(*map(int, row)) for row in zip(*low, strict=True)]


def _pattern(fev1: int, fvc: int, ratio: int) -> str | None:
    if MISSING in (fev1, fvc, ratio):
        return None
    if ratio:
        return "obstruction-possibly-mixed" if fvc else "obstruction"
    if fvc:
        return "possible-restriction"
    return "low-fev1-alone" if fev1 else "normal"
