"""The neutral spirometry document: how a spirometer with a closed protocol reaches the gateway.

Owns its shape and version, and the words of its errors. A vendor's SDK, a tablet or a script
writes one document a session. Must not know which value becomes a reading
(`gateway.door.spirometry`), nor the way it came.

Invariants
----------
1. An unknown field is an error: a misspelt `fvc_l` must not pass for a blow without FVC.
2. FVC and FEV6 are two fields; neither can stand for the other. A flow carries its unit.
3. Numbers keep the digits they came with.
4. An error names the field, what was expected and what was found.

What else changes with it: docs/spirometry-document.md, which a test compares, and VERSION.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from gateway.errors import DocumentError
from telekol.observation import ShortText

VERSION: Final = 1

LIMIT_BYTES: Final = 64 * 1024
"""A blow is under 400 bytes of JSON and a session has twenty at most; the rest is room."""

MOST_BLOWS: Final = 20
"""ATS/ERS 2019 stops an adult after eight; twenty holds a session of somebody who will not."""


class BlowFlag(StrEnum):
    """What was wrong with a blow; docs/devices.md says what that means for its values."""

    BAD_TEST = "bad-test"
    SLOW_START = "slow-start"
    EARLY_GLOTTIC_CLOSURE = "early-glottic-closure"
    ZERO_FLOW_FAULT = "zero-flow-fault"
    EARLY_COUGH = "early-cough"
    LATE_GLOTTIC_CLOSURE = "late-glottic-closure"
    NO_PLATEAU = "no-plateau"
    LEAK = "leak"
    OBSTRUCTED_MOUTHPIECE = "obstructed-mouthpiece"
    SUBMAXIMAL_BREATH_IN = "submaximal-breath-in"


Grade = Literal["A", "B", "C", "D", "E", "U", "F"]
"""Of a session, by ATS/ERS 2019: A to E by how well blows repeat, U usable only, F failed."""


def _number(value: object) -> object:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected a number, found {value!r:.40}")


def _text(value: object) -> object:
    if isinstance(value, str):
        return value
    raise ValueError(f"expected ISO 8601 text, found {value!r:.40}")


Number = Annotated[Decimal, BeforeValidator(_number), Field(allow_inf_nan=False, max_digits=9)]
Measure = Annotated[
    Number,
    Field(ge=0, le=10_000),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 10_000}),
]
Temperature = Annotated[
    Number,
    Field(ge=-20, le=60),
    WithJsonSchema({"type": "number", "minimum": -20, "maximum": 60}),
]
ZonedTime = Annotated[AwareDatetime, BeforeValidator(_text)]
DeviceTime = Annotated[NaiveDatetime, BeforeValidator(_text)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spirometer(_Part):
    """The device; all of it together is its identity."""

    manufacturer: Annotated[ShortText, Field(min_length=1, examples=["Maker"])]
    model: Annotated[ShortText, Field(min_length=1, examples=["Model 1"])]
    serial: Annotated[ShortText, Field(min_length=1, examples=["00042"])]
    address: Annotated[ShortText, Field(description="Its Bluetooth address, if known.")] = ""


class Flow(_Part):
    """A flow with the unit it is in: peak flow is told in litres per second or per minute."""

    value: Measure
    unit: Literal["L/s", "L/min"]


class Blow(_Part):
    """One forced expiration, the numbers at BTPS."""

    attempt: Annotated[int, Field(ge=1, le=99, strict=True, description="Number of the blow.")]
    started_at: Annotated[
        ZonedTime | DeviceTime | None,
        Field(description="As the session's time: with an offset or without."),
    ] = None
    fev1_l: Annotated[Measure | None, Field(description="Litres in the first second.")] = None
    fvc_l: Annotated[
        Measure | None, Field(description="Forced vital capacity, litres; never FEV6.")
    ] = None
    fev6_l: Annotated[Measure | None, Field(description="Litres in six seconds; never FVC.")] = None
    pef: Annotated[Flow | None, Field(description="Peak expiratory flow.")] = None
    fet_s: Annotated[Measure | None, Field(description="Forced expiratory time, seconds.")] = None
    bev_l: Annotated[Measure | None, Field(description="Back-extrapolated volume, litres.")] = None
    flags: Annotated[tuple[BlowFlag, ...], Field(max_length=len(BlowFlag))] = ()

    @model_validator(mode="after")
    def _must_hold_something(self) -> Self:
        if (self.fev1_l, self.fvc_l, self.fev6_l, self.pef) == (None,) * 4:
            raise ValueError("expected at least one of fev1_l, fvc_l, fev6_l and pef, found none")
        return self


class SpirometryDocument(_Part):
    """One session: the blows somebody did one after the other.

    Exactly one of `measured_at` (with an offset from UTC) and `device_time` (what a clock without
    a zone showed) says when it began.
    """

    version: Annotated[Literal[1], Field(description="Of this format.")]
    device: Spirometer
    measured_at: Annotated[ZonedTime | None, Field(description="ISO 8601 with an offset.")] = None
    device_time: Annotated[DeviceTime | None, Field(description="ISO 8601 without an offset.")] = (
        None
    )
    btps: Annotated[
        bool,
        Field(strict=True, description="Whether volumes and flows are at body temperature (BTPS)."),
    ]
    temperature_c: Annotated[Temperature | None, Field(description="Ambient, degrees Celsius.")] = (
        None
    )
    blows: Annotated[tuple[Blow, ...], Field(min_length=1, max_length=MOST_BLOWS)]
    best_attempt: Annotated[
        int | None,
        Field(strict=True, description="Which blow the device calls best; kept, not relied upon."),
    ] = None
    grade_fev1: Annotated[Grade | None, Field(description="Of the session.")] = None
    grade_fvc: Annotated[Grade | None, Field(description="Of the session, FVC or FEV6.")] = None

    @model_validator(mode="after")
    def _must_be_consistent(self) -> Self:
        if (self.measured_at is None) == (self.device_time is None):
            found = "neither" if self.measured_at is None else "both"
            raise ValueError(f"expected one of measured_at and device_time, found {found}")
        attempts = [blow.attempt for blow in self.blows]
        if len(set(attempts)) < len(attempts):
            raise ValueError(f"blows: expected attempts with different numbers, found {attempts}")
        if self.best_attempt is not None and self.best_attempt not in attempts:
            raise ValueError(f"best_attempt: expected one of {attempts}, found {self.best_attempt}")
        return self


@dataclass(frozen=True, slots=True)
class FieldTrouble:
    """What is wrong with one field."""

    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.field}: {self.expected}; found {self.found}"


def read_document(payload: bytes) -> SpirometryDocument:
    """Read a document.

    Raises
    ------
    DocumentError
        With each field that is wrong, what was expected there and what was found.
    """
    if len(payload) > LIMIT_BYTES:
        raise DocumentError(
            (FieldTrouble("document", f"at most {LIMIT_BYTES} bytes", f"{len(payload)}"),)
        )
    try:
        # Numbers are read as decimals first: 2.1 must not become 2.10000000000000008882.
        content = json.loads(payload, parse_float=Decimal, parse_constant=_no_constant)
        return SpirometryDocument.model_validate(content)
    except ValidationError as error:
        raise DocumentError(_troubles(error)) from None
    except (ValueError, RecursionError) as error:
        raise DocumentError((FieldTrouble("document", "JSON in UTF-8", f"{error}"),)) from None


def schema() -> dict[str, Any]:
    """Give the JSON schema of the format."""
    made = SpirometryDocument.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _no_constant(name: str) -> Decimal:
    raise ValueError(f"{name} is no number")


def _troubles(error: ValidationError) -> tuple[FieldTrouble, ...]:
    # A list that is only too short because its items are wrong says nothing more.
    items = error.errors()
    inner = {item["loc"][:1] for item in items if len(item["loc"]) > 1}
    return tuple(
        _trouble(item) for item in items if item["type"] != "too_short" or item["loc"] not in inner
    )


def _trouble(item: Any) -> FieldTrouble:
    field = ".".join(str(part) for part in item["loc"]) or "document"
    if item["type"] == "missing":
        return FieldTrouble(field, "a value", "nothing")
    if item["type"] == "extra_forbidden":
        return FieldTrouble(field, "no such field", "one; is it misspelt?")
    if item["type"] == "value_error":
        expected, _, found = str(item["ctx"]["error"]).partition(", found ")
        return FieldTrouble(field, expected, found or "another")
    return FieldTrouble(field, str(item["msg"]), repr(item["input"])[:80])
