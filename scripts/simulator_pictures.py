"""Draws docs/images/simulator-year.svg and simulator-exacerbation.svg.

    python -m scripts.simulator_pictures

Owns the drawing. Everything shown is computed here from a cohort with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device_sim.cohort import Member, Order, member
from device_sim.physiology import answers
from device_sim.physiology.episodes import Kind
from device_sim.physiology.scatter import SECONDS_PER_DAY
from telekol.quantities import Quantity

IMAGES: Final = Path(__file__).resolve().parents[1] / "docs" / "images"
ORDER: Final = Order(patients=200, days=365, seed=7)

Floats = NDArray[np.float64]

WIDTH: Final = 960
LEFT, RIGHT, TOP = 92, 16, 44
PANEL, GAP = 118, 26
_INK, _SOFT, _LINE = "#1d2b36", "#6b7a86", "#d7dee3"
_SHADE: Final = {
    "exacerbation": "#f3c6b8",
    "fluid": "#bcd6ee",
    "infection": "#f4e3a9",
    "anxiety": "#d9cdee",
}
_BEFORE, _AFTER = 14, 28


def main() -> None:
    """Draw both pictures."""
    members = [member(ORDER, number) for number in range(1, ORDER.patients + 1)]
    shown = max(members[:60], key=_interest)
    (IMAGES / "simulator-year.svg").write_text(_year(shown), encoding="utf-8")
    (IMAGES / "simulator-exacerbation.svg").write_text(_average(members), encoding="utf-8")


def _interest(one: Member) -> tuple[int, int]:
    kinds = [each.kind for each in one.course.episodes]
    told = {Kind.EXACERBATION, Kind.FLUID, Kind.INFECTION} <= set(kinds)
    return int(told), -abs(kinds.count(Kind.EXACERBATION) - 3)


def _year(one: Member) -> str:
    quantities = {
        "SpO2 %": Quantity.SPO2,
        "Pulse /min": Quantity.PULSE_RATE,
        "Weight kg": Quantity.BODY_WEIGHT,
        "Peak flow L/min": Quantity.PEF,
    }
    parts = [_text(LEFT, 22, f"A year of {one.course.name}: readings, the truth behind, episodes")]
    for number, (label, quantity) in enumerate(quantities.items()):
        (kind,) = [each for each in one.measured if quantity in each.shown]
        days = kind.moments / SECONDS_PER_DAY
        shown = kind.shown[quantity]
        low, high = np.percentile(shown.value, [0.5, 99.5])
        panel = _Panel(number, 0, 365, float(low) - 1, float(high) + 1)
        parts += [*_shades(one, panel), *panel.frame(label)]
        parts += panel.dots(days, shown.value)
        mornings = np.arange(365, dtype=np.int64) * SECONDS_PER_DAY + 8 * 3600
        truth = one.course.level(quantity, mornings)
        parts.append(panel.path(np.arange(365) + 1 / 3, truth, "#b3402a"))
    panel = _Panel(len(quantities), 0, 365, 0, 4)
    moments = one.sessions.agreed
    yes = np.sum(list(answers.yes(one.course, moments).values()), axis=0).astype(np.float64)
    parts += [*_shades(one, panel), *panel.frame("Answers: yes")]
    parts += panel.bars(moments / SECONDS_PER_DAY, yes)
    parts += panel.days([(0, "Jan"), (90, "Apr"), (181, "Jul"), (273, "Oct")])
    y = panel.bottom + 44
    for index, (name, colour) in enumerate(_SHADE.items()):
        parts.append(
            f'<rect x="{LEFT + 150 * index}" y="{y - 11}" width="14" height="12" fill="{colour}"/>'
        )
        parts.append(_text(LEFT + 150 * index + 20, y, name, size=12, ink=_SOFT))
    parts.append(_text(LEFT + 620, y, "dots: shown; line: true in the morning", 12, _SOFT))
    return _svg(parts, y + 16)


def _shades(one: Member, panel: _Panel) -> Iterator[str]:
    for each in one.course.episodes:
        if colour := _SHADE.get(each.kind.value):
            end = max(each.end, each.symptoms_end)
            yield panel.shade(each.symptoms_from, min(end, 365), colour)


def _average(members: Sequence[Member]) -> str:
    rows = {
        "Any yes, %": _mean_yes(members) * 100,
        "SpO2, change %": _mean_change(members, Quantity.SPO2),
        "Pulse, change /min": _mean_change(members, Quantity.PULSE_RATE),
        "Peak flow, change L/min": _mean_change(members, Quantity.PEF),
    }
    count = sum(each.kind is Kind.EXACERBATION for one in members for each in one.course.episodes)
    parts = [_text(LEFT, 22, f"The average exacerbation of {count}: symptoms before signs")]
    days = np.arange(-_BEFORE, _AFTER + 1, dtype=np.float64)
    for number, (label, values) in enumerate(rows.items()):
        span = values.max() - values.min()
        low, high = float(values.min() - 0.1 * span), float(values.max() + 0.1 * span)
        panel = _Panel(number, -_BEFORE, _AFTER, low, high)
        parts += [*panel.frame(label), panel.shade(0, 0.12, "#8a97a1")]
        parts.append(panel.path(days, values, "#1f5f8b"))
    parts += panel.days(
        [(-14, "-14 d"), (-7, "-7"), (0, "onset"), (7, "+7"), (14, "+14"), (28, "+28 d")]
    )
    return _svg(parts, panel.bottom + 34)


def _mean_yes(members: Sequence[Member]) -> Floats:
    total = np.zeros(_BEFORE + _AFTER + 1)
    count = 0
    for one in members:
        for moments in _around(one):
            total += np.max(list(answers.yes(one.course, moments).values()), axis=0)
            count += 1
    return total / count


def _mean_change(members: Sequence[Member], quantity: Quantity) -> Floats:
    total = np.zeros(_BEFORE + _AFTER + 1)
    count = 0
    for one in members:
        for moments in _around(one):
            level = one.course.level(quantity, moments)
            total += level - one.course.usual(quantity, moments)
            count += 1
    return total / count


def _around(one: Member) -> Iterator[NDArray[np.int64]]:
    for each in one.course.episodes:
        if each.kind is Kind.EXACERBATION:
            days = np.floor(each.onset) + np.arange(-_BEFORE, _AFTER + 1)
            yield (days * SECONDS_PER_DAY + 9 * 3600).astype(np.int64)


class _Panel:
    """One picture in a column of them, with its own scale."""

    def __init__(self, number: int, first: float, last: float, low: float, high: float) -> None:
        self.top = TOP + number * (PANEL + GAP)
        self.bottom = self.top + PANEL
        self._first, self._last, self._low, self._high = first, last, low, high

    def _x(self, day: float) -> float:
        part = (day - self._first) / (self._last - self._first)
        return LEFT + min(max(part, 0), 1) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        part = (value - self._low) / (self._high - self._low)
        return self.bottom - min(max(part, 0), 1) * PANEL

    def frame(self, label: str) -> Iterator[str]:
        step = _nice((self._high - self._low) / 4)
        value = np.ceil(self._low / step) * step
        while value <= self._high:
            y = self._y(value)
            ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
            yield f'<line {ends} stroke="{_LINE}"/>'
            yield _text(LEFT - 6, y + 4, f"{value:g}", 11, _SOFT, "end")
            value = round(value + step, 6)
        yield _text(LEFT, self.top - 6, label, 12, _INK)

    def shade(self, begin: float, end: float, colour: str) -> str:
        x = self._x(begin)
        width = max(self._x(end) - x, 1)
        return (
            f'<rect x="{x:.1f}" y="{self.top}" width="{width:.1f}" height="{PANEL}" '
            f'fill="{colour}" fill-opacity="0.75"/>'
        )

    def dots(self, days: Floats, values: Floats) -> Iterator[str]:
        for day, value in zip(days, values, strict=True):
            x, y = self._x(day), self._y(value)
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.6" fill="#1f5f8b"/>'

    def bars(self, days: Floats, values: Floats) -> Iterator[str]:
        for day, value in zip(days, values, strict=True):
            if value:
                x, y = self._x(day), self._y(value)
                yield (
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="2" height="{self.bottom - y:.1f}" '
                    'fill="#1f5f8b"/>'
                )

    def path(self, days: Floats, values: Floats, colour: str) -> str:
        points = " ".join(
            f"{self._x(day):.1f},{self._y(value):.1f}"
            for day, value in zip(days, values, strict=True)
        )
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>'

    def days(self, marks: Sequence[tuple[float, str]]) -> Iterator[str]:
        for day, label in marks:
            yield _text(self._x(day), self.bottom + 16, label, 11, _SOFT, "middle")


def _nice(step: float) -> float:
    size = 10 ** np.floor(np.log10(step))
    return float(min((n for n in (1, 2, 5, 10) if n * size >= step), default=10) * size)


def _text(
    x: float, y: float, text: str, size: int = 15, ink: str = _INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{ink}" text-anchor="{anchor}">'
        f"{text}</text>"
    )


def _svg(parts: Sequence[str], height: float) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" font-family="sans-serif">'
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    main()
