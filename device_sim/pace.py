"""How simulated time follows real time.

Owns the mapping between the two. Pure.

Invariant: simulated time never overtakes real time. Server and gateway take a reading from the
future for a fault of a clock and date it anew. So a story lies in the past; it is told at its
speed until it has caught up with the present, and from there on as fast as life. Any speed works:
devices store what they measured with its own time, and gateways send it late, which is how a real
backlog looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from device_sim.errors import ScenarioError
from device_sim.physiology.living import HOME_ZONE


@dataclass(frozen=True, slots=True)
class Pace:
    """A story's clock.

    Parameters
    ----------
    start
        First moment of the story: a local midnight, in UTC.
    began
        When its telling began, in UTC.
    speed
        Seconds of the story in a real second.
    """

    start: datetime
    began: datetime
    speed: float = 1.0

    @property
    def first_day(self) -> date:
        """The story's first day, by the patients' calendar."""
        return self.start.astimezone(HOME_ZONE).date()

    @property
    def caught_up(self) -> datetime | None:
        """When the story has reached the present; None if it never will."""
        if self.start >= self.began:
            return self.began
        if self.speed <= 1:
            return None
        return self.began + (self.began - self.start) / (self.speed - 1)

    def real(self, simulated: datetime) -> datetime:
        """Say when a moment of the story is told."""
        return max(self.began + (simulated - self.start) / self.speed, simulated)


def fit(now: datetime, days: int, speed: float, first_day: date | None = None) -> Pace:
    """Give the pace of a story of so many days that is told from `now` on.

    Parameters
    ----------
    first_day
        Where the story lies; None: so that its last day is today.

    Raises
    ------
    ScenarioError
        If the speed is not above 0, or the story lies in the future.

    Examples
    --------
    >>> pace = fit(datetime(2026, 1, 15, 12, tzinfo=UTC), 10, 86400)
    >>> str(pace.first_day), pace.real(pace.start + timedelta(days=9)) - pace.began
    ('2026-01-06', datetime.timedelta(seconds=9))
    """
    if not 0 < speed < float("inf"):
        raise ScenarioError(f"Expected a speed above 0, found {speed:g}; 1 is as fast as life.")
    today = now.astimezone(HOME_ZONE).date()
    first = first_day or today - timedelta(days=days - 1)
    if first > today:
        raise ScenarioError(
            f"Expected a story that does not lie in the future, found one that starts on {first}: "
            "a server dates readings from the future anew. Leave `start` out, so that it ends "
            "today, or choose an earlier day."
        )
    return Pace(midnight(first), now.astimezone(UTC), speed)


def midnight(day: date) -> datetime:
    """Give the local midnight at which a day begins, in UTC."""
    return datetime.combine(day, time(), HOME_ZONE).astimezone(UTC)
