"""The families of rules that a rule set may use, by name.

A new family is a module beside these with a `Family`, and a line in REGISTRY. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.families import asked, charts, limits, movement, pair, predicted, silence, usual
from alerts.families.base import Family

REGISTRY: Final[Mapping[str, Family]] = {
    family.name: family
    for family in (
        limits.ABSOLUTE,
        limits.RELATIVE,
        usual.FAMILY,
        movement.TREND,
        movement.CHANGE,
        charts.EWMA,
        charts.CUSUM,
        pair.FAMILY,
        predicted.FAMILY,
        *asked.FAMILIES,
        silence.ADHERENCE,
        silence.TECHNICAL,
    )
}
