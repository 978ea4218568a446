"""What a demo is asked to break, and when. Pure.

An interruption is written SERVICE@AT+FOR: ``ingest@20+10`` kills ingest without warning twenty
seconds into the demo and keeps it away for ten.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from telekol.errors import TelekolError

_FORM: Final = re.compile(r"^([a-z0-9-]+)@(\d+(?:\.\d+)?)\+(\d+(?:\.\d+)?)$")


@dataclass(frozen=True, slots=True)
class Interruption:
    """One service, killed at one time and kept away for another."""

    service: str
    at_s: float
    for_s: float

    def is_on(self, elapsed_s: float) -> bool:
        """Whether the service is to be away now."""
        return self.at_s <= elapsed_s < self.at_s + self.for_s


def parse(text: str) -> Interruption:
    """Read an interruption.

    Raises
    ------
    TelekolError
        If it is not written SERVICE@AT+FOR.

    Examples
    --------
    >>> parse("ingest@20+10")
    Interruption(service='ingest', at_s=20.0, for_s=10.0)
    """
    match = _FORM.match(text)
    if match is None:
        raise TelekolError(
            f"expected an interruption like ingest@20+10 (service, second, seconds), found {text!r}"
        )
    return Interruption(match[1], float(match[2]), float(match[3]))
