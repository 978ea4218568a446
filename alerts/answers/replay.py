"""Findings about answers, recomputed from what was stored and compared. Reads PostgreSQL only.

A finding names its answer, the questionnaire's version, the rule's parameters and the earlier
answer it was held against; answers and versions are never changed. So it is made again from those,
and nothing is looked up as it is today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from alerts.answers import asked
from alerts.answers import store as answer_store
from alerts.answers.asked import ANSWERS_MISSING, SEVERITIES, Answered
from alerts.families.asked import JUDGES, Sheet
from alerts.past.replay import Difference, Report
from alerts.rules.judging import INSUFFICIENT
from alerts.rulesets.model import RuleSpec
from telekol.severity import Severity

_ROW: Final = (
    "id", "rule", "severity", "result", "score", "late", "limits", "evidence", "reason_da",
    "reason_en", "measured_at", "found_at",
)  # fmt: skip


def replay(connection: Connection[Any], patient: UUID, since: datetime | None = None) -> Report:
    """Recompute what was found of a patient's answers; in the caller's transaction."""
    report = Report()
    values = {"patient": patient, "since": since}
    for row in connection.execute(answer_store.SQL["stored_findings"], values).fetchall():
        stored = dict(zip(_ROW, row, strict=False))
        answered = Answered(*row[len(_ROW) :])
        made = _made(connection, stored, answered)
        if made is None:
            report.left[stored["rule"]] += 1
            continue
        report.replayed["findings"] += 1
        report.differences += _differences(patient, stored, made)
    return report


def _made(
    connection: Connection[Any], stored: Mapping[str, Any], answered: Answered
) -> dict[str, Any] | None:
    """Make a finding's answer again; None for what says that a program failed."""
    facts = {"late": answered.is_late, "measured_at": answered.answered_at}
    if stored["rule"] in JUDGES:
        return facts | _judged(connection, stored, answered)
    if stored["rule"] == ANSWERS_MISSING and stored["severity"] != Severity.GREEN:
        sheet = _sheet(connection, answered)
        found = next(asked.unfinished(answered, sheet, [], None), None)
        missing = None if found is None else found.evidence["missing"]
        return facts | {"evidence": dict(stored["evidence"]) | {"missing": missing}}
    return None


def _judged(
    connection: Connection[Any], stored: Mapping[str, Any], answered: Answered
) -> dict[str, Any]:
    family, evidence = stored["rule"], stored["evidence"]
    rule = RuleSpec.model_validate(
        {"id": "replayed", "family": family, "parameters": stored["limits"]}
    )
    verdict = asked.verdict_of(
        rule,
        _sheet(connection, answered),
        list(_before(connection, evidence.get("previous_answer"))),
    )
    reason = asked.reason_of(answered, verdict)
    return {
        "severity": SEVERITIES[verdict.severity],
        "result": "insufficient" if verdict.severity == INSUFFICIENT else "judged",
        "score": verdict.score,
        # What was in force then is an input here, not an answer.
        "evidence": asked.evidence_of(answered, verdict) | {"approved": evidence["approved"]},
        "reason_da": reason.danish,
        "reason_en": reason.english,
    }


def _before(connection: Connection[Any], number: str | None) -> Iterator[tuple[UUID, Sheet]]:
    if number is None:
        return
    row = connection.execute(answer_store.SQL["answer"], {"id": number}).fetchone()
    if row is not None:
        yield row[0], _sheet(connection, Answered(*row))


def _sheet(connection: Connection[Any], answered: Answered) -> Sheet:
    questionnaire = answer_store.definition(connection, answered.questionnaire_id, answered.version)
    return asked.sheet_of(questionnaire, answered)


def _differences(
    patient: UUID, stored: Mapping[str, Any], made: Mapping[str, Any]
) -> Iterator[Difference]:
    for name, now in made.items():
        if stored[name] != now:
            yield Difference(
                patient, None, stored["measured_at"], stored["id"], name, stored[name], now
            )
