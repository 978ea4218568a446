"""How long the rules take for a series, and what SciPy, pandas and polars take for the same.

Everything runs on one population in one process. Nothing is timed before it has given the same
numbers as the rule; a difference ends the run with an error instead of a ratio. What needs a
Python call per patient (SciPy, pymannkendall, the slow references) is timed on a sample.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl
import pymannkendall
from numpy.typing import NDArray
from scipy.stats import theilslopes

from alerts.rules import baseline, judging, trend
from alerts.window import Window
from benchmarks import alerts_arriving
from tests.support import rule_oracle
from tests.support.rule_table import PAUSED, TABLE, population
from tests.support.windows import rows_of

LEAST_PATIENTS: Final = 200_000
SAMPLE: Final = 1_000
ROUNDS: Final = 5
"""The fastest of so many turns, taken in turn with the others: other work only ever adds time."""

_US: Final = 1e6

Columns = Mapping[str, NDArray[Any]]
Contender = Callable[[], Columns]


def main() -> int:
    """Print one JSON object; 1 if any contender gave other numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=LEAST_PATIENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--arriving",
        action="store_true",
        help="also what an arriving reading costs in real databases of three sizes; minutes",
    )
    asked = parser.parse_args()
    window = population(asked.patients)
    sample = judging.cut(window, slice(0, min(SAMPLE, asked.patients)))
    families = {name: _bind(family.judge, window) for name, family in TABLE.items()}
    whole: dict[str, Contender] = families | {
        "pandas": _pandas(window),
        "polars": _polars(window),
        "floor": _floor(window),
    }
    one_by_one: dict[str, Contender] = {"scipy_pymannkendall": _scipy(sample)}
    one_by_one |= {f"slow_{name}": _slow(name, sample) for name in TABLE}
    differences = _differences(sample, whole, one_by_one)
    if differences:
        sys.stderr.write("these gave other numbers than the rule: " + ", ".join(differences) + "\n")
        return 1
    took = _times(whole, asked.patients, asked.rounds)
    took |= _times(one_by_one, len(sample.values), 2)
    report = _report(window, took)
    if asked.arriving:
        report["arriving"] = alerts_arriving.measure()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


def _bind(judge: Callable[[Window], Columns], window: Window) -> Contender:
    return lambda: judge(window)


def _long(window: Window) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Give readings of all stable stretches one under another, as a table would hold them."""
    chosen = judging.usable(window, baseline.NEED)[:, :-1]
    series = np.repeat(np.arange(len(chosen)), chosen.sum(axis=1))
    return series, window.values[:, :-1][chosen]


def _pandas(window: Window) -> Contender:
    series, values = _long(window)
    frame = pd.DataFrame({"series": series, "value": values})

    def run() -> Columns:
        median = frame.groupby("series")["value"].median()
        apart = (frame["value"] - median.to_numpy()[frame["series"]]).abs()
        mad = apart.groupby(frame["series"]).median()
        return {"median": median.to_numpy(), "mad": mad.to_numpy()}

    return run


def _polars(window: Window) -> Contender:
    series, values = _long(window)
    frame = pl.DataFrame({"series": series, "value": values})
    value = pl.col("value")

    def run() -> Columns:
        found = (
            frame.group_by("series")
            .agg(median=value.median(), mad=(value - value.median()).abs().median())
            .sort("series")
        )
        return {"median": found["median"].to_numpy(), "mad": found["mad"].to_numpy()}

    return run


def _floor(window: Window) -> Contender:
    """Sort the same bytes twice, in the same blocks: no median and MAD by sorting can be faster."""

    def run() -> Columns:
        for _ in range(2):
            for part in judging.blocks(len(window.values), baseline.BLOCK_ROWS):
                window.values[part, :-1].copy().sort(axis=1)
        return {}

    return run


def _scipy(sample: Window) -> Contender:
    arrays = [np.array(rule_oracle.usable(row, trend.NEED)) for row in rows_of(sample)]

    def run() -> Columns:
        found = []
        for readings in arrays:
            value, age = readings.T
            test = pymannkendall.original_test(value)
            found.append((theilslopes(value, -age).slope, test.s, test.z, test.p))
        return dict(zip(("slope_per_day", "s", "z", "p"), np.array(found).T, strict=True))

    return run


def _slow(name: str, sample: Window) -> Contender:
    rows = rows_of(sample)
    slow = TABLE[name].slow

    def run() -> Columns:
        answers = [slow(row) for row in rows]
        return {key: np.array([answer[key] for answer in answers]) for key in answers[0]}

    return run


def _differences(
    sample: Window,
    whole: Mapping[str, Contender],
    one_by_one: Mapping[str, Contender],
) -> list[str]:
    """Name what does not give the rule's numbers."""
    names = [
        name for name in ("pandas", "polars") if not _same(whole[name](), whole["baseline"](), 3e-5)
    ]
    for name, contender in one_by_one.items():
        family = TABLE[name.removeprefix("slow_") if name in _SLOW else "trend"]
        if not _same(contender(), family.judge(sample), family.within):
            names.append(name)
    return names


_SLOW: Final = frozenset(f"slow_{name}" for name in TABLE)


def _same(found: Columns, ours: Columns, within: float) -> bool:
    return all(
        np.allclose(column, ours[key], rtol=1e-4, atol=within, equal_nan=True)
        for key, column in found.items()
    )


def _times(contenders: Mapping[str, Contender], series: int, rounds: int) -> dict[str, float]:
    """Microseconds per series, the fastest of some rounds in which each has its turn."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - began)
    return {name: seconds * _US / series for name, seconds in best.items()}


def _report(window: Window, took: Mapping[str, float]) -> dict[str, Any]:
    ours = {name: round(took[name], 3) for name in TABLE}
    others = {name: round(us, 3) for name, us in took.items() if name not in TABLE}
    return {
        "patients": len(window.values),
        "paused_patients": PAUSED,
        "readings": int(np.isfinite(window.values).sum()),
        "width": window.values.shape[1],
        "sample_of_one_by_one": min(SAMPLE, len(window.values)),
        "same_numbers": True,
        "us_per_series": ours,
        "us_per_series_of_references": others,
        "ratio_trend_to_scipy": round(took["scipy_pymannkendall"] / took["trend"], 1),
        "ratio_baseline_to_pandas": round(took["pandas"] / took["baseline"], 2),
        "ratio_baseline_to_polars": round(took["polars"] / took["baseline"], 2),
        "ratio_baseline_to_floor": round(took["baseline"] / took["floor"], 2),
        "block_rows": {"baseline": baseline.BLOCK_ROWS, "trend": trend.BLOCK_ROWS},
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine()},
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {
            name: version(name) for name in ("numpy", "scipy", "pymannkendall", "pandas", "polars")
        },
    }


if __name__ == "__main__":
    sys.exit(main())
