"""What the gateway knows of the time itself. A Raspberry Pi has no clock that runs while it is off.

Owns when the system's clock is believed, and how a moment before that is written. Pure: looks at
the system come in, moments go out. Must not know how one looks (`gateway.timing.trusted_time`).

Two clocks run in a gateway. The *wall clock* says what day it is, may be wrong and may jump. The
*time since the boot* (CLOCK_BOOTTIME) never jumps and says nothing of the day. One number joins
them: when the kernel booted, by the true time. As soon as that is known, every moment since the
boot has a date, those that are past too.

Until then a moment is *undated*: the time since the boot, counted from SINCE_BOOT. It is a date
in 1970, so that it cannot be taken for one of ours: `telekol.observation` refuses it, and a
device's clock is never set to it. Differences of two moments are right either way.

Invariants
----------
1. A date is never before the last moment at which the time was known.
2. Once dated, moments of one boot follow the time since the boot; a wall clock that somebody
   sets by hand changes nothing, and one that a time service corrects is followed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

SINCE_BOOT: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Where undated moments count from; a kernel without a clock begins at the same point."""

RELEASED: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""This software did not run before; an earlier time is a clock that was never set."""

CORRECTION_MOST: Final = timedelta(minutes=5)
"""How far a time service may set a clock back behind what was known: a clock that ran alone for
a month (50 ppm, 2 minutes) and whole minutes of a battery-backed one."""

CONTRADICTED: Final = timedelta(hours=1)
"""A time service that stands by a time before the last known one for so long is right, and what
was known was wrong (a clock that had once run ahead). Without this such a gateway never again
knew the time."""

STEP: Final = timedelta(seconds=1)
"""A change of the wall clock that is told; time services slew what is smaller (ntpd and timesyncd
step from 0.13 and 0.4 s)."""

DRIFT_PPM: Final = 100
"""More than a Raspberry Pi's crystal is off (typically 10-50 ppm over room temperatures)."""

ALONE_MOST: Final = timedelta(days=7)
"""How long a clock that no service compares any more counts as known: 60 s off at DRIFT_PPM.
Then its readings are still dated by it, and support is told."""


def undated(since_boot: timedelta) -> datetime:
    """Write a moment of which only the time since the boot is known."""
    return SINCE_BOOT + since_boot


def is_dated(moment: datetime) -> bool:
    """Say whether `moment` is a date and not a time since the boot."""
    return moment >= RELEASED


def since_boot(moment: datetime) -> timedelta:
    """Give the time since the boot that an undated moment stands for."""
    return moment - SINCE_BOOT


@dataclass(frozen=True, slots=True)
class Look:
    """The system at one moment.

    Parameters
    ----------
    wall
        What its clock shows.
    since_boot
        CLOCK_BOOTTIME.
    boot
        Names the boot of the kernel.
    evidence
        Why the wall clock can be believed; empty if nothing speaks for it.
    is_synchronised
        Whether a time service stands behind it now.
    """

    wall: datetime
    since_boot: timedelta
    boot: str
    evidence: str = ""
    is_synchronised: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A moment at which the time was known, kept over restarts."""

    at: datetime
    boot: str
    since_boot: timedelta


@dataclass(frozen=True, slots=True)
class GatewayClock:
    """What is known of the time.

    Parameters
    ----------
    last
        What was known when this boot's time was not, from the disk.
    booted_at
        When the kernel booted, by the true time; None while that is not known.
    checked
        Time since the boot of the last look at which something spoke for the wall clock.
    why
        Why the time is known, or why it is not, for a technician.
    """

    last: Known | None = None
    booted_at: datetime | None = None
    checked: timedelta = timedelta()
    why: str = "nobody has looked yet"
    contradicted_since: timedelta | None = None

    def looked(self, look: Look) -> GatewayClock:
        """Take in a look at the system."""
        known = self._carried_on(look)
        if not look.evidence:
            why = known.why if known.is_known else "no time service has set the clock yet"
            return replace(known, why=why, contradicted_since=None)
        if look.wall >= known.earliest(look.since_boot) - CORRECTION_MOST:
            return _believing(known, look)
        return _contradicted(known, look)

    @property
    def is_known(self) -> bool:
        """Whether moments of this boot have dates."""
        return self.booted_at is not None

    def is_trusted(self, passed: timedelta) -> bool:
        """Say whether dates are right within a minute, `passed` after the boot."""
        return self.is_known and passed - self.checked <= ALONE_MOST

    def moment(self, passed: timedelta) -> datetime:
        """Give the moment `passed` after the boot: a date if it is known, else undated."""
        return undated(passed) if self.booted_at is None else self.booted_at + passed

    def earliest(self, passed: timedelta) -> datetime:
        """Give a date that the moment `passed` after the boot is not before."""
        if self.booted_at is not None:
            return self.booted_at + passed
        # The boot came after what was known before it, so all of `passed` lies after that.
        return (RELEASED if self.last is None else self.last.at) + passed

    def known(self, look: Look) -> Known | None:
        """Give what is worth keeping on disk; None while the time is not known."""
        if self.booted_at is None:
            return None
        return Known(self.booted_at + look.since_boot, look.boot, look.since_boot)

    def _carried_on(self, look: Look) -> GatewayClock:
        """Go on from what an earlier process knew in this same boot."""
        last = self.last
        if self.is_known or last is None or last.boot != look.boot:
            return self
        why = "known since earlier in this boot"
        return replace(self, booted_at=last.at - last.since_boot, checked=last.since_boot, why=why)


def _believing(clock: GatewayClock, look: Look) -> GatewayClock:
    return replace(
        clock,
        booted_at=look.wall - look.since_boot,
        checked=look.since_boot,
        why=look.evidence,
        contradicted_since=None,
    )


def _contradicted(clock: GatewayClock, look: Look) -> GatewayClock:
    since = clock.contradicted_since
    since = look.since_boot if since is None else since
    if look.is_synchronised and look.since_boot - since >= CONTRADICTED:
        return replace(_believing(clock, look), last=None)
    why = f"{look.evidence}, but the clock stands before a time that has been"
    return replace(clock, contradicted_since=since, why=clock.why if clock.is_known else why)


def step(before: GatewayClock, after: GatewayClock) -> timedelta:
    """Say by how much dates have jumped between two states; nothing if by less than STEP."""
    if before.booted_at is None or after.booted_at is None:
        return timedelta()
    jump = after.booted_at - before.booted_at
    return jump if abs(jump) >= STEP else timedelta()
