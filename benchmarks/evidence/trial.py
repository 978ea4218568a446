"""One trial: rule sets and fixed limits over the same patients, at each cadence.

Owns what is tried against what, and the document of results that page and pictures are made of.
Must not know how they look.

Invariants
----------
1. Whatever is chosen (fixed limits for a budget) is chosen on the tuning patients, and reported on
   others, who were never looked at while a rule set was made.
2. The same seeds give the same results, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence import anchors, chance, counting, fixed
from benchmarks.evidence.counting import Truth
from benchmarks.evidence.fixed import Fixed
from benchmarks.evidence.world import KIT, World, build
from device_sim.cohort import Order
from device_sim.physiology.habits import Cadence

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BUDGET: Final = 0.05
"""False flags per stable patient-day, at most: a specificity of 0.95 by patient-day."""

CADENCES: Final[Mapping[str, Cadence]] = {
    "daily": Cadence.DAILY,
    "twice weekly": Cadence.INTRODUCTION_TWICE,
    "weekly": Cadence.INTRODUCTION,
}
"""Programmes begin with a daily fortnight whatever comes after (danish-telekol.md, 1.1)."""

NURSE_PATIENTS: Final = 100
NURSE_HOURS_A_WEEK: Final = 37
"""A full-time nurse of 100 patients: by this, alerts a week become alerts an hour."""

CURVE: Final = (0.01, 0.02, 0.03, 0.05, 0.075, 0.10, 0.15, 0.20, 0.30)
"""Budgets at which fixed limits are swept for the picture."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an entrant says of each patient-day; shape (patients, days).

    Parameters
    ----------
    severity
        0 nothing, 1 yellow, 2 red.
    score
        Graded, towards harm; NaN where nothing was measured.
    telling
        Flagged by saturation, pulse, temperature or answers: what can tell an exacerbation.
    alerts
        Flagged anew: without what a rule's hold-off keeps in one case.
    rules
        By rule, the days that it flags; empty for limits.
    """

    severity: NDArray[np.int8]
    score: Floats
    telling: Flags
    alerts: Flags
    rules: Mapping[str, Flags] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entrant:
    """Something that flags days: a rule set, or limits.

    Parameters
    ----------
    name
        Key in the results.
    answers
        Whether it may look at the daily questions.
    limits
        In words, for what was chosen.
    """

    name: str
    answers: bool
    see: Callable[[World], Seen]
    limits: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """How large a trial: everything that the results depend on, beside the code."""

    patients: int
    days: int
    seed: int
    tuning_patients: int
    tuning_seed: int


def run(asked: Asked, rule_sets: Sequence[Entrant]) -> dict[str, Any]:
    """Try everything and give the document of results."""
    found: dict[str, Any] = {"asked": asdict(asked), "budget": BUDGET, "cadences": {}}
    for name, cadence in CADENCES.items():
        tuning = _truth(asked.tuning_patients, asked.days, asked.tuning_seed, cadence)
        truth = _truth(asked.patients, asked.days, asked.seed, cadence)
        entrants = [*rule_sets, *_at_budget(tuning)]
        compared = _compared(truth, entrants, asked.seed)
        curves = _curves(tuning, truth)
        found["cadences"][name] = compared | {
            "curves": curves,
            "matched": _matched(compared["entrants"], curves),
            "by_chance": counting.by_chance(truth, BUDGET),
            "chance_curve": [
                [budget, _round(counting.by_chance(truth, budget)["sensitivity"])]
                for budget in (0.0, *CURVE)
            ],
        }
        if cadence is Cadence.DAILY:
            found |= {"field": _field(truth), "difficulty": _difficulty(truth, asked.seed)}
    return found


def _truth(patients: int, days: int, seed: int, cadence: Cadence) -> Truth:
    return counting.truth_of(
        build(Order(patients=patients, days=days, seed=seed, cadence=cadence, kit=KIT))
    )


def _compared(truth: Truth, entrants: Sequence[Entrant], seed: int) -> dict[str, Any]:
    """Report every entrant, and how each rule set differs from fixed limits on the same draws."""
    drawn = chance.draws(truth.world.order.patients, seed)
    sums: dict[str, Floats] = {}
    reported = {}
    for entrant in entrants:
        seen = entrant.see(truth.world)
        flagged = seen.severity > 0
        sums[entrant.name] = counting.counts(truth, flagged, seen.telling, seen.alerts)
        reported[entrant.name] = (
            {"answers": entrant.answers, "limits": entrant.limits}
            | _rates(sums[entrant.name], drawn)
            | _area(truth, seen.score, seed)
            | _lead(counting.lead_days(truth, seen.telling))
            | _colours(truth, seen.severity)
            | {
                "rules": _by_rule(truth, seen.rules),
                "false_by_other_rules": _other_rules(truth, seen),
            }
        )
    return {
        "patients": truth.world.order.patients,
        "exacerbations": len(truth.onsets),
        "stable_days": int(truth.stable.sum()),
        "entrants": reported,
        "differences": dict(_differences(sums, drawn)),
    }


def _rates(sums: Floats, drawn: Floats) -> dict[str, Any]:
    whole = counting.rates(sums.sum(axis=0))
    many = counting.rates(drawn @ sums)
    found = {name: _figure(float(whole[name]), many[name]) for name in whole}
    per_hour = NURSE_PATIENTS / NURSE_HOURS_A_WEEK
    weekly = "alerts_per_patient_week"
    found["alerts_per_nurse_hour"] = _figure(
        float(whole[weekly]) * per_hour, many[weekly] * per_hour
    )
    return found


def _area(truth: Truth, score: Floats, seed: int) -> dict[str, Any]:
    low, high = chance.area_interval(score, truth.near, truth.stable, seed)
    return {
        "area": {
            "value": _round(chance.area(score, truth.near, truth.stable)),
            "low": _round(low),
            "high": _round(high),
        }
    }


def _lead(leads: Floats) -> dict[str, Any]:
    if not len(leads):
        return {"lead_days": {"n": 0}}
    quarter, middle, three = np.percentile(leads, (25, 50, 75))
    ends = np.arange(-7, 8)
    return {
        "lead_days": {
            "n": len(leads),
            "median": _round(middle, 2),
            "quartiles": [_round(quarter, 2), _round(three, 2)],
            "before_onset": _round(float((leads > 0).mean())),
            "histogram": np.histogram(leads, ends)[0].tolist(),
        }
    }


def _colours(truth: Truth, severity: NDArray[np.int8]) -> dict[str, Any]:
    seen = severity[truth.counted]
    return {
        "yellow_per_day": _round(float((seen == 1).mean())),
        "red_per_day": _round(float((seen == 2).mean())),
    }


def _other_rules(truth: Truth, seen: Seen) -> float:
    """Give what rules that cannot tell an exacerbation add to the false flags."""
    flagged = [seen.severity > 0, seen.telling]
    false = [counting.rates(counting.counts(truth, each).sum(axis=0)) for each in flagged]
    both = [float(each["false_per_stable_day"]) for each in false]
    return _round(both[0] - both[1])


def _by_rule(truth: Truth, rules: Mapping[str, Flags]) -> dict[str, Any]:
    """Give what each rule costs and finds by itself, and what nobody else would find."""
    found = {}
    for name, flagged in rules.items():
        others = [each for other, each in rules.items() if other != name]
        rest = np.logical_or.reduce(others) if others else np.zeros_like(flagged)
        of = [
            counting.rates(counting.counts(truth, each).sum(axis=0))
            for each in (flagged, rest | flagged, rest)
        ]
        found[name] = {
            "false_per_stable_day": _round(float(of[0]["false_per_stable_day"])),
            "sensitivity": _round(float(of[0]["sensitivity"])),
            "false_of_this_alone": _round(
                float(of[1]["false_per_stable_day"] - of[2]["false_per_stable_day"])
            ),
            "found_by_this_alone": _round(float(of[1]["sensitivity"] - of[2]["sensitivity"])),
        }
    return found


def _differences(sums: Mapping[str, Floats], drawn: Floats) -> Iterator[tuple[str, Any]]:
    """Give how much more each rule set finds than each of the fixed limits, on the same draws."""
    for ours in sums:
        for theirs in sums:
            if ours.startswith("kol") and not theirs.startswith("kol"):
                many = [counting.rates(drawn @ sums[each]) for each in (ours, theirs)]
                whole = [counting.rates(sums[each].sum(axis=0)) for each in (ours, theirs)]
                yield (
                    f"{ours} - {theirs}",
                    {
                        key: _figure(
                            float(whole[0][key] - whole[1][key]), many[0][key] - many[1][key]
                        )
                        for key in ("sensitivity", "sensitivity_wide", "false_per_stable_day")
                    },
                )


def _at_budget(tuning: Truth) -> list[Entrant]:
    """Choose fixed limits of all four kinds, each at its best within the budget."""
    return [
        _fixed_entrant(
            f"{'personal' if personal else 'fixed'} limits{' and questions' if asked else ''}",
            fixed.best(tuning, BUDGET, personal=personal, questions=asked),
        )
        for asked in (False, True)
        for personal in (False, True)
    ]


def _fixed_entrant(name: str, limits: Fixed) -> Entrant:
    def see(world: World) -> Seen:
        severity = fixed.flags(world, limits).astype(np.int8)
        return Seen(severity, fixed.score(world, limits), severity > 0, severity > 0)

    return Entrant(name, limits.questions != fixed.NO_QUESTIONS, see, limits.as_text())


def _curves(tuning: Truth, truth: Truth) -> dict[str, Any]:
    """Give what fixed limits find at other budgets; limits chosen on the tuning patients."""
    found: dict[str, Any] = {}
    for personal in (False, True):
        for asked in (False, True):
            points = []
            for budget in CURVE:
                limits = fixed.best(tuning, budget, personal=personal, questions=asked)
                sums = counting.counts(truth, fixed.flags(truth.world, limits)).sum(axis=0)
                of = counting.rates(sums)
                points.append(
                    [_round(float(of[key])) for key in ("false_per_stable_day", "sensitivity")]
                )
            name = f"{'personal' if personal else 'fixed'}{' and questions' if asked else ''}"
            found[name] = points
    return found


def _matched(
    entrants: Mapping[str, Any], curves: Mapping[str, Sequence[Sequence[float]]]
) -> dict[str, Any]:
    """Give what fixed limits find at exactly the false flags that each rule set made.

    A budget that was kept on the tuning patients is missed a little on others, on either side;
    between two points of a curve the straight line is what drawing lots between both would give.
    """
    found = {}
    for name, entrant in entrants.items():
        if name.startswith("kol"):
            at = entrant["false_per_stable_day"]["value"]
            found[name] = {
                limits: _round(float(np.interp(at, *np.array(sorted([[0.0, 0.0], *points])).T)))
                for limits, points in curves.items()
            }
    return found


def _field(truth: Truth) -> dict[str, Any]:
    """Give what limits as programmes set them flag, to lie beside what the field counted."""
    return {
        name: _colours(truth, severity)
        for name, severity in anchors.as_in_the_field(truth.world).items()
    }


def _difficulty(truth: Truth, seed: int) -> dict[str, Any]:
    """Areas of the published scores, for whether the simulated patients are too easy."""
    worse = truth.counted & (truth.world.state == 2)
    found: dict[str, Any] = {}
    for name, score in anchors.published_scores(truth.world).items():
        close = _area(truth, score, seed)["area"]
        low, high = chance.area_interval(score, worse, truth.stable, seed)
        found[name] = {
            "close": close,
            "worsening": {
                "value": _round(chance.area(score, worse, truth.stable)),
                "low": _round(low),
                "high": _round(high),
            },
            "by_day_at_0.75": _round(_sensitivity_at(score, truth, worse, 0.75)),
        }
    return found


def _sensitivity_at(score: Floats, truth: Truth, sick: Flags, specificity: float) -> float:
    """Part of the sick days above the score that leaves so many stable days below."""
    well, ill = score[truth.stable], score[sick]
    well, ill = well[~np.isnan(well)], ill[~np.isnan(ill)]
    limit = np.quantile(well, specificity)
    # A tie at the limit is shared as the stable days share it.
    above, at = (well > limit).mean(), (well == limit).mean()
    part = (1 - specificity - above) / at if at else 0.0
    return float((ill > limit).mean() + part * (ill == limit).mean())


def _figure(value: float, drawn: Floats) -> dict[str, float]:
    low, high = chance.interval(drawn)
    return {"value": _round(value), "low": _round(low), "high": _round(high)}


def _round(value: float, digits: int = 4) -> float:
    return round(float(value), digits)
