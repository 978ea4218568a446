"""One round of the engine: take what is unjudged, judge it, store findings, move cases.

Everything of a round is one transaction, so a reading is judged once whoever dies in between.
Touches the database through the stores; the loop, the clock and the process are in `service`.

Alerting fails open: a batch on which the engine fails becomes a technical finding that asks a
person to look, and the batches beside it are judged all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import Connection

from alerts import case_store, finding_store
from alerts.cases import JudgedReading
from alerts.finding_store import Batch
from alerts.findings import (
    LIMITS_MISSING,
    NOT_JUDGED,
    Finding,
    Subject,
    judge,
    judged_again,
    not_judged,
)
from telekol.severity import Channel, Severity

log = logging.getLogger(__name__)

BATCHES_PER_ROUND: Final = 200


def run_round(connection: Connection[Any]) -> int:
    """Judge up to BATCHES_PER_ROUND batches; give how many were settled, 0 when idle.

    Raises
    ------
    psycopg.OperationalError
        If the database goes away; nothing was settled, try again.
    """
    try:
        return _settle(connection, BATCHES_PER_ROUND)
    except psycopg.OperationalError:
        raise
    except Exception:
        log.exception("a round failed; judging batch by batch to find the one that cannot be")
        return _settle_one_by_one(connection)


def _settle(connection: Connection[Any], most: int) -> int:
    with connection.transaction():
        batches = finding_store.take(connection, most)
        if batches:
            _judge_and_store(connection, batches)
            finding_store.drop(connection, batches)
    return len(batches)


def _settle_one_by_one(connection: Connection[Any]) -> int:
    with connection.transaction():
        batches = finding_store.take(connection, BATCHES_PER_ROUND)
        for batch in batches:
            try:
                with connection.transaction():
                    _judge_and_store(connection, [batch])
            except psycopg.OperationalError:
                raise
            except Exception:
                log.exception("batch %d cannot be judged; asking a person", batch.id)
                finding = not_judged(batch.patient_id, batch.reading_ids, batch.measured_to)
                _store(connection, finding, moves_case=True)
        finding_store.drop(connection, batches)
    return len(batches)


def _judge_and_store(connection: Connection[Any], batches: Sequence[Batch]) -> None:
    subjects = finding_store.subjects_of(connection, batches)
    newest = finding_store.newest_judged(connection, subjects)
    for subject, finding in zip(subjects, judge(subjects), strict=True):
        key = (subject.patient_id, str(subject.quantity))
        # An older reading that came late is judged at its own time, but the case shows what is
        # so now: only the newest reading moves it.
        is_newest = key not in newest or subject.reading.measured_at >= newest[key]
        if is_newest:
            newest[key] = subject.reading.measured_at
        _store(connection, finding, moves_case=is_newest)
        if is_newest and finding.channel is Channel.CLINICAL:
            _resolve_technical(connection, subject)


def _resolve_technical(connection: Connection[Any], subject: Subject) -> None:
    """Take "cannot be judged" off the board once a reading could be judged."""
    levels = case_store.levels_of(connection, subject.patient_id, Channel.TECHNICAL)
    for rule in (LIMITS_MISSING, NOT_JUDGED):
        finding = judged_again(subject, rule)
        if levels.get(finding.about, Severity.GREEN) is not Severity.GREEN:
            _store(connection, finding, moves_case=True)


def _store(connection: Connection[Any], finding: Finding, *, moves_case: bool) -> None:
    if finding_store.insert(connection, finding) and moves_case:
        judged = JudgedReading(finding.id, finding.about, finding.severity, datetime.now(UTC))
        case_store.take_in(connection, finding.patient_id, finding.channel, judged)
