"""Technical troubles in sentences that a support person understands. Pure.

Owns how since when and what to do stand around the words of `telekol.troubles`.
"""

from __future__ import annotations

from datetime import datetime

from alerts.adherence.words import when_danish, when_english
from alerts.reasons import Reason
from telekol import troubles


def stands(code: str, device: str, since: datetime) -> Reason:
    """Say what is wrong, of which device, since when, and what to do."""
    said = troubles.words(code)
    danish_device = f" (apparat {device})" if device else ""
    english_device = f" (device {device})" if device else ""
    return Reason(
        f"{_open(said.danish)}{danish_device}, siden {when_danish(since)}. "
        f"{_open(said.danish_step)}",
        f"{_open(said.english)}{english_device}, since {when_english(since)}. "
        f"{_open(said.english_step)}",
    )


def over(code: str, device: str, *, is_moved: bool) -> Reason:
    """Say that it is over, or no longer this patient's."""
    said = troubles.words(code)
    danish_device = f" (apparat {device})" if device else ""
    english_device = f" (device {device})" if device else ""
    danish = "Hjemmeboksen er ikke længere hos borgeren" if is_moved else "Forbi"
    english = "The gateway is no longer with the patient" if is_moved else "Over"
    return Reason(
        f"{danish}: {_open(said.danish)}{danish_device}",
        f"{english}: {_open(said.english)}{english_device}",
    )


def _open(sentence: str) -> str:
    """Leave the full stop out: the sentence goes on, or another text follows it."""
    return sentence.removesuffix(".")
