"""Writes texts, numbers and times for people, in their language and in Danish time.

Pure: `now` is handed in. Inside, time is UTC; this is one of the few places that know a
time zone, because patients and nurses live in one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerts import reasons
from clinician_api.texts import MONTHS, TEXTS, WEEKDAYS, Language
from telekol.quantities import FACTS, Quantity

COPENHAGEN: Final = ZoneInfo("Europe/Copenhagen")


class Words:
    """One language.

    Examples
    --------
    >>> Words(Language.DANISH).number(71.25, 1)
    '71,25'
    >>> Words(Language.ENGLISH)("patient.days", days=7)
    '7 days'
    """

    def __init__(self, language: Language) -> None:
        self.language = language

    @property
    def other(self) -> Language:
        """The language that the switch leads to."""
        danish = self.language is Language.DANISH
        return Language.ENGLISH if danish else Language.DANISH

    def __call__(self, key: str, **fields: object) -> str:
        """Give the text named `key`, its fields filled in.

        Raises
        ------
        KeyError
            If there is no such text.
        """
        return self._of(TEXTS[key]).format(**fields)

    def number(self, value: float, decimals: int) -> str:
        """Write a number as the reasons do: at least `decimals` digits, never a rounded-away one.

        An 87.6 shown as 88 beside "red under 88" would contradict its own colour.
        """
        return reasons.number(value, decimals, danish=self.language is Language.DANISH)

    def clock(self, moment: datetime) -> str:
        """Write the time of day, Danish time."""
        return f"{moment.astimezone(COPENHAGEN):%H:%M}"

    def quantity(self, quantity: Quantity) -> str:
        """Name what was measured."""
        facts = FACTS[quantity]
        return facts.danish if self.language is Language.DANISH else facts.english

    def day(self, moment: datetime) -> str:
        """Write the day, e.g. '22. nov.'."""
        local = moment.astimezone(COPENHAGEN)
        month = self._of(MONTHS).split()[local.month - 1]
        dot = "." if self.language is Language.DANISH else ""
        return f"{local.day}{dot} {month}"

    def weekday(self, moment: datetime) -> str:
        """Write the day of the week, short."""
        return self._of(WEEKDAYS).split()[moment.astimezone(COPENHAGEN).weekday()]

    def when(self, moment: datetime, now: datetime) -> str:
        """Write day and time, with the year when it is another one."""
        year = moment.astimezone(COPENHAGEN).year
        shown = "" if year == now.astimezone(COPENHAGEN).year else f" {year}"
        return f"{self.day(moment)}{shown} {self.clock(moment)}"

    def since(self, moment: datetime, now: datetime) -> str:
        """Write a time briefly: the clock alone when it was less than half a day ago."""
        recent = now - moment < timedelta(hours=12)
        return self.clock(moment) if recent else self.when(moment, now)

    def opened(self, moment: datetime, now: datetime) -> str:
        """Say since when something stands: minutes in the last hour, else the time of day.

        The day stands before the time unless it is today in Denmark.
        """
        if now - moment < timedelta(minutes=1):
            return self.ago(moment, now)
        if now - moment < timedelta(hours=1):
            return self("since.minutes", n=(now - moment) // timedelta(minutes=1))
        return self.clock(moment) if self._is_today(moment, now) else self.when(moment, now)

    def at(self, moment: datetime, now: datetime) -> str:
        """Write when something happened, for the middle of a sentence: 'kl. 02:50'."""
        at = self("since.at", time=self.clock(moment))
        return at if self._is_today(moment, now) else f"{self.day(moment)} {at}"

    def ago(self, moment: datetime, now: datetime) -> str:
        """Say how long ago, rounded down.

        A moment a little ahead is 'just now': two machines' clocks are never the same. One
        far ahead is called what it is, because it is a fault somebody should see.
        """
        minutes = (now - moment) // timedelta(minutes=1)
        if minutes < -2:
            return self("ago.ahead")
        if minutes < 1:
            return self("ago.now")
        if minutes < 60:
            return self("ago.minutes", n=minutes)
        if minutes < 48 * 60:
            hours = minutes // 60
            return self("ago.hour") if hours == 1 else self("ago.hours", n=hours)
        return self("ago.days", n=minutes // (24 * 60))

    @staticmethod
    def _is_today(moment: datetime, now: datetime) -> bool:
        return moment.astimezone(COPENHAGEN).date() == now.astimezone(COPENHAGEN).date()

    def _of(self, text: tuple[str, str]) -> str:
        return text[0] if self.language is Language.DANISH else text[1]
