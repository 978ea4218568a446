"""How simulated time follows real time.

Owns the mapping between the two. Pure.

Invariant: simulated time never overtakes real time. Server and gateway take a reading from the
future for a fault of a clock and date it anew, so a story that runs faster than life must lie in
the past, and ends now at the latest. Within that rule any speed works: devices store what they
measured with its own time, and gateways send it late, which is how a real backlog looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from device_sim.errors import ScenarioError


@dataclass(frozen=True, slots=True)
class Pace:
    """A story's clock.

    Parameters
    ----------
    start
        First moment of the story, aware.
    began
        When it began to be told, aware.
    speed
        Seconds of the story in a real second.
    """

    start: datetime
    began: datetime
    speed: float = 1.0

    def real(self, simulated: datetime) -> datetime:
        """Say when a moment of the story is told."""
        return self.began + (simulated - self.start) / self.speed

    def simulated(self, real: datetime) -> datetime:
        """Say which moment of the story is told at `real`."""
        return self.start + (real - self.began) * self.speed


def fit(now: datetime, length: timedelta, speed: float, start: datetime | None = None) -> Pace:
    """Give the pace of a story that is told from `now` on.

    Parameters
    ----------
    start
        Where the story lies; None: so that it ends when its telling does.

    Raises
    ------
    ScenarioError
        If the speed is not above 0, or the story would overtake real time.

    Examples
    --------
    >>> from datetime import UTC
    >>> pace = fit(datetime(2026, 1, 15, tzinfo=UTC), timedelta(days=10), 240)
    >>> pace.real(pace.start + timedelta(days=10)) == pace.start + timedelta(days=10)
    True
    """
    if speed <= 0:
        raise ScenarioError(f"Expected a speed above 0, found {speed:g}; 1 is as in life.")
    told_by = now + length / speed
    latest = told_by - length if speed >= 1 else now
    if start is None:
        return Pace(latest, now, speed)
    if start > latest:
        raise ScenarioError(
            f"Expected a story that never overtakes the real clock: {_in_words(length)} at speed "
            f"{speed:g}, told from now on, must start at {latest.isoformat(timespec='minutes')} or "
            f"earlier; found {start.isoformat(timespec='minutes')}. Leave `start` out, choose an "
            "earlier one, or speed 1 with a start today."
        )
    return Pace(start, now, speed)


def _in_words(length: timedelta) -> str:
    days = length / timedelta(days=1)
    return f"{days:g} days"
