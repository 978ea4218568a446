"""docs/evidence/README.md, written from the document of results alone.

Owns the tables and how a number is written; the words stand in page.md. Every number on the page
stands in results.json, so a test can write the page again and compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any, Final

from benchmarks.evidence.anchors import AREAS, DAY_SENSITIVITY, FIELD
from benchmarks.evidence.counting import CLOSE_DAYS, SCORED_FROM, WIDE_DAYS
from benchmarks.evidence.trial import NURSE_HOURS_A_WEEK, NURSE_PATIENTS

Results = Mapping[str, Any]

OURS: Final = "kol-standard"
ALONE: Final = "kol-standard, readings alone"
AS_IT_IS: Final = "kol-standard, tree as it is"
LIMITS: Final = "fixed limits"
OWN_LIMITS: Final = "personal limits"
ASKED_LIMITS: Final = "fixed limits and questions"
OWN_ASKED_LIMITS: Final = "personal limits and questions"
_ORDER: Final = (OURS, LIMITS, OWN_LIMITS, ASKED_LIMITS, OWN_ASKED_LIMITS, ALONE, AS_IT_IS)

_CURVES: Final = {
    LIMITS: "fixed",
    OWN_LIMITS: "personal",
    ASKED_LIMITS: "fixed and questions",
    OWN_ASKED_LIMITS: "personal and questions",
}

_CLOSE, _WIDE = "sensitivity", "sensitivity_wide"
_FOUND: Final = (
    f"found, {-CLOSE_DAYS[0]:.0f} days before to {CLOSE_DAYS[1]:.0f} after onset",
    f"found, within {WIDE_DAYS[1]:.0f} days",
)


def text(results: Results) -> str:
    """Write the page."""
    words = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
    return Template(words).substitute(_numbers(results) | _tables(results))


def _numbers(results: Results) -> dict[str, str]:
    cadences, asked = results["cadences"], results["asked"]
    daily = cadences["daily"]
    false = {name: of["entrants"][OURS]["false_per_stable_day"] for name, of in cadences.items()}
    is_held = max(each["value"] for each in false.values()) <= results["budget"]
    flagged = [each["yellow_per_day"] + each["red_per_day"] for each in results["field"].values()]
    field = FIELD["yellow"] + FIELD["red"]
    return {
        "budget": f"{results['budget']:.2f}",
        "one_in": f"{1 / results['budget']:.0f}",
        "verdict": "held at every cadence" if is_held else "NOT held at every cadence",
        "false_flags": _listed(f"{_figure(each, 3)} {name}" for name, each in false.items()),
        "against_limits": _listed(_against_limits(results)),
        "against_questions": _differences(results, OURS, ASKED_LIMITS, _CLOSE),
        "against_questions_wide": _differences(results, OURS, ASKED_LIMITS, _WIDE),
        "against_personal": _differences(results, ALONE, OWN_LIMITS, _CLOSE),
        "against_personal_wide": _differences(results, ALONE, OWN_LIMITS, _WIDE),
        "by_chance": _listed(f"{of['by_chance'][_CLOSE]:.0%} {n}" for n, of in cadences.items()),
        "tree_false": _listed(
            f"{of['entrants'][AS_IT_IS]['false_per_stable_day']['value']:.2f} {name}"
            for name, of in cadences.items()
        ),
        "alone_false": _listed(
            f"{of['entrants'][ALONE]['false_per_stable_day']['value']:.3f} {name}"
            for name, of in cadences.items()
        ),
        "other_rules": f"{daily['entrants'][OURS]['false_by_other_rules']:.3f}",
        "lead": f"{daily['entrants'][OURS]['lead_days']['median']:.1f}",
        "exacerbations": str(daily["exacerbations"]),
        "rule_set": "version {version}, {fingerprint}".format(**results["rule_set"]),
        "nurse_hours": str(NURSE_HOURS_A_WEEK),
        "nurse_patients": str(NURSE_PATIENTS),
        "area_low": f"{AREAS[0]:.2f}",
        "area_high": f"{AREAS[1]:.2f}",
        "day_low": f"{DAY_SENSITIVITY[0]:.0%}",
        "day_high": f"{DAY_SENSITIVITY[1]:.0%}",
        "flagged_daily": f"{daily['entrants'][OURS]['flagged_per_day']['value']:.0%}",
        "field_flagged": f"{field:.0%}",
        "field_share": f"{max(flagged) / field:.0%}",
        "scored_from": str(SCORED_FROM),
    } | {name: str(value) for name, value in asked.items()}


def _tables(results: Results) -> dict[str, str]:
    tables = {
        "found": _found,
        "differences": _all_differences,
        "lead": _lead,
        "work": _work,
        "rules": _rules,
        "difficulty": _difficulty,
        "field": _field,
    }
    return {f"table_{name}": "\n".join(make(results)) for name, make in tables.items()}


def _found(results: Results) -> Iterator[str]:
    yield from _head(
        "cadence", "rule set", "false flags per stable day", *_FOUND, "area under the curve, by day"
    )
    for cadence, name, each in _entrants(results):
        limits = f" ({each['limits']})" if each["limits"] else ""
        yield _row(
            cadence,
            _bold(name) + limits,
            _figure(each["false_per_stable_day"], 3),
            _percent(each[_CLOSE]),
            _percent(each[_WIDE]),
            _figure(each["area"], 2),
        )
        if name == _ORDER[-1]:
            chance = results["cadences"][cadence]["by_chance"]
            found = (f"{chance[key]:.0%}" for key in (_CLOSE, _WIDE))
            yield _row(cadence, "flags at random", f"{results['budget']:.3f}", *found, "0.50")


def _all_differences(results: Results) -> Iterator[str]:
    same = f"{_FOUND[0]}, both at its false flags"
    yield from _head("cadence", "than", *_FOUND, same)
    pairs = [(OURS, theirs, "") for theirs in _ORDER[1:5]]
    pairs += [(ALONE, theirs, ", both by readings alone") for theirs in _ORDER[1:3]]
    for cadence, of in results["cadences"].items():
        for ours, theirs, note in pairs:
            between = of["differences"][f"{ours} - {theirs}"]
            points = (_points(between[key]) for key in (_CLOSE, _WIDE))
            yield _row(cadence, theirs + note, *points, _at_same_rate(of, ours, theirs))


def _at_same_rate(of: Results, ours: str, theirs: str) -> str:
    found = of["entrants"][ours][_CLOSE]["value"]
    return f"{100 * (found - of['matched'][ours][_CURVES[theirs]]):+.0f}"


def _lead(results: Results) -> Iterator[str]:
    yield from _head(
        "cadence", "rule set", "found", "median lead, days", "quartiles", "before onset"
    )
    for cadence, name, each in _entrants(results):
        lead = each["lead_days"]
        if lead["n"]:
            low, high = lead["quartiles"]
            yield _row(
                cadence,
                _bold(name),
                str(lead["n"]),
                f"{lead['median']:+.1f}",
                f"{low:+.1f} to {high:+.1f}",
                f"{lead['before_onset']:.0%}",
            )


def _work(results: Results) -> Iterator[str]:
    yield from _head(
        "cadence",
        "rule set",
        "flagged of all measured days",
        "alerts per patient-week",
        "alerts per nurse-hour",
        "flagged days of another illness",
    )
    for cadence, name, each in _entrants(results):
        yield _row(
            cadence,
            _bold(name),
            f"{each['flagged_per_day']['value']:.1%}",
            _figure(each["alerts_per_patient_week"], 2),
            _figure(each["alerts_per_nurse_hour"], 2),
            f"{each['flags_per_other_day']['value']:.0%}",
        )


def _rules(results: Results) -> Iterator[str]:
    yield from _head(
        "rule", "false flags per stable day", "found", "false by it alone", "found by it alone"
    )
    for name, each in results["cadences"]["daily"]["entrants"][OURS]["rules"].items():
        yield _row(
            f"`{name}`",
            f"{each['false_per_stable_day']:.4f}",
            f"{each['sensitivity']:.1%}",
            f"{each['false_of_this_alone']:.4f}",
            f"{each['found_by_this_alone']:.1%}",
        )


def _difficulty(results: Results) -> Iterator[str]:
    yield from _head(
        "score", "area, -3 to +2 days", "area, onset to peak", "sick days at specificity 0.75"
    )
    for name, each in results["difficulty"].items():
        yield _row(
            name,
            _figure(each["close"], 2),
            _figure(each["worsening"], 2),
            f"{each['by_day_at_0.75']:.0%}",
        )


def _field(results: Results) -> Iterator[str]:
    yield from _head("", "yellow", "red", "flagged")
    studied = "94 patients, 4,970 daily sets (doi 10.1177/1357633X17735558)"
    colours = (FIELD["yellow"], FIELD["red"], FIELD["yellow"] + FIELD["red"])
    yield _row(studied, *(f"{each:.0%}" for each in colours))
    for name, each in results["field"].items():
        colours = (each["yellow_per_day"], each["red_per_day"])
        shown = (f"{one:.0%}" for one in (*colours, sum(colours)))
        yield _row(f"simulated, {name} and TeleCare Nord's questions", *shown)


def _entrants(results: Results) -> Iterator[tuple[str, str, Results]]:
    for cadence, of in results["cadences"].items():
        for name in _ORDER:
            yield cadence, name, of["entrants"][name]


def _against_limits(results: Results) -> Iterator[str]:
    for name, of in results["cadences"].items():
        mine, theirs = (of["entrants"][each][_CLOSE]["value"] for each in (OURS, LIMITS))
        yield f"{mine:.0%} and not {theirs:.0%} of exacerbations {name}"


def _differences(results: Results, ours: str, theirs: str, key: str) -> str:
    return _listed(
        f"{_points(of['differences'][f'{ours} - {theirs}'][key])} points {name}"
        for name, of in results["cadences"].items()
    )


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield "|" + "---|" * len(names)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _listed(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _figure(of: Mapping[str, float], digits: int) -> str:
    return f"{of['value']:.{digits}f} ({of['low']:.{digits}f}-{of['high']:.{digits}f})"


def _percent(of: Mapping[str, float]) -> str:
    return f"{of['value']:.0%} ({of['low']:.0%}-{of['high']:.0%})"


def _points(of: Mapping[str, float]) -> str:
    value, low, high = (100 * of[key] for key in ("value", "low", "high"))
    return f"{value:+.0f} ({low:+.0f} to {high:+.0f})"


def _bold(name: str) -> str:
    return f"**{name}**" if name == OURS else name
