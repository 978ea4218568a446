"""The family over SpO2 and pulse of one session.

Owns its parameters, the pairing in time and the sentence; the formula is
`alerts.rules.composite`. A finding stands with the SpO2 reading. Pure.
"""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from alerts.families import words
from alerts.families.base import About, Family, FamilyParameters, Found, Input, Inputs
from alerts.readings import US_PER_DAY
from alerts.reasons import Reason, amount
from alerts.rules import composite, judging
from alerts.rules.composite import LONGEST_APART_DAYS
from alerts.window import Window
from telekol.quantities import Quantity

ANSWER_HOLDS_DAYS: Final = 1.0
"""An answer of the same day or the day before says how the patient is; symptoms of COPD last."""


class Composite(FamilyParameters):
    """Limits of the mean of SpO2 fall and pulse rise, in the patient's own SDs.

    Parameters
    ----------
    yellow_with, red_with
        For a patient who said it is worse; left out for none.
    yellow_without, red_without
        For one who did not, or was not asked.
    youngest_days
        Readings younger than this are no part of the stable stretch.
    """

    yellow_with: float | None = Field(None, gt=0)
    red_with: float | None = Field(None, gt=0)
    yellow_without: float | None = Field(None, gt=0)
    red_without: float | None = Field(None, gt=0)
    youngest_days: float = Field(0.0, ge=0, le=60)

    own_allowed: ClassVar[tuple[str, ...]] = (
        "yellow_with",
        "red_with",
        "yellow_without",
        "red_without",
    )


def judge(inputs: Inputs) -> Found:
    """Judge SpO2 with the pulse that is nearest to it in time."""
    readings = inputs.readings
    paired = readings.nearest(
        inputs.rows, Quantity.PULSE_RATE, round(LONGEST_APART_DAYS * US_PER_DAY)
    )
    has_pulse = paired >= 0
    with_pulse = np.where(has_pulse, paired, inputs.rows)
    pulse = _blanked(readings.window(with_pulse, inputs.most_readings), has_pulse)
    apart_us = readings.measured_us[with_pulse] - readings.measured_us[inputs.rows]
    parameters = composite.Parameters(
        np.where(has_pulse, apart_us / US_PER_DAY, np.nan),
        _symptoms(inputs),
        inputs.number("yellow_with"),
        inputs.number("red_with"),
        inputs.number("yellow_without"),
        inputs.number("red_without"),
        inputs.number("youngest_days"),
    )
    found = composite.judge(inputs.window, pulse, parameters, inputs.need)
    beside = {
        "pulse_rate": np.where(has_pulse, readings.values[with_pulse], np.nan),
        "symptoms": parameters.symptoms,
    }
    return Found(found, beside=beside)


def _blanked(window: Window, there: NDArray[np.bool_]) -> Window:
    """Leave nothing in the rows that have no partner."""
    return Window(
        np.where(there[:, None], window.values, np.nan),
        np.where(there[:, None], window.ages_days, np.nan),
    )


def _symptoms(inputs: Inputs) -> NDArray[np.int8]:
    rows, asked = inputs.rows, inputs.context.symptoms
    if asked is None:
        return np.full(len(rows), composite.NOT_ASKED, dtype=np.int8)
    return asked.at(
        inputs.readings.series[rows],
        inputs.readings.measured_us[rows],
        round(ANSWER_HOLDS_DAYS * US_PER_DAY),
    )


_SAID_OF_SYMPTOMS: Final = {
    composite.SYMPTOMS: Reason("patienten har det værre", "the patient is worse"),
    composite.NO_SYMPTOMS: Reason("patienten har det ikke værre", "the patient is no worse"),
    composite.NOT_ASKED: Reason("ikke spurgt om symptomer", "not asked about symptoms"),
}


def say(
    about: About,
    severity: int,
    value: float,
    pulse_rate: float,
    symptoms: int,
    spo2_n: float,
    pulse_n: float,
    spo2_fall_sd: float,
    pulse_rise_sd: float,
) -> Reason:
    """Say how SpO2 and pulse lie together beside the usual."""
    if severity == judging.INSUFFICIENT:
        return words.cannot(about.quantity, value, _why(about, pulse_rate, spo2_n, pulse_n))
    score = (spo2_fall_sd + pulse_rise_sd) / 2
    with_pulse = Reason(
        f"puls {amount(Quantity.PULSE_RATE, pulse_rate, danish=True)}",
        f"pulse {amount(Quantity.PULSE_RATE, pulse_rate, danish=False)}",
    )
    if severity == judging.GREEN:
        judged = Reason("tilsammen inden for det sædvanlige", "together within what is usual")
    else:
        judged = Reason(
            f"tilsammen {words.plain(score, 1, danish=True)} standardafvigelser værre end "
            "sædvanligt",
            f"together {words.plain(score, 1, danish=False)} standard deviations worse than usual",
        )
    said = Reason(
        f"{with_pulse.danish}: {judged.danish}", f"{with_pulse.english}: {judged.english}"
    )
    return words.sentence(about.quantity, value, said, _SAID_OF_SYMPTOMS[symptoms])


def _why(about: About, pulse_rate: float, spo2_n: float, pulse_n: float) -> Reason:
    if np.isnan(pulse_rate):
        return Reason(
            "der er ingen puls målt sammen med den", "no pulse was measured together with it"
        )
    fewest = min(spo2_n, pulse_n)
    if fewest < about.need.least_count:
        return words.too_few(fewest, about.need, earlier=True)
    return words.NO_NUMBER


FAMILY: Final = Family(
    name=composite.NAME,
    version=composite.VERSION,
    takes=Input.TWO_QUANTITIES,
    parameters=Composite,
    need=composite.NEED,
    quantities=(Quantity.SPO2,),
    danish="SpO2-fald og pulsstigning tilsammen, i egne standardafvigelser",
    english="SpO2 fall and pulse rise together, in own standard deviations",
    judge=judge,
    spoken=(
        "pulse_rate",
        "symptoms",
        "spo2_n",
        "pulse_n",
        "spo2_fall_sd",
        "pulse_rise_sd",
    ),
    words=say,
)
