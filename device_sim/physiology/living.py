"""A course that can be measured at a moment of the calendar, as a home's devices do.

Owns the way from an aware moment to the course's own seconds and back to exact decimals. It is the
living half of `device_sim.patient.Measurable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from device_sim.patient import check_quantities, quantities_of
from device_sim.physiology.chance import Moments
from device_sim.physiology.course import Course
from device_sim.physiology.instruments import displayed, show
from telekol.quantities import FACTS, Quantity

HOME_ZONE: Final = ZoneInfo("Europe/Copenhagen")
"""Patients live by Danish clocks, also in the two nights a year when these are changed."""


class LivingPatient:
    """Somebody whose values follow a course: rhythms, illness, cold fingers and all.

    Parameters
    ----------
    course
        The life. Its days are counted from the local midnight of its start.
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self._changed: dict[str, Decimal] = {}

    def become(self, values: Mapping[str, Decimal]) -> None:
        """Move the usual levels; illness and rhythm go on around the new ones."""
        check_quantities(values)
        self._changed |= values

    def values(self, kind: str, at: datetime) -> dict[str, Decimal]:
        """Measure at an aware moment; asking again for the same second gives the same."""
        quantities_of(kind)
        return measured_at(self.course, kind, at, self._changed)


def moment_of(course: Course, at: datetime) -> int:
    """Give the seconds on the wall clock since the first midnight of `course`."""
    shown = at.astimezone(HOME_ZONE)
    since = shown.replace(tzinfo=None) - datetime.combine(course.start, time())
    # The second 02:30 of the night in October is another measurement than the first.
    return int(since.total_seconds()) + shown.fold


def measured_at(
    course: Course, kind: str, at: datetime, changed: Mapping[str, Decimal] | None = None
) -> dict[str, Decimal]:
    """Measure with a device of `kind`.

    Parameters
    ----------
    changed
        Usual levels that somebody has set, by quantity, in place of the profile's.
    """
    moments = np.array([moment_of(course, at)], dtype=np.int64)
    values = {}
    for quantity, shown in show(course, kind, moments).items():
        value = shown.value
        if changed and quantity in changed:
            moved = float(changed[quantity]) - course.usual(quantity, moments)
            value = displayed(quantity, value + moved)
        values[quantity.value] = exact(quantity, float(value[0]))
    return values


def exact(quantity: Quantity, value: float) -> Decimal:
    """Write a displayed number as the decimal that it is."""
    return Decimal(f"{value:.{FACTS[quantity].decimals}f}")


def calendar(course: Course, moments: Moments) -> list[datetime]:
    """Give the moments in UTC of a course's seconds."""
    midnight = datetime.combine(course.start, time())
    shown = (midnight + timedelta(seconds=moment) for moment in moments.tolist())
    return [each.replace(tzinfo=HOME_ZONE).astimezone(UTC) for each in shown]
