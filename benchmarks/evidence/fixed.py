"""Fixed limits, the practice that rules are held against, at their best for a budget.

Owns the limits and their sweep. The limits are SpO2 and pulse, the same for all patients or at a
distance from each patient's own level in the first fortnight, with or without the daily
questions. Must not know rule sets.

Fixed limits get every chance: both limits and the questions are swept together, and the
combination that finds most on the tuning patients within the budget is the one that is reported
on the others. Nobody in practice could choose as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.rules import absolute_limits
from alerts.rules.absolute_limits import Limits
from alerts.window import Window
from benchmarks.evidence.counting import Truth
from benchmarks.evidence.world import World
from telekol.quantities import Quantity

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FIRST_PERIOD_DAYS: Final = 14

SPO2_SD, PULSE_SD = 1.0, 5.0
"""Stable SDs (Hurst 2010), by which distances past a limit are made one score."""

NO_QUESTIONS: Final = "none"
BREATHLESS: Final = "breathless and more"
"""More breathless, and more cough or more sputum: what kol-standard flags by answers alone."""

QUESTIONS: Final = (
    NO_QUESTIONS,
    "tree red",
    "tree yellow",
    BREATHLESS,
    "1 yes",
    "2 yes",
    "3 yes",
    "4 yes",
)
"""From when the answers of a day are flagged: TeleCare Nord's tree, or a number of yes."""

_NEVER: Final = 1e9

# Every limit from one that flags each tenth reading to one that never does.
_COMMON: Final = ([*range(78, 94), -_NEVER], [*range(85, 141, 3), _NEVER])
_PERSONAL: Final = ([*range(-12, 1), -_NEVER], [*range(4, 50, 3), _NEVER])


@dataclass(frozen=True, slots=True)
class Fixed:
    """Limits in per cent and per minute: of all, or (`personal`) from the patient's own level."""

    spo2_below: float
    pulse_above: float
    questions: str = NO_QUESTIONS
    personal: bool = False

    def as_text(self) -> str:
        """Say the limits as a programme would write them."""
        low, high = (
            (f"SpO2 {self.spo2_below:+.0f}", f"pulse {self.pulse_above:+.0f}")
            if self.personal
            else (f"SpO2 < {self.spo2_below:.0f}", f"pulse > {self.pulse_above:.0f}")
        )
        parts = [low] if self.spo2_below > -_NEVER else []
        parts += [high] if self.pulse_above < _NEVER else []
        parts += [self.questions] if self.questions != NO_QUESTIONS else []
        return ", ".join(parts) or "nothing"


def questions_of(world: World) -> Mapping[str, Flags]:
    """On which days each rule about the answers flags; shape (patients, days)."""
    said = {name: np.nan_to_num(each) > 0 for name, each in world.answered.items()}
    breathless, cough, sputum = (
        said[name] for name in ("more_breathless", "more_cough", "more_sputum")
    )
    symptom = breathless | cough
    number = np.sum(list(said.values()), axis=0)
    return {
        NO_QUESTIONS: np.zeros(world.shape, dtype=np.bool_),
        "tree red": (breathless & cough) | (symptom & sputum),
        "tree yellow": symptom,
        BREATHLESS: breathless & (cough | sputum),
    } | {f"{least} yes": number >= least for least in range(1, 5)}


def values_of(world: World, *, personal: bool) -> tuple[Floats, Floats]:
    """Lowest SpO2 and highest pulse of each day, or their distances from the first fortnight's."""
    found = []
    for quantity, towards in ((Quantity.SPO2, -1), (Quantity.PULSE_RATE, 1)):
        worst = world.worst(quantity, towards)
        found.append(from_usual(worst) if personal else worst)
    return found[0], found[1]


def from_usual(worst: Floats) -> Floats:
    """Give distances from each patient's median of the first fortnight."""
    first = worst[:, :FIRST_PERIOD_DAYS]
    return worst - np.nanmedian(first, axis=1, keepdims=True)


def flags(world: World, limits: Fixed) -> Flags:
    """On which days the limits flag, by the rule that the engine uses."""
    spo2, pulse = values_of(world, personal=limits.personal)
    low = _judged(spo2, red_low=limits.spo2_below)
    high = _judged(pulse, red_high=limits.pulse_above)
    return low | high | questions_of(world)[limits.questions]


def score(world: World, limits: Fixed) -> Floats:
    """How far each day lies past the limits, in stable SDs; answers that flag count as one."""
    spo2, pulse = values_of(world, personal=limits.personal)
    # A limit that never flags still gives the quantity no say.
    past = np.fmax((limits.spo2_below - spo2) / SPO2_SD, (pulse - limits.pulse_above) / PULSE_SD)
    said = np.where(questions_of(world)[limits.questions], 1.0, -np.inf)
    return np.where(world.measured, np.fmax(past, said), np.nan)


def best(truth: Truth, budget: float, *, personal: bool, questions: bool) -> Fixed:
    """Find the limits that find most exacerbations within a budget of false flags.

    Parameters
    ----------
    budget
        False flags per stable patient-day, at most.
    """
    spo2, pulse = values_of(truth.world, personal=personal)
    lows, highs = _PERSONAL if personal else _COMMON
    asked = questions_of(truth.world)
    reach = _Reach.of(truth)
    low = {limit: reach.cut(_judged(spo2, red_low=limit)) for limit in lows}
    high = {limit: reach.cut(_judged(pulse, red_high=limit)) for limit in highs}
    said = {name: reach.cut(asked[name]) for name in (QUESTIONS if questions else [NO_QUESTIONS])}
    found = (
        (*reach.worth(low[a], high[b], said[q]), Fixed(a, b, q, personal))
        for a, b, q in itertools.product(lows, highs, said)
    )
    within = [(caught, -false, limits) for caught, false, limits in found if false <= budget]
    return max(within, key=lambda each: each[:2])[2]


@dataclass(frozen=True, slots=True)
class _Reach:
    """The days that decide: stable ones, and those close to an onset, one row an exacerbation."""

    stable: NDArray[np.intp]
    near: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, truth: Truth) -> _Reach:
        rows, days = np.nonzero(truth.close)
        near = truth.whose[rows] * truth.world.order.days + days
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        return cls(np.flatnonzero(truth.stable.ravel()), near, starts)

    def cut(self, flagged: Flags) -> tuple[Flags, Flags]:
        return flagged.ravel()[self.stable], flagged.ravel()[self.near]

    def worth(self, *flagged: tuple[Flags, Flags]) -> tuple[int, float]:
        stable, near = (np.logical_or.reduce(part) for part in zip(*flagged, strict=True))
        caught = np.logical_or.reduceat(near, self.starts).sum() if len(near) else 0
        return int(caught), float(stable.mean()) if len(stable) else 0.0


def _judged(values: Floats, **given: float) -> Flags:
    """Flag each day by `absolute_limits`, one row a day; what was not measured flags nothing."""
    flat = values.ravel()
    nothing = np.full(len(flat), np.nan)
    names = ("red_low", "yellow_low", "yellow_high", "red_high")
    limits = Limits(*(np.full(len(flat), given[n]) if n in given else nothing for n in names))
    window = Window(flat.astype(np.float32)[:, None], np.zeros((len(flat), 1), dtype=np.float32))
    flagged: Flags = absolute_limits.judge(window, limits).severity == absolute_limits.RED
    return flagged.reshape(values.shape)
