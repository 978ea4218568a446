"""What a device shows of a true level: error, disturbance, rounding.

Owns the kinds of home device, which quantities each gives, and what goes wrong at the body (a cold
finger, a moved cuff, somebody else). What goes wrong in the device is `device_sim.faults`.

Invariants: a value is one that the device can show (its range and its steps); FEV1 is never above
FVC, nor the diastolic above the systolic; what disturbed a value is written beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from device_sim import patient
from device_sim.physiology.chance import Floats, Moments, key_of, normal_at, uniform_at
from device_sim.physiology.course import Course
from device_sim.physiology.scatter import DAYS_PER_YEAR, SCATTER, SECONDS_PER_DAY, moment_errors
from telekol.quantities import Quantity

KINDS: Final[dict[str, tuple[Quantity, ...]]] = {
    kind: tuple(Quantity(each) for each in names) for kind, names in patient.KINDS.items()
}
"""What each kind of device measures. A cuff's pulse is left out: it is the oximeter's."""

RANGES: Final[dict[Quantity, tuple[float, float]]] = {
    Quantity.SPO2: (60, 100),
    Quantity.PULSE_RATE: (35, 200),
    Quantity.BODY_WEIGHT: (10, 250),
    Quantity.SYSTOLIC_BP: (60, 260),
    Quantity.DIASTOLIC_BP: (35, 150),
    Quantity.BODY_TEMPERATURE: (34, 42),
    Quantity.FEV1: (0.15, 6),
    Quantity.FVC: (0.25, 8),
    Quantity.PEF: (40, 800),
}
"""What such a device can show, within what `telekol.quantities` accepts."""


class Disturbance(IntEnum):
    """What disturbed one measurement at the body."""

    NONE = 0
    COLD_FINGER = 1
    NAIL_POLISH = 2
    MOVED_CUFF = 3
    SOMEBODY_ELSE = 4
    POOR_BLOW = 5

    @property
    def label(self) -> str:
        """The name in files: ``cold-finger``; empty for none."""
        return "" if self is Disturbance.NONE else self.name.lower().replace("_", "-")


MOVED_CUFF: Final = 0.03
"""Part of the pressures that talking or a moved arm raises; our choice."""

SOMEBODY_ELSE: Final = 0.003
"""Part of the weighings that are of somebody else in the house; our choice."""

POOR_BLOW: Final = 0.05
"""Part of the home blows that are not blown to the end; our choice."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the displays show; each array has the shape of the moments asked for.

    Parameters
    ----------
    value
        As displayed, on the device's steps.
    true
        The patient's level.
    disturbance
        `Disturbance` numbers.
    """

    value: Floats
    true: Floats
    disturbance: Moments


def show(course: Course, kind: str, moments: Moments) -> dict[Quantity, Shown]:
    """Measure with a device of `kind` at each moment."""
    shown = {quantity: _measured(course, quantity, moments) for quantity in KINDS[kind]}
    disturbance = _disturbances(course, kind, moments)
    for quantity, each in shown.items():
        changed = each.value + _change(course, quantity, moments, disturbance, each.value)
        shown[quantity] = Shown(changed, each.true, disturbance)
    if kind == "spirometer":
        _order(shown, Quantity.FEV1, Quantity.FVC, 0.02)
    if kind == "cuff":
        _order(shown, Quantity.DIASTOLIC_BP, Quantity.SYSTOLIC_BP, 10)
    return {quantity: _displayed(quantity, each) for quantity, each in shown.items()}


def displayed(quantity: Quantity, values: Floats) -> Floats:
    """Round to what the device shows and keep within its range."""
    low, high = RANGES[quantity]
    step = SCATTER[quantity].step
    # Through a second rounding, since 911 * 0.1 is not 91.1.
    return np.round(np.round(np.clip(values, low, high) / step) * step, 3)


def _measured(course: Course, quantity: Quantity, moments: Moments) -> Shown:
    true = course.level(quantity, moments)
    error = moment_errors(course.seed, course.name, quantity, moments)
    return Shown(true + error, true, np.zeros(moments.shape, dtype=np.int64))


def _disturbances(course: Course, kind: str, moments: Moments) -> Moments:
    chance = uniform_at(key_of(course.seed, course.name, "disturbance", kind), moments)
    found = np.zeros(moments.shape, dtype=np.int64)
    if kind == "oximeter":
        if course.profile.nail_polish_pct:
            found[:] = Disturbance.NAIL_POLISH
        found[chance < _cold_hands(course, moments)] = Disturbance.COLD_FINGER
    elif kind == "cuff":
        found[chance < MOVED_CUFF] = Disturbance.MOVED_CUFF
    elif kind == "scale":
        found[chance < SOMEBODY_ELSE] = Disturbance.SOMEBODY_ELSE
    elif kind == "spirometer":
        found[chance < POOR_BLOW] = Disturbance.POOR_BLOW
    return found


def _cold_hands(course: Course, moments: Moments) -> Floats:
    """Give the probability of a cold finger: twice the usual in winter, hardly any in summer."""
    day_of_year = moments / SECONDS_PER_DAY + course.start.timetuple().tm_yday
    return course.profile.cold_hands * (1 + np.cos(2 * np.pi * day_of_year / DAYS_PER_YEAR))


def _change(
    course: Course, quantity: Quantity, moments: Moments, disturbance: Moments, value: Floats
) -> Floats:
    """Give what the disturbances add to a quantity."""
    draw = key_of(course.seed, course.name, "disturbance", quantity, "size")
    luck = uniform_at(draw, moments)
    sizes: dict[tuple[Quantity, Disturbance], Floats] = {
        (Quantity.SPO2, Disturbance.COLD_FINGER): -(2 + 7 * luck),
        (Quantity.SPO2, Disturbance.NAIL_POLISH): np.full(
            luck.shape, -course.profile.nail_polish_pct
        ),
        (Quantity.PULSE_RATE, Disturbance.COLD_FINGER): 6 * normal_at(draw, moments),
        (Quantity.SYSTOLIC_BP, Disturbance.MOVED_CUFF): 8 + 18 * luck,
        (Quantity.DIASTOLIC_BP, Disturbance.MOVED_CUFF): 4 + 10 * luck,
        (Quantity.BODY_WEIGHT, Disturbance.SOMEBODY_ELSE): (16 + 80 * luck) - value,
        (Quantity.FEV1, Disturbance.POOR_BLOW): -value * (0.05 + 0.2 * luck),
        (Quantity.FVC, Disturbance.POOR_BLOW): -value * (0.1 + 0.3 * luck),
        (Quantity.PEF, Disturbance.POOR_BLOW): -value * (0.1 + 0.3 * luck),
    }
    total = np.zeros(moments.shape)
    for (whose, which), size in sizes.items():
        if whose is quantity:
            total += np.where(disturbance == which, size, 0.0)
    return total


def _order(shown: dict[Quantity, Shown], less: Quantity, more: Quantity, gap: float) -> None:
    """Keep `less` below `more` by at least `gap`."""
    small, large = shown[less], shown[more]
    value = np.minimum(small.value, large.value - gap)
    shown[less] = Shown(value, small.true, small.disturbance)


def _displayed(quantity: Quantity, shown: Shown) -> Shown:
    return Shown(displayed(quantity, shown.value), shown.true, shown.disturbance)
