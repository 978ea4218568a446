"""mMRC: the modified Medical Research Council dyspnoea grade, 0-4; MRC is the same scale as 1-5.

Formula: mMRC = MRC - 1. The two are never told apart by the number: 1-4 are grades of both, so a
grade says which scale it is of, and is converted by name only. MedCom's MCS88021 is MRC 1-5.

Sources: Bestall et al., Thorax 1999;54:581; Mahler & Wells, Chest 1988;93:580.
"""

from __future__ import annotations

from typing import Final

from alerts.scores.checks import ScoreError, whole

HIGHEST: Final = 4
MRC_LOWEST: Final = 1
MRC_HIGHEST: Final = 5

MANY_SYMPTOMS: Final = 2
"""From this grade on GOLD counts a patient as breathless (GOLD 2023, figure 2.3)."""

MEANINGS: Final = (
    "breathless only with strenuous exercise",
    "breathless when hurrying, or walking up a slight hill",
    "slower than others of the same age on the level, or stops for breath",
    "stops for breath after about 100 metres or a few minutes",
    "too breathless to leave the house, or breathless when dressing",
)


def grade(value: float) -> int:
    """Give an mMRC grade, 0-4.

    Raises
    ------
    ScoreError
        If it is no grade; a 5 can only be of the other scale, and the error says so.
    """
    if value == MRC_HIGHEST:
        raise ScoreError(
            "expected an mMRC grade of 0 to 4, found 5, which is a grade of the MRC scale (1-5); "
            "give it as MRC, and it is converted"
        )
    return whole("an mMRC grade", value, 0, HIGHEST)


def of_mrc(value: float) -> int:
    """Convert a grade of the MRC scale, 1-5; a 0 can only be of the other scale."""
    if value == 0:
        raise ScoreError(
            "expected an MRC grade of 1 to 5, found 0, which is a grade of mMRC (0-4); "
            "give it as mMRC"
        )
    return whole("an MRC grade", value, MRC_LOWEST, MRC_HIGHEST) - 1


def band(value: int) -> str:
    """Say whether the patient counts as breathless for GOLD's groups."""
    return "more-symptoms" if value >= MANY_SYMPTOMS else "fewer-symptoms"
