"""Days on the wall for many instants at once. Pure.

Owns the turning of UTC into Danish days; the database has the same in `observation_day`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

ZONE: Final = ZoneInfo("Europe/Copenhagen")

_US_PER_HOUR: Final = 3_600_000_000
_US_PER_DAY: Final = 24 * _US_PER_HOUR


def days_of(instants_us: NDArray[np.int64], zone: ZoneInfo = ZONE) -> NDArray[np.int64]:
    """Give the day on the wall of each instant, counted from 1 January 1970.

    Parameters
    ----------
    instants_us
        Any shape: microseconds since 1970, UTC.

    Examples
    --------
    >>> late = datetime(2026, 7, 1, 22, 30, tzinfo=UTC).timestamp() * 1_000_000
    >>> days_of(np.array([late], dtype=np.int64)).astype("datetime64[D]").astype(str).tolist()
    ['2026-07-02']
    """
    # Danish offsets change on whole hours of UTC, so one look per hour there is suffices.
    hours, of_hour = np.unique(instants_us // _US_PER_HOUR, return_inverse=True)
    offsets = np.array([_offset_us(hour, zone) for hour in hours.tolist()], dtype=np.int64)
    shown = instants_us + offsets[of_hour.reshape(instants_us.shape)]
    days: NDArray[np.int64] = shown // _US_PER_DAY
    return days


def _offset_us(hour: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * 1_000_000
