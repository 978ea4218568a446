"""One round over filled-in questionnaires: take, judge, store findings, move cases.

As `alerts.engine` does with readings: all of a round is one transaction, and an answer on which it
fails becomes a finding that asks a person. Touches the database through the stores.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import Connection

from alerts.answers import asked
from alerts.answers import store as answer_store
from alerts.answers.asked import ANSWERS_MISSING, NOT_JUDGED, Answered, AskedFinding, InForce
from alerts.answers.store import Known
from alerts.casework import store as case_store
from alerts.casework.cases import JudgedReading
from alerts.families.asked import Sheet
from alerts.in_use.rule_store import RuleSets, in_force
from telekol.questionnaires.model import Questionnaire
from telekol.severity import Channel, Severity

log = logging.getLogger(__name__)

ANSWERS_PER_ROUND: Final = 200


def run_round(connection: Connection[Any]) -> int:
    """Judge up to ANSWERS_PER_ROUND filled-in questionnaires; give how many, 0 when idle.

    Raises
    ------
    psycopg.OperationalError
        If the database goes away; nothing was settled, try again.
    """
    with connection.transaction():
        taken = answer_store.take(connection, ANSWERS_PER_ROUND)
        judging = _Round(connection)
        # Oldest first, so that a backlog of a patient is told in the order it was answered.
        for _, answered in sorted(taken, key=lambda one: one[1].answered_at):
            judging.settle(answered)
        answer_store.drop(connection, [number for number, _ in taken])
    return len(taken)


class _Round:
    """What one round has read already."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._rule_sets = RuleSets()
        self._questionnaires: dict[tuple[str, int], Questionnaire] = {}

    def settle(self, answered: Answered) -> None:
        """Judge one answer; if that fails, ask a person."""
        try:
            with self._connection.transaction():
                self._judge(answered)
        except psycopg.OperationalError:
            raise
        except Exception:
            log.exception("answer %s cannot be judged; asking a person", answered.id)
            self._store(asked.not_judged(answered))

    def _judge(self, answered: Answered) -> None:
        sheet = self._sheet(answered)
        newer = answer_store.newer(self._connection, answered)
        found = self._found(answered, sheet)
        for finding in found:
            self._take_in(finding, newer)
        if not newer:
            self._take_back(answered, sheet, found)
        self._again_after(answered, sheet)

    def _found(
        self, answered: Answered, sheet: Sheet, cause: str | None = None
    ) -> list[AskedFinding]:
        earlier = (
            answer_store.before(self._connection, answered) if sheet.questionnaire.score else []
        )
        return asked.judge(
            answered,
            sheet,
            [(one.id, self._sheet(one)) for one in earlier],
            self._in_force(answered),
            cause,
        )

    def _take_in(self, finding: AskedFinding, newer: dict[tuple[str, str], Known]) -> None:
        """Store a finding and move its case, unless what is newer was told already.

        As with readings: what came late or out of order is told if it is not green and not late,
        and then what is so now.
        """
        if not answer_store.insert(self._connection, finding):
            return
        if not newer:
            self._move(finding)
            return
        if finding.late or finding.severity is Severity.GREEN:
            return
        self._move(finding)
        known = newer.get((finding.channel, finding.rule))
        now_so = known or Known(finding.id, Severity.GREEN, None)
        self._tell(finding, now_so)

    def _again_after(self, answered: Answered, sheet: Sheet) -> None:
        """Judge the next answer again, if its score was held against another than this one."""
        if not sheet.questionnaire.score:
            return
        after = answer_store.judged_after(self._connection, answered)
        if after is None:
            return
        known = answer_store.newer(self._connection, after)
        was = answer_store.found_of(self._connection, after.id)
        for finding in self._found(after, self._sheet(after), f"late/{answered.id}"):
            is_new = answer_store.insert(self._connection, finding)
            before = was.get((finding.channel, finding.rule), Severity.GREEN)
            if is_new and not known and _is_news(finding, before, answered):
                self._move(finding)

    def _take_back(self, answered: Answered, sheet: Sheet, found: list[AskedFinding]) -> None:
        """Take off the board that answers were missing, once they are there."""
        if any(finding.channel is Channel.TECHNICAL for finding in found):
            return
        levels = case_store.levels_of(self._connection, answered.patient_id, Channel.TECHNICAL)
        for rule in (ANSWERS_MISSING, NOT_JUDGED):
            finding = asked.complete_again(answered, sheet.questionnaire, rule)
            if levels.get(finding.about, Severity.GREEN) is not Severity.GREEN:
                self._store(finding)

    def _store(self, finding: AskedFinding) -> None:
        if answer_store.insert(self._connection, finding):
            self._move(finding)

    def _move(self, finding: AskedFinding) -> None:
        self._tell(finding, Known(finding.id, finding.severity, finding.score))

    def _tell(self, finding: AskedFinding, so: Known) -> None:
        judged = JudgedReading(
            so.finding_id, finding.about, so.severity, datetime.now(UTC), so.score
        )
        case_store.take_in(self._connection, finding.patient_id, finding.channel, judged)

    def _sheet(self, answered: Answered) -> Sheet:
        key = (answered.questionnaire_id, answered.version)
        if key not in self._questionnaires:
            self._questionnaires[key] = answer_store.definition(self._connection, *key)
        return asked.sheet_of(self._questionnaires[key], answered)

    def _in_force(self, answered: Answered) -> InForce:
        found = in_force(self._connection, [answered.patient_id], [answered.answered_at]).get(0)
        if found is None:
            return InForce(None, None, approved=False)
        rule_sets = self._rule_sets.by_id(self._connection, [found.rule_set_id])
        return InForce(found.rule_set_id, rule_sets[found.rule_set_id], found.approved)


def _is_news(finding: AskedFinding, before: Severity, mover: Answered) -> bool:
    """Whether what was judged again because of `mover` is told.

    What says the same must not open a case that somebody has closed, and what came late makes
    nothing worse: as with readings.
    """
    worse = finding.severity.rank > before.rank
    return finding.severity is not before and not (worse and mover.is_late)
