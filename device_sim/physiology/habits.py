"""When a patient measures: agreed days, human lateness, gaps, journeys, nights, second tries.

Owns adherence. Must not know values, save that a strange one is measured again.

Invariants: moments are sorted and distinct; nobody measures at home from a hospital or a journey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from device_sim.physiology.chance import (
    Flags,
    Floats,
    Moments,
    key_of,
    normal_at,
    stream,
    uniform_at,
)
from device_sim.physiology.course import Course
from device_sim.physiology.scatter import (
    DAYS_PER_YEAR,
    SCATTER,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
)
from telekol.quantities import Quantity


class Cadence(StrEnum):
    """How often it was agreed to measure."""

    DAILY = "daily"
    TWICE_WEEKLY = "twice-weekly"
    WEEKLY = "weekly"
    INTRODUCTION = "introduction"
    """Daily for 14 days, then weekly: TeleCare Nord (danish-telekol.md, 1.1)."""
    INTRODUCTION_TWICE = "introduction-twice-weekly"
    """Daily for 14 days, then twice weekly, where that was ordered."""


INTRODUCTION_DAYS: Final = 14
_WEEKDAYS: Final = {
    Cadence.TWICE_WEEKLY: (0, 3),
    Cadence.WEEKLY: (1,),
    Cadence.INTRODUCTION: (1,),
    Cadence.INTRODUCTION_TWICE: (0, 3),
}
_INTRODUCED: Final = {Cadence.INTRODUCTION, Cadence.INTRODUCTION_TWICE}

BREATHLESS_NIGHT: Final = 0.6
"""Burden of symptoms from which somebody may sit up at night and measure."""

NIGHT_CHANCE: Final = 0.15
AGAIN_CHANCE: Final = 0.4
"""How often a strange value is measured again at once; our choice."""

STRANGE_SD: Final = 2.5
"""From how many stable SDs off the usual a value looks strange to its owner."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Days without a measurement, and why: ``holiday`` or ``hospital``; end exclusive."""

    reason: str
    first_day: float
    end_day: float


@dataclass(frozen=True, slots=True)
class Sessions:
    """When the patient measures; each array is sorted and distinct.

    Parameters
    ----------
    agreed
        The agreed days' measurements, late as they may be.
    nights
        A breathless night: the oximeter alone.
    skipped
        Days on which it was agreed to measure and nothing came.
    """

    agreed: Moments
    nights: Moments
    skipped: Moments


def holidays(course: Course) -> list[Absence]:
    """Draw the journeys: 3-21 days, in summer more than in winter."""
    luck = stream(course.seed, course.name, "holidays")
    found: list[Absence] = []
    day = 0.0
    while course.profile.holidays_per_year > 0:
        day += luck.exponential(365.25 / (course.profile.holidays_per_year * 1.5))
        if day >= course.days:
            break
        summer = -np.cos(2 * np.pi * (day + course.start.timetuple().tm_yday) / 365.25)
        length = float(np.clip(luck.lognormal(np.log(7), 0.6), 3, 21))
        if luck.random() * 1.5 < 1 + 0.5 * summer:
            found.append(Absence("holiday", np.floor(day), np.floor(day) + np.ceil(length)))
            day += length
    return found


def absences(course: Course) -> list[Absence]:
    """List journeys and stays in hospital, in order."""
    stays = [Absence("hospital", *each.in_hospital) for each in course.episodes if each.in_hospital]
    return sorted([*holidays(course), *stays], key=lambda each: each.first_day)


def agreed_days(course: Course, cadence: Cadence) -> Moments:
    """List the days on which it was agreed to measure, counted from 0."""
    days = np.arange(course.days, dtype=np.int64)
    if cadence is Cadence.DAILY:
        return days
    weekdays = (days + course.start.weekday()) % 7
    chosen = np.isin(weekdays, _WEEKDAYS[cadence])
    if cadence in _INTRODUCED:
        chosen |= days < INTRODUCTION_DAYS
    return days[chosen]


def sessions(course: Course, cadence: Cadence, away: Sequence[Absence] | None = None) -> Sessions:
    """Draw when the patient measures, over the whole course.

    Parameters
    ----------
    away
        When the patient is not at home; None: as `absences` draws it.
    """
    days = agreed_days(course, cadence)
    skipped = _is_skipped(course, days)
    moments = _moments(course, days[~skipped])
    nights = _nights(course)
    away = absences(course) if away is None else away
    moments, nights = _at_home(moments, away), _at_home(nights, away)
    end = course.days * SECONDS_PER_DAY
    moments = moments[moments < end]
    missing = days[~np.isin(days, np.unique(np.floor_divide(moments, SECONDS_PER_DAY)))]
    return Sessions(moments, nights, missing)


def again(course: Course, quantity: Quantity, moments: Moments, values: Floats) -> Moments:
    """Give the moments, 2-10 minutes later, at which strange values are measured again."""
    off = np.abs(values - course.usual(quantity, moments))
    strange = off > STRANGE_SD * SCATTER[quantity].sd
    key = key_of(course.seed, course.name, "again", quantity)
    chosen = strange & (uniform_at(key, moments) < AGAIN_CHANCE)
    wait = 120 + np.floor(480 * uniform_at(key, moments + 1)).astype(np.int64)
    return np.setdiff1d((moments + wait)[chosen], moments)


def _is_skipped(course: Course, days: Moments) -> Flags:
    """Say which agreed days are left out: more of them when ill or depressed, and in some weeks."""
    who = course.profile
    if who.skipping <= 0:
        return np.zeros(days.shape, dtype=np.bool_)
    noon = days * SECONDS_PER_DAY + 12 * SECONDS_PER_HOUR
    odds = np.log(who.skipping / (1 - who.skipping)) + 0.6 * who.is_depressed
    odds = odds + 1.2 * np.minimum(course.symptom_burden(noon), 2.0)
    odds = odds + who.fading * days / DAYS_PER_YEAR
    # Weeks differ: a bad week loses several days, as people report of themselves.
    weeks = normal_at(key_of(course.seed, course.name, "week"), np.floor_divide(days, 7))
    odds = odds + 0.8 * weeks
    luck = uniform_at(key_of(course.seed, course.name, "skip"), days)
    skipped: Flags = luck < 1 / (1 + np.exp(-odds))
    return skipped


def _moments(course: Course, days: Moments) -> Moments:
    """Give the moment of each day: near the usual hour, later on weekends, sometimes much later.

    One in ten forgets until later in the day, and three in a hundred until the next morning.
    """
    luck = uniform_at(key_of(course.seed, course.name, "late"), days)
    near = normal_at(key_of(course.seed, course.name, "hour"), days) * 0.5
    weekend = np.where((days + course.start.weekday()) % 7 >= 5, 0.7, 0.0)
    hour = course.profile.usual_hour + near + weekend
    hours_late = 1 + 11 * uniform_at(key_of(course.seed, course.name, "how late"), days)
    hour = np.where(luck < 0.10, np.minimum(hour + hours_late, 23.5), hour)
    hour = np.where(luck < 0.03, 24 + course.profile.usual_hour - 1.5 + near, hour)
    seconds = np.floor(np.clip(hour, 4, 34) * SECONDS_PER_HOUR).astype(np.int64)
    return np.unique(days * SECONDS_PER_DAY + seconds)


def _nights(course: Course) -> Moments:
    days = np.arange(course.days, dtype=np.int64)
    night = days * SECONDS_PER_DAY + 2 * SECONDS_PER_HOUR
    bad = course.symptom_burden(night) > BREATHLESS_NIGHT
    key = key_of(course.seed, course.name, "night")
    chosen = bad & (uniform_at(key, days) < NIGHT_CHANCE)
    when = uniform_at(key_of(course.seed, course.name, "night hour"), days)
    return (night + np.floor(3 * SECONDS_PER_HOUR * when).astype(np.int64))[chosen]


def _at_home(moments: Moments, away: Sequence[Absence]) -> Moments:
    days = moments / SECONDS_PER_DAY
    home = np.ones(moments.shape, dtype=np.bool_)
    for each in away:
        home &= ~((each.first_day <= days) & (days < each.end_day))
    return moments[home]
