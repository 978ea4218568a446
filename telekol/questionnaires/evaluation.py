"""The walk through a questionnaire: answers in, what was reached, meant and left out. Pure.

Owns which steps a set of answers reaches, and what is wrong with it. What becomes of that (a
finding, a case) is others'.

Invariants
----------
1. Every step that asks something and is reached is answered, unanswered or invalid; nothing that
   was answered is dropped in silence.
2. What cannot be followed ends the walk: where the way depends on an answer that is not there,
   no way is guessed, and the questions behind it stay unasked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from telekol.questionnaires.model import (
    END,
    Choice,
    Countdown,
    Inform,
    Measure,
    Number,
    Option,
    Questionnaire,
)
from telekol.severity import Severity

Answer = str | int | tuple[str, ...]
"""An option's code, a number, or codes where several may be chosen."""

MEASURED: Final = "measured"
SKIPPED: Final = "skipped"


@dataclass(frozen=True, slots=True)
class Flag:
    """An answer that means something.

    Parameters
    ----------
    option
        With its severity and how a nurse says it.
    """

    step: str
    option: Option


@dataclass(frozen=True, slots=True)
class Invalid:
    """An answer that is none, with what was expected instead."""

    step: str
    found: str
    expected: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.step}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a set of answers says.

    Parameters
    ----------
    reached
        Steps of the path, in order.
    answers
        The answers on the path that are ones, by step.
    flags
        Of these, those that mean something.
    unanswered
        Questions on the path that must be answered and were not.
    invalid
        Answers that are none: of the path, or to something that is no question.
    beside_path
        Steps that were answered and not reached, as after a change of mind; they count for nothing.
    """

    reached: tuple[str, ...]
    answers: Mapping[str, Answer]
    flags: tuple[Flag, ...]
    unanswered: tuple[str, ...]
    invalid: tuple[Invalid, ...]
    beside_path: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the path was answered to its end."""
        return not self.unanswered and not self.invalid

    @property
    def severity(self) -> Severity | None:
        """The gravest that any answer means; green if none does; None if that is not known."""
        found = [flag.option.severity for flag in self.flags if flag.option.severity is not None]
        if found:
            return max(found, key=lambda severity: severity.rank)
        return Severity.GREEN if self.is_complete else None


def evaluate(questionnaire: Questionnaire, answers: Mapping[str, object]) -> Evaluation:
    """Walk a questionnaire with what was answered; never fails, whatever was."""
    walk = _Walk(questionnaire, answers)
    walk.go()
    asking = {s.id for s in questionnaire.steps if not isinstance(s, Inform | Countdown)}
    walk.invalid += [
        Invalid(step[:60], _shown(answers[step]), "a question of this questionnaire")
        for step in sorted(set(answers) - asking)
    ]
    beside = tuple(sorted((set(answers) & asking) - set(walk.reached)))
    return Evaluation(
        tuple(walk.reached),
        walk.taken,
        tuple(walk.flags),
        tuple(walk.unanswered),
        tuple(walk.invalid),
        beside,
    )


def paths(questionnaire: Questionnaire) -> Iterator[dict[str, Answer]]:
    """Give the answers of every path from the start to the end, one option at a time."""

    def onwards(name: str, so_far: dict[str, Answer]) -> Iterator[dict[str, Answer]]:
        if name == END:
            yield so_far
            return
        step = questionnaire.step(name)
        for answer, way in _ways(step):
            given = so_far if answer is None else so_far | {name: answer}
            yield from onwards(way, given)

    yield from onwards(questionnaire.start, {})


def _ways(step: object) -> list[tuple[Answer | None, str]]:
    match step:
        case Measure():
            return [(MEASURED, step.next), (SKIPPED, step.skipped)]
        case Choice():
            found = [
                (option.code if not step.several else (option.code,), step.way(option))
                for option in step.options
            ]
            return list[tuple[Answer | None, str]](found)
        case Number():
            return [(step.lowest, step.next)]
        case Inform() | Countdown():
            return [(None, step.next)]
    raise TypeError(f"unknown kind of step: {step!r}")


class _Walk:
    """One walk, while it goes on."""

    def __init__(self, questionnaire: Questionnaire, answers: Mapping[str, object]) -> None:
        self._questionnaire = questionnaire
        self._answers = answers
        self.reached: list[str] = []
        self.taken: dict[str, Answer] = {}
        self.flags: list[Flag] = []
        self.unanswered: list[str] = []
        self.invalid: list[Invalid] = []

    def go(self) -> None:
        name: str | None = self._questionnaire.start
        while name is not None and name != END:
            self.reached.append(name)
            name = self._after(self._questionnaire.step(name))

    def _after(self, step: object) -> str | None:
        """Take the answer to a step, and say where it leads; None where nobody knows."""
        match step:
            case Measure():
                return self._measured(step)
            case Number():
                self._number(step)
                return step.next
            case Choice():
                return self._chosen(step)
            case Inform() | Countdown():
                return step.next
        raise TypeError(f"unknown kind of step: {step!r}")

    def _measured(self, step: Measure) -> str:
        given = self._answers.get(step.id, MEASURED)
        if given not in (MEASURED, SKIPPED):
            self._refuse(step.id, given, f"{MEASURED} or {SKIPPED}")
            return step.next
        if step.id in self._answers:
            self.taken[step.id] = str(given)
        return step.skipped if given == SKIPPED else step.next

    def _number(self, step: Number) -> None:
        given = self._given(step)
        if given is None:
            return
        whole = isinstance(given, int) and not isinstance(given, bool)
        if whole and step.lowest <= given <= step.highest:  # type: ignore[operator] # an int, as said
            self.taken[step.id] = int(given)  # type: ignore[call-overload] # the same
            return
        self._refuse(step.id, given, f"a whole number of {step.lowest} to {step.highest}")

    def _chosen(self, step: Choice) -> str | None:
        given = self._given(step)
        options = None if given is None else self._options(step, given)
        if not options:
            ways = set(step.leads_to)
            # Whatever the answer is, it goes on there; or nobody knows.
            return ways.pop() if len(ways) == 1 else None if step.required else step.next
        codes = tuple(option.code for option in options)
        self.taken[step.id] = codes if step.several else codes[0]
        self.flags += [Flag(step.id, o) for o in options if o.severity is not None]
        return step.next if step.several else step.way(options[0])

    def _options(self, step: Choice, given: object) -> list[Option]:
        codes = list(given) if step.several and isinstance(given, list | tuple) else [given]
        found = [step.option(code) for code in codes if isinstance(code, str)]
        options = [option for option in found if option is not None]
        if len(options) != len(codes) or len(set(map(str, codes))) != len(codes) or not codes:
            known = ", ".join(option.code for option in step.options)
            self._refuse(step.id, given, f"{'some' if step.several else 'one'} of {known}")
            return []
        return options

    def _given(self, step: Choice | Number) -> object:
        """Give the answer; None, noted, where there is none."""
        given = self._answers.get(step.id)
        if given is None and step.required:
            self.unanswered.append(step.id)
        return given

    def _refuse(self, step: str, given: object, expected: str) -> None:
        self.invalid.append(Invalid(step, _shown(given), expected))


def _shown(given: object) -> str:
    return repr(given)[:60]
