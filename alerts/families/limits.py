"""Limit families: absolute limits, and limits relative to a reference value.

Owns their parameters and sentences; the comparison is `alerts.rules.absolute_limits` and
`alerts.rules.relative_limits`. Pure.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from alerts.families import words
from alerts.families.base import About, Family, FamilyParameters, Found, Input, Inputs
from alerts.readings import US_PER_DAY
from alerts.reasons import Reason, limit_passed
from alerts.rules import absolute_limits, baseline, judging, relative_limits
from alerts.rules.absolute_limits import LIMIT_NAMES, Limits
from alerts.rules.judging import Judgement

_ORDER: Final = ("red_low", "yellow_low", "yellow_high", "red_high")
_NAMES: Final = np.array([*LIMIT_NAMES, None], dtype=object)
"""The name of the limit that was passed; NO_LIMIT, -1, takes the last."""

USUAL_LEAST: Final = 5
"""A sentence names what is usual from a median of this many readings; our own."""


class _Limits(FamilyParameters):
    red_low: float | None = None
    yellow_low: float | None = None
    yellow_high: float | None = None
    red_high: float | None = None

    own_allowed: ClassVar[tuple[str, ...]] = _ORDER

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        set_limits = [(name, getattr(self, name)) for name in _ORDER]
        given = [(name, value) for name, value in set_limits if value is not None]
        if not given:
            raise ValueError(f"expected at least one of {', '.join(_ORDER)}, found none")
        for (lower, low), (higher, high) in pairwise(given):
            if low > high:
                raise ValueError(f"{lower} must not lie above {higher}, found {low:g} and {high:g}")
        return self


class AbsoluteLimits(_Limits):
    """Limits in the quantity's own unit; each may be left out."""


class RelativeLimits(_Limits):
    """Signed offsets from the reference, in the quantity's own unit; each may be left out."""

    longest_reference_age_days: float = Field(
        relative_limits.LONGEST_REFERENCE_AGE_DAYS, gt=0, le=3660
    )


def _columns(inputs: Inputs) -> dict[str, NDArray[np.float64]]:
    return {name: inputs.number(name) for name in _ORDER}


def _passed_limit(limits: Limits, passed: NDArray[np.int8]) -> NDArray[np.float64]:
    """Give the limit that was passed; NaN where none was."""
    table = np.stack([getattr(limits, name) for name in LIMIT_NAMES])
    chosen = table[np.maximum(passed, 0), np.arange(len(passed))]
    return np.where(passed == absolute_limits.NO_LIMIT, np.nan, chosen)


def judge_absolute(inputs: Inputs) -> Found:
    """Hold each reading against limits; what is usual is told beside it."""
    columns = _columns(inputs)
    limits = Limits(**columns)
    found = absolute_limits.judge(inputs.window, limits)
    usual = baseline.usual_level(inputs.window, np.zeros(len(inputs.rows)), inputs.need)
    known = usual.n >= USUAL_LEAST
    evidence: dict[str, NDArray[Any]] = {
        "passed": _NAMES[found.passed],
        "limit": _passed_limit(limits, found.passed),
        **columns,
    }
    beside = {"usual": np.where(known, usual.median, np.nan), "usual_n": usual.n}
    return Found(Judgement(found.severity, found.score, evidence), beside=beside)


def judge_relative(inputs: Inputs) -> Found:
    """Hold each reading against its own reference value plus or minus offsets."""
    level = inputs.level
    measured = inputs.readings.measured_us[inputs.rows]
    known = np.isfinite(level.value)
    age = np.where(known, (measured - level.dated_us) / US_PER_DAY, np.nan)
    parameters = relative_limits.Parameters(level.value, age, **_columns(inputs))
    longest = inputs.parameters.longest_reference_age_days
    found = relative_limits.judge(inputs.window, parameters, longest)
    limits = relative_limits.limits_in_force(parameters)
    passed = found.evidence["passed"]
    evidence: dict[str, NDArray[Any]] = {
        "passed": _NAMES[passed],
        "limit": _passed_limit(limits, passed),
        **{name: getattr(limits, name) for name in _ORDER},
        "difference": found.evidence["difference"],
        "reference": level.value,
        "reference_approved": level.approved,
        "reference_age_days": age,
        "reference_state": np.array(relative_limits.STATES, dtype=object)[
            found.evidence["reference_state"]
        ],
    }
    beside = {"reference_n": level.n}
    return Found(Judgement(found.severity, found.score, evidence), level, beside)


def _said(
    about: About, value: float, passed: str | None, limit: float, after: Reason | None
) -> Reason:
    if passed is None:
        within = Reason("inden for grænserne", "within the limits")
        return words.sentence(about.quantity, value, within, after)
    start = limit_passed(about.quantity, value, passed, words.tidy(limit))
    if after is None:
        return start
    return Reason(f"{start.danish}; {after.danish}", f"{start.english}; {after.english}")


def absolute_words(
    about: About,
    severity: int,
    value: float,
    passed: str | None,
    limit: float,
    usual: float,
    usual_n: int,
) -> Reason:
    """Say on which side of which limit a reading lies, and what is usual."""
    if severity == judging.INSUFFICIENT:
        return words.cannot(about.quantity, value, words.NO_NUMBER)
    after = None if np.isnan(usual) else words.usual(about.quantity, usual, usual_n)
    return _said(about, value, passed, limit, after)


_NO_REFERENCE: Final = {
    "missing": words.NO_REFERENCE,
    "outdated": Reason(
        "referenceværdien er for gammel; en læge skal tage stilling",
        "the reference value is too old; a physician must decide",
    ),
    "not yet in force": Reason(
        "referenceværdien gælder først fra senere", "the reference value holds only from later on"
    ),
    "in force": words.NO_NUMBER,
}


def relative_words(
    about: About,
    severity: int,
    value: float,
    passed: str | None,
    limit: float,
    reference: float,
    reference_approved: bool,
    reference_state: str,
    reference_n: int,
) -> Reason:
    """Say on which side of which limit a reading lies, and what the limit was made from."""
    if severity == judging.INSUFFICIENT:
        return words.cannot(about.quantity, value, _NO_REFERENCE[reference_state])
    after = words.reference(about.quantity, reference, reference_n, approved=reference_approved)
    return _said(about, value, passed, limit, after)


ABSOLUTE: Final = Family(
    name=absolute_limits.NAME,
    version=absolute_limits.VERSION,
    takes=Input.READINGS,
    parameters=AbsoluteLimits,
    need=baseline.NEED,
    danish="Faste grænser, røde og gule, høje og lave",
    english="Fixed limits, red and yellow, high and low",
    judge=judge_absolute,
    spoken=("passed", "limit", "usual", "usual_n"),
    words=absolute_words,
)

RELATIVE: Final = Family(
    name=relative_limits.NAME,
    version=relative_limits.VERSION,
    takes=Input.READINGS,
    parameters=RelativeLimits,
    need=relative_limits.NEED,
    danish="Grænser i forhold til patientens egen referenceværdi",
    english="Limits relative to the patient's own reference value",
    judge=judge_relative,
    spoken=("passed", "limit", "reference", "reference_approved", "reference_state", "reference_n"),
    words=relative_words,
)
