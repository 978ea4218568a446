"""The rule set: versioned rules with their parameters, as a file holds it. Pure.

Owns the shape, the order of numbers within a rule, the fingerprint and the laying of a patient's
own numbers over a set. It knows no file.

Invariants
----------
1. A rule's id is unique within its set: findings, cases and own numbers refer to it.
2. Parameters are checked by the model of the rule's family; an unknown key is an error.
3. The fingerprint covers all that can change an answer, the versions of the families too, and
   nothing else: titles may be mended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from alerts.families import REGISTRY
from alerts.families.base import Family, FamilyParameters, Input
from alerts.rules.judging import Need
from alerts.window import WIDTH
from telekol.quantities import FACTS, Quantity

MOST_READINGS: Final = 400
"""Widest window: a year of daily readings and a little more. Pairs grow with its square."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NeedOverride(_Part):
    """What a rule asks for instead of what its family asks for; each may be left out."""

    least_count: int | None = Field(None, ge=1, le=MOST_READINGS)
    longest_gap_days: float | None = Field(None, gt=0, le=3660)
    longest_age_days: float | None = Field(None, gt=0, le=3660)

    def over(self, need: Need) -> Need:
        """Give the need in force."""
        return Need(
            need.least_count if self.least_count is None else self.least_count,
            need.longest_gap_days if self.longest_gap_days is None else self.longest_gap_days,
            need.longest_age_days if self.longest_age_days is None else self.longest_age_days,
        )


class Persist(_Part):
    """Flag only what lasts: `least` of the newest `of` readings, the one under test among them.

    Parameters
    ----------
    within_days
        Readings longer before than this count as not flagged.
    alone_after_days
        A reading before which there was none for so long stands alone and is flagged at once: who
        measures once a week has no second reading to wait for, and waiting costs a week. None:
        every flag needs another.
    """

    least: int = Field(ge=2, le=14)
    of: int = Field(ge=2, le=28)
    within_days: float = Field(31.0, gt=0, le=400)
    alone_after_days: float | None = Field(None, gt=0, le=400)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.least > self.of:
            raise ValueError(f"least must not be more than of, found {self.least} of {self.of}")
        return self


class Confirm(_Part):
    """Ask the home for a second measurement before a doubtful red is raised."""

    within_minutes: int = Field(ge=1, le=120)


_OF_READINGS: Final = (
    "quantity", "most_readings", "need", "persist", "confirm", "hysteresis", "hold_off_days",
)  # fmt: skip
"""What a rule over answers may not have: it would be passed over in silence."""


class RuleSpec(_Part):
    """One rule of a set.

    Parameters
    ----------
    id
        Unique within the set.
    family
        Name of a family of `alerts.families.REGISTRY`.
    quantity
        What it judges; None for families that judge no quantity.
    parameters
        Of the family's own model.
    most_readings
        Width of the window: the newest readings, the one under test included.
    need
        What it asks for instead of the family's need.
    persist
        Flag only what lasts; None for at once.
    confirm
        Whether a doubtful red is measured again first, and for how long it waits.
    hysteresis
        How far, in the unit of the score, a value must come back before it counts as back.
    hold_off_days
        How long after a case was closed the same rule opens no other of the same severity.
    """

    id: Name
    family: str
    quantity: Quantity | None = None
    most_readings: int = Field(WIDTH, ge=1, le=MOST_READINGS)
    need: NeedOverride = NeedOverride()
    persist: Persist | None = None
    confirm: Literal["off"] | Confirm = "off"
    hysteresis: float = Field(0.0, ge=0)
    hold_off_days: float = Field(0.0, ge=0, le=90)
    parameters: SerializeAsAny[FamilyParameters]

    @field_validator("family")
    @classmethod
    def _known(cls, family: str) -> str:
        if family not in REGISTRY:
            raise ValueError(f"expected one of {', '.join(sorted(REGISTRY))}, found {family!r}")
        return family

    @field_validator("parameters", mode="wrap")
    @classmethod
    def _of_its_family(cls, given: Any, _handler: Any, info: ValidationInfo) -> FamilyParameters:
        family = REGISTRY.get(info.data.get("family", ""))
        if family is None:
            raise ValueError("cannot be checked until the family is right")
        if isinstance(given, BaseModel):
            given = given.model_dump()
        return family.parameters.model_validate(given)

    @model_validator(mode="after")
    def _fits_its_family(self) -> Self:
        family = self.kind
        if family.needs_quantity and self.quantity is None:
            raise ValueError(f"quantity is missing; the family {family.name} judges one")
        if self.quantity is not None and not FACTS[self.quantity].of_patient:
            raise ValueError(f"{self.quantity} says nothing of a patient and has no rules")
        if self.quantity and family.quantities and self.quantity not in family.quantities:
            allowed = ", ".join(family.quantities)
            raise ValueError(f"{family.name} judges {allowed}; found {self.quantity}")
        if self.needed is not None and self.needed.least_count > self.most_readings:
            raise ValueError(
                f"most_readings must be at least the least count, {self.needed.least_count}; "
                f"found {self.most_readings}"
            )
        return self

    @model_validator(mode="after")
    def _answers_are_judged_one_at_a_time(self) -> Self:
        if self.kind.takes is not Input.QUESTIONNAIRE:
            return self
        for name in _OF_READINGS:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is for rules over readings; {self.family} judges answers")
        return self

    @property
    def kind(self) -> Family:
        """The rule's family."""
        return REGISTRY[self.family]

    @property
    def needed(self) -> Need | None:
        """What the rule asks of the readings; None if its input is not readings."""
        return None if self.kind.need is None else self.need.over(self.kind.need)

    @property
    def is_of_readings(self) -> bool:
        """Whether readings alone are enough to judge it."""
        return self.kind.judge is not None

    @property
    def looks_back(self) -> int:
        """How many readings of a series the rule may look at, the one under test included."""
        return self.most_readings + (self.persist.of - 1 if self.persist else 0)


class RuleSet(_Part):
    """Rules of a programme.

    Parameters
    ----------
    name, version
        As findings carry them; the version rises whenever a number changes.
    title_da, title_en
        For people.
    rules
        In the order in which they are told.
    """

    name: Name
    version: int = Field(ge=1)
    title_da: str = Field(min_length=1, max_length=200)
    title_en: str = Field(min_length=1, max_length=200)
    rules: tuple[RuleSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_unique(self) -> Self:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.id in seen:
                raise ValueError(f"every rule needs an id of its own, found {rule.id!r} twice")
            seen.add(rule.id)
        return self

    def rule(self, rule_id: str) -> RuleSpec | None:
        """Find a rule by its id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    @property
    def looks_back(self) -> int:
        """How many readings of a series any rule may look at, the one under test included."""
        return max(rule.looks_back for rule in self.rules)

    @property
    def fingerprint(self) -> str:
        """Sixteen digits that differ when any answer could."""
        content = self.model_dump(mode="json", include={"name", "version", "rules"})
        for rule, told in zip(self.rules, content["rules"], strict=True):
            told["family_version"] = rule.kind.version
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def overlaid(rule_set: RuleSet, own: Mapping[str, Mapping[str, float | None]]) -> RuleSet:
    """Give a patient's set: the programme's with the patient's own numbers in it.

    Parameters
    ----------
    own
        Parameters by the id of their rule; None takes a limit away.

    Raises
    ------
    ValueError
        If a rule or parameter is not there, may not be a patient's own, or does not fit the
        others; names it. (pydantic's ValidationError is one.)
    """
    known = {rule.id for rule in rule_set.rules}
    for rule_id in own:
        if rule_id not in known:
            raise ValueError(f"expected a rule of {rule_set.name}, found {rule_id!r}")
    rules = tuple(_with_own(rule, own.get(rule.id, {})) for rule in rule_set.rules)
    return RuleSet.model_validate(
        rule_set.model_dump() | {"rules": [r.model_dump() for r in rules]}
    )


def _with_own(rule: RuleSpec, own: Mapping[str, float | None]) -> RuleSpec:
    allowed = rule.kind.parameters.own_allowed
    for name in own:
        if name not in allowed:
            raise ValueError(
                f"{rule.id}: a patient's own may be {', '.join(allowed) or 'nothing'}; "
                f"found {name!r}"
            )
    if not own:
        return rule
    changed = rule.parameters.model_dump() | dict(own)
    return RuleSpec.model_validate(rule.model_dump() | {"parameters": changed})
