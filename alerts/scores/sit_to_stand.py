"""Sit-to-stand: how often somebody rises from a chair in 30 seconds, counted by method.

Rising without arms, with hands on the thighs and by the armrests are three tests: a count is held
against the one before only where the method is the same. Nobody has published limits for home
monitoring, so a count alone has no colour here.

Sources: Jones et al., Res Q Exerc Sport 1999;70:113 (30 s, arms crossed; a rise with the arms does
not count there); Region Hovedstaden's three methods and its countdown of 45 s (danish-telekol.md,
1.3). The smallest important difference of 2 rises is Zanini et al., Int J Chron Obstruct Pulmon Dis
2015;10:2423, as others cite it (unverified).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.scores.checks import whole

RISES_MOST: Final = 60
"""Two rises a second: above it somebody miscounted."""

IMPORTANT_CHANGE: Final = 2


class Method(StrEnum):
    """How the patient rose."""

    NO_ARMS = "no-arms"
    HANDS_ON_THIGHS = "hands-on-thighs"
    ARMRESTS = "armrests"


@dataclass(frozen=True, slots=True)
class SitToStand:
    """One test."""

    rises: int
    method: Method


def test(rises: float, method: Method) -> SitToStand:
    """Take a count; 0 is a count: the patient tried and could not rise.

    Raises
    ------
    ScoreError
        If it is no whole number of 0-60.
    """
    return SitToStand(whole("rises in 30 s", rises, 0, RISES_MOST), method)


def change(now: SitToStand, before: SitToStand | None) -> int | None:
    """Give the change since the test before; None where there is none, or of another method."""
    if before is None or before.method is not now.method:
        return None
    return now.rises - before.rises
