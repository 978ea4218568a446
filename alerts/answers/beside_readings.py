"""What patients answered near their readings: whether it is worse. Touches PostgreSQL.

Reads only. An answer to a questionnaire whose answers carry colours says "worse" when any of them
does; scores as CAT say how somebody lives with COPD and not how today is. What cannot be walked to
a colour is no answer.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection

from alerts.answers import store as answer_store
from alerts.round.planning import BESIDE, Draft
from alerts.round.subjects import Said
from telekol import queries
from telekol.questionnaires.evaluation import evaluate
from telekol.questionnaires.loading import QuestionnaireError
from telekol.questionnaires.model import Questionnaire
from telekol.severity import Severity

log = logging.getLogger(__name__)

_SQL: Final = queries.load("alerts.answers", "beside_readings.sql")

Known = dict[tuple[str, int], Questionnaire | None]
"""Questionnaires as they were asked; None for one that says nothing of today."""


def near(
    connection: Connection[Any], drafts: Sequence[Draft], known: Known
) -> dict[int, tuple[Said, ...]]:
    """Give the answers near readings that are held beside answers, by the place of their draft."""
    asked = [place for place, draft in enumerate(drafts) if draft.quantity in BESIDE]
    if not asked:
        return {}
    rows = connection.execute(
        _SQL["near"],
        {
            "patients": [drafts[place].patient_id for place in asked],
            "times": [drafts[place].reading.measured_at for place in asked],
        },
    ).fetchall()
    found: dict[int, list[Said]] = defaultdict(list)
    for number, name, version, answered_at, answers in rows:
        questionnaire = _questionnaire(connection, (name, version), known)
        severity = evaluate(questionnaire, answers).severity if questionnaire else None
        if severity is not None:
            found[asked[number - 1]].append(Said(answered_at, severity is not Severity.GREEN))
    return {place: tuple(said) for place, said in found.items()}


def _questionnaire(
    connection: Connection[Any], key: tuple[str, int], known: Known
) -> Questionnaire | None:
    if key not in known:
        try:
            found = answer_store.definition(connection, *key)
        except QuestionnaireError as error:
            log.warning("answers are not held beside readings: %s", error)
            return None
        known[key] = found if found.score is None else None
    return known[key]
