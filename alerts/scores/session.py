"""The grade of a spirometry session, A-F, for FEV1 and FVC apart (ATS/ERS 2019).

Owns which blows are acceptable or usable, and how many that repeat make which grade.

Formula: repeatability is the largest value of the acceptable blows less the next largest.
A three acceptable and 0.150 L; B two and 0.150; C two and 0.200; D two and 0.250; E two further
apart, or a single one; U none acceptable and one usable; F none. Up to six years of age 0.100,
0.100, 0.150 and 0.200 L, or 10, 10, 15 and 20 % of the largest where that is more. The largest FEV1
and the largest FVC are reported, be they of different blows.

Source: Graham et al., Am J Respir Crit Care Med 2019;200:e70, tables 7 and 10 (the litres agree
with occspiro.com; the original was not read).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.scores.checks import within

CHILD_TO_YEARS: Final = 6

_ADULT_ML: Final = {"B": 150, "C": 200, "D": 250}
_CHILD_ML: Final = {"B": 100, "C": 150, "D": 200}
_CHILD_PERCENT: Final = {"B": 10, "C": 15, "D": 20}
_FOR_A: Final = 3
_FOR_B_TO_D: Final = 2


class Use(StrEnum):
    """What a blow is good for, of one quantity."""

    ACCEPTABLE = "acceptable"
    USABLE = "usable"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """One forced expiration, with what a spirometer or a technician says of it.

    Parameters
    ----------
    fev1_l, fvc_l
        Litres.
    back_extrapolated_l
        Back-extrapolated volume, litres.
    ended_properly
        One of: at most 0.025 L in the last second; at least 15 s; FVC within the tolerance of the
        largest of before, or above it.
    inspired_over_l
        Forced inspired less expired volume, litres; None where no inspiration was measured.
    """

    fev1_l: float
    fvc_l: float
    back_extrapolated_l: float
    ended_properly: bool
    zero_faulty: bool = False
    cough_first_second: bool = False
    glottis_closed_first_second: bool = False
    glottis_closed_later: bool = False
    obstructed: bool = False
    leak: bool = False
    inspired_over_l: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """The grades of a session and the values it reports; None where no blow counts."""

    fev1_grade: str
    fvc_grade: str
    fev1_l: float | None
    fvc_l: float | None


def use_for_fev1(blow: Blow) -> Use:
    """Say what a blow is good for: its first second must be clean; what came after need not be."""
    if _start_fails(blow) or blow.cough_first_second:
        return Use.NEITHER
    return Use.USABLE if _effort_fails(blow) else Use.ACCEPTABLE


def use_for_fvc(blow: Blow) -> Use:
    """Say what a blow is good for: it must have been blown to its end; a cough does no harm."""
    if _start_fails(blow):
        return Use.NEITHER
    ended = blow.ended_properly and not blow.glottis_closed_later
    return Use.ACCEPTABLE if ended and not _effort_fails(blow) else Use.USABLE


def grade(blows: Sequence[Blow], age_years: float) -> Session:
    """Grade a session.

    Raises
    ------
    ScoreError
        If a volume or the age is impossible.
    """
    within("age", age_years, 0, 120, "years")
    for blow in blows:
        within("FEV1", blow.fev1_l, 0, 10, "L")
        within("FVC", blow.fvc_l, 0, 12, "L")
        within("back-extrapolated volume", blow.back_extrapolated_l, 0, 10, "L")
    is_child = age_years <= CHILD_TO_YEARS
    fev1 = [(blow.fev1_l, use_for_fev1(blow)) for blow in blows]
    fvc = [(blow.fvc_l, use_for_fvc(blow)) for blow in blows]
    return Session(
        _grade(fev1, is_child=is_child), _grade(fvc, is_child=is_child), _best(fev1), _best(fvc)
    )


def _start_fails(blow: Blow) -> bool:
    allowed_l = max(0.05 * blow.fvc_l, 0.100)
    return (
        blow.back_extrapolated_l > allowed_l or blow.zero_faulty or blow.glottis_closed_first_second
    )


def _effort_fails(blow: Blow) -> bool:
    over_l = blow.inspired_over_l
    shallow = over_l is not None and over_l > max(0.05 * blow.fvc_l, 0.100)
    return blow.obstructed or blow.leak or shallow


def _grade(blows: Sequence[tuple[float, Use]], *, is_child: bool) -> str:
    acceptable = sorted((value for value, use in blows if use is Use.ACCEPTABLE), reverse=True)
    if not acceptable:
        return "U" if any(use is Use.USABLE for _, use in blows) else "F"
    if len(acceptable) < _FOR_B_TO_D:
        return "E"
    # In whole millilitres: 3.15 - 3.00 is more than 0.15 in binary.
    apart_ml = round(acceptable[0] * 1000) - round(acceptable[1] * 1000)
    for letter, allowed_ml in _allowed_ml(acceptable[0], is_child=is_child).items():
        if apart_ml <= allowed_ml:
            return "A" if letter == "B" and len(acceptable) >= _FOR_A else letter
    return "E"


def _allowed_ml(largest_l: float, *, is_child: bool) -> dict[str, float]:
    if not is_child:
        return dict(_ADULT_ML)
    return {
        letter: max(ml, _CHILD_PERCENT[letter] * largest_l * 10) for letter, ml in _CHILD_ML.items()
    }


def _best(blows: Sequence[tuple[float, Use]]) -> float | None:
    """Give the largest of the acceptable blows, or of the usable ones if there is no other."""
    for wanted in (Use.ACCEPTABLE, Use.USABLE):
        values = [value for value, use in blows if use is wanted]
        if values:
            return max(values)
    return None
