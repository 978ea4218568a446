"""Subjects in, verdicts out: every rule of each subject's set, in one array pass for each set.

Owns how a subject becomes a series of its own and how what rules say of it is gathered. It knows no
formula and no database; pure. The engine, `telekol replay` and the benchmark all judge through it.

Invariants
----------
1. A subject is a series of its own that holds its windows and nothing else, so what is said of it
   is the same in whatever company it is judged, and follows from what is stored with it.
2. A rule that fails on one subject silences no other rule and no other subject: the letter is x,
   and a person is asked.
3. Insufficient is never green: a subject of which no rule could say anything has no severity.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts import program
from alerts.context import Context, OwnNumbers, Symptoms
from alerts.families import limits
from alerts.families.base import Found
from alerts.program import RuleOutcome
from alerts.readings import NUMBER_OF, Readings
from alerts.reference import References
from alerts.round.findings import Finding, of_rule
from alerts.round.subjects import Subject, Taken, UsualLevel
from alerts.rules import judging, relative_limits
from alerts.rulesets.model import RuleSet, RuleSpec
from alerts.told import tell
from telekol.quantities import Quantity
from telekol.severity import Severity

log = logging.getLogger(__name__)

LETTERS: Final = {
    judging.INSUFFICIENT: "i",
    judging.GREEN: "g",
    judging.YELLOW: "y",
    judging.RED: "r",
}
FAILED: Final = "x"
"""The rule itself failed: a fault of ours."""

OWN_LIMITS: Final = "own-limits"
"""Id of the rule that stands in where a patient has limits and the set has none for a quantity."""

LIMIT_NAMES: Final = ("red_low", "yellow_low", "yellow_high", "red_high")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_NEVER: Final = np.iinfo(np.int64).max
"""No series has a first period of its own here: what is usual comes with the basis."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules said of one subject.

    Parameters
    ----------
    outcomes
        A letter for each rule that watches its quantity, in the order of the set; see LETTERS.
    severity
        The gravest; None if no rule could say anything.
    findings
        What is not green, the gravest first; of those as grave the first in the set's order.
        Where nothing could be said, that, once.
    green
        What a rule said that was green, for what it ends; only where it was asked for.
    lacks_reference
        Whether a rule had no usual level that holds, when the first period is over.
    """

    subject: Subject
    outcomes: str
    severity: Severity | None
    findings: tuple[Finding, ...] = ()
    green: Finding | None = None
    lacks_reference: bool = False

    @property
    def is_watched(self) -> bool:
        """Whether any rule watches the quantity."""
        return bool(self.outcomes)

    @property
    def has_failed_rule(self) -> bool:
        """Whether a rule failed on it."""
        return FAILED in self.outcomes


def judge(
    subjects: Sequence[Subject],
    rule_sets: Mapping[int, RuleSet],
    wanting_green: Collection[int] = (),
) -> list[Verdict]:
    """Judge subjects, in their order.

    Parameters
    ----------
    rule_sets
        Every set that a basis names.
    wanting_green
        Places of the subjects whose green finding is wanted, should they be green.
    """
    groups: dict[tuple[int | None, bool, Quantity | None], list[int]] = defaultdict(list)
    for place, subject in enumerate(subjects):
        groups[_group(subject, rule_sets)].append(place)
    found: dict[int, Verdict] = {}
    for (number, approved, own), places in groups.items():
        if number is None and own is None:
            found |= {place: Verdict(subjects[place], "", None) for place in places}
            continue
        rule_set = effective(rule_sets.get(number) if number is not None else None, own)
        chosen = [subjects[place] for place in places]
        green = {at for at, place in enumerate(places) if place in wanting_green}
        verdicts = _judge_group(rule_set, chosen, green, approved=approved)
        found |= dict(zip(places, verdicts, strict=True))
    return [found[place] for place in range(len(subjects))]


def effective(rule_set: RuleSet | None, own: Quantity | None) -> RuleSet:
    """Give the set with a rule for a patient's own limits, where it has none for the quantity."""
    if own is None:
        assert rule_set is not None  # noqa: S101 - a group without rules is not judged
        return rule_set
    # Its numbers are always the patient's own, so the model's "at least one" does not hold here.
    empty = limits.AbsoluteLimits.model_construct(**dict.fromkeys(LIMIT_NAMES))
    spec = RuleSpec.model_construct(
        id=OWN_LIMITS,
        family=limits.ABSOLUTE.name,
        quantity=own,
        parameters=empty,
        **{
            name: one.default
            for name, one in RuleSpec.model_fields.items()
            if name not in ("id", "family", "quantity", "parameters")
        },
    )
    if rule_set is None:
        return RuleSet.model_construct(
            name=OWN_LIMITS,
            version=1,
            title_da="Egne grænser",
            title_en="Own limits",
            rules=(spec,),
        )
    return rule_set.model_copy(update={"rules": (spec, *rule_set.rules)})


def watching(rule_set: RuleSet, quantity: Quantity) -> list[RuleSpec]:
    """Give the rules of a set that judge readings of a quantity, in order."""
    return [rule for rule in rule_set.rules if rule.is_of_readings and rule.quantity is quantity]


def _group(
    subject: Subject, rule_sets: Mapping[int, RuleSet]
) -> tuple[int | None, bool, Quantity | None]:
    """Say which subjects are judged by the same rules, at once."""
    basis = subject.basis
    rule_set = None if basis.rule_set_id is None else rule_sets[basis.rule_set_id]
    own = None
    if basis.limits is not None:
        rules = watching(rule_set, subject.quantity) if rule_set else []
        if not any(rule.family == limits.ABSOLUTE.name for rule in rules):
            own = subject.quantity
    return basis.rule_set_id, basis.approved, own


def _judge_group(
    rule_set: RuleSet, subjects: Sequence[Subject], green: Collection[int], *, approved: bool
) -> list[Verdict]:
    readings, rows = _laid_out(subjects)
    context = _context(rule_set, subjects, approved=approved)
    letters = [""] * len(subjects)
    findings: list[list[Finding]] = [[] for _ in subjects]
    greens: dict[int, Finding] = {}
    lacking: set[int] = set()
    for rule, outcome in _outcomes(rule_set, readings, rows, context):
        if outcome is None:
            for place, subject in enumerate(subjects):
                if subject.quantity is rule.quantity:
                    letters[place] += FAILED
            continue
        places = readings.series[outcome.rows]
        severities = outcome.judgement.severity
        for place, severity in zip(places.tolist(), severities.tolist(), strict=True):
            letters[place] += LETTERS[severity]
        lacking.update(places[_without_level(outcome)].tolist())
        wanted = np.isin(severities, (judging.YELLOW, judging.RED))
        wanted |= np.isin(places, list(green - greens.keys())) & (severities == judging.GREEN)
        for place, finding in _told(rule_set, outcome, wanted, readings, context, subjects):
            if finding.severity is Severity.GREEN:
                greens[place] = finding
            else:
                findings[place].append(finding)
    silent = _silent(rule_set, readings, rows, context, subjects, letters)
    return [
        Verdict(
            subject,
            letters[place],
            _worst(letters[place]),
            tuple(sorted(findings[place], key=lambda one: -one.severity.rank))
            or silent.get(place, ()),
            greens.get(place),
            place in lacking and not subject.basis.first_period,
        )
        for place, subject in enumerate(subjects)
    ]


def _without_level(outcome: RuleOutcome) -> NDArray[np.bool_]:
    """Which rows could not be judged for want of a usual level that holds."""
    insufficient: NDArray[np.bool_] = outcome.judgement.severity == judging.INSUFFICIENT
    if outcome.level is None:
        return np.zeros(len(insufficient), dtype=np.bool_)
    state = outcome.judgement.evidence.get("reference_state")
    outdated = state == relative_limits.STATES[relative_limits.OUTDATED]
    return insufficient & (np.isnan(outcome.level.value) | outdated)


def _worst(letters: str) -> Severity | None:
    for letter, severity in (
        ("r", Severity.RED),
        ("y", Severity.YELLOW),
        ("g", Severity.GREEN),
    ):
        if letter in letters:
            return severity
    return None


def _outcomes(
    rule_set: RuleSet, readings: Readings, rows: NDArray[np.intp], context: Context
) -> Iterator[tuple[RuleSpec, RuleOutcome | None]]:
    """Judge by all rules at once; if that fails, by each alone, None for one that fails."""
    try:
        together = program.judge(rule_set, readings, rows, context)
    except Exception:
        log.exception("rules of %s failed together; judging by each alone", rule_set.name)
    else:
        yield from ((outcome.rule, outcome) for outcome in together)
        return
    for rule in rule_set.rules:
        alone = rule_set.model_copy(update={"rules": (rule,)})
        try:
            outcomes = program.judge(alone, readings, rows, context)
        except Exception:
            log.exception("rule %s of %s failed; a person is asked", rule.id, rule_set.name)
            yield rule, None
            continue
        yield from ((rule, outcome) for outcome in outcomes)


def _silent(
    rule_set: RuleSet,
    readings: Readings,
    rows: NDArray[np.intp],
    context: Context,
    subjects: Sequence[Subject],
    letters: Sequence[str],
) -> dict[int, tuple[Finding, ...]]:
    """Say of subjects about which no rule could say anything what was missing, once each."""
    places = {at for at, said in enumerate(letters) if said and not set(said) - {"i"}}
    found: dict[int, tuple[Finding, ...]] = {}
    for rule in rule_set.rules:
        mine = [
            at
            for at in sorted(places - found.keys())
            if rule.is_of_readings and subjects[at].quantity is rule.quantity
        ]
        if not mine:
            continue
        alone = rule_set.model_copy(update={"rules": (rule,)})
        for outcome in program.judge(alone, readings, rows[mine], context):
            every = np.ones(len(outcome.rows), dtype=np.bool_)
            told = _told(rule_set, outcome, every, readings, context, subjects)
            found |= {place: (finding,) for place, finding in told}
    return found


def _told(
    rule_set: RuleSet,
    outcome: RuleOutcome,
    wanted: NDArray[np.bool_],
    readings: Readings,
    context: Context,
    subjects: Sequence[Subject],
) -> Iterator[tuple[int, Finding]]:
    """Put the wanted rows of an outcome into words."""
    if not wanted.any():
        return
    documents = tell(rule_set, [_part(outcome, wanted)], readings, context)
    for document in documents:
        place = int(document.series)
        yield place, of_rule(subjects[place], outcome.rule, document)


def _part(outcome: RuleOutcome, wanted: NDArray[np.bool_]) -> RuleOutcome:
    found = Found(outcome.judgement, outcome.level, outcome.beside).taken(wanted)
    return RuleOutcome(
        outcome.rule, outcome.rows[wanted], found.judgement, found.level, found.beside
    )


# ---------------------------------------------------------------------------- laying out


def _laid_out(subjects: Sequence[Subject]) -> tuple[Readings, NDArray[np.intp]]:
    """Lay subjects out as series of their own; give the row under test of each."""
    series: list[int] = []
    quantity: list[int] = []
    taken: list[Taken] = []
    under_test: list[int] = []
    for place, subject in enumerate(subjects):
        for readings, kind in (
            (subject.beside, subject.beside_quantity),
            (subject.window, subject.quantity),
        ):
            if kind is None:
                continue
            series.extend([place] * len(readings))
            quantity.extend([NUMBER_OF[kind]] * len(readings))
            taken.extend(readings)
        under_test.append(len(taken) - 1)
    laid = Readings.of(
        [str(place) for place in range(len(subjects))],
        series,
        quantity,
        [microseconds(one.measured_at) for one in taken],
        [one.value for one in taken],
        [one.doubtful for one in taken],
    )
    row_of = np.empty(len(taken), dtype=np.intp)
    row_of[laid.given] = np.arange(len(taken))
    return laid, row_of[under_test]


def microseconds(moment: datetime) -> int:
    """Give a time as whole microseconds since 1970."""
    return (moment - _EPOCH) // _US


def moment_of(us: int) -> datetime:
    """Give the time of microseconds since 1970."""
    return _EPOCH + us * _US


def _context(rule_set: RuleSet, subjects: Sequence[Subject], *, approved: bool) -> Context:
    return Context(
        references=_references(subjects),
        own=_own(rule_set, subjects),
        enrolled_us=np.full(len(subjects), _NEVER),
        approved=approved,
        symptoms=_symptoms(subjects),
    )


def _symptoms(subjects: Sequence[Subject]) -> Symptoms | None:
    said = [(place, one) for place, subject in enumerate(subjects) for one in subject.basis.said]
    if not said:
        return None
    return Symptoms.of(
        [place for place, _ in said],
        [microseconds(one.at) for _, one in said],
        [one.worse for _, one in said],
    )


def _own(rule_set: RuleSet, subjects: Sequence[Subject]) -> dict[tuple[str, str], OwnNumbers]:
    having = [(at, s.basis.limits) for at, s in enumerate(subjects) if s.basis.limits is not None]
    if not having:
        return {}
    series = [at for at, _ in having]
    columns = {
        name: OwnNumbers.of(
            series,
            [
                np.nan if getattr(own, name) is None else float(getattr(own, name))
                for _, own in having
            ],
        )
        for name in LIMIT_NAMES
    }
    return {
        (rule.id, name): column
        for rule in rule_set.rules
        if rule.family == limits.ABSOLUTE.name
        for name, column in columns.items()
    }


def _references(subjects: Sequence[Subject]) -> References:
    rows = [
        (place, NUMBER_OF[subject.quantity], entry)
        for place, subject in enumerate(subjects)
        for level in subject.basis.levels
        for entry in _entries(level)
    ]
    return References.of(
        [place for place, _, _ in rows],
        [quantity for _, quantity, _ in rows],
        [microseconds(level.dated_at) for _, _, level in rows],
        [level.value for _, _, level in rows],
        [level.approved for _, _, level in rows],
        [np.nan if level.spread is None else level.spread for _, _, level in rows],
        [level.n for _, _, level in rows],
    )


def _entries(level: UsualLevel) -> Iterator[UsualLevel]:
    """Give a level, and where it ends one of no value: the newest that is known wins."""
    yield level
    if level.until is not None:
        yield replace(level, value=float("nan"), dated_at=level.until)
