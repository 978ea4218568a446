"""What a scenario file may hold.

Owns the shape of a story and the rules that its parts must keep together. Pure: no files.

Days are counted from 1, as people count them; a moment is written ``day 3`` or ``day 3 08:30``,
by the clock on the wall of the home.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from device_sim import kit
from device_sim.patient import KINDS
from device_sim.physiology.episodes import MAKERS
from device_sim.physiology.habits import Cadence
from device_sim.physiology.profile import TYPES, Profile, draw
from device_sim.scenario.faults import ON_THE_WIRE
from telekol.topics import GATEWAY_ID_PATTERN

_WHEN: Final = re.compile(r"^day (\d{1,3})(?: ([01]\d|2[0-3]):([0-5]\d))?$")
RANDOM: Final = "random"
"""A type of patient: somebody drawn like a member of a cohort."""

LEVELS: Final = frozenset(each.name for each in fields(Profile))
ILLNESSES: Final = frozenset(kind.value for kind in MAKERS)


def _moment(text: Any) -> timedelta:
    if isinstance(text, timedelta):
        return text
    match = _WHEN.match(text) if isinstance(text, str) else None
    if match is None or int(match[1]) < 1:
        raise ValueError(f'expected a moment like "day 3" or "day 3 08:30", found {text!r}')
    return timedelta(days=int(match[1]) - 1, hours=int(match[2] or 0), minutes=int(match[3] or 0))


def _one_of(known: Any, what: str) -> BeforeValidator:
    def check(found: Any) -> Any:
        if found not in known:
            raise ValueError(f"expected {what}: {', '.join(sorted(known))}; found {found!r}")
        return found

    return BeforeValidator(check)


When = Annotated[timedelta, BeforeValidator(_moment)]
"""Time since the midnight at which the story begins."""


def kind_of(device: str) -> str:
    """Say which kind of `device_sim.patient.KINDS` a kind of the kit measures like.

    Examples
    --------
    >>> kind_of("nonin-3230"), kind_of("and-cuff")
    ('oximeter', 'cuff')
    """
    measured = kit.KINDS[device].quantities
    return max(KINDS, key=lambda kind: len(measured.intersection(KINDS[kind])))


DeviceKind = Annotated[str, _one_of(kit.KINDS, "a kind of device")]
FaultName = Annotated[str, _one_of(ON_THE_WIRE, "a fault")]
TypeName = Annotated[str, _one_of({*TYPES, RANDOM}, "a type of patient")]
LevelName = Annotated[str, _one_of(LEVELS, "a level of a patient")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EventKind(StrEnum):
    """What can happen to a patient."""

    EXACERBATION = "exacerbation"
    FLUID = "fluid"
    INFECTION = "infection"
    ANXIETY = "anxiety"
    OXYGEN_TOO_HIGH = "oxygen-too-high"
    HOLIDAY = "holiday"
    HOSPITAL = "hospital"
    MEASURE = "measure"


class Event(_Part):
    """Something that happens to a patient.

    Parameters
    ----------
    when
        Of an illness: the day on which symptoms are clearly worse; of the others: the begin.
    severity
        Of an illness: 1 is average, 2 usually ends in hospital.
    until
        End of a holiday or a stay in hospital.
    device, values
        Of ``measure``: a measurement beside the routine, and what the display shall show. What
        is left out shows the patient.
    second_time
        Of ``measure``: the hour that is lived twice in October is meant the second time.
    """

    kind: EventKind
    when: When
    severity: Annotated[float, Field(gt=0, le=4)] | None = None
    until: When | None = None
    device: DeviceKind | None = None
    values: dict[str, float] = {}
    second_time: bool = False

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        away = self.kind in {EventKind.HOLIDAY, EventKind.HOSPITAL}
        if away and (self.until is None or self.until <= self.when):
            raise ValueError(f'{self.kind} needs `until = "day N"` after its `when`')
        if self.kind is EventKind.MEASURE and self.device is None:
            raise ValueError("measure needs a `device`")
        if self.severity is not None and self.kind not in ILLNESSES:
            raise ValueError(f"severity belongs to an illness: {', '.join(sorted(ILLNESSES))}")
        if self.values and self.device is None:
            raise ValueError("values belong to `measure` with a `device`")
        known = KINDS[kind_of(self.device)] if self.device else ()
        if strange := sorted(set(self.values) - set(known)):
            raise ValueError(
                f"expected values of the {self.device}: {', '.join(known)}; "
                f"found {', '.join(strange)}"
            )
        return self


class PatientPart(_Part):
    """Somebody who measures.

    Parameters
    ----------
    type
        One of the named people of `device_sim.physiology.profile`, or ``random``.
    levels
        What is different about this one: any field of `Profile`.
    cadence
        How often it was agreed to measure.
    measures
        Whether the patient follows the agreed routine at all; if not, only ``measure`` events.
    """

    type: TypeName = "steady"
    levels: dict[LevelName, float | bool] = {}
    cadence: Cadence = Cadence.DAILY
    measures: bool = True
    events: tuple[Event, ...] = ()

    def profile(self, seed: int, name: str) -> Profile:
        """Give the person; a random one is always the same for the same seed and name."""
        base = draw(seed, name) if self.type == RANDOM else TYPES[self.type]
        return replace(base, **self.levels)  # type: ignore[arg-type]  # checked names


class Fault(_Part):
    """A fault of a device, by the name that the table of faults gives it."""

    name: FaultName
    device: DeviceKind
    begins: Annotated[When, Field(alias="from")]
    ends: Annotated[When | None, Field(alias="to")] = None
    parameters: dict[str, float] = {}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends is not None and self.ends <= self.begins:
            raise ValueError("`to` must come after `from`")
        return self


class Outage(_Part):
    """The home without internet, or without power."""

    of: Literal["internet", "power"]
    begins: Annotated[When, Field(alias="from")]
    ends: Annotated[When, Field(alias="to")]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.begins:
            raise ValueError("`to` must come after `from`")
        return self


class HomePart(_Part):
    """A home: one kit, one gateway, one patient or more who use the kit."""

    gateway: Annotated[str, Field(pattern=GATEWAY_ID_PATTERN)] | None = None
    devices: Annotated[tuple[DeviceKind, ...], Field(min_length=1)] = ("oximeter", "scale")
    patients: Annotated[tuple[PatientPart, ...], Field(min_length=1)]
    faults: tuple[Fault, ...] = ()
    outages: tuple[Outage, ...] = ()

    @model_validator(mode="after")
    def _devices_are_there(self) -> Self:
        used = {fault.device for fault in self.faults} | {
            event.device for who in self.patients for event in who.events if event.device
        }
        if strange := used - set(self.devices):
            raise ValueError(
                f"expected only devices of this home: {', '.join(self.devices)}; found "
                f"{', '.join(sorted(strange))}; add it to `devices`"
            )
        return self


class Scenario(_Part):
    """A story.

    Parameters
    ----------
    title_da, title_en, text_da, text_en
        What the story is called, and what the triage board shall show.
    days
        How long it is.
    start
        Its first day. Left out: so that it ends now.
    seed
        Same seed, same story to the last digit.
    """

    title_da: str
    title_en: str
    text_da: str
    text_en: str
    days: Annotated[int, Field(ge=1, le=400)]
    start: date | None = None
    seed: int = 1
    homes: Annotated[tuple[HomePart, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _within_the_days(self) -> Self:
        end = timedelta(days=self.days)
        for number, home in enumerate(self.homes, 1):
            moments = [each.when for who in home.patients for each in who.events]
            moments += [fault.begins for fault in home.faults]
            moments += [outage.begins for outage in home.outages]
            if late := [each for each in moments if each >= end]:
                raise ValueError(
                    f"home {number}: expected everything within the story's {self.days} days, "
                    f"found something on day {max(late).days + 1}; raise `days`"
                )
        return self
