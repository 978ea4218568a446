"""What a demo came to: emitted against stored, and how long it took. Pure.

The oracle is the devices' own count. A reading is known by the device's serial number, the
quantity and the device's time; the ids that gateways make play no part, so a mistake in them
cannot hide a loss.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

Key = tuple[str, str, datetime]
"""Serial number, quantity, device time (naive)."""


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A row of the database, as the report needs it."""

    reading_id: UUID
    key: Key


@dataclass(frozen=True, slots=True)
class Outcome:
    """Emitted against stored."""

    emitted: int
    stored: int
    missing: int
    duplicates: int

    @property
    def is_complete(self) -> bool:
        """Whether every reading is there exactly once."""
        return self.missing == 0 and self.duplicates == 0


def read_emissions(lines: Iterable[str]) -> dict[Key, datetime]:
    """Read a simulator's emission file: when each reading was first indicated.

    A half-written last line, left by a killed simulator, is passed over.
    """
    first: dict[Key, datetime] = {}
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["event"] == "indicated":
            device_time = datetime.fromisoformat(event["device_time"])
            key = (event["serial"], event["quantity"], device_time)
            first.setdefault(key, datetime.fromisoformat(event["at"]))
    return first


def compare(emitted: Mapping[Key, datetime], stored: Sequence[StoredReading]) -> Outcome:
    """Hold what is stored against what was emitted."""
    counted = Counter(reading.key for reading in stored)
    rows = sum(counted[key] for key in emitted)
    present = sum(1 for key in emitted if counted[key])
    return Outcome(
        emitted=len(emitted),
        stored=rows,
        missing=len(emitted) - present,
        duplicates=rows - present,
    )


def latencies_s(
    emitted: Mapping[Key, datetime],
    stored: Sequence[StoredReading],
    heard: Mapping[UUID, datetime],
) -> list[float]:
    """Give, per reading, the seconds from its indication to its event on the board."""
    return [
        (heard[reading.reading_id] - emitted[reading.key]).total_seconds()
        for reading in stored
        if reading.key in emitted and reading.reading_id in heard
    ]


def percentile(values: Sequence[float], share: float) -> float | None:
    """Give the smallest value that at least `share` of the values do not exceed.

    Examples
    --------
    >>> percentile([3.0, 1.0, 2.0], 0.5), percentile([], 0.5)
    (2.0, None)
    """
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def summary(
    outcome: Outcome, latency_s: Sequence[float], alerts: Mapping[str, int], **more: Any
) -> dict[str, Any]:
    """Put the report together, as it is written to report.json."""

    def rounded(share: float) -> float | None:
        value = percentile(latency_s, share)
        return None if value is None else round(value, 4)

    return {
        "emitted": outcome.emitted,
        "stored": outcome.stored,
        "missing": outcome.missing,
        "duplicates": outcome.duplicates,
        "alerts": dict(alerts),
        "latency_s": {"p50": rounded(0.5), "p99": rounded(0.99), "readings": len(latency_s)},
        **more,
    }
