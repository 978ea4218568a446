"""What a family of rules is to the program: parameters, a need, a judge and a sentence.

Owns the shape alone; each family has a module of its own beside this one, and is listed in
`alerts.families.REGISTRY`. Pure.

Invariants
----------
1. A family judges a row from what `Inputs` gives for that row; it reads no clock and no file.
2. A family whose input is not readings (questionnaires, schedules, technical state) has no
   `judge` here: the program leaves it out, and who owns that input judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from alerts.context import Context
from alerts.readings import Readings
from alerts.reasons import Reason
from alerts.reference import FirstPeriods, Level, in_force
from alerts.rules import judging
from alerts.rules.judging import Judgement, Need
from alerts.window import Window
from telekol.quantities import Quantity


class Input(StrEnum):
    """What a family looks at."""

    READINGS = "readings"
    """A window of one quantity."""
    TWO_QUANTITIES = "two-quantities"
    """Windows of two quantities of one session."""
    QUESTIONNAIRE = "questionnaire"
    SPIROMETRY = "spirometry"
    SESSION = "session"
    """Several quantities and answers of one session, as NEWS2."""
    SCHEDULE = "schedule"
    TECHNICAL = "technical"


class Direction(StrEnum):
    """Where harm lies."""

    LOW = "low"
    HIGH = "high"
    EITHER = "either"


DIRECTIONS: Final = {
    Direction.LOW: judging.LOW,
    Direction.HIGH: judging.HIGH,
    Direction.EITHER: judging.EITHER,
}


class FamilyParameters(BaseModel):
    """Parameters of one rule; each family has its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    own_allowed: ClassVar[tuple[str, ...]] = ()
    """Which parameters a patient may have an own number for."""


@dataclass(frozen=True)
class Inputs:
    """Rows to judge by one rule, and what may be looked at.

    Parameters
    ----------
    rule_id
        For own numbers of patients.
    rows
        Shape (m,): rows of `readings` under test.
    most_readings
        Width of a window.
    """

    rule_id: str
    parameters: Any
    need: Need
    most_readings: int
    readings: Readings
    rows: NDArray[np.intp]
    context: Context
    periods: FirstPeriods

    @cached_property
    def window(self) -> Window:
        """The windows of the rows, float64."""
        return self.readings.window(self.rows, self.most_readings)

    @cached_property
    def level(self) -> Level:
        """What each row is held against: a reference value, approved or proposed."""
        return in_force(self.readings, self.rows, self.context.references, self.periods)

    def number(self, name: str) -> NDArray[np.float64]:
        """Give one parameter for each row: the rule's, or the patient's own; NaN for none."""
        value = getattr(self.parameters, name)
        column = np.full(len(self.rows), np.nan if value is None else float(value))
        own = self.context.own.get((self.rule_id, name))
        return column if own is None else own.over(column, self.readings.series[self.rows])

    def direction(self) -> NDArray[np.int8]:
        """Give the side of harm for each row."""
        return np.full(len(self.rows), DIRECTIONS[self.parameters.direction], dtype=np.int8)


@dataclass(frozen=True, slots=True)
class Found:
    """What a family answers.

    Parameters
    ----------
    judgement
        Severity, score and evidence.
    level
        The reference value that was used; None if the family uses none.
    beside
        Further columns that the sentence needs and that are no evidence.
    """

    judgement: Judgement
    level: Level | None = None
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def taken(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Found:
        """Give some of the rows."""
        judgement = Judgement(
            self.judgement.severity[rows],
            self.judgement.score[rows],
            {name: column[rows] for name, column in self.judgement.evidence.items()},
        )
        level = self.level and Level(
            *(getattr(self.level, one.name)[rows] for one in fields(Level))
        )
        return Found(judgement, level, {name: c[rows] for name, c in self.beside.items()})


def joined(parts: list[Found]) -> Found:
    """Put blocks of rows after each other; at least one."""
    first = parts[0]
    judgement = Judgement(
        np.concatenate([part.judgement.severity for part in parts]),
        np.concatenate([part.judgement.score for part in parts]),
        {
            name: np.concatenate([part.judgement.evidence[name] for part in parts])
            for name in first.judgement.evidence
        },
    )
    level = None
    if first.level is not None:
        level = Level(
            *(
                np.concatenate([getattr(part.level, one.name) for part in parts])
                for one in fields(Level)
            )
        )
    beside = {name: np.concatenate([part.beside[name] for part in parts]) for name in first.beside}
    return Found(judgement, level, beside)


@dataclass(frozen=True, slots=True)
class About:
    """What a sentence is about."""

    quantity: Quantity
    need: Need
    parameters: Any


Words = Callable[..., Reason]
"""`words(about, severity, value, *spoken)`: the sentence of one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family of rules.

    Parameters
    ----------
    name, version
        As findings carry them. The version rises when the same parameters would answer otherwise.
    takes
        What it looks at.
    parameters
        The model of its parameters in a rule set.
    need
        What it asks of the readings unless a rule says otherwise; None where that is no question.
    quantities
        What it may be used for; empty for every quantity of the patient.
    danish, english
        What it does, for lists.
    judge
        None where the input is not readings.
    spoken
        Names of evidence and of columns beside it that `words` takes, in order.
    words
        The sentence of one row.
    """

    name: str
    version: int
    takes: Input
    parameters: type[FamilyParameters]
    danish: str
    english: str
    need: Need | None = None
    quantities: tuple[Quantity, ...] = ()
    judge: Callable[[Inputs], Found] | None = None
    spoken: tuple[str, ...] = ()
    words: Words | None = None

    @property
    def needs_quantity(self) -> bool:
        """Whether a rule of this family must name a quantity."""
        return self.takes in (Input.READINGS, Input.TWO_QUANTITIES)
