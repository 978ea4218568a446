"""Which readings are judged in a round, and again: the pure part before the rules.

What comes in, late or not, and what a person withdraws or brings back, *touches* places in a
patient's series. From each place on, windows may have changed; those that did are judged again.

Owns segments (stretches of one patient around touched places) and the plan of each. It knows no
database and no rule.

Invariants
----------
1. A reading that was judged is judged again exactly when its window is another one than then, or
   when a person's event names it. So doing a round twice, or in two processes, adds nothing.
2. What is loaded and judged for one touched place is bounded by how far back the rules look,
   however long the history is.
3. A window continues that of the reading before it, or is stored whole: `Draft.before`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from alerts.round.subjects import Taken, came_late, window_hash
from alerts.rules.composite import LONGEST_APART_DAYS
from telekol.quantities import Quantity

APART: Final = timedelta(days=14)
"""Touched places closer than this are one segment. A backlog of a fortnight is loaded once; two
places further apart would load what lies between them for nothing."""

BESIDE: Final = {Quantity.SPO2: Quantity.PULSE_RATE}
"""Which quantity may be judged together with which: `Input.TWO_QUANTITIES` is these two."""

SESSION: Final = timedelta(days=LONGEST_APART_DAYS)

LATE: Final = "late/"
"""Begins the cause of what is judged again because of a reading that came after it."""

JudgementKey = tuple[UUID, int]
"""A reading and the turn in which it was judged."""

_Key = tuple[UUID, Quantity, UUID]


@dataclass(frozen=True, slots=True)
class Touch:
    """A place in a patient's series from which on windows may have changed.

    Parameters
    ----------
    reading_id
        What is to be judged there; None if only windows after it may have changed.
    queued_at
        When it could first be judged.
    cause
        The event of a person; None for what came in.
    """

    patient_id: UUID
    quantity: Quantity
    measured_at: datetime
    queued_at: datetime
    reading_id: UUID | None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """How a reading was judged last."""

    turn: int
    window_hash: int
    late: bool
    beside: JudgementKey | None = None


@dataclass(slots=True)
class Segment:
    """A stretch of one patient: what is touched in it, and the readings around that.

    Parameters
    ----------
    blocks
        Readings by quantity, oldest first: enough before the first touched place for a window
        and the one before it, everything touched, and what may look back on it.
    judged
        How readings of the blocks were judged last.
    """

    patient_id: UUID
    touches: list[Touch]
    blocks: dict[Quantity, list[Taken]] = field(default_factory=dict)
    judged: dict[tuple[Quantity, UUID], Judged] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        """The first touched place, and its session: a pulse may touch what came before it."""
        return self.touches[0].measured_at - SESSION

    @property
    def until(self) -> datetime:
        """The last touched place, and the session around it."""
        return self.touches[-1].measured_at + SESSION

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What must be loaded: what is touched and what is judged together with it."""
        touched = {touch.quantity for touch in self.touches}
        for own, other in BESIDE.items():
            if touched & {own, other}:
                touched |= {own, other}
        return tuple(quantity for quantity in Quantity if quantity in touched)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A reading that is to be judged in this round.

    Parameters
    ----------
    window, beside
        As in `subjects.Subject`.
    hash
        Of the window.
    before
        The judgement whose window this one continues; None when it is stored whole.
    beside_key
        The judgement of the reading beside it; None without one.
    is_news
        Whether it may page: it came in and is not late, or was moved by one that is not.
    """

    patient_id: UUID
    quantity: Quantity
    window: tuple[Taken, ...]
    hash: int
    before: JudgementKey | None
    beside: tuple[Taken, ...]
    beside_key: JudgementKey | None
    turn: int
    cause: str | None
    late: bool
    is_news: bool

    @property
    def reading(self) -> Taken:
        """The reading under test."""
        return self.window[-1]


def segments(touches: Iterable[Touch]) -> list[Segment]:
    """Gather touched places of a patient that lie close together."""
    of_patient: dict[UUID, list[Touch]] = defaultdict(list)
    for touch in touches:
        of_patient[touch.patient_id].append(touch)
    found: list[Segment] = []
    for patient, places in of_patient.items():
        places.sort(key=lambda one: one.measured_at)
        for place in places:
            last = found[-1] if found and found[-1].patient_id == patient else None
            if last is not None and place.measured_at - last.touches[-1].measured_at <= APART:
                last.touches.append(place)
            else:
                found.append(Segment(patient, [place]))
    return found


def plan(segments: Sequence[Segment], looks_back: int) -> list[Draft]:
    """Say what is judged, in the order of time within each series and segment.

    Parameters
    ----------
    segments
        As `segments` gave them, filled: those of a patient one after another, in time.
    looks_back
        How many readings of a series any rule looks at.
    """
    drafts: dict[_Key, Draft] = {}
    # What stands beside others comes first: they name its judgement.
    for quantity in sorted(Quantity, key=lambda one: one in BESIDE):
        for place, segment in enumerate(segments):
            if quantity not in segment.blocks:
                continue
            after = segments[place + 1] if place + 1 < len(segments) else None
            following = after is not None and after.patient_id == segment.patient_id
            ends = after.since if after is not None and following else None
            _Plan(segment, quantity, looks_back, drafts, ends).fill()
    return list(drafts.values())


class _Plan:
    """The plan of one quantity in a segment."""

    def __init__(
        self,
        segment: Segment,
        quantity: Quantity,
        looks_back: int,
        drafts: dict[_Key, Draft],
        ends: datetime | None,
    ) -> None:
        self._segment = segment
        self._quantity = quantity
        self._looks_back = looks_back
        self._drafts = drafts
        self._block: Sequence[Taken] = segment.blocks.get(quantity, [])
        self._beside = segment.blocks.get(BESIDE[quantity], []) if quantity in BESIDE else []
        self._beside_times = [one.measured_at for one in self._beside]
        self._named = {
            touch.reading_id: touch for touch in segment.touches if touch.quantity is quantity
        }
        times = [one.measured_at for one in self._block]
        self._first = bisect_left(times, segment.since)
        # From where the next segment begins on, that one sees all that is touched here as well.
        self._end = len(times) if ends is None else bisect_left(times, ends)

    def fill(self) -> None:
        before: tuple[int, JudgementKey] | None = self._judged_before()
        for at in range(self._first, self._end):
            draft = self._draft(at, before)
            if draft is not None:
                self._drafts[self._key(draft.reading.id)] = draft
            before = self._judgement_of(self._block[at])

    def _key(self, reading_id: UUID) -> _Key:
        return self._segment.patient_id, self._quantity, reading_id

    def _judged_before(self) -> tuple[int, JudgementKey] | None:
        return self._judgement_of(self._block[self._first - 1]) if self._first else None

    def _judgement_of(self, reading: Taken) -> tuple[int, JudgementKey] | None:
        """Give window and turn of a reading's newest judgement, made in this round or before."""
        if (draft := self._drafts.get(self._key(reading.id))) is not None:
            return draft.hash, (reading.id, draft.turn)
        if (judged := self._segment.judged.get((self._quantity, reading.id))) is not None:
            return judged.window_hash, (reading.id, judged.turn)
        return None

    def _draft(self, at: int, before: tuple[int, JudgementKey] | None) -> Draft | None:
        reading = self._block[at]
        old = self._segment.judged.get((self._quantity, reading.id))
        touch = self._named.get(reading.id) or self._needed_beside(reading, old)
        if touch is None and old is None:
            return None  # waits in the queue, or was judged by a release before
        window = tuple(self._block[max(0, at + 1 - self._looks_back) : at + 1])
        found = window_hash([one.id for one in window])
        beside_key, beside = self._beside_of(reading)
        changed = old is None or (found, beside_key) != (old.window_hash, old.beside)
        if not changed and (touch is None or touch.cause is None):
            return None
        cause = self._cause(touch, old)
        return Draft(
            patient_id=self._segment.patient_id,
            quantity=self._quantity,
            window=window,
            hash=found,
            before=self._continued(at, before),
            beside=beside,
            beside_key=beside_key,
            turn=old.turn + 1 if old else 0,
            cause=cause,
            late=_is_late(reading, touch, old),
            is_news=self._is_news(touch, old),
        )

    def _needed_beside(self, reading: Taken, old: Judged | None) -> Touch | None:
        """Judge what stands beside a touched reading with it, though it waits in the queue."""
        if old is not None or self._quantity not in BESIDE.values():
            return None
        for touch in self._segment.touches:
            near = abs(touch.measured_at - reading.measured_at) <= SESSION
            if near and BESIDE.get(touch.quantity) is self._quantity and touch.reading_id:
                return Touch(
                    self._segment.patient_id,
                    self._quantity,
                    reading.measured_at,
                    touch.queued_at,
                    reading.id,
                )
        return None

    def _beside_of(self, reading: Taken) -> tuple[JudgementKey | None, tuple[Taken, ...]]:
        at = _nearest(self._beside_times, reading.measured_at)
        if at is None:
            return None, ()
        partner = self._beside[at]
        other = BESIDE[self._quantity]
        draft = self._drafts.get((self._segment.patient_id, other, partner.id))
        judged = self._segment.judged.get((other, partner.id))
        if draft is None and judged is None:
            return None, ()  # judged by a release before, without a window to name
        turn = draft.turn if draft else judged.turn if judged else 0
        window = self._beside[max(0, at + 1 - self._looks_back) : at + 1]
        return (partner.id, turn), tuple(window)

    def _continued(self, at: int, before: tuple[int, JudgementKey] | None) -> JudgementKey | None:
        """Give the judgement of the reading before, if its window is the one that it has now."""
        if at == 0 or before is None:
            return None
        window = self._block[max(0, at - self._looks_back) : at]
        known, key = before
        return key if known == window_hash([one.id for one in window]) else None

    def _cause(self, touch: Touch | None, old: Judged | None) -> str | None:
        if touch is not None and touch.cause is not None:
            return touch.cause
        if old is None:
            return None
        mover = self._mover()
        return mover.cause or f"{LATE}{mover.reading_id}"

    def _mover(self) -> Touch:
        """Give what changed a window: the first touched place."""
        return self._segment.touches[0]

    def _is_news(self, touch: Touch | None, old: Judged | None) -> bool:
        if touch is not None and old is None:
            return True
        mover = self._mover()
        if touch is not None or mover.cause is not None:
            return True
        return not came_late(mover.queued_at, mover.measured_at)


def _is_late(reading: Taken, touch: Touch | None, old: Judged | None) -> bool:
    if old is not None or touch is None:
        return old is not None and old.late
    return came_late(touch.queued_at, reading.measured_at)


def _nearest(times: Sequence[datetime], moment: datetime) -> int | None:
    """Place of the nearest time within one session, as `Readings.nearest` finds it.

    Of two as near the earlier, of two of one instant the first; None without any.
    """
    after = bisect_left(times, moment)
    places = [bisect_left(times, times[after - 1])] if after else []
    places += [after] if after < len(times) else []
    near = [place for place in places if abs(times[place] - moment) <= SESSION]
    return min(near, key=lambda place: abs(times[place] - moment), default=None)
