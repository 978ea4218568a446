"""Questionnaires, answers and what was found of them in the database. Touches PostgreSQL.

Decides nothing; works inside the caller's transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from psycopg import Connection
from psycopg.types.json import Jsonb

from alerts.answers.asked import Answered, AskedFinding
from telekol import queries
from telekol.observation import Entry
from telekol.questionnaires import loading
from telekol.questionnaires.loading import QuestionnaireError
from telekol.questionnaires.model import Questionnaire
from telekol.severity import Severity

log = logging.getLogger(__name__)

SQL: Final = queries.load("alerts.answers", "queries.sql")

ANSWER_NAMESPACE: Final = UUID("6b0b9d5e-0f8e-5f0b-8f3b-1f6c8a0d2f31")

EARLIER_MOST: Final = 5
"""How many earlier answers are looked through for one that makes a score."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was found of the newest answer judged so far."""

    finding_id: UUID
    severity: Severity
    score: float | None


def take(connection: Connection[Any], most: int) -> list[tuple[int, Answered]]:
    """Take up to `most` answers that nobody has judged, with their place in the queue.

    Their patients are locked, in one order whoever takes them.
    """
    rows = connection.execute(SQL["take"], {"most": most}).fetchall()
    taken = [(row[0], Answered(*row[1:])) for row in rows]
    patients = sorted({answered.patient_id for _, answered in taken})
    connection.execute(SQL["lock_patients"], {"patients": patients})
    return taken


def drop(connection: Connection[Any], numbers: Sequence[int]) -> None:
    """Forget what is judged; in the transaction that stored its findings."""
    connection.execute(SQL["drop"], {"ids": list(numbers)})


def definition(connection: Connection[Any], name: str, version: int) -> Questionnaire:
    """Read a questionnaire as it was asked.

    Raises
    ------
    QuestionnaireError
        If it was not published, or this release cannot read it.
    """
    row = connection.execute(SQL["definition"], {"id": name, "version": version}).fetchone()
    if row is None:
        raise QuestionnaireError(
            f"expected questionnaire {name} version {version}, found none published; "
            "see telekol questionnaires list"
        )
    try:
        return Questionnaire.model_validate(row[0])
    except ValueError as error:
        raise QuestionnaireError(
            f"questionnaire {name} version {version} cannot be read by this release: {error}"
        ) from None


def before(connection: Connection[Any], answered: Answered) -> list[Answered]:
    """Give earlier answers to the same questionnaire, newest first."""
    values = _key(answered) | {"most": EARLIER_MOST}
    return [Answered(*row) for row in connection.execute(SQL["before"], values)]


def judged_after(connection: Connection[Any], answered: Answered) -> Answered | None:
    """Give the first later answer that was judged already: it was held against another one."""
    row = connection.execute(SQL["judged_after"], _key(answered)).fetchone()
    return Answered(*row) if row else None


def newer(connection: Connection[Any], answered: Answered) -> dict[tuple[str, str], Known]:
    """Give what is so now, by channel and rule, if a newer answer was judged before this one."""
    rows = connection.execute(SQL["newest_findings"], _key(answered)).fetchall()
    return {(row[0], row[1]): Known(row[2], Severity(row[3]), row[4]) for row in rows}


def found_of(connection: Connection[Any], answer: UUID) -> dict[tuple[str, str], Severity]:
    """Give what was found last of one answer, by channel and rule."""
    rows = connection.execute(SQL["told"], {"id": answer})
    return {(row[0], row[1]): Severity(row[2]) for row in rows}


def insert(connection: Connection[Any], finding: AskedFinding) -> bool:
    """Store a finding; False if it was stored before."""
    cursor = connection.execute(
        SQL["insert_finding"],
        {
            "id": finding.id,
            "patient_id": finding.patient_id,
            "answer_id": finding.answer_id,
            "channel": finding.channel,
            "rule": finding.rule,
            "rule_version": finding.rule_version,
            "rule_id": finding.rule_id,
            "rule_set_id": finding.rule_set_id,
            "result": finding.result,
            "severity": finding.severity,
            "score": finding.score,
            "measured_at": finding.measured_at,
            "late": finding.late,
            "limits": Jsonb(dict(finding.limits)),
            "evidence": Jsonb(dict(finding.evidence)),
            "cause": finding.cause,
            "reason_da": finding.reason.danish,
            "reason_en": finding.reason.english,
        },
    )
    return cursor.rowcount == 1


def publish(connection: Connection[Any], questionnaire: Questionnaire) -> bool:
    """Store a version of a questionnaire; False if it is there already, the same.

    Raises
    ------
    QuestionnaireError
        If this version is there with another content, or the version before it is not.
    """
    content = questionnaire.model_dump(mode="json")
    name, version = questionnaire.id, questionnaire.version
    versions = [row[0] for row in connection.execute(SQL["versions"], {"id": name})]
    if version not in versions and version != len(versions) + 1:
        raise QuestionnaireError(
            f"expected version {len(versions) + 1} of {name} next, found {version}; "
            "versions follow each other"
        )
    values = {"id": name, "version": version, "definition": Jsonb(content)}
    titles = {"title_da": questionnaire.title.da, "title_en": questionnaire.title.en}
    if connection.execute(SQL["publish"], values | titles).rowcount == 1:
        return True
    if definition(connection, name, version) != questionnaire:
        raise QuestionnaireError(
            f"questionnaire {name} version {version} is published with another content; answers "
            "mean what was asked, so raise the version of the changed file"
        )
    return False


def publish_shipped(connection: Connection[Any]) -> None:
    """Publish what this release ships; what cannot be is told in the log, and asked as before."""
    for name in loading.shipped_names():
        try:
            publish(connection, loading.load(name))
        except QuestionnaireError as error:
            log.warning("a shipped questionnaire was not published: %s", error)


def newest_version(connection: Connection[Any], name: str) -> int:
    """Give the newest published version.

    Raises
    ------
    QuestionnaireError
        If nothing of that name was published.
    """
    versions = [row[0] for row in connection.execute(SQL["versions"], {"id": name})]
    if not versions:
        raise QuestionnaireError(
            f"expected a published questionnaire, found no {name!r}; "
            "telekol questionnaires publish stores one"
        )
    return int(max(versions))


def store(
    connection: Connection[Any],
    *,
    patient_id: UUID,
    questionnaire: Questionnaire,
    answers: Mapping[str, Any],
    answered_at: datetime,
    received_at: datetime,
    entered: Entry,
    due_at: datetime | None = None,
) -> tuple[UUID, bool]:
    """Store a filled-in questionnaire; give its id, and False if it was stored before.

    Notes
    -----
    Its id is made of patient, questionnaire and time: who sends it again after a lost answer
    stores nothing new. A trigger queues it for judgement.
    """
    number = uuid5(
        ANSWER_NAMESPACE, f"{patient_id}|{questionnaire.id}|{answered_at.astimezone().timestamp()}"
    )
    timing = "ad-hoc" if due_at is None else "late" if answered_at > due_at else "on-time"
    cursor = connection.execute(
        SQL["insert_answer"],
        {
            "id": number,
            "patient_id": patient_id,
            "questionnaire_id": questionnaire.id,
            "version": questionnaire.version,
            "answered_at": answered_at,
            "received_at": received_at,
            "due_at": due_at,
            "timing": timing,
            "entered": entered,
            "answers": Jsonb(dict(answers)),
        },
    )
    return number, cursor.rowcount == 1


def _key(answered: Answered) -> dict[str, Any]:
    return {
        "id": answered.id,
        "patient_id": answered.patient_id,
        "questionnaire_id": answered.questionnaire_id,
        "answered_at": answered.answered_at,
    }
