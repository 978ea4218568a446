"""What the board shows, made from rows. Pure: rows, words and `now` in, values out.

Owns what a nurse reads in a row. It asks no database and writes no HTML; the templates only
place what stands here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clinician_api.case_work import Action
from clinician_api.clauses import Clause
from clinician_api.language import Language
from clinician_api.queries import UNDO_WINDOW, CaseRow
from clinician_api.words import Words
from telekol.severity import Channel, Severity


@dataclass(frozen=True, slots=True)
class ClauseView:
    """One part of a case's sentence, and of when it is."""

    sentence: str
    when: str
    at: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """One row.

    Parameters
    ----------
    severity
        Name of the colour, also that of its icon.
    channel, channel_word
        The stream it belongs to; each is acknowledged by itself.
    clauses
        What the reason is put together from; empty where that is not known.
    since, opened, opened_at
        When it was opened: briefly, in full, and for programs. Nothing that happens to an open
        case moves it, so it answers how long somebody has been waiting.
    action
        What the reader can do now; None if nothing.
    """

    case_id: UUID
    patient_id: UUID
    patient: str
    severity: str
    severity_word: str
    channel: str
    channel_word: str
    reason: str
    clauses: Sequence[ClauseView]
    state: str
    state_word: str
    seen_by: str | None
    team: str
    since: str
    opened: str
    opened_at: str
    version: int
    action: Action | None


@dataclass(frozen=True, slots=True)
class Work:
    """What waits for people beside the cases: readings without an owner, homes in trouble."""

    held: int = 0
    in_trouble: int = 0


@dataclass(frozen=True, slots=True)
class BoardView:
    """The whole board."""

    rows: Sequence[CaseView]
    recent: Sequence[CaseView]
    counts: Sequence[tuple[str, str, int]]
    unseen: int
    total: int
    updated: str
    all_judged: bool
    waiting_since: str | None
    work: Work


def case_view(
    row: CaseRow, say: Words, now: datetime, clauses: Mapping[UUID, Sequence[Clause]]
) -> CaseView:
    """Make one row."""
    case = row.case
    acknowledged = row.last_kind == "acknowledged"
    return CaseView(
        case_id=case.id,
        patient_id=case.patient_id,
        patient=row.patient,
        severity=case.severity,
        severity_word=say(f"severity.{case.severity}"),
        channel=case.channel,
        channel_word=say(f"channel.{case.channel}"),
        reason=case.reason_da if say.language is Language.DANISH else case.reason_en,
        clauses=[_clause(one, say, now) for one in clauses.get(case.id, ())],
        state=case.state,
        state_word=say(f"state.{case.state}"),
        seen_by=_seen_by(row, say, now),
        team=row.team,
        since=say.opened(case.opened_at, now),
        opened=say.when(case.opened_at, now),
        opened_at=case.opened_at.isoformat(timespec="seconds"),
        version=case.version,
        action=Action.CLEAR
        if _is_dealt_with(row, now)
        else _action(case.state, undoable=acknowledged and not row.followed),
    )


def board_view(  # one argument per question that the board asked the database
    rows: Sequence[CaseRow],
    recent: Sequence[CaseRow],
    total: int,
    waiting: datetime | None,
    say: Words,
    now: datetime,
    clauses: Mapping[UUID, Sequence[Clause]],
    work: Work,
) -> BoardView:
    """Make the board."""
    counted = Counter(row.case.severity for row in rows)
    return BoardView(
        rows=[case_view(row, say, now, clauses) for row in rows],
        recent=[case_view(row, say, now, clauses) for row in recent],
        counts=[
            (severity, say(f"severity.{severity}"), counted[severity])
            for severity in reversed(Severity)
            if counted[severity]
        ],
        unseen=sum(row.case.state != "seen" for row in rows),
        total=total,
        updated=say.clock(now),
        all_judged=waiting is None,
        waiting_since=say.since(waiting, now) if waiting and _is_long(waiting, now) else None,
        work=work,
    )


def _clause(one: Clause, say: Words, now: datetime) -> ClauseView:
    danish = say.language is Language.DANISH
    return ClauseView(
        sentence=one.reason_da if danish else one.reason_en,
        when=say.opened(one.measured_at, now),
        at=one.measured_at.isoformat(timespec="seconds"),
    )


def _seen_by(row: CaseRow, say: Words, now: datetime) -> str | None:
    """Write what stands behind the state: 'af Signe Opdigtet kl. 02:50'."""
    if row.seen_by is None or row.seen_at is None:
        return None
    key = "state.by" if row.case.state == "seen" else "state.closed_by"
    return say(key, name=row.seen_by, time=say.at(row.seen_at, now))


def _action(state: str, *, undoable: bool) -> Action | None:
    """Give the step that alerts allows in this state.

    An acknowledgement can be taken back only while it is the newest event of the case, and not
    when that would open a second case beside a newer one.
    """
    if state in {"new", "returned"}:
        return Action.ACKNOWLEDGE
    return Action.UNACKNOWLEDGE if undoable else None


def _is_dealt_with(row: CaseRow, now: datetime) -> bool:
    """Say whether a missed measurement was seen so long ago that it is closed, not undone."""
    if row.case.channel != Channel.MISSING or row.case.state != "seen" or row.seen_at is None:
        return False
    return now - row.seen_at > UNDO_WINDOW


def _is_long(waiting: datetime, now: datetime) -> bool:
    """Say whether readings have waited longer than judging ever takes, which is under 10 s."""
    return (now - waiting).total_seconds() > 60
