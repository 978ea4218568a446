"""A device's own clock: real time plus whatever error it has picked up.

Owns the error. Must not know time zones: a device keeps the time somebody set, so a scale on
Danish winter time simply has an error of one hour against UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class DeviceClock:
    """The clock inside one device.

    Parameters
    ----------
    error
        Device time minus UTC.
    """

    def __init__(self, error: timedelta = timedelta()) -> None:
        self.error = error

    def now(self) -> datetime:
        """Tell the device's time, without zone, as its display shows it."""
        return datetime.now(UTC).replace(tzinfo=None) + self.error

    def set_to(self, shown: datetime) -> None:
        """Make the clock show `shown` (without zone) from now on."""
        self.error = shown - datetime.now(UTC).replace(tzinfo=None)
