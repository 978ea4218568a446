"""What is shown of readings that wait for a person. Pure: rows, words and `now` in, values out.

Owns the sentences that say why a reading waits and what is usual for the patient. It asks no
database and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final
from uuid import UUID

from clinician_api.charts import NARROW, SMALL, Chart, Point, draw
from clinician_api.desk_store import Decided, Held
from clinician_api.patient_view import LEAST_SPAN
from clinician_api.words import Words
from telekol.quantities import FACTS, Quantity

HISTORY: Final = timedelta(days=60)
"""How far around a held reading the patient's own are shown: two months of weekly weights."""

_COMPARED: Final = 5
"""Readings whose median is called usual, as the guard compares (ingest/guard.py)."""

_WHY: Final = {
    "weight-jump": "held.weight_jump",
    "other-slot": "held.other_slot",
    "handed-back": "held.handed_back",
    "kit-unassigned": "held.kit_unassigned",
}

History = Mapping[tuple[UUID, str], Sequence[tuple[datetime, float]]]
"""By patient and quantity: when and what, oldest first; only what counts."""


@dataclass(frozen=True, slots=True)
class HeldView:
    """One reading that waits."""

    reading_id: UUID
    candidate: UUID
    name: str
    team: str
    kit: str
    quantity: str
    value: str
    unit: str
    when: str
    device: str
    why: str
    usual: str
    difference: str | None
    svg: str
    seen_event: int
    measured_at: str


@dataclass(frozen=True, slots=True)
class DecidedView:
    """One decision that can be taken back."""

    event: int
    reading_id: UUID
    measured_at: str
    patient: UUID
    what: str
    measured: str
    outcome: str
    by: str
    reason: str


def held_view(one: Held, history: History, say: Words, now: datetime) -> HeldView:
    """Make one card."""
    facts = FACTS[Quantity(one.quantity)]
    own = history.get((one.candidate, one.quantity), ())
    device = [one.device]
    if one.user_index is not None:
        device.append(say("held.slot", number=one.user_index))
    return HeldView(
        reading_id=one.reading_id,
        candidate=one.candidate,
        name=one.candidate_name,
        team=one.team,
        kit=say("held.kit", kit=one.kit_id) if one.kit_id else say("held.no_kit"),
        quantity=_name(one.quantity, say),
        value=say.number(one.value, facts.decimals),
        unit=facts.shown_unit,
        when=say.when(one.measured_at, now),
        device=", ".join(part for part in device if part),
        why=_why(one.code, say),
        usual=_usual(one, own, say, now),
        difference=_difference(one, own, say),
        svg=_svg(one, own, say, now),
        seen_event=one.seen_event,
        measured_at=one.measured_at.isoformat(),
    )


def decided_view(one: Decided, say: Words, now: datetime) -> DecidedView:
    """Make one line of what was decided lately."""
    facts = FACTS[Quantity(one.quantity)]
    value = f"{say.number(one.value, facts.decimals)} {facts.shown_unit}".rstrip()
    return DecidedView(
        event=one.event,
        reading_id=one.reading_id,
        measured_at=one.measured_at.isoformat(),
        patient=one.patient,
        what=f"{_name(one.quantity, say)} {value}",
        measured=say.when(one.measured_at, now),
        outcome=say(f"held.decided_{one.kind}", name=one.patient_name),
        by=say("held.decided_by", name=one.by_whom, when=say.when(one.at, now)),
        reason=one.reason,
    )


def _why(code: str, say: Words) -> str:
    return say(_WHY[code]) if code in _WHY else say("held.unknown_code", code=code)


def _name(quantity: str, say: Words) -> str:
    return say.quantity(Quantity(quantity))


def _nearest(one: Held, own: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    before = [pair for pair in own if pair[0] <= one.measured_at]
    return before[-_COMPARED:] or list(own[:_COMPARED])


def _usual(one: Held, own: Sequence[tuple[datetime, float]], say: Words, now: datetime) -> str:
    near = _nearest(one, own)
    if not near:
        return say("held.no_history")
    facts = FACTS[Quantity(one.quantity)]
    return say(
        "held.usual" if one.quantity == Quantity.BODY_WEIGHT else "held.usual_other",
        name=one.candidate_name,
        usual=_short(median(value for _, value in near), facts.decimals, say),
        count=len(near),
        last=_short(near[-1][1], facts.decimals, say),
        unit=facts.shown_unit,
        when=say.when(near[-1][0], now),
    )


def _difference(one: Held, own: Sequence[tuple[datetime, float]], say: Words) -> str | None:
    near = _nearest(one, own)
    if not near or one.quantity != Quantity.BODY_WEIGHT:
        return None
    apart = one.value - median(value for _, value in near)
    sign = "+" if apart >= 0 else "\N{MINUS SIGN}"
    return say("held.difference", difference=f"{sign}{_short(abs(apart), 1, say)}")


def _short(value: float, decimals: int, say: Words) -> str:
    """Write a computed number; a median's further digits say nothing."""
    return say.number(round(value, decimals), decimals)


def _svg(one: Held, own: Sequence[tuple[datetime, float]], say: Words, now: datetime) -> str:
    facts = FACTS[Quantity(one.quantity)]
    start, end = one.measured_at - HISTORY, min(now, one.measured_at + HISTORY)
    values = [value for _, value in own] or [one.value]
    chart = Chart(
        key=f"held-{one.reading_id}",
        title=say("held.chart", name=one.candidate_name),
        description=say(
            "held.chart_more",
            count=len(own),
            name=one.candidate_name,
            lowest=say.number(min(values), facts.decimals),
            highest=say.number(max(values), facts.decimals),
            value=say.number(one.value, facts.decimals),
            unit=facts.shown_unit,
        ),
        start=start,
        end=max(end, one.measured_at + timedelta(days=3)),
        points=[
            *(Point(at, value, None) for at, value in own),
            Point(one.measured_at, one.value, None, "held"),
        ],
        limits=(),
        least_span=LEAST_SPAN[Quantity(one.quantity)],
        number=lambda value: say.number(value, facts.decimals),
        date=say.day,
        point_label=lambda point: (
            f"{say.when(point.at, now)}: {say.number(point.value, facts.decimals)} "
            f"{facts.shown_unit}"
        ),
    )
    return draw(chart, SMALL) + draw(chart, NARROW)
