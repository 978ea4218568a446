"""The pictures of docs/evidence, drawn from the document of results alone.

Owns their looks: light, readable in print and without colours. Must not compute anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.evidence.anchors import AREAS, FIELD

INK, SOFT, LINE = "#1d2b36", "#6b7a86", "#d7dee3"
OURS: Final = {"kol-standard": "#b3261e", "kol-standard, readings alone": "#e08a00"}
_THEIRS: Final = {
    "fixed": ("#2f6f9f", "-", "fixed limits"),
    "personal": ("#2f6f9f", "--", "limits from own level"),
    "fixed and questions": ("#3b7d4f", "-", "fixed limits and questions"),
    "personal and questions": ("#3b7d4f", "--", "own limits and questions"),
}
_MARKS: Final = {"kol-standard": "D", "kol-standard, readings alone": "s"}
_COLOURS: Final = {"green": "#9cc7a5", "yellow": "#f0d264", "red": "#cf5a4e", "no data": "#d7dee3"}

Results = Mapping[str, Any]


def draw(results: Results, folder: Path) -> None:
    """Write every picture into `folder`; the same results give the same bytes."""
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": "tele-kol",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.edgecolor": SOFT,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
    }
    with mpl.rc_context(style):
        for name, make in PICTURES.items():
            figure = make(results)
            figure.savefig(folder / name, metadata={"Date": None, "Creator": None})


def _budget(results: Results) -> Figure:
    figure, axes = _panels(results, "False flags per stable patient-day", height=4.1)
    for axis, (name, of) in zip(axes, results["cadences"].items(), strict=True):
        axis.axvline(results["budget"], color=SOFT, linewidth=0.8, linestyle=":")
        for key, (colour, dash, label) in _THEIRS.items():
            points = np.array(of["curves"][key])
            axis.plot(*points.T, dash, color=colour, linewidth=1.3, label=label)
        chance = np.array(of["chance_curve"])
        axis.plot(*chance.T, color=SOFT, linewidth=0.8, linestyle="-.", label="flags at random")
        for entrant, colour in OURS.items():
            if entrant in of["entrants"]:
                _cross(axis, of["entrants"][entrant], colour, _MARKS[entrant], entrant)
        # No mark at the right edge: its number would run into the next panel's first.
        axis.set(title=name, xlim=(0, 0.2), ylim=(0, 1), xticks=(0, 0.05, 0.1, 0.15))
    axes[0].set_ylabel("Exacerbations found, -3 to +2 days")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=8)
    figure.subplots_adjust(bottom=0.27, left=0.07, right=0.99, top=0.92, wspace=0.12)
    return figure


def _cross(axis: Axes, entrant: Results, colour: str, mark: str, label: str) -> None:
    false, found = entrant["false_per_stable_day"], entrant["sensitivity"]
    spread = [
        [[each["value"] - each["low"]], [each["high"] - each["value"]]] for each in (false, found)
    ]
    axis.errorbar(
        false["value"],
        found["value"],
        xerr=spread[0],
        yerr=spread[1],
        fmt=mark,
        color=colour,
        markersize=5,
        linewidth=1.2,
        label=label,
    )


def _lead(results: Results) -> Figure:
    figure, axes = _panels(results, "Days from first flag to onset (left: early)", height=3.4)
    middles = np.arange(-6.5, 7)
    for axis, (name, of) in zip(axes, results["cadences"].items(), strict=True):
        shown = {"kol-standard": OURS["kol-standard"], "fixed limits": _THEIRS["fixed"][0]}
        for entrant, colour in shown.items():
            lead = of["entrants"].get(entrant, {}).get("lead_days", {"n": 0})
            if lead["n"]:
                share = np.array(lead["histogram"]) / of["exacerbations"]
                axis.step(middles, share, where="mid", color=colour, linewidth=1.4, label=entrant)
        axis.axvline(0, color=SOFT, linewidth=0.8, linestyle=":")
        axis.set(title=name, xlim=(7, -7), ylim=(0, None))
    axes[0].set_ylabel("Part of all exacerbations")
    axes[0].legend(loc="upper left", fontsize=8)
    figure.subplots_adjust(bottom=0.16, left=0.07, right=0.99, top=0.9, wspace=0.12)
    return figure


def _difficulty(results: Results) -> Figure:
    figure = Figure(figsize=(8, 3))
    axis = figure.add_subplot()
    axis.axvspan(*AREAS, color="#eef3f6", zorder=0)
    axis.text(sum(AREAS) / 2, -0.75, "published", ha="center", fontsize=8, color=SOFT)
    names = list(results["difficulty"])
    for at, name in enumerate(names):
        for key, mark, colour, shift in (
            ("worsening", "o", OURS["kol-standard"], -0.12),
            ("close", "s", _THEIRS["fixed"][0], 0.12),
        ):
            area = results["difficulty"][name][key]
            axis.plot([area["low"], area["high"]], [at + shift] * 2, color=colour, linewidth=1.3)
            label = {"worsening": "onset to peak", "close": "3 days before onset to 2 after"}[key]
            axis.plot(area["value"], at + shift, mark, color=colour, label=label if not at else "")
    axis.set(xlim=(0.45, 0.9), ylim=(len(names) - 0.5, -1.1), xlabel="Area under the curve")
    axis.set_yticks(range(len(names)), names)
    axis.legend(loc="upper right", bbox_to_anchor=(1.0, 0.93), fontsize=8)
    figure.subplots_adjust(bottom=0.16, left=0.38, right=0.98, top=0.98)
    return figure


def _burden(results: Results) -> Figure:
    bars: dict[str, Mapping[str, float]] = {"in the field": FIELD}
    shown = dict(results["field"])
    ours = results["cadences"]["daily"]["entrants"]
    shown |= {name: ours[name] for name in OURS if name in ours}
    for name, each in shown.items():
        left = 1 - FIELD["no data"]
        yellow, red = each["yellow_per_day"] * left, each["red_per_day"] * left
        bars[name] = {"green": left - yellow - red, "yellow": yellow, "red": red}
    figure = Figure(figsize=(8, 2.6))
    axis = figure.add_subplot()
    for at, each in enumerate(bars.values()):
        start = 0.0
        for colour, hatch in (("red", "//"), ("yellow", ".."), ("green", ""), ("no data", "")):
            width = each.get(colour, FIELD["no data"])
            axis.barh(at, width, left=start, color=_COLOURS[colour], hatch=hatch, edgecolor="white")
            if width > 0.04:
                axis.text(start + width / 2, at, f"{width:.0%}", ha="center", va="center")
            start += width
    axis.set(xlim=(0, 1), xlabel="Part of patient-days: red, yellow, green, no data")
    axis.set_yticks(range(len(bars)), list(bars))
    axis.invert_yaxis()
    axis.grid(visible=False)
    figure.subplots_adjust(bottom=0.2, left=0.27, right=0.98, top=0.97)
    return figure


def _panels(results: Results, label: str, height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9.6, height))
    axes = list(figure.subplots(1, len(results["cadences"]), sharey=True))
    for axis in axes:
        axis.set_xlabel(label)
    return figure, axes


PICTURES: Final[Mapping[str, Callable[[Results], Figure]]] = {
    "budget.svg": _budget,
    "lead.svg": _lead,
    "difficulty.svg": _difficulty,
    "burden.svg": _burden,
}
