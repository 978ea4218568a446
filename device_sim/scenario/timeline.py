"""A story, unfolded: everything that happens, in order, with the values the devices show.

Owns the way from a scenario to its happenings. Pure: nothing here waits, measures or sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np

from device_sim.cohort import AFTER_S, measure
from device_sim.physiology import episodes, habits
from device_sim.physiology.chance import stream
from device_sim.physiology.course import Course
from device_sim.physiology.episodes import Episode, Kind
from device_sim.physiology.habits import Absence, Sessions
from device_sim.physiology.instruments import Disturbance
from device_sim.physiology.living import HOME_ZONE, calendar, exact, measured_at
from device_sim.physiology.scatter import SECONDS_PER_DAY
from device_sim.scenario.model import (
    ILLNESSES,
    Event,
    EventKind,
    HomePart,
    PatientPart,
    Scenario,
    kind_of,
)
from telekol.quantities import Quantity

DAY: Final = timedelta(days=1)
_AWAY: Final = frozenset({EventKind.HOLIDAY, EventKind.HOSPITAL})


class What(StrEnum):
    """Kinds of happening."""

    MEASURED = "measured"
    BREAKS = "breaks"
    HEALS = "heals"
    CUT = "cut"
    RESTORED = "restored"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happens in a home.

    Parameters
    ----------
    at
        When, in UTC.
    home
        The gateway's id.
    device
        Kind of device, of what happens with one.
    patient
        Who measured, counted in the home from 1.
    values
        What the display shows.
    name
        Of the fault, of what was cut (``internet``, ``power``), or of the event.
    parameters
        Of the fault.
    note
        What disturbed a measurement.
    """

    at: datetime
    home: str
    what: What
    device: str = ""
    patient: int = 0
    values: Mapping[str, Decimal] = field(default_factory=dict)
    name: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


def gateway_of(home: HomePart, number: int) -> str:
    """Give the id of a home's gateway: its own, or by its number, from 1."""
    return home.gateway or f"gateway-{number:04d}"


def unfold(scenario: Scenario, first_day: date) -> list[Happening]:
    """Tell a whole story, in order of time."""
    return sorted(
        (
            each
            for number, home in enumerate(scenario.homes, 1)
            for each in unfold_home(
                home, gateway_of(home, number), scenario.seed, first_day, scenario.days
            )
        ),
        key=lambda each: (each.at, each.home, each.device),
    )


def unfold_home(
    home: HomePart, gateway: str, seed: int, first_day: date, days: int
) -> Iterator[Happening]:
    """Tell what happens in one home, in no order."""
    yield from _faults(home, gateway, first_day)
    for number, patient in enumerate(home.patients, 1):
        course = course_of(patient, f"{gateway}/{number}", seed, first_day, days)
        yield from _routine(patient, course, home.devices, gateway, number)
        for event in patient.events:
            yield _event(event, course, gateway, number)


def course_of(patient: PatientPart, name: str, seed: int, first_day: date, days: int) -> Course:
    """Give the life of one of a story's patients."""
    profile = patient.profile(seed, name)
    drawn = episodes.draw(seed, name, profile, days, first_day.timetuple().tm_yday)
    told = [
        _illness(event, stream(seed, name, "told", number))
        for number, event in enumerate(patient.events)
        if event.kind.value in ILLNESSES
    ]
    both = sorted([*drawn, *told], key=lambda each: each.onset)
    return Course(seed, name, profile, first_day, days, tuple(both))


def _illness(event: Event, luck: np.random.Generator) -> Episode:
    make = episodes.MAKERS[Kind(event.kind.value)]
    return make(luck, event.when / DAY, event.severity)


def _routine(
    patient: PatientPart, course: Course, kit: Sequence[str], gateway: str, number: int
) -> Iterator[Happening]:
    if not patient.measures:
        return
    told = [
        Absence(event.kind.value, event.when / DAY, event.until / DAY)
        for event in patient.events
        if event.kind in _AWAY and event.until is not None
    ]
    sessions = habits.sessions(course, patient.cadence, [*habits.absences(course), *told])
    # The second in a home measures after the first has put the devices down.
    later = (number - 1) * (AFTER_S["spirometer"] + 120)
    sessions = Sessions(sessions.agreed + later, sessions.nights + later, sessions.skipped)
    for device in kit:
        (measured,) = measure(course, sessions, (kind_of(device),))
        moments = calendar(course, measured.moments)
        for index, at in enumerate(moments):
            if measured.moments[index] >= course.days * SECONDS_PER_DAY:
                continue
            shown = next(iter(measured.shown.values()))
            yield Happening(
                at=at,
                home=gateway,
                what=What.MEASURED,
                device=device,
                patient=number,
                values={
                    quantity.value: exact(quantity, float(each.value[index]))
                    for quantity, each in measured.shown.items()
                },
                note=Disturbance(int(shown.disturbance[index])).label,
            )


def _event(event: Event, course: Course, gateway: str, number: int) -> Happening:
    at = _moment(course.start, event.when, second_time=event.second_time)
    if event.kind is not EventKind.MEASURE:
        return Happening(
            at=at, home=gateway, what=What.EVENT, patient=number, name=event.kind.value
        )
    device = event.device or ""
    given = {name: exact(Quantity(name), value) for name, value in event.values.items()}
    return Happening(
        at=at,
        home=gateway,
        what=What.MEASURED,
        device=device,
        patient=number,
        values=measured_at(course, kind_of(device), at) | given,
        note="told" if given else "",
    )


def _faults(home: HomePart, gateway: str, first_day: date) -> Iterator[Happening]:
    for fault in home.faults:
        broken = Happening(
            at=_moment(first_day, fault.begins),
            home=gateway,
            what=What.BREAKS,
            device=fault.device,
            name=fault.name,
            parameters=fault.parameters,
        )
        yield broken
        if fault.ends is not None:
            yield replace(broken, at=_moment(first_day, fault.ends), what=What.HEALS)
    for outage in home.outages:
        begins, ends = _moment(first_day, outage.begins), _moment(first_day, outage.ends)
        yield Happening(at=begins, home=gateway, what=What.CUT, name=outage.of)
        yield Happening(at=ends, home=gateway, what=What.RESTORED, name=outage.of)


def _moment(first_day: date, since: timedelta, *, second_time: bool = False) -> datetime:
    """Give a moment of the wall clock, which is not the same as so many hours after midnight."""
    shown = datetime.combine(first_day, time()) + since
    # In UTC: two times of one zone are compared as the wall shows them, also in that one hour.
    return shown.replace(tzinfo=HOME_ZONE, fold=int(second_time)).astimezone(UTC)
