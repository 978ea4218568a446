"""What a patient answers: the daily questions, CAT and mMRC, consistent with the episodes.

Owns the questions and how likely each answer is. Must not know readings.

The four daily questions are those of Region Hovedstaden's KOL measurements (danish-telekol.md,
1.3): more breathless, more cough, more sputum, sputum more yellow or green than usual, yes or no.
TeleCare Nord's three reds and yellows are made of the first three of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from device_sim.physiology.chance import (
    Floats,
    Moments,
    autoregression,
    key_of,
    normal_at,
    stream,
    uniform_at,
)
from device_sim.physiology.course import Course
from device_sim.physiology.episodes import Kind, symptoms
from device_sim.physiology.scatter import SECONDS_PER_DAY

QUESTIONS: Final = ("more_breathless", "more_cough", "more_sputum", "sputum_colour")

CAT_RISE: Final = 4.7
"""CAT rises from 19.4 to 24.1 at an exacerbation (Mackay et al., AJRCCM 2012;185:1218)."""

SCORE_EVERY_DAYS: Final = 28
"""How often CAT and mMRC are asked."""

_WEIGHT: Final[dict[Kind, tuple[float, float, float, float]]] = {
    Kind.EXACERBATION: (1.0, 0.9, 0.8, 0.6),
    Kind.FLUID: (1.2, 0.3, 0.1, 0.0),
    Kind.INFECTION: (0.4, 1.2, 0.8, 0.5),
    Kind.ANXIETY: (1.4, 0.0, 0.0, 0.0),
    Kind.OXYGEN_TOO_HIGH: (0.0, 0.0, 0.0, 0.0),
    Kind.CACHEXIA: (0.0, 0.0, 0.0, 0.0),
}
"""How much of each question an episode of each kind moves; our choice."""

# Log-odds of yes on a day without an episode, which differ from day to day and from person to
# person: some say yes to a question every other day. Our choice, so that about one stable day in
# five has a yes somewhere; in the field 47 % of daily sets were flagged, by static limits *and*
# answers (doi 10.1177/1357633X17735558), without an exacerbation behind most of them.
_STABLE: Final = -3.4
_BAD_DAY: Final = 1.3
_PERSON: Final = 1.0
_RISE: Final = 4.2

SPELL_SHARE: Final = 0.7
"""Part of a bad day's variance that is a bad spell: stable symptoms vary with the week and the
weather more than from day to day. That they vary although nobody is ill is published (Kessler et
al., Eur Respir J 2011;37:264: 63 % of 2,441 patients noticed it, over the day or the week); the
share is our choice. Without spells a symptom of two days in a row would be an exacerbation, which
made the answers alone better than any study."""

SPELL_MEMORY: Final = 0.85
"""Correlation of one day's spell with the next day's: half is gone in four days; our choice."""

_PLAYS_DOWN: Final = 0.15
_PLAYED_DOWN: Final = 0.4
"""Some people say no to most of it: half of the exacerbations in diaries are not reported to
anybody (Seemungal et al., AJRCCM 2000;161:1608). A questionnaire asks, so fewer hide; how many and
how far is our choice."""


def yes(course: Course, moments: Moments) -> dict[str, Moments]:
    """Answer the daily questions at each moment: 1 yes, 0 no."""
    days = np.floor_divide(moments, SECONDS_PER_DAY)
    bad_day = _BAD_DAY * _bad_days(course, days)
    luck = stream(course.seed, course.name, "says yes")
    person = luck.standard_normal(len(QUESTIONS))
    rise = _RISE * (_PLAYED_DOWN if luck.random() < _PLAYS_DOWN else 1.0)
    answers: dict[str, Moments] = {}
    for number, question in enumerate(QUESTIONS):
        odds = _STABLE + bad_day + rise * _moved(course, moments, number)
        odds += _PERSON * person[number] + 0.5 * course.profile.is_depressed
        chance = uniform_at(key_of(course.seed, course.name, "answer", question), days)
        answers[question] = (chance < 1 / (1 + np.exp(-odds))).astype(np.int64)
    # No sputum, no colour: the colour is asked of what is coughed up.
    answers["sputum_colour"] &= answers["more_sputum"] | answers["more_cough"]
    return answers


def _bad_days(course: Course, days: Moments) -> Floats:
    """Give how bad each day is beside all illness: standard normal, alike from day to day."""
    spells = autoregression(
        stream(course.seed, course.name, "bad spell"), course.days, SPELL_MEMORY
    )
    spell = spells[np.clip(days, 0, course.days - 1)]
    alone = normal_at(key_of(course.seed, course.name, "bad day"), days)
    mixed: Floats = np.sqrt(SPELL_SHARE) * spell + np.sqrt(1 - SPELL_SHARE) * alone
    return mixed


def cat_scores(course: Course, moments: Moments) -> Moments:
    """Give the CAT score (0-40) at each moment."""
    noise = normal_at(key_of(course.seed, course.name, "cat"), moments) * 1.5
    score = course.profile.cat + noise + CAT_RISE * course.symptom_burden(moments)
    return np.clip(np.round(score), 0, 40).astype(np.int64)


def mmrc_grades(course: Course, moments: Moments) -> Moments:
    """Give the mMRC grade (0-4) at each moment; it answers for a usual day and moves little."""
    worse = course.symptom_burden(moments) > 1.0
    grades: Moments = np.clip(course.profile.mmrc + worse.astype(np.int64), 0, 4)
    return grades


def _moved(course: Course, moments: Moments, question: int) -> Floats:
    """Give how far the episodes move one question; each episode has its own mixture."""
    days = moments / SECONDS_PER_DAY
    total = np.zeros(days.shape)
    for each in course.episodes:
        mixture = stream(course.seed, course.name, "mixture", f"{each.onset:.4f}").uniform(
            0.5, 1.5, 4
        )
        weight = _WEIGHT[each.kind][question] * mixture[question]
        total += weight * each.symptom_severity * symptoms(each, days)
    return total
