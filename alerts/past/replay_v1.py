"""Findings of version 1: one rule, absolute limits, compared in float32. Pure.

Owns the arithmetic of the release that made them, kept as it was: what is stored is recomputed as
it was found, whatever today's rules compute in. Nothing is judged with it any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from alerts import reasons
from alerts.reasons import Reason
from telekol.quantities import Quantity
from telekol.severity import Severity

NAME: Final = "absolute-limits"
VERSION: Final = 1

_LIMITS: Final = (
    ("red_low", -1, Severity.RED),
    ("red_high", 1, Severity.RED),
    ("yellow_low", -1, Severity.YELLOW),
    ("yellow_high", 1, Severity.YELLOW),
)
"""In order of rank, with the side on which each is passed."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What version 1 says of a reading."""

    severity: Severity
    score: float
    evidence: dict[str, Any]
    reason: Reason


def judge(
    quantity: Quantity,
    value: float,
    measured_at: datetime,
    limits: Mapping[str, float | int | None],
    *,
    late: bool,
) -> Recomputed:
    """Judge a reading as version 1 did."""
    for name, side, severity in _LIMITS:
        limit = limits.get(name)
        if limit is None:
            continue
        past = np.float32(side) * (np.float32(value) - np.float32(limit))
        if past > 0:
            reason = reasons.limit_passed(quantity, value, name, float(limit))
            return _told(severity, float(past), value, name, _late(reason, measured_at, late=late))
    reason = reasons.within_limits(quantity, value)
    return _told(Severity.GREEN, 0.0, value, None, _late(reason, measured_at, late=late))


def _told(
    severity: Severity, score: float, value: float, passed: str | None, reason: Reason
) -> Recomputed:
    return Recomputed(severity, score, {"value": value, "passed": passed}, reason)


def _late(reason: Reason, measured_at: datetime, *, late: bool) -> Reason:
    return reasons.came_late(reason, measured_at) if late else reason
