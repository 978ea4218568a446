"""Adherence in words: a sentence of Danish and one of English that a nurse would say. Pure.

Owns the wording of what is missing, of what came after all, and of the reminder at home. What is
said was decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.adherence.judging import Outcome, Stand
from alerts.adherence.schedule import ZONE
from alerts.reasons import Reason
from telekol.quantities import FACTS, Quantity

_DAYS_DA: Final = ("mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag", "søndag")
_DAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS_DA: Final = (
    "jan.",
    "feb.",
    "mar.",
    "apr.",
    "maj",
    "jun.",
    "jul.",
    "aug.",
    "sep.",
    "okt.",
    "nov.",
    "dec.",
)
_MONTHS_EN: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)

_QUANTITIES: Final = [str(quantity) for quantity in Quantity]
QUESTIONNAIRE: Final = "questionnaire:"
"""What `Item.about` begins with where it is not a quantity."""


@dataclass(frozen=True, slots=True)
class Name:
    """What an item is called inside a sentence."""

    danish: str
    english: str


Titles = Mapping[str, Name]
"""Titles of questionnaires by what the item is about."""


def name(about: str, titles: Titles) -> Name:
    """Give an item's name as it stands in the middle of a sentence."""
    if about in _QUANTITIES:
        facts = FACTS[Quantity(about)]
        return Name(_lowered(facts.danish), _lowered(facts.english))
    return titles.get(about) or Name(
        f"spørgeskemaet {about.removeprefix(QUESTIONNAIRE)}",
        f"the questionnaire {about.removeprefix(QUESTIONNAIRE)}",
    )


def missing(stands: Sequence[Stand], titles: Titles) -> Reason:
    """Say what is missing, by which deadline and how often in a row; joined by deadline."""
    groups: dict[tuple[datetime, int], list[str]] = {}
    for one in sorted(stands, key=_place):
        assert one.deadline is not None  # noqa: S101 - what is missing missed a deadline
        groups.setdefault((one.deadline.at, one.in_a_row), []).append(one.about)
    danish = "; ".join(
        f"{_and((name(about, titles).danish for about in dict.fromkeys(some)), 'og')}"
        f" (frist {when_danish(at)}{_again_danish(row)})"
        for (at, row), some in groups.items()
    )
    english = "; ".join(
        f"{_and((name(about, titles).english for about in dict.fromkeys(some)), 'and')}"
        f" (due {when_english(at)}{_again_english(row)})"
        for (at, row), some in groups.items()
    )
    return Reason(f"Mangler {danish}", f"Missing: {english}")


def no_longer_missing(stands: Sequence[Stand], titles: Titles) -> Reason:
    """Say of what was missing what became of it; `stands` are those items as they are now."""
    ordered = sorted(stands, key=_place)
    rested = [one.about for one in ordered if one.outcome is Outcome.NOT_ASKED]
    here = [one.about for one in ordered if one.outcome is not Outcome.NOT_ASKED]
    danish, english = [], []
    if here or not rested:
        names = [name(about, titles) for about in dict.fromkeys(here)]
        danish.append(f"{_and((one.danish for one in names), 'og') or 'målingerne'} er kommet")
        english.append(f"{_and((one.english for one in names), 'and') or 'the readings'} came")
    if rested:
        names = [name(about, titles) for about in dict.fromkeys(rested)]
        danish.append(f"{_and((one.danish for one in names), 'og')} ventes ikke længere")
        english.append(f"{_and((one.english for one in names), 'and')}: no longer asked for")
    return Reason(_raised("; ".join(danish)), _raised("; ".join(english)))


def reminder(abouts: Iterable[str], deadline: datetime, now: datetime, titles: Titles) -> Reason:
    """Ask the person at home for what is due soon; one name after another, and until when."""
    names = [name(about, titles) for about in sorted(abouts, key=_rank)]
    local, today = deadline.astimezone(ZONE), now.astimezone(ZONE).date()
    days = (local.date() - today).days
    danish_day = {0: "i dag", 1: "i morgen"}.get(days, f"{_DAYS_DA[local.weekday()]}")
    english_day = {0: "today", 1: "tomorrow"}.get(days, f"on {_DAYS_EN[local.weekday()]}")
    return Reason(
        f"Husk {_and((one.danish for one in names), 'og')} {danish_day} inden kl. {local:%H.%M}.",
        f"Please remember {_and((one.english for one in names), 'and')} {english_day} "
        f"before {local:%H:%M}.",
    )


def when_danish(at: datetime) -> str:
    """Write a moment as people say it: ``mandag 23. nov. kl. 10.00``."""
    local = at.astimezone(ZONE)
    day, month = _DAYS_DA[local.weekday()], _MONTHS_DA[local.month - 1]
    return f"{day} {local.day}. {month} kl. {local:%H.%M}"


def when_english(at: datetime) -> str:
    """Write a moment as people say it: ``Monday 23 Nov at 10:00``."""
    local = at.astimezone(ZONE)
    day, month = _DAYS_EN[local.weekday()], _MONTHS_EN[local.month - 1]
    return f"{day} {local.day} {month} at {local:%H:%M}"


def duration_danish(for_how_long: timedelta) -> str:
    """Write how long something has lasted, in the largest unit that fits."""
    hours = int(for_how_long / timedelta(hours=1))
    return f"{hours // 24} døgn" if hours >= 48 else f"{hours} timer"


def _again_danish(row: int) -> str:
    return f", {row}. gang i træk" if row > 1 else ""


def _again_english(row: int) -> str:
    return f", {row} times in a row" if row > 1 else ""


def _place(one: Stand) -> tuple[int, str]:
    return _rank(one.about)


def _rank(about: str) -> tuple[int, str]:
    place = _QUANTITIES.index(about) if about in _QUANTITIES else len(_QUANTITIES)
    return (place, about)


def _and(names: Iterable[str], word: str) -> str:
    some = list(names)
    if len(some) < 2:
        return "".join(some)
    return f"{', '.join(some[:-1])} {word} {some[-1]}"


def _lowered(text: str) -> str:
    """Lower the first letter of a word, but not that of an abbreviation, as SpO2 or FEV1."""
    return text if len(text) > 1 and any(sign.isupper() for sign in text[1:]) else text.lower()


def _raised(text: str) -> str:
    return text[:1].upper() + text[1:]
