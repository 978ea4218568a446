"""The own-baseline family: how far a reading lies from what is usual for this patient.

Owns its parameters and sentence; the formula is `alerts.rules.baseline`. Pure.
"""

from __future__ import annotations

from typing import ClassVar, Final

from pydantic import Field

from alerts.families import words
from alerts.families.base import (
    About,
    Direction,
    Family,
    FamilyParameters,
    Found,
    Input,
    Inputs,
)
from alerts.reasons import Reason
from alerts.rules import baseline, judging


class OwnBaseline(FamilyParameters):
    """Limits in standard deviations from the patient's own median.

    Parameters
    ----------
    direction
        Where harm lies.
    yellow, red
        Robust z towards harm beyond which a reading is flagged; left out for none.
    floor
        Least spread, in the quantity's unit.
    youngest_days
        Readings younger than this are no part of the stretch.
    """

    direction: Direction
    yellow: float | None = Field(None, gt=0)
    red: float | None = Field(None, gt=0)
    floor: float = Field(gt=0)
    youngest_days: float = Field(0.0, ge=0, le=60)

    own_allowed: ClassVar[tuple[str, ...]] = ("yellow", "red", "floor")


def judge(inputs: Inputs) -> Found:
    """Hold each reading against the patient's own median and spread."""
    parameters = baseline.Parameters(
        inputs.direction(),
        inputs.number("yellow"),
        inputs.number("red"),
        inputs.number("floor"),
        inputs.number("youngest_days"),
    )
    return Found(baseline.judge(inputs.window, parameters, inputs.need))


def say(about: About, severity: int, value: float, median: float, n: int, z: float) -> Reason:
    """Say how a reading lies beside the usual."""
    if severity == judging.INSUFFICIENT:
        why = (
            words.too_few(n, about.need, earlier=True)
            if n < about.need.least_count
            else words.NO_NUMBER
        )
        return words.cannot(about.quantity, value, why)
    after = words.usual(about.quantity, median, n)
    if severity == judging.GREEN:
        within = Reason("inden for det sædvanlige", "within the usual")
        return words.sentence(about.quantity, value, within, after)
    danish, english = ("lavt", "low") if z < 0 else ("højt", "high")
    size = abs(z)
    said = Reason(
        f"usædvanligt {danish} for patienten "
        f"({words.plain(size, 1, danish=True)} standardafvigelser)",
        f"unusually {english} for this patient "
        f"({words.plain(size, 1, danish=False)} standard deviations)",
    )
    return words.sentence(about.quantity, value, said, after)


FAMILY: Final = Family(
    name=baseline.NAME,
    version=baseline.VERSION,
    takes=Input.READINGS,
    parameters=OwnBaseline,
    need=baseline.NEED,
    danish="Patientens eget sædvanlige niveau, robust z",
    english="The patient's own usual level, robust z",
    judge=judge,
    spoken=("median", "n", "z"),
    words=say,
)
