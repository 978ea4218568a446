"""Families over filled-in questionnaires: the severities of a tree, and scores against the last.

Owns their parameters, what they answer and their sentences. Pure: a walked questionnaire and the
one before it in, a verdict out. The walk is `telekol.questionnaires.evaluation`, the scores are
`alerts.scores`.

Invariants
----------
1. Severities of single answers come from the questionnaire's own version, as it was asked.
2. A score that nothing can be compared with, or that too few answers make, is insufficient data.
3. mMRC is 0-4; a questionnaire that counts 1-5 has another name and no rule here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from alerts.families.base import Family, FamilyParameters, Input
from alerts.reasons import Reason
from alerts.rules.judging import GREEN, INSUFFICIENT, RED, YELLOW
from alerts.scores import cat, mmrc, sit_to_stand
from alerts.scores.checks import ScoreError
from alerts.scores.sit_to_stand import Method
from telekol.questionnaires.evaluation import Answer, Evaluation
from telekol.questionnaires.model import Choice, LineText, Questionnaire
from telekol.severity import Severity

COLOURS: Final = {
    GREEN: Reason("grøn", "green"),
    YELLOW: Reason("gul", "yellow"),
    RED: Reason("rød", "red"),
}

_CODES: Final = {None: INSUFFICIENT, Severity.GREEN: GREEN, Severity.YELLOW: YELLOW}

_ALONE: Final = Reason(
    "regnes som grøn, for svarene står alene", "counts as green, for the answers stand alone"
)

_UNFINISHED: Final = Reason("ikke alt er besvaret", "not all was answered")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A filled-in questionnaire, walked."""

    questionnaire: Questionnaire
    walked: Evaluation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a filled-in questionnaire.

    Parameters
    ----------
    severity
        INSUFFICIENT, GREEN, YELLOW or RED.
    score
        The score, where the questionnaire makes one.
    """

    severity: int
    score: float | None
    evidence: Mapping[str, Any]
    reason: Reason


class Asked(FamilyParameters):
    """Which questionnaire a rule is for; all its versions."""

    questionnaire: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class Tree(Asked):
    """The severities that answers carry; a rule set may ask that answers agree before it flags.

    Parameters
    ----------
    together
        Groups of answers as ``step=code``. With it a yellow or red is flagged only when at least
        one answer of every group was given; else it is green and says why. Empty: flagged as the
        questionnaire says.
    """

    together: tuple[tuple[str, ...], ...] = ()


class Rise(Asked):
    """From which rise since the last one it is flagged; each may be left out."""

    yellow_rise: int | None = Field(None, ge=1, le=40)
    red_rise: int | None = Field(None, ge=1, le=40)

    own_allowed: ClassVar[tuple[str, ...]] = ("yellow_rise", "red_rise")


class CatRise(Rise):
    """A rise of 2 is the smallest that patients notice."""

    questionnaire: str = "cat"
    yellow_rise: int | None = Field(cat.IMPORTANT_CHANGE, ge=1, le=cat.HIGHEST)


class MmrcRise(Rise):
    """A grade is a step in what a patient can do."""

    questionnaire: str = "mmrc"
    yellow_rise: int | None = Field(1, ge=1, le=mmrc.HIGHEST)


class RisesFall(Asked):
    """From which fall since the last test by the same method it is flagged."""

    questionnaire: str = "sit-to-stand"
    yellow_fall: int | None = Field(sit_to_stand.IMPORTANT_CHANGE, ge=1, le=60)
    red_fall: int | None = Field(None, ge=1, le=60)

    own_allowed: ClassVar[tuple[str, ...]] = ("yellow_fall", "red_fall")


def judge_tree(parameters: Tree, sheet: Sheet, _before: Sheet | None) -> Verdict:
    """Give the gravest severity that any answer has, in the words of the questionnaire."""
    walked = sheet.walked
    severity = _CODES.get(walked.severity, RED)
    said = [flag.option.said for flag in walked.flags if flag.option.said is not None]
    evidence = {
        "flags": [f"{flag.step}={flag.option.code}" for flag in walked.flags],
        "unanswered": list(walked.unanswered),
    }
    if severity == INSUFFICIENT:
        title = sheet.questionnaire.title
        unknown = Reason(
            f"{title.da} kan ikke vurderes: {_UNFINISHED.danish}",
            f"{title.en} cannot be judged: {_UNFINISHED.english}",
        )
        return Verdict(severity, None, evidence, unknown)
    reason = _coloured(_listed(said or [sheet.questionnaire.nothing]), severity)
    if severity in (YELLOW, RED) and not _agree(parameters.together, evidence["flags"]):
        severity, reason = GREEN, _and(reason, _ALONE)
    if not walked.is_complete:
        reason = _and(reason, _UNFINISHED)
    return Verdict(severity, None, evidence, reason)


def _agree(together: Sequence[Sequence[str]], flags: Sequence[str]) -> bool:
    return all(not set(group).isdisjoint(flags) for group in together)


def judge_cat(parameters: CatRise, sheet: Sheet, before: Sheet | None) -> Verdict:
    """Hold a CAT against the one before."""
    now = _cat_of(sheet)
    if now is None:
        few = Reason(
            "CAT kan ikke vurderes: mere end to punkter mangler",
            "CAT cannot be judged: more than two items are missing",
        )
        return Verdict(INSUFFICIENT, None, {}, few)
    before_it = _cat_of(before) if before else None
    last = None if before_it is None else before_it.score
    evidence = {"band": now.band, "missing_items": list(now.missing)}
    return _against(Reason("CAT", "CAT"), now.score, last, parameters, evidence)


def judge_mmrc(parameters: MmrcRise, sheet: Sheet, before: Sheet | None) -> Verdict:
    """Hold an mMRC grade against the one before."""
    now = _mmrc_of(sheet)
    name = Reason("Åndenød mMRC", "Breathlessness mMRC")
    if now is None:
        return Verdict(INSUFFICIENT, None, {}, _unanswered(name))
    last = _mmrc_of(before) if before else None
    return _against(name, now, last, parameters, {"band": mmrc.band(now)})


def judge_rises(parameters: RisesFall, sheet: Sheet, before: Sheet | None) -> Verdict:
    """Hold a sit-to-stand test against the one before, if it was done the same way."""
    now = _rises_of(sheet)
    if now is None:
        return Verdict(
            INSUFFICIENT, None, {}, _unanswered(Reason("Rejse-sætte-sig-test", "Sit-to-stand test"))
        )
    last = _rises_of(before) if before else None
    change = sit_to_stand.change(now, last)
    how = _METHODS[now.method]
    evidence = {"method": now.method.value, "previous": last and last.rises, "change": change}
    start = Reason(
        f"Rejste sig {now.rises} gange på 30 sekunder {how.danish}",
        f"Stood up {now.rises} times in 30 seconds {how.english}",
    )
    if change is None or last is None:
        return Verdict(INSUFFICIENT, now.rises, evidence, _and(start, _no_other(last)))
    severity = _graded(-change, parameters.yellow_fall, parameters.red_fall)
    then = Reason(f"sidst {last.rises}", f"last time {last.rises}")
    return Verdict(severity, now.rises, evidence, _coloured(_comma(start, then), severity))


_METHODS: Final = {
    Method.NO_ARMS: Reason("uden arme", "without arms"),
    Method.HANDS_ON_THIGHS: Reason("med hænderne på lårene", "with hands on thighs"),
    Method.ARMRESTS: Reason("med armlæn", "with armrests"),
}


def _no_other(last: sit_to_stand.SitToStand | None) -> Reason:
    if last is None:
        return _FIRST
    how = _METHODS[last.method]
    return Reason(
        f"sidst {how.danish}, så de kan ikke sammenlignes",
        f"last time {how.english}, so they cannot be compared",
    )


_FIRST: Final = Reason("der er ingen tidligere at sammenligne med", "none before to compare with")


def _against(
    name: Reason, now: int, last: int | None, parameters: Rise, evidence: Mapping[str, Any]
) -> Verdict:
    start = Reason(f"{name.danish} {now}", f"{name.english} {now}")
    if last is None:
        return Verdict(INSUFFICIENT, now, {**evidence, "previous": None}, _and(start, _FIRST))
    change = now - last
    severity = _graded(change, parameters.yellow_rise, parameters.red_rise)
    told = {**evidence, "previous": last, "change": change}
    return Verdict(severity, now, told, _coloured(_comma(start, _moved(change, last)), severity))


def _moved(change: int, last: int) -> Reason:
    if change == 0:
        return Reason("som sidst", "as last time")
    size = abs(change)
    danish, english = ("højere", "higher") if change > 0 else ("lavere", "lower")
    return Reason(
        f"{size} {danish} end sidst ({last})", f"{size} {english} than last time ({last})"
    )


def _graded(towards_harm: int, yellow: int | None, red: int | None) -> int:
    """Grade a change; from the number on, since a rise of 2 is one that patients notice."""
    if red is not None and towards_harm >= red:
        return RED
    return YELLOW if yellow is not None and towards_harm >= yellow else GREEN


def _cat_of(sheet: Sheet) -> cat.Cat | None:
    given = {item: sheet.walked.answers.get(item.replace("_", "-")) for item in cat.ITEMS}
    try:
        return cat.score({item: _whole(value) for item, value in given.items()})
    except ScoreError:
        return None


def _mmrc_of(sheet: Sheet) -> int | None:
    for name, chosen in sheet.walked.answers.items():
        step = sheet.questionnaire.step(name)
        option = step.option(str(chosen)) if isinstance(step, Choice) else None
        if option is not None and option.points is not None:
            return mmrc.grade(option.points)
    return None


def _rises_of(sheet: Sheet) -> sit_to_stand.SitToStand | None:
    answers = sheet.walked.answers
    method, rises = answers.get("method"), _whole(answers.get("rises"))
    if method is None or rises is None:
        return None
    return sit_to_stand.test(rises, Method(str(method)))


def _whole(answer: Answer | None) -> int | None:
    return answer if isinstance(answer, int) else None


def _unanswered(name: Reason) -> Reason:
    return Reason(
        f"{name.danish} kan ikke vurderes: {_UNFINISHED.danish}",
        f"{name.english} cannot be judged: {_UNFINISHED.english}",
    )


def _listed(said: list[LineText]) -> Reason:
    """Join phrases as people do: "a, b and c", with a capital."""
    danish = _joined([one.da for one in said], "og")
    english = _joined([one.en for one in said], "and")
    return Reason(danish[0].upper() + danish[1:], english[0].upper() + english[1:])


def _joined(words: list[str], last: str) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _coloured(reason: Reason, severity: int) -> Reason:
    colour = COLOURS[severity]
    return Reason(f"{reason.danish}: {colour.danish}", f"{reason.english}: {colour.english}")


def _comma(one: Reason, two: Reason) -> Reason:
    return Reason(f"{one.danish}, {two.danish}", f"{one.english}, {two.english}")


def _and(one: Reason, two: Reason) -> Reason:
    return Reason(f"{one.danish}; {two.danish}", f"{one.english}; {two.english}")


TREE: Final = Family(
    name="questionnaire",
    version=1,
    takes=Input.QUESTIONNAIRE,
    parameters=Tree,
    danish="Svarenes egne farver i et spørgeskema",
    english="The severities of the answers in a questionnaire",
)
CAT: Final = Family(
    name="cat-change",
    version=1,
    takes=Input.QUESTIONNAIRE,
    parameters=CatRise,
    danish="CAT i forhold til sidst",
    english="CAT against the last one",
)
MMRC: Final = Family(
    name="mmrc-change",
    version=1,
    takes=Input.QUESTIONNAIRE,
    parameters=MmrcRise,
    danish="mMRC-åndenød i forhold til sidst",
    english="mMRC breathlessness against the last",
)
RISES: Final = Family(
    name="sit-to-stand-change",
    version=1,
    takes=Input.QUESTIONNAIRE,
    parameters=RisesFall,
    danish="Rejse-sætte-sig-test i forhold til sidst, samme metode",
    english="Sit-to-stand test against the last one by the same method",
)

FAMILIES: Final = (TREE, CAT, MMRC, RISES)

JUDGES: Final[Mapping[str, Callable[[Any, Sheet, Sheet | None], Verdict]]] = {
    TREE.name: judge_tree,
    CAT.name: judge_cat,
    MMRC.name: judge_mmrc,
    RISES.name: judge_rises,
}

OF_SCORE: Final = {"cat": CAT, "mmrc": MMRC, "sit-to-stand": RISES, None: TREE}
"""Which family judges a questionnaire that no rule of the set names."""
