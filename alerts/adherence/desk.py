"""The job that says who is silent. Touches PostgreSQL; judgement is in `catching_up`.

Owns the order: patients in small batches, each batch a transaction that locks them, tells what is
untold, and moves their cases. A crash between two batches loses and doubles nothing: a statement
follows from the one before it, and `since` moves when all were looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from alerts.adherence import catching_up, statements, store
from alerts.adherence.store import Record
from alerts.adherence.words import Titles
from alerts.casework import store as case_store
from alerts.casework.cases import JudgedReading
from alerts.clock.rule_store import RuleBook
from alerts.clock.rules import AdherenceRule
from alerts.round import finding_store
from telekol.severity import Channel

log = logging.getLogger(__name__)

BATCH: Final = 200
"""Patients a transaction: their rows are locked for some hundredths of a second."""

_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a run came to.

    Parameters
    ----------
    patients
        How many were looked at.
    told
        How many statements were made; in a recomputation of everybody, what had drifted.
    """

    patients: int
    told: int


def look(
    connection: Connection[Any],
    since: datetime | None,
    now: datetime,
    book: RuleBook | None = None,
) -> Looked:
    """Tell what has become missing, or is no longer missing, in ``(since, now]``.

    Parameters
    ----------
    since
        Up to when the last run has looked; None for the first run ever, which tells how things
        stand now and digs up nothing older.
    book
        Which rules hold for whom; keep one for many runs.
    """
    book = book or RuleBook()
    if since is None:
        return recompute(connection, now, now, book)
    patients = store.candidates(connection, since, now, book.longest_wait(connection))
    return _tell(connection, _batches(patients), since, now, book)


def recompute(
    connection: Connection[Any],
    since: datetime,
    now: datetime,
    book: RuleBook | None = None,
) -> Looked:
    """Tell it of everybody, whether or not anything points to them."""
    return _tell(connection, _everybody(connection, since, now), since, now, book or RuleBook())


def _everybody(
    connection: Connection[Any], since: datetime, now: datetime
) -> Iterator[Sequence[UUID]]:
    beyond = _NOBODY
    while patients := store.enrolled(connection, since, now, beyond, BATCH):
        yield patients
        beyond = patients[-1]


def _batches(patients: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(patients), BATCH):
        yield patients[start : start + BATCH]


def _tell(
    connection: Connection[Any],
    batches: Iterable[Sequence[UUID]],
    since: datetime,
    now: datetime,
    book: RuleBook,
) -> Looked:
    looked = told = 0
    for patients in batches:
        with connection.transaction():
            store.lock(connection, patients)
            rules = book.of(connection, patients, now)
            records, titles = store.records(connection, patients, since, now)
            told += sum(
                _tell_one(connection, one, titles, since, now, rules[one.patient_id].adherence)
                for one in records
            )
        looked += len(patients)
    return Looked(looked, told)


def _tell_one(
    connection: Connection[Any],
    record: Record,
    titles: Titles,
    since: datetime,
    now: datetime,
    rule: AdherenceRule,
) -> int:
    told, count = record.told, 0
    wait = rule.tell_after
    for state in catching_up.untold(told, record.items, record.came, since, now, wait):
        finding = statements.made(record.patient_id, state, told, titles, wait, rule.source)
        if finding_store.insert(connection, [finding]):
            count += 1
            is_news = bool(state.gist - (told.gist if told else frozenset()))
            # Without a score: of two blue statements the newer is what is so.
            judged = JudgedReading(finding.id, finding.about, finding.severity, now, None, is_news)
            case_store.take_in(connection, record.patient_id, Channel.MISSING, judged)
        told = statements.told_by(finding.id, finding.evidence)
    return count
