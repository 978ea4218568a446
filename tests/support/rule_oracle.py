"""What the rules must answer, the slow way: plain Python, one row at a time, no arrays.

The same functions judge the rules in the tests and the speed of the rules in
`benchmarks.alerts`: what is fast has to give these numbers. Nothing here is imported by a service.
"""

from __future__ import annotations

import math
import statistics
from itertools import combinations

from alerts.rules.judging import Need
from tests.support.windows import Row

Answer = dict[str, float]


def usable(row: Row, need: Need) -> Row:
    """What a rule may use of a row, walking back in time from the reading under test."""
    kept: Row = []
    oldest = -math.inf
    for value, age in reversed(row):
        if not math.isfinite(value) or math.isnan(age):
            continue
        if age < 0 or age > need.longest_age_days:
            continue
        if kept and age - oldest > need.longest_gap_days:
            break
        kept.append((value, age))
        oldest = max(oldest, age)
    return kept[::-1]


def earlier(row: Row, need: Need) -> Row:
    """What a rule may use without the reading under test, which is the last of the row."""
    kept = usable(row, need)
    tested = math.isfinite(row[-1][0])
    return kept[:-1] if tested else kept


def baseline(row: Row, need: Need, floor: float, youngest_days: float = 0.0) -> Answer:
    """Median, MAD, z and n of the readings before the last one."""
    stretch = [value for value, age in earlier(row, need) if age >= youngest_days]
    if not stretch:
        return {"median": math.nan, "mad": math.nan, "z": math.nan, "n": 0}
    median = statistics.median(stretch)
    mad = statistics.median(abs(value - median) for value in stretch)
    spread = max(mad / statistics.NormalDist().inv_cdf(0.75), floor)
    value = row[-1][0]
    enough = len(stretch) >= need.least_count and math.isfinite(value)
    z = (value - median) / spread if enough else math.nan
    return {"median": median, "mad": mad, "z": z, "n": len(stretch)}


def trend(row: Row, need: Need) -> Answer:
    """Theil-Sen slope per day and the Mann-Kendall test, pair by pair."""
    used = usable(row, need)
    pairs = [(a, b) for a, b in combinations(used, 2) if a[1] != b[1]]
    if len(used) < need.least_count or not pairs or not math.isfinite(row[-1][0]):
        nothing = dict.fromkeys(("slope_per_day", "s", "z", "p"), math.nan)
        return nothing | {"n": len(used)}
    slopes = [(b[0] - a[0]) / (a[1] - b[1]) for a, b in pairs]
    s = sum((b[0] > a[0]) - (b[0] < a[0]) for a, b in pairs)
    variance = _variance_of_s([v for v, _ in used], [a for _, a in used])
    z = (s - (s > 0) + (s < 0)) / math.sqrt(variance) if variance > 0 else 0.0
    p = math.erfc(abs(z) / math.sqrt(2))
    return {"slope_per_day": statistics.median(slopes), "s": s, "z": z, "p": p, "n": len(used)}


def _variance_of_s(values: list[float], ages: list[float]) -> float:
    """Kendall's variance of S under no trend, ties in both (Rank Correlation Methods, ch. 4)."""
    n = len(values)
    ties, times = ([group.count(one) for one in set(group)] for group in (values, ages))
    whole = n * (n - 1) * (2 * n + 5)
    first = whole - sum(t * (t - 1) * (2 * t + 5) for t in ties + times)
    three = math.prod(sum(t * (t - 1) * (t - 2) for t in group) for group in (ties, times))
    two = math.prod(sum(t * (t - 1) for t in group) for group in (ties, times))
    found = first / 18 + two / (2 * n * (n - 1))
    return found + (three / (9 * n * (n - 1) * (n - 2)) if n > 2 else 0.0)


def absolute(row: Row, limits: dict[str, float]) -> Answer:
    """Red before yellow, low before high; which limit was passed and by how much."""
    value = row[-1][0]
    if not math.isfinite(value):
        return {"severity": -1, "passed": -1, "score": math.nan}
    order = ("red_low", "red_high", "yellow_low", "yellow_high")
    for number, name in enumerate(order):
        if name in limits:
            past = limits[name] - value if name.endswith("low") else value - limits[name]
            if past > 0:
                return {"severity": 2 if number < 2 else 1, "passed": number, "score": past}
    return {"severity": 0, "passed": -1, "score": 0.0}


def relative(row: Row, reference: float) -> Answer:
    """How far the last reading lies from its reference value."""
    value = row[-1][0]
    return {"difference": value - reference if math.isfinite(value) else math.nan}


def change(row: Row, need: Need, direction: int, within_days: float, median: bool) -> Answer:
    """Change since the days before, from the furthest reading or from their median."""
    value = row[-1][0]
    near = [(v, a) for v, a in earlier(row, need) if a <= within_days + 0.5]
    if not near:
        return {"change": math.nan, "reference": math.nan, "n": 0}
    reference = statistics.median(v for v, _ in near)
    if not median and math.isfinite(value):
        reference = max((v for v, _ in near), key=lambda v: _harm(value - v, direction))
    enough = len(near) >= need.least_count and math.isfinite(value)
    found: Answer = {"change": value - reference if enough else math.nan, "n": len(near)}
    return found | ({"reference": reference} if math.isfinite(value) else {})


def _harm(difference: float, direction: int) -> float:
    return difference * direction if direction else abs(difference)


def ewma(row: Row, need: Need, centre: float, spread: float, weight: float) -> Answer:
    """Take the recursion as it is printed, from 0 at the first reading."""
    used = usable(row, need)
    at = 0.0
    for value, _ in used:
        at = weight * (value - centre) / spread + (1 - weight) * at
    known = len(used) >= need.least_count and math.isfinite(row[-1][0])
    return {"ewma": at if known else math.nan, "n": len(used)}


def cusum(row: Row, need: Need, centre: float, spread: float, k: float) -> Answer:
    """Take both recursions as they are printed, from 0 at the first reading."""
    used = usable(row, need)
    high = low = 0.0
    for value, _ in used:
        z = (value - centre) / spread
        high, low = max(0.0, high + z - k), max(0.0, low - z - k)
    if len(used) < need.least_count or not math.isfinite(row[-1][0]):
        high = low = math.nan
    return {"high": high, "low": low, "n": len(used)}


def in_own_sds(row: Row, need: Need, floor: float, youngest_days: float = 0.0) -> float:
    """Give how far the last reading lies above the mean of those before it, in their SDs."""
    stretch = [value for value, age in earlier(row, need) if age >= youngest_days]
    if len(stretch) < max(need.least_count, 2) or not math.isfinite(row[-1][0]):
        return math.nan
    spread = max(statistics.stdev(stretch), floor)
    return (row[-1][0] - statistics.fmean(stretch)) / spread
