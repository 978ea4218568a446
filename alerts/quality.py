"""Which quality flags of a device make a reading doubtful, so that a second one is worthwhile.

Owns the list; what each flag means is the gateway's table (docs/devices.md), which a test compares
it with. Pure. Flags about the time say nothing against the number and are not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

DOUBTFUL: Final = frozenset((
    "artefact", "body-movement", "cuff-too-loose", "early-cough", "early-estimate",
    "erratic-signal", "improper-position", "irregular-pulse", "late-glottic-closure", "leak",
    "low-grade", "low-perfusion", "marginal-perfusion", "measurement-ongoing", "no-plateau",
    "not-btps", "obstructed-mouthpiece", "poor-signal", "pulse-above-range", "pulse-below-range",
    "questionable-measurement", "questionable-pulse", "sensor-interference", "short-blow",
    "signal-analysis-ongoing", "signal-processing-irregularity", "single-blow",
    "submaximal-breath-in", "unknown-sensor", "unsettled", "weak-signal",
))  # fmt: skip
"""Flags that the gateway marks and does not refuse, without those about time and about how a
number was entered. Such a reading is judged, and is no part of what is usual for the patient."""


def is_doubtful(flags: Iterable[str] | None) -> bool:
    """Say whether any of a reading's flags makes it doubtful."""
    return not DOUBTFUL.isdisjoint(flags or ())
