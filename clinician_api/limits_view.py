"""What is shown while limits are tried out. Pure: values, words and `now` in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from alerts.whatif import Totals
from clinician_api.charts import NARROW, WIDE, Chart, LimitSpan, Point, draw
from clinician_api.limits_store import Limits
from clinician_api.patient_view import LEAST_SPAN
from clinician_api.trying import YEAR, Tried
from clinician_api.usual_view import number_of
from clinician_api.words import COPENHAGEN, Words
from telekol.quantities import FACTS, Quantity

NAMES: Final = ("red_low", "yellow_low", "yellow_high", "red_high")

SLIDERS: Final[dict[Quantity, tuple[float, float, float]]] = {
    # Lowest, highest and step of a slider: where limits of people at home can lie. What is typed
    # may lie outside, as far as the quantity itself can.
    Quantity.SPO2: (75, 100, 1),
    Quantity.PULSE_RATE: (30, 160, 1),
    Quantity.BODY_WEIGHT: (30, 180, 0.5),
    Quantity.SYSTOLIC_BP: (70, 220, 1),
    Quantity.DIASTOLIC_BP: (40, 130, 1),
    Quantity.MEAN_BP: (40, 160, 1),
    Quantity.BODY_TEMPERATURE: (34, 41, 0.1),
    Quantity.FEV1: (0.2, 5, 0.05),
    Quantity.FVC: (0.3, 7, 0.05),
    Quantity.FEV6: (0.3, 7, 0.05),
    Quantity.FEV1_FVC: (0.1, 1, 0.01),
    Quantity.PEF: (30, 700, 5),
}

CHANGES_SHOWN: Final = 12
_LEAST: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class LimitField:
    """One limit: what is tried, as it stands in its field."""

    name: str
    label: str
    value: str
    lowest: float
    highest: float
    step: float
    at: float


@dataclass(frozen=True, slots=True)
class TriedView:
    """What the tried limits would have flagged."""

    before: str
    after: str
    summary: str
    same: bool
    changes: Sequence[str]
    more: int
    svg: str


class BadLimitError(ValueError):
    """Something typed is no number, cannot be measured, or limits are out of order."""


def read_limits(quantity: Quantity, typed: Sequence[str]) -> Limits:
    """Read four limits as they were typed; nothing is no limit.

    Raises
    ------
    BadLimitError
        If one is no number that the quantity can have, or they are out of order.
    """
    values = [_read(quantity, text) for text in typed]
    set_values = [value for value in values if value is not None]
    if set_values != sorted(set_values):
        raise BadLimitError("expected red low <= yellow low <= yellow high <= red high")
    red_low, yellow_low, yellow_high, red_high = values
    return red_low, yellow_low, yellow_high, red_high


def _read(quantity: Quantity, text: str) -> float | None:
    if not text.strip():
        return None
    value = number_of(text)
    if value is None or not (value == 0 or FACTS[quantity].is_possible(value)):
        raise BadLimitError(f"expected a number that {quantity} can have")
    return value


def fields(quantity: Quantity, limits: Limits, say: Words) -> list[LimitField]:
    """Make the four fields, low to high."""
    lowest, highest, step = SLIDERS[quantity]
    decimals = FACTS[quantity].decimals
    resting = (lowest, lowest, highest, highest)
    return [
        LimitField(
            name=name,
            label=say(f"limits.{name}"),
            value="" if value is None else say.number(value, decimals),
            lowest=lowest,
            highest=highest,
            step=step,
            at=rest if value is None else value,
        )
        for name, value, rest in zip(NAMES, limits, resting, strict=True)
    ]


def limits_in_words(quantity: Quantity, limits: Limits | None, say: Words) -> str:
    """Write limits, lowest first."""
    facts = FACTS[quantity]
    written = [
        say(
            f"limit.{name}",
            value=f"{say.number(value, facts.decimals)} {facts.shown_unit}".rstrip(),
        )
        for name, value in zip(NAMES, limits or (None,) * 4, strict=True)
        if value is not None
    ]
    return ", ".join(written) or say("patient.no_limits")


def tried_view(
    found: Tried, quantity: Quantity, limits: Limits, say: Words, now: datetime
) -> TriedView:
    """Write what was tried."""
    difference = found.difference
    changes = [
        say(
            "limits.change",
            day=_day(one.day, say),
            before=say(f"severity.{one.before}"),
            after=say(f"severity.{one.after}"),
        )
        for one in reversed(difference.days)
        if one.before != one.after
    ]
    before, after = _totals(difference.before, say), _totals(difference.after, say)
    return TriedView(
        before=before,
        after=after,
        summary=say("limits.summary", before=before, after=after, days=difference.before.days),
        same=not changes,
        changes=changes[:CHANGES_SHOWN],
        more=max(0, len(changes) - CHANGES_SHOWN),
        svg=_svg(found, quantity, limits, say, now),
    )


def _totals(totals: Totals, say: Words) -> str:
    return say("limits.totals", red=totals.red, yellow=totals.yellow)


def _day(day: str, say: Words) -> str:
    moment = datetime.combine(date.fromisoformat(day), datetime.min.time(), tzinfo=COPENHAGEN)
    return f"{say.day(moment)} {moment.year}"


def _svg(found: Tried, quantity: Quantity, limits: Limits, say: Words, now: datetime) -> str:
    facts = FACTS[quantity]
    first = min(at for at, _, _, _ in found.marks)
    start = max(now - YEAR, min(first, now - _LEAST))
    values = [value for _, value, _, _ in found.marks]

    def label(point: Point) -> str:
        value = f"{say.number(point.value, facts.decimals)} {facts.shown_unit}"
        word = say(f"severity.{point.severity or 'none'}")
        return f"{say.when(point.at, now)}: {value} ({word})"

    chart = Chart(
        key=f"tried-{quantity}",
        title=say("limits.chart"),
        description=say(
            "chart.description",
            count=len(values),
            lowest=say.number(min(values), facts.decimals),
            highest=say.number(max(values), facts.decimals),
            unit=facts.shown_unit,
            latest=say.number(values[-1], facts.decimals),
            limits=limits_in_words(quantity, limits, say),
        ),
        start=start,
        end=now,
        points=[Point(at, value, then) for at, value, _, then in found.marks],
        limits=[LimitSpan(start, now, *limits)],
        least_span=LEAST_SPAN[quantity],
        number=lambda value: say.number(value, facts.decimals),
        date=say.day,
        point_label=label,
    )
    return draw(chart, WIDE) + draw(chart, NARROW)
