"""Draws the readings of one quantity as SVG.

Pure: values and words in, SVG out. It knows no database, no language and no limit's meaning;
what is red was decided by the rules and is handed in.

Invariants
----------
1. The same input gives the same picture; every mark lies inside it.
2. Severity is a shape as well as a colour (WCAG 1.4.1), the same shape as on the board.
3. Points are not joined over a gap: a line would claim what nobody measured.
4. No style attribute and no script, so that the strict content policy holds; the colours
   stand in static/style.css.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from clinician_api.axes import ValueAxis, day_ticks, gap_limit, value_axis
from clinician_api.words import COPENHAGEN
from telekol.severity import Severity

WIDTH: Final = 760
HEIGHT: Final = 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 52, 12, 28
_PLOT_RIGHT: Final = WIDTH - _RIGHT
_PLOT_BOTTOM: Final = HEIGHT - _BOTTOM
_LABEL_HEIGHT: Final = 13.0


@dataclass(frozen=True, slots=True)
class Point:
    """One reading; severity None when no rule has judged it."""

    at: datetime
    value: float
    severity: Severity | None


@dataclass(frozen=True, slots=True)
class LimitSpan:
    """The limits that were in force from `start` to `end`; None is no limit."""

    start: datetime
    end: datetime
    red_low: float | None = None
    yellow_low: float | None = None
    yellow_high: float | None = None
    red_high: float | None = None

    def lines(self) -> Iterator[tuple[str, float]]:
        """Give each limit that is set, with the class it is drawn in."""
        for kind, value in (
            ("red", self.red_low),
            ("yellow", self.yellow_low),
            ("yellow", self.yellow_high),
            ("red", self.red_high),
        ):
            if value is not None:
                yield kind, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a chart needs to be drawn.

    Parameters
    ----------
    key
        Unique in the page and fit for an id.
    title, description
        For those who hear the page; the description carries what the picture says.
    start, end
        The time axis.
    least_span
        What the value axis spans at least, in the quantity's unit, so that noise of a
        calm day does not look like drama.
    number, date, point_label
        Write a value, a tick's day and a reading's tooltip in the reader's language.
    """

    key: str
    title: str
    description: str
    start: datetime
    end: datetime
    points: Sequence[Point]
    limits: Sequence[LimitSpan]
    least_span: float
    number: Callable[[float], str]
    date: Callable[[datetime], str]
    point_label: Callable[[Point], str]


def draw(chart: Chart) -> str:
    """Draw a chart.

    Raises
    ------
    ValueError
        If a value or limit is not finite, there is no point, or the time axis is empty.
    """
    if chart.end <= chart.start:
        raise ValueError(f"expected end after start, found {chart.start} to {chart.end}")
    given = [point.value for point in chart.points]
    limits = [value for span in chart.limits for _, value in span.lines()]
    if not given or not all(math.isfinite(value) for value in limits):
        raise ValueError("expected at least one point and finite limits")
    axis = value_axis(given + limits, chart.least_span)
    return "\n".join(
        (
            (
                f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
                f'aria-labelledby="{chart.key}-title {chart.key}-desc">'
            ),
            f'<title id="{chart.key}-title">{escape(chart.title)}</title>',
            f'<desc id="{chart.key}-desc">{escape(chart.description)}</desc>',
            *_bands(chart, axis),
            *_grid(chart, axis),
            *_limit_lines(chart, axis),
            *_lines(chart, axis),
            *_marks(chart, axis),
            "</svg>",
        )
    )


def _x(chart: Chart, at: datetime) -> float:
    part = (at - chart.start) / (chart.end - chart.start)
    return round(_LEFT + min(1.0, max(0.0, part)) * (_PLOT_RIGHT - _LEFT), 1)


def _y(axis: ValueAxis, value: float) -> float:
    return round(_PLOT_BOTTOM - axis.part(value) * (_PLOT_BOTTOM - _TOP), 1)


def _bands(chart: Chart, axis: ValueAxis) -> Iterator[str]:
    """Shade what lies beyond the limits; red lies over yellow."""
    for span in chart.limits:
        left = _x(chart, span.start)
        width = round(_x(chart, span.end) - left, 1)
        for kind, low, high in (
            ("yellow", span.yellow_low, span.yellow_high),
            ("red", span.red_low, span.red_high),
        ):
            if low is not None:
                top = _y(axis, low)
                yield _rect(kind, left, top, width, _PLOT_BOTTOM - top)
            if high is not None:
                yield _rect(kind, left, _TOP, width, _y(axis, high) - _TOP)


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="band {kind}" x="{x}" y="{y}" width="{width}" height="{round(height, 1)}"/>'
    )


def _grid(chart: Chart, axis: ValueAxis) -> Iterator[str]:
    for value in axis.ticks():
        y = _y(axis, value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_PLOT_RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="tick y" x="{_LEFT - 6}" y="{y}">{escape(chart.number(value))}</text>'
    for moment in day_ticks(chart.start, chart.end, COPENHAGEN):
        x = _x(chart, moment)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_PLOT_BOTTOM}"/>'
        # The label names the day that begins here; at the right edge it would be cut off.
        if x < _PLOT_RIGHT - 30:
            text = escape(chart.date(moment))
            yield f'<text class="tick x" x="{x}" y="{HEIGHT - 8}">{text}</text>'


def _limit_lines(chart: Chart, axis: ValueAxis) -> Iterator[str]:
    for span in chart.limits:
        left, right = _x(chart, span.start), _x(chart, span.end)
        for kind, value in span.lines():
            y = _y(axis, value)
            yield f'<line class="limit {kind}" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
    if chart.limits:
        yield from _limit_labels(chart, axis, chart.limits[-1])


def _limit_labels(chart: Chart, axis: ValueAxis, span: LimitSpan) -> Iterator[str]:
    """Write the newest limits at the right edge, pushed apart where they would overlap."""
    floor = HEIGHT - 4.0
    for kind, value in sorted(span.lines(), key=lambda line: line[1]):
        y = max(10.0, min(_y(axis, value), floor))
        floor = y - _LABEL_HEIGHT
        text = escape(chart.number(value))
        yield f'<text class="limit-label {kind}" x="{_PLOT_RIGHT + 6}" y="{y}">{text}</text>'


def _lines(chart: Chart, axis: ValueAxis) -> Iterator[str]:
    """Join neighbours, run by run."""
    points = sorted(chart.points, key=lambda point: point.at)
    longest = gap_limit(point.at for point in points)
    run: list[Point] = []
    for point in points:
        if run and point.at - run[-1].at > longest:
            yield from _line(chart, axis, run)
            run = []
        run.append(point)
    yield from _line(chart, axis, run)


def _line(chart: Chart, axis: ValueAxis, run: Sequence[Point]) -> Iterator[str]:
    if len(run) > 1:
        path = " ".join(f"{_x(chart, point.at)},{_y(axis, point.value)}" for point in run)
        yield f'<polyline class="run" points="{path}"/>'


_SHAPES: Final[dict[Severity | None, str]] = {
    # Centred on the reading, about 10 wide; a triangle looks smaller, so it is drawn larger.
    Severity.RED: "M-2.5,-6 L2.5,-6 L6,-2.5 L6,2.5 L2.5,6 L-2.5,6 L-6,2.5 L-6,-2.5 Z",
    Severity.YELLOW: "M0,-6.5 L6.5,5 L-6.5,5 Z",
    Severity.BLUE: "M-4.5,-4.5 L4.5,-4.5 L4.5,4.5 L-4.5,4.5 Z",
    Severity.GREEN: "M-3.5,0 A3.5,3.5 0 1 0 3.5,0 A3.5,3.5 0 1 0 -3.5,0 Z",
    None: "M-3.5,0 A3.5,3.5 0 1 0 3.5,0 A3.5,3.5 0 1 0 -3.5,0 Z",
}


def _marks(chart: Chart, axis: ValueAxis) -> Iterator[str]:
    """Draw the worst last, so that no green dot hides a red one."""
    ranked = sorted(chart.points, key=lambda p: p.severity.rank if p.severity else -1)
    for point in ranked:
        kind = point.severity or "none"
        place = f"translate({_x(chart, point.at)} {_y(axis, point.value)})"
        yield (
            f'<path class="mark {kind}" d="{_SHAPES[point.severity]}" transform="{place}">'
            f"<title>{escape(chart.point_label(point))}</title></path>"
        )
