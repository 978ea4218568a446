"""Families of movement: the trend over weeks, and the change over a few days.

Owns their parameters and sentences; the formulas are `alerts.rules.trend` and
`alerts.rules.change`. Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final

import numpy as np
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
from alerts.rules import change, judging, trend


class Trend(FamilyParameters):
    """Limits of a slope.

    Parameters
    ----------
    direction
        Where harm lies.
    yellow_per_day, red_per_day
        Slope towards harm, in the quantity's unit per day, beyond which it is flagged.
    p_below
        A slope counts only if the Mann-Kendall test gives a p under this.
    """

    direction: Direction
    yellow_per_day: float | None = Field(None, ge=0)
    red_per_day: float | None = Field(None, ge=0)
    p_below: float = Field(0.05, gt=0, le=1)

    own_allowed: ClassVar[tuple[str, ...]] = ("yellow_per_day", "red_per_day")


class Reference(StrEnum):
    """From what a change is counted."""

    FURTHEST = "furthest"
    MEDIAN = "median"


class Change(FamilyParameters):
    """Limits of a change over days.

    Parameters
    ----------
    direction
        Where harm lies.
    yellow, red
        Change towards harm, in the quantity's unit, beyond which it is flagged.
    within_days
        How far back the change may have begun.
    reference
        From the reading it has moved furthest from, or from the median of those days.
    """

    direction: Direction
    yellow: float | None = Field(None, gt=0)
    red: float | None = Field(None, gt=0)
    within_days: float = Field(gt=0, le=31)
    reference: Reference = Reference.FURTHEST

    own_allowed: ClassVar[tuple[str, ...]] = ("yellow", "red")


def judge_trend(inputs: Inputs) -> Found:
    """Find the trend that ends in each reading."""
    parameters = trend.Parameters(
        inputs.direction(),
        inputs.number("yellow_per_day"),
        inputs.number("red_per_day"),
        inputs.number("p_below"),
    )
    return Found(trend.judge(inputs.window, parameters, inputs.need))


def judge_change(inputs: Inputs) -> Found:
    """Hold each reading against those of the days before it."""
    furthest = inputs.parameters.reference is Reference.FURTHEST
    kind = change.FURTHEST if furthest else change.MEDIAN
    parameters = change.Parameters(
        inputs.direction(),
        inputs.number("yellow"),
        inputs.number("red"),
        inputs.number("within_days"),
        np.full(len(inputs.rows), kind, dtype=np.int8),
    )
    found = change.judge(inputs.window, parameters, inputs.need)
    red = found.severity == judging.RED
    return Found(found, beside={"limit": np.where(red, parameters.red, parameters.yellow)})


DAYS_PER_WEEK: Final = 7


def say_trend(
    about: About,
    severity: int,
    value: float,
    slope_per_day: float,
    p: float,
    n: float,
    span_days: float,
) -> Reason:
    """Say how a quantity moves, per week, over how long."""
    if severity == judging.INSUFFICIENT:
        why = words.too_few(n, about.need) if n < about.need.least_count else words.NO_TREND
        return words.cannot(about.quantity, value, why)
    told = severity != judging.GREEN
    moving = told or p < about.parameters.p_below
    counted = words.counted(int(n), p, span_days)
    if not moving:
        still = Reason("ingen sikker ændring over tid", "no certain change over time")
        return words.sentence(about.quantity, value, still, counted)
    danish, english = ("stiger", "rises") if slope_per_day > 0 else ("falder", "falls")
    if slope_per_day == 0:
        danish, english = "ændrer sig", "changes"
    week = DAYS_PER_WEEK * slope_per_day
    said = Reason(
        f"{danish} {words.difference(about.quantity, week, danish=True)} om ugen",
        f"{english} {words.difference(about.quantity, week, danish=False)} a week",
    )
    return words.sentence(about.quantity, value, said, counted)


def say_change(
    about: About,
    severity: int,
    value: float,
    moved: float,
    over_days: float,
    n: float,
    limit: float,
) -> Reason:
    """Say how far a quantity has moved, since when."""
    within = about.parameters.within_days
    if severity == judging.INSUFFICIENT:
        few = n < max(about.need.least_count, 1)
        why = words.none_within(within, int(n), about.need) if few else words.NO_NUMBER
        return words.cannot(about.quantity, value, why)
    from_median = about.parameters.reference is Reference.MEDIAN
    since = words.since(over_days, from_median=from_median)
    if words.tidy(moved) == 0:
        said = Reason(f"uændret {since.danish}", f"unchanged {since.english}")
    else:
        danish, english = ("steget", "up") if moved > 0 else ("faldet", "down")
        said = Reason(
            f"{danish} {words.difference(about.quantity, moved, danish=True)} {since.danish}",
            f"{english} {words.difference(about.quantity, moved, danish=False)} {since.english}",
        )
    return words.sentence(about.quantity, value, said, _limit(about, severity, limit))


def _limit(about: About, severity: int, limit: float) -> Reason | None:
    if severity == judging.GREEN or np.isnan(limit):
        return None
    colour = "red" if severity == judging.RED else "yellow"
    return words.limit_of_change(about.quantity, limit, about.parameters.within_days, colour)


TREND: Final = Family(
    name=trend.NAME,
    version=trend.VERSION,
    takes=Input.READINGS,
    parameters=Trend,
    need=trend.NEED,
    danish="Udvikling over uger: hældning pr. dag og test for, om der er en",
    english="Trend over weeks: slope per day, and a test of whether there is one",
    judge=judge_trend,
    spoken=("slope_per_day", "p", "n", "span_days"),
    words=say_trend,
)

CHANGE: Final = Family(
    name=change.NAME,
    version=change.VERSION,
    takes=Input.READINGS,
    parameters=Change,
    need=change.NEED,
    danish="Ændring over få dage, i målingens egen enhed",
    english="Change over a few days, in the quantity's own unit",
    judge=judge_change,
    spoken=("change", "over_days", "n", "limit"),
    words=say_change,
)
