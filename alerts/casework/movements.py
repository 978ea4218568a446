"""From verdicts to what cases are told: which finding moves whose case, and how far it may. Pure.

The seam between judging and people's work. A doubtful red waits for a second measurement
(`alerts.casework.confirming`); a value that sits on its limit, or flags again right after its case
was closed, makes one case and not ten (`alerts.casework.steadying`).

Invariants
----------
1. A late reading, unless it is the newest there is, moves no case. What is judged again because of
   one may ease a case, never worsen it: it never pages as if it were new.
2. A reading that came out of order, but not late, tells what is abnormal, and then what is so now.
3. What no rule could say anything of ends nothing.
4. One movement for each reading: the gravest of its rules speaks, so a case stays readable however
   many rules watch a quantity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from alerts.casework.confirming import Confirmations, Outcome
from alerts.casework.steadying import Steady
from alerts.round.findings import Finding, readings_of
from alerts.round.planning import Draft
from alerts.round.verdicts import Verdict
from alerts.rules import absolute_limits
from telekol.quantities import Quantity
from telekol.severity import Severity

SeriesKey = tuple[UUID, Quantity]

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""The time of a round in which nothing may wait: every reading is too old for it."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest reading of a series that was judged before, and what was said of it."""

    measured_at: datetime
    reading_id: UUID
    severity: Severity | None


@dataclass(frozen=True, slots=True)
class Movement:
    """A finding that the case of its patient and channel is told.

    Parameters
    ----------
    score
        How bad it is among findings of its colour about the same; 0 where scores of different
        rules could not be compared.
    """

    finding: Finding
    score: float

    @property
    def about(self) -> str:
        """What the case keeps track of."""
        return self.finding.about


def movements(
    judged: Sequence[tuple[Draft, Verdict]],
    newest: Mapping[SeriesKey, Newest],
    levels: Mapping[SeriesKey, Severity],
    confirmations: Confirmations | None = None,
    steady: Steady | None = None,
) -> list[Movement]:
    """Say which findings move cases, in the order in which they do.

    Parameters
    ----------
    judged
        What this round has judged, with how it was drafted, in any order.
    newest
        The newest reading judged before this round, for each series; absent if none was.
    levels
        How the readings of each series stand in the patient's open case; absent is green.
    confirmations
        What waits for a second measurement; changed in place. Without it nothing waits.
    steady
        What keeps a case from coming and going; without it nothing does.
    """
    course = _Course(
        dict(newest), dict(levels), confirmations or Confirmations(_NEVER), steady or Steady()
    )
    for draft, verdict in sorted(
        judged, key=lambda one: (one[0].reading.measured_at, one[0].reading.id)
    ):
        course.take(draft, verdict)
    return course.found


@dataclass(slots=True)
class _Course:
    """The readings of a round, one after another in the order of their times."""

    newest: dict[SeriesKey, Newest]
    standing: dict[SeriesKey, Severity]
    confirmations: Confirmations
    steady: Steady
    found: list[Movement] = field(default_factory=list)

    def take(self, draft: Draft, verdict: Verdict) -> None:
        key = draft.patient_id, draft.quantity
        before = self.newest.get(key)
        is_newest = _is_newest(draft, before)
        ended = self.confirmations.answered(draft, verdict) if is_newest else None
        if ended is not None and ended.outcome is Outcome.CONFIRMED:
            self._tell(key, movement_of(ended.waiting.finding))
        standing = self.standing.get(key, Severity.GREEN)
        moved = _movement(draft, verdict, before, standing)
        if moved is not None and not self._stays(draft, verdict, before, standing, is_newest):
            self._tell(key, moved)
        if is_newest:
            reading = draft.reading
            self.newest[key] = Newest(reading.measured_at, reading.id, verdict.severity)

    def _stays(
        self,
        draft: Draft,
        verdict: Verdict,
        before: Newest | None,
        standing: Severity,
        is_newest: bool,
    ) -> bool:
        """Whether a case is not told of a reading that would move it, now or at all."""
        if self.steady.holds(draft, verdict, standing):
            return True
        was_normal = before is not None and before.severity is Severity.GREEN
        normal_at = before.measured_at if before is not None and was_normal else None
        return is_newest and self.confirmations.waits(draft, verdict, standing, normal_at)

    def _tell(self, key: SeriesKey, moved: Movement) -> None:
        self.standing[key] = moved.finding.severity
        self.found.append(moved)


def wanting_green(drafts: Sequence[Draft], levels: Mapping[SeriesKey, Severity]) -> frozenset[int]:
    """Say of which drafts, by place, a green finding may be wanted, since it would end something.

    That is what stands in a case, or what another reading of the same round may open.
    """
    count = Counter((draft.patient_id, draft.quantity) for draft in drafts)
    return frozenset(
        place
        for place, draft in enumerate(drafts)
        if count[key := (draft.patient_id, draft.quantity)] > 1
        or levels.get(key, Severity.GREEN) is not Severity.GREEN
    )


def _movement(
    draft: Draft, verdict: Verdict, newest: Newest | None, standing: Severity
) -> Movement | None:
    severity = verdict.severity
    if severity is None or (severity is standing is Severity.GREEN):
        return None
    if not _is_newest(draft, newest):
        fresh = draft.cause is None and not draft.late
        return _told(verdict) if fresh and severity is not Severity.GREEN else None
    if draft.cause is not None:
        # Judged again: what the case shows already is no news, nor what a late reading makes worse.
        worse = severity.rank > standing.rank
        if severity is standing or (worse and not draft.is_news):
            return None
    return _told(verdict)


def _is_newest(draft: Draft, newest: Newest | None) -> bool:
    if newest is None:
        return True
    reading = draft.reading
    return (reading.measured_at, reading.id) >= (newest.measured_at, newest.reading_id)


def _told(verdict: Verdict) -> Movement | None:
    """Let the gravest rule speak; the first in the set's order, of those as grave."""
    if verdict.severity is Severity.GREEN:
        return None if verdict.green is None else Movement(verdict.green, 0.0)
    return movement_of(verdict.findings[0])


def movement_of(finding: Finding) -> Movement:
    """Give how a finding moves the case of its patient and channel."""
    comparable = finding.rule == absolute_limits.NAME
    return Movement(finding, finding.score or 0.0 if comparable else 0.0)


def level_key(patient_id: UUID, about: str) -> SeriesKey | None:
    """Give the series that a standing of a clinical case is about; None if it is about none."""
    for quantity in Quantity:
        if about == readings_of(quantity):
            return patient_id, quantity
    return None
