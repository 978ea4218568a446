"""Readings that a person types in: reading the numbers, and asking back when one looks wrong.

Owns what a typed number may look like, what a person can be expected to mean, and the words of
the answers, in Danish and English. Pure. Must not know HTTP, a command line or disks.

Invariants
----------
1. A decimal comma and a decimal point are the same; a thousands separator is refused.
2. A number that looks like another unit (5.2 for a peak flow in L/min) is asked back with what it
   would be. Nothing is converted unless the unit was written beside it.
3. A rare but possible number is kept when the person confirms it: the sickest have such numbers.
   An impossible one never is.

What else changes with it: docs/operating.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import DocumentError
from gateway.profiles.measurement import Reading, readings_of
from gateway.profiles.thermometer import fahrenheit_to_celsius
from telekol.observation import CLOCK_SLACK, Entry, ShortText
from telekol.quantities import FACTS, Quantity

LIMIT_BYTES: Final = 8 * 1024

OLDEST: Final = timedelta(days=31)
"""A slip of paper from the last visit is typed in within weeks; an older date is most likely a
wrong month, and would be judged long after anybody can act on it."""

USUAL: Final[dict[Quantity, tuple[str, str]]] = {
    # What a person at home with COPD can be expected to read off a display. Outside it a slip of
    # the finger is likelier than the truth, so the person is asked once more.
    Quantity.SPO2: ("60", "100"),
    Quantity.PULSE_RATE: ("30", "220"),
    Quantity.BODY_WEIGHT: ("30", "250"),
    Quantity.SYSTOLIC_BP: ("60", "250"),
    Quantity.DIASTOLIC_BP: ("30", "150"),
    Quantity.MEAN_BP: ("40", "180"),
    Quantity.BODY_TEMPERATURE: ("33", "42"),
    Quantity.FEV1: ("0.2", "6"),
    Quantity.FVC: ("0.4", "8"),
    Quantity.FEV6: ("0.4", "8"),
    Quantity.FEV1_FVC: ("0.15", "1"),
    Quantity.PEF: ("30", "800"),
}
"""The quantities that can be typed in, and their usual range in their own unit."""

_NUMBER: Final = re.compile(r"(?P<number>\d{1,4}(?:[.,]\d{1,3})?)\s*(?P<unit>\D.*)?")

_Conversion = Callable[[Decimal], Decimal]


def _times(factor: str) -> _Conversion:
    return lambda value: value * Decimal(factor)


_OWN: Final = _times("1")
_UNITS: Final[dict[str, dict[str, _Conversion]]] = {
    "%": {"%": _OWN},
    "/min": {"/min": _OWN, "bpm": _OWN},
    "kg": {"kg": _OWN},
    "mm[Hg]": {"mmhg": _OWN, "mm[hg]": _OWN},
    "Cel": {"c": _OWN, "°c": _OWN, "cel": _OWN, "f": fahrenheit_to_celsius},
    "L": {"l": _OWN, "ml": _times("0.001")},
    "L/min": {"l/min": _OWN, "l/s": _times("60")},
    "{ratio}": {"%": _times("0.01")},
}
"""What may be written behind a number, lower case, and how it becomes the quantity's own unit."""

_SLIPS: Final[dict[str, tuple[str, _Conversion]]] = {
    "%": ("a fraction", _times("100")),
    "Cel": ("Fahrenheit", fahrenheit_to_celsius),
    "L": ("mL", _times("0.001")),
    "L/min": ("L/s", _times("60")),
    "{ratio}": ("%", _times("0.01")),
}
"""The unit that people and meters mix up with a quantity's own."""


@dataclass(frozen=True, slots=True)
class TypedTrouble:
    """What is wrong with one field, for the person who typed it."""

    field: str
    expected: str
    found: str
    danish: str
    english: str

    def __str__(self) -> str:
        return f"{self.field}: {self.danish} | {self.english}"


@dataclass(frozen=True, slots=True)
class TypedReadings:
    """What somebody typed in, one act of typing.

    Parameters
    ----------
    at
        When it was measured, as the person says; None for now.
    instrument
        What the person read it off, if told.
    """

    key: str
    by: Entry
    at: datetime | None
    instrument: str
    readings: tuple[Reading, ...]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    key: Annotated[str, Field(min_length=8, max_length=80, pattern=r"^[\x21-\x7e]+$")]
    by: Literal["patient", "nurse"] = "patient"
    at: Annotated[str, Field(max_length=40)] | None = None
    instrument: ShortText = ""
    confirmed: bool = False
    readings: Annotated[
        dict[str, int | Decimal | Annotated[str, Field(max_length=40)]],
        Field(min_length=1, max_length=len(USUAL)),
    ]


_BY: Final = {"patient": Entry.TYPED, "nurse": Entry.TYPED_BY_NURSE}


def read_typed(payload: bytes, now: datetime, zone: tzinfo) -> TypedReadings:
    """Read a form with typed readings.

    Parameters
    ----------
    zone
        Where the person's clock hangs: how a time without an offset is read.

    Raises
    ------
    DocumentError
        With each field that is wrong, in words for the person who typed.
    """
    form = _read_form(payload)
    troubles: list[TypedTrouble] = []
    at = _read_time(form.at, now, zone, troubles)
    values: dict[Quantity, Decimal] = {}
    for name, text in form.readings.items():
        value = _read_value(name, text, troubles)
        if value is not None:
            values[Quantity(name)] = value
    troubles += _contradictions(values)
    troubles += [
        trouble
        for quantity, value in values.items()
        if (trouble := _doubt(quantity, value, is_confirmed=form.confirmed)) is not None
    ]
    if troubles:
        raise DocumentError(tuple(troubles))
    readings = readings_of(*values.items())
    return TypedReadings(form.key, _BY[form.by], at, form.instrument, readings)


def _read_form(payload: bytes) -> _Form:
    if len(payload) > LIMIT_BYTES:
        raise DocumentError((_plain("form", f"at most {LIMIT_BYTES} bytes", f"{len(payload)}"),))
    try:
        return _Form.model_validate(json.loads(payload, parse_float=Decimal))
    except ValidationError as error:
        raise DocumentError(tuple(_of_form(item) for item in error.errors())) from None
    except (ValueError, RecursionError) as error:
        raise DocumentError((_plain("form", "JSON in UTF-8", str(error)),)) from None


def _of_form(item: Any) -> TypedTrouble:
    field = ".".join(str(part) for part in item["loc"]) or "form"
    expected = str(item["msg"]).removeprefix("Input should be ")
    return _plain(field, expected, repr(item["input"])[:60])


def _plain(field: str, expected: str, found: str) -> TypedTrouble:
    return TypedTrouble(
        field,
        expected,
        found,
        f"kan ikke læses (forventet: {expected})",
        f"expected {expected}, found {found}",
    )


def _read_time(
    text: str | None, now: datetime, zone: tzinfo, troubles: list[TypedTrouble]
) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
        ahead = at - now
    except (ValueError, OverflowError):
        troubles.append(
            _wrong_time(
                text,
                "kan ikke læses; skriv det som 2026-03-14T08:30",
                "cannot be read; write it as 2026-03-14T08:30",
            )
        )
        return None
    if ahead > CLOCK_SLACK:
        troubles.append(
            _wrong_time(
                text,
                "ligger i fremtiden; er datoen rigtig?",
                "lies in the future; is the date right?",
            )
        )
    elif ahead < -OLDEST:
        days = OLDEST.days
        troubles.append(
            _wrong_time(
                text,
                f"er mere end {days} dage siden; er datoen rigtig?",
                f"is more than {days} days ago; is the date right?",
            )
        )
    return at


def _wrong_time(text: str, danish: str, english: str) -> TypedTrouble:
    return TypedTrouble(
        "at",
        f"a time of the last {OLDEST.days} days, as 2026-03-14T08:30",
        text,
        f"tidspunktet {text} {danish}",
        f"the time {text} {english}",
    )


def _read_value(
    name: str, given: int | Decimal | str, troubles: list[TypedTrouble]
) -> Decimal | None:
    if name not in set(USUAL):
        names = ", ".join(USUAL)
        troubles.append(
            TypedTrouble(
                name,
                f"one of {names}",
                name,
                f"ukendt måling; kendte er {names}",
                f"unknown quantity; known are {names}",
            )
        )
        return None
    quantity = Quantity(name)
    matched = _NUMBER.fullmatch(str(given).strip())
    if matched is None:
        troubles.append(_no_number(quantity, str(given)))
        return None
    value = Decimal(matched["number"].replace(",", "."))
    if not matched["unit"]:
        return value
    convert = _UNITS[FACTS[quantity].unit].get(matched["unit"].strip().lower())
    if convert is None:
        troubles.append(_wrong_unit(quantity, matched["unit"].strip()))
        return None
    return convert(value)


def _no_number(quantity: Quantity, text: str) -> TypedTrouble:
    facts = FACTS[quantity]
    return TypedTrouble(
        quantity,
        f"a number in {facts.unit}, as 91 or 1,52",
        text,
        f"{facts.danish}: {text!r} er ikke et tal; skriv f.eks. 91 eller 1,52",
        f"{facts.english}: {text!r} is no number; write 91 or 1.52",
    )


def _wrong_unit(quantity: Quantity, unit: str) -> TypedTrouble:
    facts = FACTS[quantity]
    known = ", ".join(_UNITS[facts.unit])
    return TypedTrouble(
        quantity,
        f"a unit of {known}",
        unit,
        f"{facts.danish}: enheden {unit!r} kendes ikke her; brug {known}",
        f"{facts.english}: the unit {unit!r} is not known here; use {known}",
    )


def _doubt(quantity: Quantity, value: Decimal, *, is_confirmed: bool) -> TypedTrouble | None:
    """Ask back for a number that is impossible, or rare and not confirmed."""
    facts = FACTS[quantity]
    lowest, highest = (Decimal(bound) for bound in USUAL[quantity])
    if lowest <= value <= highest:
        return None
    is_possible = facts.is_possible(float(value))
    if is_possible and is_confirmed:
        return None
    found, between = (
        _plainly(value),
        f"{_plainly(lowest)}-{_plainly(highest)} {facts.shown_unit}".rstrip(),
    )
    meant = _meant(quantity, value)
    given = f"{found} {facts.shown_unit}".rstrip()
    danish = f"{facts.danish} {_comma(given)} er usædvanlig; forventet {_comma(between)}"
    english = f"{facts.english} {given} is unusual; expected {between}"
    if meant is not None:
        unit, other = meant
        danish += (
            f". Er det aflæst i {_DANISH_UNITS.get(unit, unit)}? Det ville være {_comma(other)}"
        )
        english += f". Was it read in {unit}? That would be {other}"
    elif is_possible:
        danish += ". Hvis tallet er rigtigt, så bekræft det"
        english += ". If the number is right, confirm it"
    return TypedTrouble(quantity, between, found, danish, english)


_DANISH_UNITS: Final = {"a fraction": "en brøk"}


def _meant(quantity: Quantity, value: Decimal) -> tuple[str, str] | None:
    """Say in which other unit the number would be a usual one, and what it would be here."""
    slip = _SLIPS.get(FACTS[quantity].unit)
    if slip is None:
        return None
    unit, convert = slip
    other = convert(value)
    lowest, highest = (Decimal(bound) for bound in USUAL[quantity])
    return (unit, _plainly(other)) if lowest <= other <= highest else None


def _contradictions(values: Mapping[Quantity, Decimal]) -> list[TypedTrouble]:
    return [
        _contradiction(lesser, greater, values)
        for lesser, greater in _ORDERED
        if lesser in values and greater in values and values[lesser] > values[greater]
    ]


_ORDERED: Final = (
    (Quantity.DIASTOLIC_BP, Quantity.SYSTOLIC_BP),
    (Quantity.DIASTOLIC_BP, Quantity.MEAN_BP),
    (Quantity.MEAN_BP, Quantity.SYSTOLIC_BP),
    (Quantity.FEV1, Quantity.FVC),
    (Quantity.FEV1, Quantity.FEV6),
    (Quantity.FEV6, Quantity.FVC),
)
"""The first is never greater than the second."""


def _contradiction(
    lesser: Quantity, greater: Quantity, values: Mapping[Quantity, Decimal]
) -> TypedTrouble:
    one, other = FACTS[lesser], FACTS[greater]
    return TypedTrouble(
        lesser,
        f"at most {greater}, {_plainly(values[greater])}",
        _plainly(values[lesser]),
        f"{one.danish} kan ikke være større end {_within(other.danish)}; er de byttet om?",
        f"{one.english} cannot be greater than {_within(other.english)}; were they swapped?",
    )


def _within(name: str) -> str:
    """Give a quantity's name as it stands within a sentence: ``FEV1`` stays, ``Puls`` does not."""
    return name[:1].lower() + name[1:] if name[1:].islower() else name


def _plainly(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _comma(text: str) -> str:
    return text.replace(".", ",")
