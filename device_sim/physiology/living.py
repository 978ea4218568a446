"""One measurement of a course, at one moment of the calendar.

Owns the way from an aware moment to the course's own seconds and back to exact decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from device_sim.physiology.chance import Moments
from device_sim.physiology.course import Course
from device_sim.physiology.instruments import displayed, show
from telekol.quantities import FACTS, Quantity

HOME_ZONE: Final = ZoneInfo("Europe/Copenhagen")
"""Patients live by Danish clocks, also in the two nights a year when these are changed."""


def moment_of(course: Course, at: datetime) -> int:
    """Give the seconds on the wall clock since the first midnight of `course`."""
    shown = at.astimezone(HOME_ZONE).replace(tzinfo=None)
    return int((shown - datetime.combine(course.start, time())).total_seconds())


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
    """Give the aware local moments of a course's seconds."""
    midnight = datetime.combine(course.start, time())
    shown = (midnight + timedelta(seconds=moment) for moment in moments.tolist())
    return [each.replace(tzinfo=HOME_ZONE) for each in shown]
