"""Findings in words: a sentence of Danish and one of English that a nurse would say.

Pure. Owns the wording only; what is said was decided by a rule.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from telekol.quantities import FACTS, Quantity


class Reason(NamedTuple):
    """The same sentence in both languages; a tuple, for a sweep makes a million of them."""

    danish: str
    english: str


_ZONE: Final = ZoneInfo("Europe/Copenhagen")
"""Where the people who read these sentences are."""

_DANISH_MONTHS: Final = "jan. feb. mar. apr. maj jun. jul. aug. sep. okt. nov. dec."
_ENGLISH_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"

_DANISH: Final = {
    "red_low": "under den røde grænse",
    "red_high": "over den røde grænse",
    "yellow_low": "under den gule grænse",
    "yellow_high": "over den gule grænse",
}
_ENGLISH: Final = {
    "red_low": "under the red limit",
    "red_high": "over the red limit",
    "yellow_low": "under the yellow limit",
    "yellow_high": "over the yellow limit",
}


def number(value: float, decimals: int, *, danish: bool) -> str:
    """Write a value as people read it: at least `decimals` digits, never a rounded-away one.

    Examples
    --------
    >>> number(84.0, 0, danish=True), number(87.5, 0, danish=True), number(72.35, 1, danish=False)
    ('84', '87,5', '72.35')
    """
    # A SpO2 of 87.96 shown as "88" beside a limit of 88 would contradict its own colour.
    text = f"{value:.3f}".rstrip("0")
    digits = len(text.partition(".")[2])
    text = f"{value:.{max(decimals, digits)}f}"
    return text.replace(".", ",") if danish else text


def limit_passed(quantity: Quantity, value: float, limit_name: str, limit: float) -> Reason:
    """Say that a reading has passed a limit."""
    facts = FACTS[quantity]
    danish = (
        f"{facts.danish} {amount(quantity, value, danish=True)}, "
        f"{_DANISH[limit_name]} {amount(quantity, limit, danish=True)}"
    )
    english = (
        f"{facts.english} {amount(quantity, value, danish=False)}, "
        f"{_ENGLISH[limit_name]} {amount(quantity, limit, danish=False)}"
    )
    return Reason(danish, english)


def within_limits(quantity: Quantity, value: float) -> Reason:
    """Say that a reading lies within its limits."""
    facts = FACTS[quantity]
    return Reason(
        f"{facts.danish} {amount(quantity, value, danish=True)}, inden for grænserne",
        f"{facts.english} {amount(quantity, value, danish=False)}, within the limits",
    )


def came_late(reason: Reason, measured_at: datetime) -> Reason:
    """Say in the sentence itself that a reading came late, and of when it is."""
    local = measured_at.astimezone(_ZONE)
    danish = f"{local.day}. {_DANISH_MONTHS.split()[local.month - 1]} kl. {local:%H.%M}"
    english = f"{local.day} {_ENGLISH_MONTHS.split()[local.month - 1]} at {local:%H:%M}"
    return Reason(
        f"{reason.danish} (kom sent, målt {danish})",
        f"{reason.english} (came late, measured {english})",
    )


def second_was_normal(
    quantity: Quantity,
    first: float,
    first_measured_at: datetime,
    second: float,
    second_measured_at: datetime,
) -> Reason:
    """Say that a doubtful red was measured again and was normal, with both readings."""
    facts = FACTS[quantity]
    at_first, at_second = (
        moment.astimezone(_ZONE) for moment in (first_measured_at, second_measured_at)
    )
    return Reason(
        f"{facts.danish} {amount(quantity, first, danish=True)} kl. {at_first:%H.%M}, målt igen "
        f"kl. {at_second:%H.%M}: {amount(quantity, second, danish=True)}, normal",
        f"{facts.english} {amount(quantity, first, danish=False)} at {at_first:%H:%M}, measured "
        f"again at {at_second:%H:%M}: {amount(quantity, second, danish=False)}, normal",
    )


def limits_missing(quantity: Quantity) -> Reason:
    """Say that nobody has set limits, so nothing could be judged."""
    facts = FACTS[quantity]
    return Reason(
        f"{facts.danish} kan ikke vurderes: der er ikke sat grænser. En læge skal tage stilling",
        f"{facts.english} cannot be judged: no limits are set. A physician must decide",
    )


def of_template(reason: Reason) -> Reason:
    """Say in the sentence itself that its numbers are a template's, which nobody has approved."""
    return Reason(
        f"{reason.danish} (skabelon, ikke lægegodkendt)",
        f"{reason.english} (template, not approved by a physician)",
    )


def judged_anew(reason: Reason) -> Reason:
    """Say in the sentence itself that it is no news: other readings came, went or changed hands."""
    return Reason(f"{reason.danish} (vurderet igen)", f"{reason.english} (judged again)")


def reference_missing(quantity: Quantity) -> Reason:
    """Say that a usual level is missing, so a rule could not answer."""
    facts = FACTS[quantity]
    return Reason(
        f"{facts.danish}: der mangler et sædvanligt niveau at vurdere ud fra. "
        "En læge skal tage stilling",
        f"{facts.english}: there is no usual level to judge it against. A physician must decide",
    )


def rule_failed(quantity: Quantity) -> Reason:
    """Say that a rule failed on a reading, so a person must look."""
    facts = FACTS[quantity]
    return Reason(
        f"{facts.danish}: en regel fejlede. Se på målingen selv, og giv driften besked",
        f"{facts.english}: a rule failed. Look at the reading yourself and tell operations",
    )


def judged_again(quantity: Quantity) -> Reason:
    """Say that readings can be judged again."""
    facts = FACTS[quantity]
    return Reason(
        f"{facts.danish} kan vurderes igen",
        f"{facts.english} can be judged again",
    )


def withdrawn(quantity: Quantity) -> Reason:
    """Say that the reading a finding was made of no longer counts, and none is left."""
    facts = FACTS[quantity]
    return Reason(
        f"{facts.danish}: målingen er trukket tilbage, og der er ingen anden at vurdere",
        f"{facts.english}: the reading was withdrawn, and there is no other to judge",
    )


def not_judged(readings: int) -> Reason:
    """Say that the engine failed on a batch, so a person must look."""
    return Reason(
        f"{readings} målinger kunne ikke vurderes automatisk. "
        "Se på dem selv, og giv driften besked",
        f"{readings} readings could not be judged automatically. Look at them yourself and "
        "tell operations",
    )


KNOWN_WORDS: Final = 65_536
"""Amounts and pieces of sentences that are kept, once made: devices have few different values, and
a year of 250 patients has a million findings. A piece is about 200 bytes."""


@lru_cache(maxsize=KNOWN_WORDS)
def amount(quantity: Quantity, value: float, *, danish: bool) -> str:
    """Write a value of a quantity with the unit that people write."""
    facts = FACTS[quantity]
    text = number(value, facts.decimals, danish=danish)
    return f"{text} {facts.shown_unit}".rstrip()
