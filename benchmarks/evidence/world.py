"""The patients that rule sets are tried on: readings and answers as they come, and the truth.

Owns how a simulated cohort becomes arrays: one row a reading for the rules, one cell a
patient-day for the counting. Must not know rules.

Invariants
----------
0. Rules see what ingest lets through: the attribution guard holds a grandchild on the scale.
1. The same order gives the same arrays. Patients, their illnesses and their days are the same at
   every cadence; what differs is on which days they measure.
2. A patient-day counts only where something was measured: nobody can be flagged on another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device_sim import cohort
from device_sim.cohort import AFTER_S, Member, Order
from device_sim.physiology import answers
from device_sim.physiology.answers import QUESTIONS
from device_sim.physiology.course import Course
from device_sim.physiology.episodes import Kind
from device_sim.physiology.instruments import Disturbance, Shown
from device_sim.physiology.scatter import SECONDS_PER_DAY
from ingest.guard import STEP_KG, STEP_PART
from telekol.quantities import Quantity

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

KIT: Final = ("oximeter", "scale", "thermometer", "cuff")
"""What Danish programmes give out (danish-telekol.md, 1.1): none measures spirometry routinely."""

STATES: Final = ("stable", "prodrome", "worsening", "recovery", "other")
STABLE: Final = STATES.index("stable")
OTHER: Final = STATES.index("other")

WASTED, WASTED_KG = 0.95, 3.0
"""Part of the first weight, and kg: who has lost 5 % or 3 kg for ever is wasting (clinical.md 3.4
has 5 % in half a year to a year for cachexia)."""

ASKED_AFTER_S: Final = AFTER_S["spirometer"] + 60
"""Questions come last, as `telekol sim cohort` and TeleCare Nord have it."""

_US: Final = 1_000_000
_QUANTITY: Final = {quantity: number for number, quantity in enumerate(Quantity)}


@dataclass(frozen=True, slots=True)
class World:
    """A cohort at one cadence.

    Parameters
    ----------
    patient, quantity, measured_us, value
        One a reading, sorted by patient, quantity and time. `quantity` is the position in
        `Quantity`; `measured_us` counts from 1970 by the patients' own clocks.
    day
        One a reading: the cell of its patient-day, patient * days + day.
    answered
        For each question, shape (patients, days): 1 yes, 0 no, NaN not asked.
    measured_at
        Shape (patients, days): the day's first agreed measurement in days since the start, NaN
        without one.
    state
        Shape (patients, days), index into STATES, at that moment.
    onset_of, onsets
        One an exacerbation: whose, and when by the diary, in days since the start.
    """

    order: Order
    patient: NDArray[np.int32]
    quantity: NDArray[np.int16]
    measured_us: Whole
    value: Floats
    day: Whole
    answered: Mapping[str, Floats]
    measured_at: Floats
    state: NDArray[np.int8]
    onset_of: Whole
    onsets: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Patients and days."""
        return self.order.patients, self.order.days

    @property
    def measured(self) -> Flags:
        """On which patient-days something was measured; shape (patients, days)."""
        return ~np.isnan(self.measured_at)

    def worst(self, quantity: Quantity, towards: int) -> Floats:
        """Give the lowest (-1) or highest (1) value of each patient-day; NaN without one."""
        chosen = self.quantity == _QUANTITY[quantity]
        grid = np.full(self.measured_at.size, np.nan)
        pick = np.fmax if towards > 0 else np.fmin
        pick.at(grid, self.day[chosen], self.value[chosen])
        return grid.reshape(self.shape)


def build(order: Order) -> World:
    """Let everybody of `order` live and measure."""
    members = [cohort.member(order, number) for number in range(1, order.patients + 1)]
    rows = [_readings(one, number, order) for number, one in enumerate(members)]
    patient, quantity, moment, value = (np.concatenate(each) for each in zip(*rows, strict=True))
    measured_at, state, answered = _grids(members, order)
    whose, onsets = _onsets(members)
    return World(
        order=order,
        patient=patient.astype(np.int32),
        quantity=quantity.astype(np.int16),
        measured_us=midnight_us(order) + moment * _US,
        value=value,
        day=patient * order.days + np.clip(moment // SECONDS_PER_DAY, 0, order.days - 1),
        answered=answered,
        measured_at=measured_at,
        state=state,
        onset_of=whose,
        onsets=onsets,
    )


def midnight_us(order: Order) -> int:
    """Give the microseconds from 1970 to the first midnight, both by the patients' own clocks."""
    return int(datetime.combine(order.start, time(), tzinfo=UTC).timestamp()) * _US


def _readings(one: Member, number: int, order: Order) -> tuple[Whole, Whole, Whole, Floats]:
    """Patient, quantity, moment and value of every reading, sorted by quantity and moment."""
    found = []
    for measured in one.measured:
        moments = measured.moments[measured.moments < order.days * SECONDS_PER_DAY]
        for quantity, shown in measured.shown.items():
            kept = ~_is_held(quantity, shown)[: len(moments)]
            same = np.full(int(kept.sum()), _QUANTITY[quantity], dtype=np.int64)
            found.append((same, moments[kept], shown.value[: len(moments)][kept]))
    found.sort(key=lambda each: int(each[0][0]) if len(each[0]) else -1)
    quantity, moment, value = (np.concatenate(column) for column in zip(*found, strict=True))
    return np.full(len(quantity), number, dtype=np.int64), quantity, moment, value


def _is_held(quantity: Quantity, shown: Shown) -> Flags:
    """Say which values ingest keeps from the rules: weights that are somebody else's."""
    if quantity is not Quantity.BODY_WEIGHT:
        return np.zeros(shown.value.shape, dtype=np.bool_)
    far = np.abs(shown.value - shown.true) > np.maximum(STEP_KG, STEP_PART * shown.true)
    return far & (shown.disturbance == Disturbance.SOMEBODY_ELSE)


def _grids(
    members: list[Member], order: Order
) -> tuple[Floats, NDArray[np.int8], dict[str, Floats]]:
    shape = len(members), order.days
    measured_at = np.full(shape, np.nan)
    state = np.zeros(shape, dtype=np.int8)
    answered = {question: np.full(shape, np.nan) for question in QUESTIONS}
    for number, one in enumerate(members):
        moments = one.sessions.agreed
        days = moments // SECONDS_PER_DAY
        # Backwards, so that of two measurements of one day the first one stays.
        measured_at[number, days[::-1]] = moments[::-1] / SECONDS_PER_DAY
        state[number, days[::-1]] = _state_of(one.course, moments)[::-1]
        for question, said in answers.yes(one.course, moments + ASKED_AFTER_S).items():
            answered[question][number, days[::-1]] = said[::-1]
    return measured_at, state, answered


def _state_of(course: Course, moments: Whole) -> NDArray[np.int8]:
    """Give the state at each moment; who has wasted away is not stable either."""
    state = np.array([STATES.index(name) for name in cohort.states(course, moments)], dtype=np.int8)
    now = course.usual(Quantity.BODY_WEIGHT, moments)
    first = course.usual(Quantity.BODY_WEIGHT, np.zeros(1, dtype=np.int64))
    lost = (now < WASTED * first) | (now < first - WASTED_KG)
    state[lost & (state == STABLE)] = OTHER
    return state


def _onsets(members: list[Member]) -> tuple[Whole, Floats]:
    found = [
        (number, each.onset)
        for number, one in enumerate(members)
        for each in one.course.episodes
        if each.kind is Kind.EXACERBATION
    ]
    whose, onsets = zip(*found, strict=True) if found else ((), ())
    return np.array(whose, dtype=np.int64), np.array(onsets, dtype=np.float64)
