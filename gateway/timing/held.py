"""A reading that came before the gateway knew the time, and how it is dated later.

Owns what must be kept of such a reading, and what follows from what becomes known. Pure. Must not
know the disk.

A held reading is dated in one of these ways, the first that is possible:

1. The time became known in the same boot: exactly, since the time since the boot was kept.
2. The power was cut before. Then the boot lies between two dates: not before what was known when
   it began, and over when the next boot began. If the device has a clock that was compared in
   another connection too, and if it puts the boot between the two, it says when that was.
3. Else the middle between the two dates; half the way is the most it can be wrong, and its
   confidence says so.
4. The time is not known, but the server can be reached: nobody's reading waits for ever. It is
   dated as early as is proven (or by the wall clock, if that is later), and its confidence says
   that this is no date.

Invariants
----------
1. A date is never before what was known when the reading came.
2. Nothing but way 1, and a device's clock, lets a time pass as checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, NaiveDatetime

from gateway.profiles.measurement import Reading
from gateway.timing.clock_book import from_text
from gateway.timing.device_clock import EARLIEST, DeviceClock, Era
from gateway.timing.gateway_clock import SINCE_BOOT, undated
from telekol.observation import Device, TimeConfidence

BOUNDED_WITHIN: Final = timedelta(hours=1)
"""What the confidence gateway-clock-bounded promises."""

NEAR: Final = timedelta(minutes=2)
"""How far a device's clock may put a boot beyond its bounds and still be believed: its drift, as
`gateway.timing.device_clock.SAME_ERA_WITHIN`."""


class HeldReading(BaseModel):
    """One measurement, with all that its observations will be made of.

    Parameters
    ----------
    boot, since_boot_us
        When it came.
    earliest
        A date that it did not come before, by what was known then.
    clock
        What was known of its device's clock, as `gateway.timing.clock_book.to_text` writes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    boot: str
    since_boot_us: int
    earliest: AwareDatetime
    device: Device
    payload: str
    readings: tuple[Reading, ...]
    device_time: NaiveDatetime | None
    quality: tuple[str, ...]
    user: int | None = None
    clock: str
    counter: int

    @property
    def refusal(self) -> str | None:
        """None: what is refused is not held."""
        return None

    @property
    def since_boot(self) -> timedelta:
        """When it came, since the boot."""
        return timedelta(microseconds=self.since_boot_us)

    @property
    def is_stamped(self) -> bool:
        """Whether its device gave a time that can tell it from others."""
        return self.device_time is not None and self.device_time.replace(tzinfo=UTC) >= EARLIEST


@dataclass(frozen=True, slots=True)
class Dated:
    """When a held reading came, what is known of its device's clock, and how sure that is.

    Parameters
    ----------
    doubt
        What the confidence of its time is at most; None if the gateway's part is exact.
    """

    received_at: datetime
    clock: DeviceClock
    doubt: TimeConfidence | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which dates a boot began whose time was never known."""

    first: datetime
    last: datetime

    @property
    def slack(self) -> timedelta:
        """How far the middle can be wrong."""
        return max((self.last - self.first) / 2, timedelta())

    @property
    def middle(self) -> datetime:
        """The date that is wrong by the least."""
        return self.first + self.slack

    def hold(self, moment: datetime) -> bool:
        """Say whether a boot at `moment` is possible."""
        return self.first - NEAR <= moment <= self.last + NEAR


def date_exactly(held: HeldReading, shift: timedelta) -> Dated:
    """Date a reading of the present boot, whose time is known now."""
    clock, _ = from_text(held.clock)
    return Dated(undated(held.since_boot) + shift, clock.dated(shift))


def bounds_of(boot: list[HeldReading], next_boot_at: datetime) -> Bounds:
    """Say between which dates a boot began: `boot` is all that came in it, at least one."""
    first = max(item.earliest - item.since_boot for item in boot)
    last = next_boot_at - max(item.since_boot for item in boot)
    return Bounds(first, max(first, last))


def date_between(held: HeldReading, bounds: Bounds, known: DeviceClock) -> Dated:
    """Date a reading of a boot that is over and whose time was never known.

    Parameters
    ----------
    known
        What is known of the device's clock now.
    """
    then, _ = from_text(held.clock)
    began = _by_device(then, known, bounds)
    if began is not None:
        eras = tuple(era for era in known.eras or then.eras if not era.is_undated)
        return Dated(began + held.since_boot, DeviceClock(eras))
    at = bounds.middle
    is_near = bounds.slack <= BOUNDED_WITHIN
    doubt = (
        TimeConfidence.GATEWAY_CLOCK_BOUNDED if is_near else TimeConfidence.GATEWAY_CLOCK_UNKNOWN
    )
    return Dated(at + held.since_boot, _alone(then).dated(at - SINCE_BOOT), doubt)


def date_unknown(held: HeldReading, began_by_wall: datetime | None) -> Dated:
    """Date a reading while the time is still not known.

    Parameters
    ----------
    began_by_wall
        When its boot began by the wall clock, which nothing speaks for; None for another boot.
    """
    began = held.earliest - held.since_boot
    if began_by_wall is not None:
        began = max(began, began_by_wall)
    clock, _ = from_text(held.clock)
    doubt = TimeConfidence.GATEWAY_CLOCK_UNKNOWN
    return Dated(began + held.since_boot, _alone(clock).dated(began - SINCE_BOOT), doubt)


def _alone(clock: DeviceClock) -> DeviceClock:
    """Give what was compared in that boot alone: a guessed date must not meet a known one."""
    return DeviceClock(tuple(era for era in clock.eras if era.is_undated))


def _by_device(then: DeviceClock, known: DeviceClock, bounds: Bounds) -> datetime | None:
    """Say when the boot began by a clock that was compared in it and at another time too."""
    in_boot = next((era for era in then.eras if era.is_undated), None)
    if in_boot is None:
        return None
    others = (era for era in (*known.eras, *then.eras) if not era.is_undated)
    began = (_boot_by(in_boot, era) for era in others)
    return next((moment for moment in began if moment and bounds.hold(moment)), None)


def _boot_by(in_boot: Era, dated: Era) -> datetime | None:
    """Join an offset to the time since the boot with one to UTC; both of the same clock."""
    try:
        return SINCE_BOOT + (dated.offset - in_boot.offset)
    except OverflowError:
        return None
