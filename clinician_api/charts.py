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

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 46, 12, 28
_LABEL_HEIGHT: Final = 13.0


@dataclass(frozen=True, slots=True)
class Size:
    """A picture's size in its own units; text is 12 of them high, so one size does not fit all."""

    name: str
    width: int
    height: int


WIDE: Final = Size("wide", 960, 250)
SMALL: Final = Size("wide", 620, 190)
"""Beside words, on a screen where WIDE has no room."""
NARROW: Final = Size("narrow", 340, 220)
"""For a phone held upright, where WIDE would shrink to an illegible strip."""


@dataclass(frozen=True, slots=True)
class Point:
    """One reading.

    Parameters
    ----------
    severity
        None when no rule has judged it.
    aside
        None for a reading that counts; else how it stands aside: "invalid" or "held". Such a one
        is drawn hollow and joined to nothing.
    """

    at: datetime
    value: float
    severity: Severity | None
    aside: str | None = None


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
    level
        A usual level to draw as a line; None for none.
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
    level: float | None = None


_SHAPES: Final[dict[Severity | None, str]] = {
    # Centred on the reading, about 10 wide; a triangle looks smaller, so it is drawn larger.
    Severity.RED: "M-2.5,-6 L2.5,-6 L6,-2.5 L6,2.5 L2.5,6 L-2.5,6 L-6,2.5 L-6,-2.5 Z",
    Severity.YELLOW: "M0,-6.5 L6.5,5 L-6.5,5 Z",
    Severity.BLUE: "M-4.5,-4.5 L4.5,-4.5 L4.5,4.5 L-4.5,4.5 Z",
    Severity.GREEN: "M-3.5,0 A3.5,3.5 0 1 0 3.5,0 A3.5,3.5 0 1 0 -3.5,0 Z",
    None: "M-3.5,0 A3.5,3.5 0 1 0 3.5,0 A3.5,3.5 0 1 0 -3.5,0 Z",
}
_ASIDE: Final = {
    # A ring struck through, and a cross: neither can be taken for a reading that counts.
    "invalid": "M-4,0 A4,4 0 1 0 4,0 A4,4 0 1 0 -4,0 M-6,6 L6,-6",
    "held": "M-5.5,-5.5 L5.5,5.5 M-5.5,5.5 L5.5,-5.5",
}


def draw(chart: Chart, size: Size = WIDE) -> str:
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
    level = [] if chart.level is None else [chart.level]
    axis = value_axis(given + limits + level, chart.least_span)
    return "\n".join(_Drawing(chart, axis, size).svg())


class _Drawing:
    """One picture, from the back to the front."""

    def __init__(self, chart: Chart, axis: ValueAxis, size: Size) -> None:
        self._chart = chart
        self._axis = axis
        self._size = size
        self._right = size.width - _RIGHT
        self._bottom = size.height - _BOTTOM

    def svg(self) -> Iterator[str]:
        key = f"{self._chart.key}-{self._size.name}"
        yield (
            f'<svg class="chart {self._size.name}" role="img" '
            f'viewBox="0 0 {self._size.width} {self._size.height}" '
            f'aria-labelledby="{key}-title {key}-desc">'
        )
        yield f'<title id="{key}-title">{escape(self._chart.title)}</title>'
        yield f'<desc id="{key}-desc">{escape(self._chart.description)}</desc>'
        parts = (self._bands, self._grid, self._level, self._limits, self._lines, self._marks)
        for part in parts:
            yield from part()
        yield "</svg>"

    def _x(self, at: datetime) -> float:
        part = (at - self._chart.start) / (self._chart.end - self._chart.start)
        return round(_LEFT + min(1.0, max(0.0, part)) * (self._right - _LEFT), 1)

    def _y(self, value: float) -> float:
        return round(self._bottom - self._axis.part(value) * (self._bottom - _TOP), 1)

    def _bands(self) -> Iterator[str]:
        """Shade what lies beyond the limits; red lies over yellow."""
        for span in self._chart.limits:
            left, right = self._x(span.start), self._x(span.end)
            for kind, low, high in (
                ("yellow", span.yellow_low, span.yellow_high),
                ("red", span.red_low, span.red_high),
            ):
                if low is not None:
                    yield _rect(kind, left, self._y(low), right, self._bottom)
                if high is not None:
                    yield _rect(kind, left, _TOP, right, self._y(high))

    def _grid(self) -> Iterator[str]:
        for value in self._axis.ticks():
            y, text = self._y(value), escape(self._chart.number(value))
            yield f'<line class="grid" x1="{_LEFT}" x2="{self._right}" y1="{y}" y2="{y}"/>'
            yield f'<text class="tick y" x="{_LEFT - 6}" y="{y}">{text}</text>'
        most = 5 if self._size is NARROW else 8
        for moment in day_ticks(self._chart.start, self._chart.end, COPENHAGEN, most):
            x, text = self._x(moment), escape(self._chart.date(moment))
            yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{self._bottom}"/>'
            yield f'<text class="tick x" x="{x}" y="{self._size.height - 8}">{text}</text>'

    def _level(self) -> Iterator[str]:
        if self._chart.level is not None:
            y, text = self._y(self._chart.level), escape(self._chart.number(self._chart.level))
            yield f'<line class="level" x1="{_LEFT}" x2="{self._right}" y1="{y}" y2="{y}"/>'
            yield f'<text class="limit-label level" x="{self._right + 7}" y="{y}">{text}</text>'

    def _limits(self) -> Iterator[str]:
        for span in self._chart.limits:
            left, right = self._x(span.start), self._x(span.end)
            for kind, value in span.lines():
                y = self._y(value)
                yield f'<line class="limit {kind}" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
        for span in self._chart.limits[-1:]:
            yield from self._limit_labels(span)

    def _limit_labels(self, span: LimitSpan) -> Iterator[str]:
        """Write the newest limits at the right edge, pushed apart where they would overlap."""
        floor = self._size.height - 4.0
        for kind, value in sorted(span.lines(), key=lambda line: line[1]):
            y = round(max(10.0, min(self._y(value), floor)), 1)
            floor = y - _LABEL_HEIGHT
            text = escape(self._chart.number(value))
            yield f'<text class="limit-label {kind}" x="{self._right + 7}" y="{y}">{text}</text>'

    def _lines(self) -> Iterator[str]:
        """Join neighbours, run by run."""
        counting = (point for point in self._chart.points if point.aside is None)
        points = sorted(counting, key=lambda point: point.at)
        for run in runs(points):
            if len(run) > 1:
                path = " ".join(f"{self._x(p.at)},{self._y(p.value)}" for p in run)
                yield f'<polyline class="run" points="{path}"/>'

    def _marks(self) -> Iterator[str]:
        """Draw the worst last, so that no green dot hides a red one."""
        for point in sorted(
            self._chart.points, key=lambda p: p.severity.rank if p.severity else -1
        ):
            place = f"translate({self._x(point.at)} {self._y(point.value)})"
            kind = point.aside or point.severity or "none"
            shape = _ASIDE[point.aside] if point.aside else _SHAPES[point.severity]
            yield (
                f'<path class="mark {kind}" d="{shape}" '
                f'transform="{place}"><title>{escape(self._chart.point_label(point))}</title></path>'
            )


def runs(points: Sequence[Point]) -> list[list[Point]]:
    """Cut points, oldest first, wherever the patient's own rhythm was broken."""
    longest = gap_limit(point.at for point in points)
    found: list[list[Point]] = []
    for point in points:
        if not found or point.at - found[-1][-1].at > longest:
            found.append([])
        found[-1].append(point)
    return found


def _rect(kind: str, left: float, top: float, right: float, bottom: float) -> str:
    width, height = round(right - left, 1), round(bottom - top, 1)
    return f'<rect class="band {kind}" x="{left}" y="{top}" width="{width}" height="{height}"/>'
