"""How serious a finding is: green < blue < yellow < red.

Blue means missing. It outranks green, because silence is never green, and never masks
yellow or red (the order is OpenTele's, where BLUE stood between GREEN and YELLOW).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How serious a finding is, for people to sort by."""

    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    RED = "red"

    @property
    def rank(self) -> int:
        """Position in the order green < blue < yellow < red, from 0."""
        return _ORDER.index(self)


_ORDER: Final = (Severity.GREEN, Severity.BLUE, Severity.YELLOW, Severity.RED)


class Channel(StrEnum):
    """Separate streams of findings; acknowledging or snoozing one never touches another."""

    CLINICAL = "clinical"
    MISSING = "missing"
    TECHNICAL = "technical"
