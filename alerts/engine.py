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
from alerts.finding_store import Batch, Newest
from alerts.findings import (
    LIMITS_MISSING,
    NOT_JUDGED,
    Finding,
    Subject,
    judge,
    judged_again,
    not_judged,
    withdrawn,
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
                _store(connection, finding)
        finding_store.drop(connection, batches)
    return len(batches)


def _judge_and_store(connection: Connection[Any], batches: Sequence[Batch]) -> None:
    subjects = finding_store.subjects_of(connection, batches)
    newest = finding_store.newest_judged(connection, subjects)
    for subject, finding in zip(subjects, judge(subjects), strict=True):
        if not finding_store.insert(connection, finding):
            continue
        key = (subject.patient_id, str(subject.quantity))
        known = newest.get(key)
        if known is None or finding.measured_at >= known.measured_at:
            newest[key] = Newest(
                finding.measured_at, finding.id, finding.about, finding.severity, finding.score
            )
            if subject.cause is None or _says_more(connection, finding, known):
                _move_case(connection, finding)
            if finding.channel is Channel.CLINICAL:
                _resolve_technical(connection, subject)
        elif not finding.late:
            _move_case_out_of_order(connection, finding, known)
    _take_back(connection, batches, subjects)


def _says_more(connection: Connection[Any], finding: Finding, known: Newest | None) -> bool:
    """Whether a reading that is judged again, because another was withdrawn, tells news.

    A case that somebody has closed must not open again for what was known when it was closed;
    an open one that shows what no longer holds must move.
    """
    if known is None or known.measured_at != finding.measured_at:
        return True  # another reading than the one judged last
    levels = case_store.levels_of(connection, finding.patient_id, finding.channel)
    return levels.get(finding.about, known.severity) is not finding.severity


def _take_back(
    connection: Connection[Any], batches: Sequence[Batch], subjects: Sequence[Subject]
) -> None:
    """Take off the board what was found of withdrawn readings that have left none behind."""
    judged = {(subject.patient_id, subject.cause) for subject in subjects}
    for batch in batches:
        if batch.cause is None or batch.quantity is None:
            continue
        if (batch.patient_id, batch.cause) in judged:
            continue
        finding = withdrawn(
            batch.patient_id,
            batch.quantity,
            batch.reading_ids[0],
            batch.measured_to,
            batch.cause,
        )
        levels = case_store.levels_of(connection, batch.patient_id, finding.channel)
        if levels.get(finding.about, Severity.GREEN) is not Severity.GREEN:
            _store(connection, finding)


def _move_case_out_of_order(connection: Connection[Any], finding: Finding, newest: Newest) -> None:
    """Take in a reading that came after a newer one of the same hours.

    A home sends what is new before its backlog, and its clock may be behind. What is abnormal
    is told all the same, and then what is so now: the case ends as it would have in order. A
    green one tells nothing that the newer one has not told. A late one, of another day, is
    judged and stored and moves no case: it never pages as if it were new.
    """
    if finding.severity is Severity.GREEN:
        return
    _move_case(connection, finding)
    if newest.about == finding.about:
        now_so = JudgedReading(
            newest.finding_id, newest.about, newest.severity, datetime.now(UTC), newest.score
        )
        case_store.take_in(connection, finding.patient_id, finding.channel, now_so)


def _resolve_technical(connection: Connection[Any], subject: Subject) -> None:
    """Take "cannot be judged" off the board once a reading could be judged."""
    levels = case_store.levels_of(connection, subject.patient_id, Channel.TECHNICAL)
    for rule in (LIMITS_MISSING, NOT_JUDGED):
        finding = judged_again(subject, rule)
        if levels.get(finding.about, Severity.GREEN) is not Severity.GREEN:
            _store(connection, finding)


def _store(connection: Connection[Any], finding: Finding) -> None:
    if finding_store.insert(connection, finding):
        _move_case(connection, finding)


def _move_case(connection: Connection[Any], finding: Finding) -> None:
    judged = JudgedReading(
        finding.id, finding.about, finding.severity, datetime.now(UTC), finding.score
    )
    case_store.take_in(connection, finding.patient_id, finding.channel, judged)
