"""What is shown of a patient's usual levels. Pure: rows, words and `now` in, values out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from clinician_api.charts import NARROW, SMALL, Chart, Point, draw
from clinician_api.language import Language
from clinician_api.patient_view import LEAST_SPAN
from clinician_api.usual_store import Level
from clinician_api.words import Words
from telekol.quantities import FACTS, Quantity, QuantityFacts

USUAL: Final = (Quantity.SPO2, Quantity.PULSE_RATE, Quantity.BODY_WEIGHT)
"""Quantities of every kit: a missing level is shown."""

Readings = Sequence[tuple[datetime, float]]


@dataclass(frozen=True, slots=True)
class LevelView:
    """One level.

    Parameters
    ----------
    svg
        Of a proposal that waits: the readings it is made of.
    """

    number: int
    value: str
    period: str
    origin: str
    status: str
    approved: bool
    waits: bool
    made_of: str | None
    values: Sequence[tuple[str, str]]
    svg: str | None


@dataclass(frozen=True, slots=True)
class UsualView:
    """One quantity: what is in force, what was before."""

    quantity: str
    name: str
    unit: str
    now: LevelView | None
    before: Sequence[LevelView]
    seen: int


def number_of(text: str) -> float | None:
    """Read a number as people here write it; None if it is none.

    Examples
    --------
    >>> number_of("71,5"), number_of(" 92 "), number_of("1.000,5"), number_of("nan")
    (71.5, 92.0, None, None)
    """
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def usual_views(
    levels: Sequence[Level],
    made_of: Mapping[int, Readings],
    measured: AbstractSet[Quantity],
    say: Words,
    now: datetime,
) -> list[UsualView]:
    """Make a section for each quantity that is usual, was measured, or has a level."""
    shown = {*USUAL, *measured, *(Quantity(one.quantity) for one in levels)}
    views = []
    for quantity in Quantity:
        facts = FACTS[quantity]
        if quantity not in shown or not facts.of_patient:
            continue
        own = [one for one in levels if one.quantity == quantity]
        written = [_level(one, made_of.get(one.id, ()), facts, say, now) for one in own]
        open_now = [one.id for one in own if one.until is None]
        current = next((view for view in written if view.number in open_now), None)
        views.append(
            UsualView(
                quantity=quantity,
                name=facts.danish if say.language is Language.DANISH else facts.english,
                unit=facts.shown_unit,
                now=current,
                before=[view for view in written if view is not current],
                seen=current.number if current else 0,
            )
        )
    return views


def _level(
    one: Level, readings: Readings, facts: QuantityFacts, say: Words, now: datetime
) -> LevelView:
    until = say.when(one.until, now) if one.until else None
    since = say.when(one.since, now)
    key = "usual.from_to" if until else "usual.from"
    return LevelView(
        number=one.id,
        value=_amount(one.value, facts, say),
        period=say(key, since=since, until=until),
        origin=say(f"usual.origin_{one.origin.replace('-', '_')}"),
        status=_status(one, say, now),
        approved=one.approved_by is not None,
        waits=one.waits,
        made_of=_made_of(one, readings, facts, say) if one.waits else None,
        values=[(say.when(at, now), _amount(value, facts, say)) for at, value in readings],
        svg=_svg(one, readings, facts, say, now) if one.waits and readings else None,
    )


def _status(one: Level, say: Words, now: datetime) -> str:
    if one.approved_by and one.approved_at:
        return say("usual.approved", name=one.approved_by, when=say.when(one.approved_at, now))
    if one.until:
        return say("usual.ended")
    return say("usual.waits")


def _made_of(one: Level, readings: Readings, facts: QuantityFacts, say: Words) -> str:
    evidence = one.evidence or {}
    count = evidence.get("n") or len(readings)
    spread = evidence.get("spread")
    if spread is None:
        return say("usual.made_of", count=count)
    written = _amount(float(spread), facts, say)
    return say("usual.made_of_spread", count=count, spread=written)


def _amount(value: float, facts: QuantityFacts, say: Words) -> str:
    text = say.number(round(value, facts.decimals + 1), facts.decimals)
    return f"{text} {facts.shown_unit}".rstrip()


def _svg(one: Level, readings: Readings, facts: QuantityFacts, say: Words, now: datetime) -> str:
    quantity = Quantity(one.quantity)
    times = [at for at, _ in readings]
    values = [value for _, value in readings]
    chart = Chart(
        key=f"usual-{one.id}",
        title=say("usual.chart"),
        description=say(
            "usual.chart_more",
            count=len(readings),
            lowest=_amount(min(values), facts, say),
            highest=_amount(max(values), facts, say),
            level=_amount(one.value, facts, say),
        ),
        start=min(times) - timedelta(days=1),
        end=max(times) + timedelta(days=1),
        points=[Point(at, value, None) for at, value in readings],
        limits=(),
        least_span=LEAST_SPAN[quantity],
        number=lambda value: say.number(value, facts.decimals),
        date=say.day,
        point_label=lambda point: f"{say.when(point.at, now)}: {_amount(point.value, facts, say)}",
        level=one.value,
    )
    return draw(chart, SMALL) + draw(chart, NARROW)
