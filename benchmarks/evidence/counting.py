"""What flags are worth against the truth: per patient, so that patients can be drawn again.

Owns the definitions that docs/evidence states. Pure: a world and flags in, counts out. It knows no
rule.

Invariants
----------
1. What is counted is counted per patient; rates are made of sums over patients, at the end.
2. Days before SCORED_FROM count for nobody: rules and physicians are finding the usual level.
3. An exacerbation on whose days nobody measured counts as missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.world import OTHER, STABLE, World

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SCORED_FROM: Final = 28
"""Days after the start: the intensive fortnight, and a fortnight in which charts fill."""

CLOSE_DAYS: Final = (-3.0, 2.0)
"""An exacerbation is found when a flag stands within these days of its onset (clinical.md 4)."""

WIDE_DAYS: Final = (-7.0, 7.0)
"""The second window: a week either side, for who measures once a week."""

COLUMNS: Final = (
    "stable_days",
    "false_flags",
    "other_days",
    "other_flags",
    "days",
    "flags",
    "alerts",
    "weeks",
    "episodes",
    "found",
    "found_wide",
    "near_days",
    "near_flags",
)


@dataclass(frozen=True, slots=True)
class Truth:
    """Which days count as what, for one world; the same for every rule set.

    Parameters
    ----------
    stable, other, near, counted
        Shape (patients, days): measured days that are stable, of another illness, within
        CLOSE_DAYS of an onset, and all that are counted.
    whose, onsets
        The exacerbations that are counted.
    close, wide
        Shape (exacerbations, days): the days of its patient within each window.
    """

    world: World
    stable: Flags
    other: Flags
    near: Flags
    counted: Flags
    whose: NDArray[np.int64]
    onsets: Floats
    close: Flags
    wide: Flags


def truth_of(world: World) -> Truth:
    """Sort the days of a world."""
    days = world.order.days
    counted = world.measured & (np.arange(days) >= SCORED_FROM)
    within = (world.onsets >= SCORED_FROM - CLOSE_DAYS[0]) & (world.onsets < days - CLOSE_DAYS[1])
    whose, onsets = world.onset_of[within], world.onsets[within]
    every_near = np.zeros(world.shape, dtype=np.bool_)
    np.logical_or.at(
        every_near, world.onset_of, _within(world, world.onset_of, world.onsets, CLOSE_DAYS)
    )
    close = _within(world, whose, onsets, CLOSE_DAYS) & counted[whose]
    near = np.zeros(world.shape, dtype=np.bool_)
    np.logical_or.at(near, whose, close)
    return Truth(
        world=world,
        stable=counted & (world.state == STABLE) & ~every_near,
        other=counted & (world.state == OTHER) & ~every_near,
        near=near,
        counted=counted,
        whose=whose,
        onsets=onsets,
        close=close,
        wide=_within(world, whose, onsets, WIDE_DAYS) & counted[whose],
    )


def counts(
    truth: Truth, flagged: Flags, telling: Flags | None = None, alerts: Flags | None = None
) -> Floats:
    """Count per patient; shape (patients, len(COLUMNS)).

    Parameters
    ----------
    flagged
        Shape (patients, days): something was flagged yellow or red that day.
    telling
        Days flagged by what can tell an exacerbation. A weight that has been low for months
        stands beside many an exacerbation and has found none. None: all that is flagged.
    alerts
        Days that somebody is called for: without what a rule's hold-off keeps in one case. None:
        all that is flagged.
    """
    flagged = flagged & truth.counted
    telling = flagged if telling is None else telling & flagged
    alerts = flagged if alerts is None else alerts & flagged
    patients, days = truth.world.shape
    found = (truth.close & telling[truth.whose]).any(axis=1)
    found_wide = (truth.wide & telling[truth.whose]).any(axis=1)
    columns = {
        "stable_days": truth.stable.sum(axis=1),
        "false_flags": (truth.stable & flagged).sum(axis=1),
        "other_days": truth.other.sum(axis=1),
        "other_flags": (truth.other & flagged).sum(axis=1),
        "days": truth.counted.sum(axis=1),
        "flags": flagged.sum(axis=1),
        "alerts": alerts.sum(axis=1),
        "weeks": np.full(patients, (days - SCORED_FROM) / 7),
        "episodes": np.bincount(truth.whose, minlength=patients),
        "found": np.bincount(truth.whose, weights=found, minlength=patients),
        "found_wide": np.bincount(truth.whose, weights=found_wide, minlength=patients),
        "near_days": truth.near.sum(axis=1),
        "near_flags": (truth.near & telling).sum(axis=1),
    }
    return np.stack([columns[name] for name in COLUMNS], axis=1).astype(np.float64)


def rates(sums: Floats) -> dict[str, Floats]:
    """Turn sums of `COLUMNS` (last axis) into what the page shows; keeps other axes."""
    of = dict(zip(COLUMNS, np.moveaxis(sums, -1, 0), strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "sensitivity": of["found"] / of["episodes"],
            "sensitivity_wide": of["found_wide"] / of["episodes"],
            "false_per_stable_day": of["false_flags"] / of["stable_days"],
            "flags_per_other_day": of["other_flags"] / of["other_days"],
            "flagged_per_day": of["flags"] / of["days"],
            "alerts_per_patient_week": of["alerts"] / of["weeks"],
            "sensitivity_by_day": of["near_flags"] / of["near_days"],
        }


def by_chance(truth: Truth, false_per_stable_day: float) -> dict[str, float]:
    """Give what flags thrown at random would find at a budget: luck, which is not small.

    With six daily readings within CLOSE_DAYS and one false flag in twenty days, one exacerbation
    in four is "found" by nobody.
    """
    missed = 1 - false_per_stable_day
    return {
        name: round(float(np.mean(1 - missed ** days.sum(axis=1))), 4)
        for name, days in (("sensitivity", truth.close), ("sensitivity_wide", truth.wide))
    }


def new_alerts(flagged: Flags, hold_off_days: float) -> Flags:
    """Leave out what a hold-off keeps in one case: flags so soon after one that was an alert.

    Takes the case as closed on its day, which a nurse who works daily does.
    """
    found = np.zeros(flagged.shape, dtype=np.bool_)
    free_from = np.full(len(flagged), -np.inf)
    for day in range(flagged.shape[1]):
        found[:, day] = flagged[:, day] & (day >= free_from)
        free_from[found[:, day]] = day + max(hold_off_days, 1.0)
    return found


def lead_days(truth: Truth, flagged: Flags) -> Floats:
    """Days from the first flag within WIDE_DAYS to the onset, of what was found; before is above 0.

    The onset is the diary's: the day on which symptoms are clearly worse.
    """
    hit = truth.wide & flagged[truth.whose]
    found = hit.any(axis=1)
    first = hit.argmax(axis=1)
    at = truth.world.measured_at[truth.whose, first]
    return (truth.onsets - at)[found]


def _within(
    world: World, whose: NDArray[np.int64], onsets: Floats, window: tuple[float, float]
) -> Flags:
    at = world.measured_at[whose] - onsets[:, None]
    inside: Flags = (at >= window[0]) & (at <= window[1])
    return inside
