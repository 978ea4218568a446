"""Filled-in questionnaires into findings: the pure middle between the store and the cases.

Owns which rules judge an answer and the finding's shape. It knows no database.

Invariants
----------
1. Every answer has an outcome. A questionnaire that no rule of the set names is judged by the
   severities it carries itself, and the finding says that no rule set was used.
2. What cannot be judged because answers are missing or are none asks a person, beside whatever
   the other answers say.
3. A finding's id is made of rule, answer and cause, so judging again stores nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from alerts import reasons
from alerts.families.asked import JUDGES, OF_SCORE, Sheet, Verdict
from alerts.reasons import Reason
from alerts.round.findings import FINDING_NAMESPACE
from alerts.round.subjects import came_late
from alerts.rules.judging import GREEN, INSUFFICIENT, RED, YELLOW
from alerts.rulesets.model import RuleSet, RuleSpec
from telekol.questionnaires.evaluation import evaluate
from telekol.questionnaires.model import Questionnaire
from telekol.severity import Channel, Severity

ANSWERS_MISSING: Final = "answers-missing"
"""Rule of the finding that asks a person to look at what was not answered."""
NOT_JUDGED: Final = "answers-not-judged"
TECHNICAL_VERSION: Final = 1

SEVERITIES: Final = {
    # What cannot be told has no colour to page with; the technical finding beside it asks.
    INSUFFICIENT: Severity.GREEN,
    GREEN: Severity.GREEN,
    YELLOW: Severity.YELLOW,
    RED: Severity.RED,
}


@dataclass(frozen=True, slots=True)
class Answered:
    """One filled-in questionnaire as it is stored."""

    id: UUID
    patient_id: UUID
    questionnaire_id: str
    version: int
    answered_at: datetime
    stored_at: datetime
    answers: Mapping[str, Any]

    @property
    def is_late(self) -> bool:
        """Whether it came so long after it was answered that it must not page as new."""
        return came_late(self.stored_at, self.answered_at)


@dataclass(frozen=True, slots=True)
class InForce:
    """The rule set in use when it was answered; None where there was none."""

    rule_set_id: int | None
    rule_set: RuleSet | None
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFinding:
    """An immutable statement about one filled-in questionnaire."""

    id: UUID
    patient_id: UUID
    answer_id: UUID
    channel: Channel
    rule: str
    rule_version: int
    rule_id: str | None
    rule_set_id: int | None
    result: str
    severity: Severity
    score: float | None
    measured_at: datetime
    late: bool
    limits: Mapping[str, Any]
    evidence: Mapping[str, Any]
    cause: str | None
    reason: Reason

    @property
    def about(self) -> str:
        """The rule and questionnaire, as a case keeps track of them."""
        return f"{self.rule}/{self.evidence['questionnaire']}"


def rules_for(in_force: InForce, questionnaire: Questionnaire) -> list[RuleSpec]:
    """Which rules judge a questionnaire: those that name it, else the one it carries itself."""
    named = [
        rule
        for rule in (in_force.rule_set.rules if in_force.rule_set else ())
        if getattr(rule.parameters, "questionnaire", None) == questionnaire.id
    ]
    return named or [_own_rule(questionnaire)]


def _own_rule(questionnaire: Questionnaire) -> RuleSpec:
    family = OF_SCORE[questionnaire.score]
    parameters = family.parameters.model_validate({"questionnaire": questionnaire.id})
    return RuleSpec(id=questionnaire.id, family=family.name, parameters=parameters)


def sheet_of(questionnaire: Questionnaire, answered: Answered) -> Sheet:
    """Walk what was answered."""
    return Sheet(questionnaire, evaluate(questionnaire, answered.answers))


def judge(
    answered: Answered,
    sheet: Sheet,
    before: Sequence[tuple[UUID, Sheet]],
    in_force: InForce,
    cause: str | None = None,
) -> list[AskedFinding]:
    """Judge one filled-in questionnaire.

    Parameters
    ----------
    before
        Earlier ones of the same questionnaire with their ids, newest first: a score is held
        against the newest that makes one.
    cause
        Why it is judged again; None for the first time.
    """
    found = [
        _finding(answered, rule, verdict_of(rule, sheet, before), in_force, cause)
        for rule in rules_for(in_force, sheet.questionnaire)
    ]
    return [*found, *unfinished(answered, sheet, found, cause)]


def verdict_of(rule: RuleSpec, sheet: Sheet, before: Sequence[tuple[UUID, Sheet]]) -> Verdict:
    """Judge by one rule; the evidence names the earlier answer that was used."""
    judged = JUDGES[rule.family]
    if not sheet.questionnaire.score:
        return judged(rule.parameters, sheet, None)
    for number, earlier in before:
        # An earlier one that makes no score is passed over, not taken for "no change".
        if judged(rule.parameters, earlier, None).score is not None:
            return _naming(judged(rule.parameters, sheet, earlier), str(number))
    return _naming(judged(rule.parameters, sheet, None), None)


def _naming(verdict: Verdict, previous: str | None) -> Verdict:
    return replace(verdict, evidence={**verdict.evidence, "previous_answer": previous})


def _finding(
    answered: Answered, rule: RuleSpec, verdict: Verdict, in_force: InForce, cause: str | None
) -> AskedFinding:
    from_set = in_force.rule_set is not None and in_force.rule_set.rule(rule.id) == rule
    return AskedFinding(
        id=_id(f"{rule.family}|{rule.kind.version}|{rule.id}", answered, cause),
        patient_id=answered.patient_id,
        answer_id=answered.id,
        channel=Channel.CLINICAL,
        rule=rule.family,
        rule_version=rule.kind.version,
        rule_id=rule.id if from_set else None,
        rule_set_id=in_force.rule_set_id if from_set else None,
        result="insufficient" if verdict.severity == INSUFFICIENT else "judged",
        severity=SEVERITIES[verdict.severity],
        score=verdict.score,
        measured_at=answered.answered_at,
        late=answered.is_late,
        limits=rule.parameters.model_dump(mode="json"),
        evidence=evidence_of(answered, verdict) | {"approved": from_set and in_force.approved},
        cause=cause,
        reason=reason_of(answered, verdict),
    )


def evidence_of(answered: Answered, verdict: Verdict) -> dict[str, Any]:
    """Give what a finding keeps beside its sentence."""
    questionnaire = {"questionnaire": answered.questionnaire_id, "version": answered.version}
    return questionnaire | dict(verdict.evidence)


def reason_of(answered: Answered, verdict: Verdict) -> Reason:
    """Give the sentence, with what makes it old news."""
    if not answered.is_late:
        return verdict.reason
    return reasons.came_late(verdict.reason, answered.answered_at)


def unfinished(
    answered: Answered, sheet: Sheet, found: Sequence[AskedFinding], cause: str | None
) -> Iterator[AskedFinding]:
    """Ask a person where answers are missing or are none; give nothing where all is well."""
    walked = sheet.walked
    # CAT's items may be left out one by one; too few of them make no score.
    no_score = bool(sheet.questionnaire.score) and all(one.score is None for one in found)
    if walked.is_complete and not no_score:
        return
    wrong = [*walked.unanswered, *(str(invalid) for invalid in walked.invalid)]
    yield technical(
        answered,
        ANSWERS_MISSING,
        Severity.YELLOW,
        _ask_the_patient(sheet.questionnaire),
        cause,
        {"missing": wrong},
    )


def _ask_the_patient(questionnaire: Questionnaire) -> Reason:
    title = questionnaire.title
    return Reason(
        f"{title.da}: der mangler svar. Spørg borgeren",
        f"{title.en}: answers are missing. Ask the patient",
    )


def complete_again(answered: Answered, questionnaire: Questionnaire, rule: str) -> AskedFinding:
    """Take back what a technical `rule` complained of: this one has all answers and was judged."""
    title = questionnaire.title
    reason = Reason(f"{title.da}: alt er besvaret", f"{title.en}: all was answered")
    return technical(answered, rule, Severity.GREEN, reason, None)


def not_judged(answered: Answered) -> AskedFinding:
    """Say that the engine failed on an answer, so that a person looks at it."""
    reason = Reason(
        "Et udfyldt spørgeskema kunne ikke vurderes automatisk. "
        "Læs svarene selv, og giv driften besked",
        "A filled-in questionnaire could not be judged automatically. Read the answers yourself "
        "and tell operations",
    )
    return technical(answered, NOT_JUDGED, Severity.YELLOW, reason, None)


def technical(
    answered: Answered,
    rule: str,
    severity: Severity,
    reason: Reason,
    cause: str | None,
    evidence: Mapping[str, Any] | None = None,
) -> AskedFinding:
    """Make a finding for the technical channel."""
    return AskedFinding(
        id=_id(f"{rule}|{severity}", answered, cause),
        patient_id=answered.patient_id,
        answer_id=answered.id,
        channel=Channel.TECHNICAL,
        rule=rule,
        rule_version=TECHNICAL_VERSION,
        rule_id=None,
        rule_set_id=None,
        result="judged" if severity is Severity.GREEN else "insufficient",
        severity=severity,
        score=None,
        measured_at=answered.answered_at,
        late=answered.is_late,
        limits={},
        evidence={
            "questionnaire": answered.questionnaire_id,
            "version": answered.version,
            **(evidence or {}),
        },
        cause=cause,
        reason=reason,
    )


def _id(rule: str, answered: Answered, cause: str | None) -> UUID:
    return uuid5(FINDING_NAMESPACE, f"answer|{rule}|{answered.id}|{cause or ''}")
