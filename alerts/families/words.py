"""Pieces of the sentences that families say: amounts, places relative to a limit, what is usual.

Pure. Danish puts what a value *is* as an adverb ("ligger usædvanligt lavt"), so that no quantity's
gender is needed.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from alerts.reasons import KNOWN_WORDS, Reason, amount, number
from alerts.rules.judging import Need
from telekol.quantities import FACTS, Quantity

NO_NUMBER: Final = Reason("målingen er ikke et tal", "the reading is not a number")

NO_REFERENCE: Final = Reason(
    "der er hverken en godkendt referenceværdi eller målinger nok til at foreslå en",
    "there is neither an approved reference value nor readings enough to propose one",
)

NO_TREND: Final = Reason(
    "målingerne er fra samme tidspunkt", "all readings are of the same instant"
)


SMALLEST_P: Final = 0.001
"""Below this people are told no digits."""

_COLOURS: Final = {"red": "røde", "yellow": "gule"}


@lru_cache(maxsize=KNOWN_WORDS)
def head(quantity: Quantity, value: float) -> Reason:
    """Name the quantity and its value: "SpO2 86 %"."""
    facts = FACTS[quantity]
    if not math.isfinite(value):
        return Reason(facts.danish, facts.english)
    return Reason(
        f"{facts.danish} {amount(quantity, value, danish=True)}",
        f"{facts.english} {amount(quantity, value, danish=False)}",
    )


def sentence(quantity: Quantity, value: float, said: Reason, after: Reason | None = None) -> Reason:
    """Put what is said after the value, and what is usual after that."""
    start = head(quantity, value)
    danish, english = f"{start.danish}, {said.danish}", f"{start.english}, {said.english}"
    if after is None:
        return Reason(danish, english)
    return Reason(f"{danish}; {after.danish}", f"{english}; {after.english}")


def cannot(quantity: Quantity, value: float, why: Reason) -> Reason:
    """Say that a reading cannot be judged by this rule, and why."""
    start = head(quantity, value)
    return Reason(
        f"{start.danish} kan ikke vurderes: {why.danish}",
        f"{start.english} cannot be judged: {why.english}",
    )


def too_few(n: float, need: Need, *, earlier: bool = False) -> Reason:
    """Say how many readings, or earlier ones, there are of how many that are needed."""
    count = 0 if math.isnan(n) else int(n)
    if earlier:
        danish = "tidligere måling" if count == 1 else "tidligere målinger"
        english = "earlier reading" if count == 1 else "earlier readings"
        return Reason(
            f"{count} {danish}, der kræves mindst {need.least_count}",
            f"{count} {english}, at least {need.least_count} are needed",
        )
    return Reason(
        f"{_count(count, danish=True)}, der kræves mindst {need.least_count}",
        f"{_count(count, danish=False)}, at least {need.least_count} are needed",
    )


def none_within(within_days: float, n: int, need: Need) -> Reason:
    """Say how many readings there are within the days a change is counted over."""
    if n == 0 and need.least_count <= 1:
        return Reason(
            f"ingen tidligere måling inden for {days(within_days, danish=True)}",
            f"no earlier reading within {days(within_days, danish=False)}",
        )
    few = too_few(n, need)
    return Reason(
        f"inden for {days(within_days, danish=True)} er der {few.danish}",
        f"within {days(within_days, danish=False)} there are {few.english}",
    )


def counted(n: int, p: float, span_days: float) -> Reason:
    """Say of how many readings a trend was made, and how certain it is."""
    return _counted(n, round(p, 3), round(span_days))


@lru_cache(maxsize=KNOWN_WORDS)
def _counted(n: int, p: float, span_days: float) -> Reason:
    certain_danish = "p < 0,001" if p < SMALLEST_P else f"p = {plain(p, 3, danish=True)}"
    certain = "p < 0.001" if p < SMALLEST_P else f"p = {plain(p, 3, danish=False)}"
    return Reason(
        f"{_count(n, danish=True)} over {days(span_days, danish=True)}, {certain_danish}",
        f"{_count(n, danish=False)} over {days(span_days, danish=False)}, {certain}",
    )


@lru_cache(maxsize=KNOWN_WORDS)
def since(over_days: float, *, from_median: bool) -> Reason:
    """Say since when a quantity has moved."""
    danish, english = days(over_days, danish=True), days(over_days, danish=False)
    if from_median:
        return Reason(
            f"fra medianen af de sidste {danish}", f"from the median of the last {english}"
        )
    return Reason(f"på {danish}", f"in {english}")


def limit_of_change(quantity: Quantity, limit: float, within_days: float, colour: str) -> Reason:
    """Say which change was allowed."""
    return Reason(
        f"over den {_COLOURS[colour]} grænse {difference(quantity, limit, danish=True)} på "
        f"{days(within_days, danish=True)}",
        f"over the {colour} limit of {difference(quantity, limit, danish=False)} in "
        f"{days(within_days, danish=False)}",
    )


@lru_cache(maxsize=KNOWN_WORDS)
def usual(quantity: Quantity, median: float, n: int) -> Reason:
    """Say what is usual, and of how many readings that is known."""
    return Reason(
        f"plejer at ligge på {amount(quantity, tidy(median), danish=True)} "
        f"(median af {_count(n, danish=True)})",
        f"usual level {amount(quantity, tidy(median), danish=False)} "
        f"(median of {_count(n, danish=False)})",
    )


@lru_cache(maxsize=KNOWN_WORDS)
def reference(quantity: Quantity, value: float, n: int, *, approved: bool) -> Reason:
    """Say which reference value was used, of how many readings, and whether it is approved."""
    danish = f"plejer at ligge på {amount(quantity, tidy(value), danish=True)}"
    english = f"usual level {amount(quantity, tidy(value), danish=False)}"
    of_danish = [f"median af {_count(n, danish=True)}"] if n else []
    of_english = [f"median of {_count(n, danish=False)}"] if n else []
    of_danish.append("godkendt" if approved else "foreslået, endnu ikke godkendt")
    of_english.append("approved" if approved else "proposed, not yet approved")
    return Reason(f"{danish} ({', '.join(of_danish)})", f"{english} ({', '.join(of_english)})")


def plain(value: float, decimals: int, *, danish: bool) -> str:
    """Write a number of no quantity, rounded."""
    text = f"{value:.{decimals}f}"
    return text.replace(".", ",") if danish else text


def days(count: float, *, danish: bool) -> str:
    """Write a number of days as people say it."""
    rounded = round(count)
    if rounded < 1:
        hours = round(count * 24)
        if hours <= 1:
            return "en time" if danish else "an hour"
        return f"{hours} timer" if danish else f"{hours} hours"
    if danish:
        return f"{rounded} dag" if rounded == 1 else f"{rounded} dage"
    return f"{rounded} day" if rounded == 1 else f"{rounded} days"


def difference(quantity: Quantity, value: float, *, danish: bool) -> str:
    """Write the size of a difference of two readings, with its unit."""
    return _difference(quantity, tidy(abs(value)), danish=danish)


@lru_cache(maxsize=KNOWN_WORDS)
def _difference(quantity: Quantity, value: float, *, danish: bool) -> str:
    facts = FACTS[quantity]
    text = number(value, facts.decimals, danish=danish)
    return f"{text} {facts.shown_unit}".rstrip()


def tidy(value: float) -> float:
    """Drop what arithmetic added: no reading has more than three decimals."""
    return round(value, 3)


def _count(n: int, *, danish: bool) -> str:
    if danish:
        return f"{n} måling" if n == 1 else f"{n} målinger"
    return f"{n} reading" if n == 1 else f"{n} readings"
