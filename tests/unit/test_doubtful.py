"""The list of doubtful flags agrees with the gateway's table of what each flag means."""

from __future__ import annotations

from alerts.quality import DOUBTFUL, is_doubtful
from gateway.profiles.quality import RULES, Ruling

OF_THE_TIME = {"device-clock-not-set", "device-time-implausible", "earlier-timeline"}
"""Say nothing against the number."""
OF_THE_ENTRY = {"manually-entered"}
OF_ANOTHER_NUMBER = {"body-composition-unsuccessful"}


def test_what_the_gateway_marks_is_doubtful_but_for_what_says_nothing_of_the_number() -> None:
    marked = {name for name, rule in RULES.items() if rule.ruling is Ruling.MARKED}
    assert marked - OF_THE_TIME - OF_THE_ENTRY - OF_ANOTHER_NUMBER == DOUBTFUL


def test_one_flag_is_enough() -> None:
    assert is_doubtful(["validated", "poor-signal"])
    assert not is_doubtful(["validated"])
    assert not is_doubtful(None)
