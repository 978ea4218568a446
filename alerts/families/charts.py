"""Families of control charts: EWMA and two-sided CUSUM around the patient's reference value.

Owns their parameters and sentences; the formulas are `alerts.rules.charts`. Centre and spread are
the reference value's, approved or proposed. Pure.
"""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

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
from alerts.rules import charts, judging
from alerts.rules.charts import CUSUM_CHARTS, EWMA_CHARTS
from alerts.rules.judging import Judgement
from telekol.severity import Severity

_CODES: Final = {Severity.YELLOW: judging.YELLOW, Severity.RED: judging.RED}


class _Chart(FamilyParameters):
    """What both charts share.

    Parameters
    ----------
    direction
        On which side of the reference a shift does harm.
    chart
        By its in-control run length: how many readings of a well patient, on average, until it
        flags without cause.
    flagged_as
        Yellow or red.
    floor
        Least spread, in the quantity's unit.
    """

    direction: Direction
    chart: str
    flagged_as: Severity = Severity.YELLOW
    floor: float = Field(gt=0)

    own_allowed: ClassVar[tuple[str, ...]] = ("floor",)

    @field_validator("flagged_as")
    @classmethod
    def _colour(cls, severity: Severity) -> Severity:
        if severity not in _CODES:
            raise ValueError(f"expected yellow or red, found {severity}")
        return severity


class Ewma(_Chart):
    """An EWMA chart by name."""

    @field_validator("chart")
    @classmethod
    def _known(cls, chart: str) -> str:
        return _one_of(chart, list(EWMA_CHARTS))


class Cusum(_Chart):
    """A CUSUM chart by name."""

    @field_validator("chart")
    @classmethod
    def _known(cls, chart: str) -> str:
        return _one_of(chart, list(CUSUM_CHARTS))


def _one_of(chart: str, known: list[str]) -> str:
    if chart not in known:
        raise ValueError(f"expected one of {', '.join(known)}, found {chart!r}")
    return chart


def _usual(inputs: Inputs) -> charts.Usual:
    level = inputs.level
    # A value that a person approved may come without a spread: then the floor is all we know.
    spread: NDArray[np.float64] = np.fmax(level.spread, inputs.number("floor"))
    flagged_as = np.full(len(inputs.rows), _CODES[inputs.parameters.flagged_as], dtype=np.int8)
    return charts.Usual(level.value, spread, inputs.direction(), flagged_as)


def judge_ewma(inputs: Inputs) -> Found:
    """Chart the weighted mean around the reference value."""
    chart = EWMA_CHARTS[inputs.parameters.chart]
    found = charts.judge_ewma(inputs.window, _usual(inputs), chart, inputs.need)
    return _found(inputs, found, ("ewma", "limit"))


def judge_cusum(inputs: Inputs) -> Found:
    """Chart the cumulative sums around the reference value."""
    chart = CUSUM_CHARTS[inputs.parameters.chart]
    found = charts.judge_cusum(inputs.window, _usual(inputs), chart, inputs.need)
    return _found(inputs, found, ("high", "low", "h"))


def _found(inputs: Inputs, found: Judgement, names: tuple[str, ...]) -> Found:
    evidence = {name: found.evidence[name] for name in names}
    level = inputs.level
    beside = {
        "n": found.evidence["n"],
        "reference": level.value,
        "reference_n": level.n,
        "reference_approved": level.approved,
    }
    return Found(Judgement(found.severity, found.score, evidence), level, beside)


_REFERENCE: Final = ("n", "reference", "reference_n", "reference_approved")


def say_ewma(
    about: About,
    severity: int,
    value: float,
    ewma: float,
    limit: float,
    n: int,
    reference: float,
    reference_n: int,
    reference_approved: bool,
) -> Reason:
    """Say whether the readings have lain off the usual for a while."""
    after = (n, reference, reference_n, reference_approved)
    size = Reason(
        f"vægtet gennemsnit {words.plain(abs(ewma), 2, danish=True)} standardafvigelser fra det "
        f"sædvanlige, grænse {words.plain(limit, 2, danish=True)}",
        f"weighted mean {words.plain(abs(ewma), 2, danish=False)} standard deviations from the "
        f"usual, limit {words.plain(limit, 2, danish=False)}",
    )
    return _said(about, severity, value, ewma, size, after)


def say_cusum(
    about: About,
    severity: int,
    value: float,
    high: float,
    low: float,
    h: float,
    n: int,
    reference: float,
    reference_n: int,
    reference_approved: bool,
) -> Reason:
    """Say whether small shifts have added up."""
    sides = {Direction.HIGH: high, Direction.LOW: -low}
    larger = high if high >= low else -low
    signed = sides.get(about.parameters.direction, larger)
    after = (n, reference, reference_n, reference_approved)
    size = Reason(
        f"små afvigelser lagt sammen {words.plain(abs(signed), 1, danish=True)} "
        f"standardafvigelser, grænse {words.plain(h, 1, danish=True)}",
        f"small shifts add up to {words.plain(abs(signed), 1, danish=False)} "
        f"standard deviations, limit {words.plain(h, 1, danish=False)}",
    )
    return _said(about, severity, value, signed, size, after)


def _said(
    about: About,
    severity: int,
    value: float,
    signed: float,
    size: Reason,
    after: tuple[int, float, int, bool],
) -> Reason:
    n, reference, reference_n, approved = after
    if severity == judging.INSUFFICIENT:
        return words.cannot(about.quantity, value, _why(about, n, reference))
    usual = words.reference(about.quantity, reference, reference_n, approved=approved)
    if severity == judging.GREEN:
        said = Reason(
            f"ikke forskudt fra det sædvanlige ({size.danish})",
            f"not shifted from the usual ({size.english})",
        )
        return words.sentence(about.quantity, value, said, usual)
    danish, english = ("lavere", "lower") if signed < 0 else ("højere", "higher")
    said = Reason(
        f"har i en tid ligget {danish} end sædvanligt ({size.danish})",
        f"has lain {english} than usual for a while ({size.english})",
    )
    return words.sentence(about.quantity, value, said, usual)


def _why(about: About, n: int, reference: float) -> Reason:
    if not np.isfinite(reference):
        return words.NO_REFERENCE
    return words.too_few(n, about.need) if n < about.need.least_count else words.NO_NUMBER


EWMA: Final = Family(
    name=charts.EWMA_NAME,
    version=charts.VERSION,
    takes=Input.READINGS,
    parameters=Ewma,
    need=charts.NEED,
    danish="Kontrolkort: eksponentielt vægtet gennemsnit omkring referenceværdien",
    english="Control chart: exponentially weighted mean around the reference value",
    judge=judge_ewma,
    spoken=("ewma", "limit", *_REFERENCE),
    words=say_ewma,
)

CUSUM: Final = Family(
    name=charts.CUSUM_NAME,
    version=charts.VERSION,
    takes=Input.READINGS,
    parameters=Cusum,
    need=charts.NEED,
    danish="Kontrolkort: summer af afvigelser over og under referenceværdien",
    english="Control chart: sums of what lies above and below the reference value",
    judge=judge_cusum,
    spoken=("high", "low", "h", *_REFERENCE),
    words=say_cusum,
)
