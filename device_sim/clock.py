"""A device's own clock: real time plus whatever error it has picked up.

Owns the error and its growth. Must not know time zones: a device keeps the time somebody set, so
a scale on Danish winter time simply has an error of one hour against UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

DAY_S: Final = 86400.0

NEVER_SET: Final = datetime(1, 1, 1)  # noqa: DTZ001 - what a device counts from has no zone
"""Where a clock counts from that nobody ever set. Date Time writes such a year as 0, unknown."""


class DeviceClock:
    """The clock inside one device.

    Parameters
    ----------
    error
        Device time minus UTC.
    """

    def __init__(self, error: timedelta = timedelta()) -> None:
        self._since = _utc()
        self._error = error
        self._drift_s_per_day = 0.0

    @property
    def error(self) -> timedelta:
        """Device time minus UTC, as it is now."""
        elapsed_s = (_utc() - self._since).total_seconds()
        return self._error + timedelta(seconds=self._drift_s_per_day * elapsed_s / DAY_S)

    @error.setter
    def error(self, error: timedelta) -> None:
        self._since, self._error = _utc(), error

    @property
    def drift_s_per_day(self) -> float:
        """How many seconds the clock gains each day; negative: it loses."""
        return self._drift_s_per_day

    @drift_s_per_day.setter
    def drift_s_per_day(self, drift_s_per_day: float) -> None:
        self.error = self.error  # what it gained so far stays
        self._drift_s_per_day = drift_s_per_day

    @property
    def is_set(self) -> bool:
        """Whether the clock has a date at all."""
        return self.now().year > NEVER_SET.year

    def now(self) -> datetime:
        """Tell the device's time, without zone, as its display shows it."""
        return _utc() + self.error

    def set_to(self, shown: datetime) -> None:
        """Make the clock show `shown` (without zone) from now on."""
        self.error = shown - _utc()

    def jump(self, seconds: float) -> None:
        """Move the clock by `seconds`."""
        self.error += timedelta(seconds=seconds)


def _utc() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
