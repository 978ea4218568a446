"""What a questionnaire is: steps that lead to each other, with texts in both languages.

Owns the shape and the proof that it can be walked. It knows no file, no database and no answer.

Invariants
----------
1. Every step that is named exists, every step can be reached, none leads back to an earlier one,
   and every path ends. So a walk always ends, whatever is answered.
2. Every text is there in Danish and English.
3. Answers name steps and options by code, never by their words.

What else changes with it: docs/questionnaires.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from telekol.quantities import Quantity
from telekol.severity import Severity

END: Final = "end"
"""Where every path ends; no step may have this name."""

STEPS_MOST: Final = 100


def _written(text: str) -> str:
    if not text.replace("\n", "").isprintable() or text != text.strip():
        raise ValueError(f"expected printable text without spaces around it, found {text[:60]!r}")
    return text


Line = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_written)]
Paragraphs = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_written)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LineText(_Part):
    """A short text in both languages."""

    da: Line
    en: Line


class LongText(_Part):
    """A text of some paragraphs in both languages."""

    da: Paragraphs
    en: Paragraphs


class _Step(_Part, ABC):
    id: Key

    @property
    @abstractmethod
    def leads_to(self) -> tuple[str, ...]:
        """Every step that may come next."""


class Inform(_Step):
    """Something to read."""

    kind: Literal["inform"] = "inform"
    text: LongText
    next: Key

    @property
    def leads_to(self) -> tuple[str, ...]:
        """The one next step."""
        return (self.next,)


class Countdown(_Step):
    """Wait, with the seconds shown."""

    kind: Literal["countdown"] = "countdown"
    text: LongText
    seconds: Annotated[int, Field(ge=1, le=3600)]
    next: Key

    @property
    def leads_to(self) -> tuple[str, ...]:
        """The one next step."""
        return (self.next,)


class Measure(_Step):
    """Use a device. The readings come by themselves; the answer says only whether it was done.

    Parameters
    ----------
    next, skipped
        Where it goes on when it was measured, which holds unless somebody says otherwise, and
        when it was skipped.
    """

    kind: Literal["measure"] = "measure"
    text: LongText
    quantities: Annotated[tuple[Quantity, ...], Field(min_length=1)]
    next: Key
    skipped: Key

    @property
    def leads_to(self) -> tuple[str, ...]:
        """Both ways."""
        return (self.next, self.skipped)


class Option(_Part):
    """One answer that can be chosen.

    Parameters
    ----------
    severity
        What choosing it means; None for nothing.
    said
        How a nurse says it, in the middle of a sentence: "more breathless than usual".
    points
        What it counts in a score.
    next
        Where it leads, if not where the question leads.
    """

    code: Key
    text: LineText
    severity: Literal[Severity.YELLOW, Severity.RED] | None = None
    said: LineText | None = None
    points: int | None = None
    next: Key | None = None

    @model_validator(mode="after")
    def _must_be_sayable(self) -> Self:
        if self.severity is not None and self.said is None:
            raise ValueError(f"option {self.code} has a severity, so it needs `said` for a finding")
        return self


class Choice(_Step):
    """A question with options.

    Parameters
    ----------
    several
        Whether more than one option may be chosen; then no option leads anywhere of its own.
    required
        Whether it must be answered. If not, it goes on at `next` without an answer.
    next
        Where options lead that say nothing else.
    """

    kind: Literal["choice"] = "choice"
    text: LineText
    options: Annotated[tuple[Option, ...], Field(min_length=2, max_length=20)]
    several: bool = False
    required: bool = True
    next: Key | None = None

    @model_validator(mode="after")
    def _must_lead_on(self) -> Self:
        codes = [option.code for option in self.options]
        if len(set(codes)) != len(codes):
            raise ValueError(f"expected each option once, found {', '.join(codes)}")
        if self.next is None and (self.several or not self.required):
            raise ValueError("needs `next`: it may be answered without a way of its own")
        if self.several and any(option.next for option in self.options):
            raise ValueError("several options may be chosen, so none may have a `next` of its own")
        if self.next is None and any(option.next is None for option in self.options):
            raise ValueError("needs `next`, or a `next` at every option")
        return self

    @property
    def leads_to(self) -> tuple[str, ...]:
        """Where any answer, and none, leads."""
        ways = {self.way(option) for option in self.options}
        return tuple(ways if self.required or self.next is None else ways | {self.next})

    def way(self, option: Option) -> str:
        """Where one option leads."""
        way = option.next or self.next
        assert way is not None  # noqa: S101 - _must_lead_on has seen to it
        return way

    def option(self, code: str) -> Option | None:
        """Find an option."""
        return next((option for option in self.options if option.code == code), None)


class Number(_Step):
    """A question for a whole number."""

    kind: Literal["number"] = "number"
    text: LineText
    lowest: int
    highest: int
    required: bool = True
    next: Key

    @model_validator(mode="after")
    def _must_be_in_order(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(f"lowest must be under highest, found {self.lowest}, {self.highest}")
        return self

    @property
    def leads_to(self) -> tuple[str, ...]:
        """The one next step."""
        return (self.next,)


Step = Annotated[Inform | Countdown | Measure | Choice | Number, Field(discriminator="kind")]


class Licence(_Part):
    """Of a questionnaire whose words belong to somebody: its texts here are our own labels."""

    holder: Line
    note: LongText


class Questionnaire(_Part):
    """A questionnaire in one version.

    Parameters
    ----------
    id, version
        As answers and plans carry them. A version is never changed; versions count from 1.
    source
        Whose questions they are, and in which revision.
    start
        The first step.
    nothing
        What a nurse says when no answer meant anything.
    score
        Which score its answers make, by name; None for none.
    licence
        None where the words are our own.
    """

    id: Key
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    title: LineText
    source: Line
    start: Key
    nothing: LineText
    score: Literal["cat", "mmrc", "sit-to-stand"] | None = None
    licence: Licence | None = None
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=STEPS_MOST)]

    @model_validator(mode="after")
    def _must_be_walkable(self) -> Self:
        ids = [step.id for step in self.steps]
        if len(set(ids)) != len(ids) or END in ids:
            raise ValueError(f"expected each step once and none named {END!r}: {', '.join(ids)}")
        for name, target in (("start", self.start), *self._ways()):
            if target != END and target not in ids:
                raise ValueError(f"{name} leads to {target!r}, which is no step; name one, or end")
        self._must_not_go_round()
        lost = sorted(set(ids) - self._reachable())
        if lost:
            raise ValueError(f"no path leads to {', '.join(lost)}; lead one there or drop it")
        return self

    def step(self, name: str) -> Any:
        """Find a step by its id."""
        return next(step for step in self.steps if step.id == name)

    @property
    def questions(self) -> tuple[Choice | Number, ...]:
        """The steps that ask something."""
        return tuple(step for step in self.steps if isinstance(step, Choice | Number))

    def _ways(self) -> Iterator[tuple[str, str]]:
        for step in self.steps:
            for target in step.leads_to:
                yield step.id, target

    def _must_not_go_round(self) -> None:
        graph = {step.id: set(step.leads_to) - {END} for step in self.steps}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            around = " -> ".join(reversed(error.args[1]))
            raise ValueError(
                f"a path leads back to where it was: {around}; let it end or name another step"
            ) from None

    def _reachable(self) -> set[str]:
        ways: dict[str, list[str]] = {}
        for step, target in self._ways():
            ways.setdefault(step, []).append(target)
        seen: set[str] = set()
        waiting = [self.start]
        while waiting:
            step = waiting.pop()
            if step not in seen and step != END:
                seen.add(step)
                waiting += ways[step]
        return seen
