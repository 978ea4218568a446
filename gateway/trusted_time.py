"""Looking at the system's clocks, and what they are worth. Touches the kernel and /sys.

Owns where evidence for the wall clock is found. Must not know what follows from it:
`gateway.gateway_clock` does.

Evidence, strongest first:

- The kernel says that a time service keeps the clock (adjtimex, maximum error below 16 s). This
  is what systemd asks too; ntpd, timesyncd and chrony (with rtcsync, as packaged) all set it. It
  is also true inside a container, which shares the kernel.
- /run/systemd/timesync/synchronized: timesyncd has set the clock since the boot.
- The machine has a clock that runs while it is off and the kernel set the time from it: a
  battery-backed one that still agrees with the wall clock, or, on a PC without one in sight, the
  host of a virtual machine.

A Raspberry Pi has only the first two. What systemd restores at its boot, the time of the last
shutdown, is no evidence.
"""

from __future__ import annotations

import ctypes
import logging
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from gateway.gateway_clock import (
    SINCE_BOOT,
    GatewayClock,
    Known,
    Look,
    is_dated,
    since_boot,
    step,
)

_LOG = logging.getLogger(__name__)

TIMESYNCD: Final = Path("/run/systemd/timesync/synchronized")
_RTC: Final = Path("/sys/class/rtc")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_BOOTTIME: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Runs on while the machine sleeps. Systems other than Linux have only the other one."""

_UNSYNCHRONISED_US: Final = 16_000_000
"""The kernel's NTP_PHASE_LIMIT: the maximum error it states while nobody keeps the clock."""
_RTC_WITHIN_S: Final = 120.0
"""How far a battery-backed clock may be from the wall clock that was set from it."""
_PC: Final = frozenset({"x86_64", "amd64", "i386", "i686"})


class _Timex(ctypes.Structure):
    """The beginning of struct timex of adjtimex(2), and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_char * 256),
    )


def kernel_error_us() -> int:
    """Give the maximum error that the kernel states; nothing is changed by asking."""
    asked = _Timex()
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked))
    except (AttributeError, OSError):  # not Linux
        return _UNSYNCHRONISED_US
    return _UNSYNCHRONISED_US if answer < 0 else int(asked.maxerror)


def boot_id() -> str:
    """Name this boot of the kernel; where nothing names it, this process."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"process-{time.clock_gettime_ns(_BOOTTIME)}"


class SystemClock:
    """Looks at the system's clocks.

    Parameters
    ----------
    source
        What counts as evidence: ``auto`` as above, ``kernel`` without the last kind, ``system``
        to believe the wall clock as it is, or ``file:PATH`` to believe it once that file is there.
    """

    def __init__(self, source: str = "auto") -> None:
        self._source = source
        self._boot = boot_id()

    def look(self) -> Look:
        """Look once."""
        wall = datetime.now(UTC)
        passed = timedelta(seconds=time.clock_gettime(_BOOTTIME))
        evidence, is_synchronised = self._evidence(wall)
        return Look(wall, passed, self._boot, evidence, is_synchronised)

    def _evidence(self, wall: datetime) -> tuple[str, bool]:
        kind, _, which = self._source.partition(":")
        if kind == "system":
            return "the settings say that the system's clock is right", False
        if kind == "file":
            found = Path(which).exists()
            return (f"{Path(which).name} is there" if found else ""), found
        if kernel_error_us() < _UNSYNCHRONISED_US:
            return "a time service keeps the clock", True
        if TIMESYNCD.exists():
            return "timesyncd has set the clock since the start", False
        if kind == "auto" and _has_clock_of_its_own(wall):
            return "the machine has a clock that runs while it is off", False
        return "", False


def _has_clock_of_its_own(wall: datetime) -> bool:
    if platform.system() != "Linux":  # a developer's machine; homes have Linux
        return True
    clocks = list(_RTC.glob("rtc*"))
    if not clocks:
        return platform.machine().lower() in _PC
    return any(_agrees(clock, wall) for clock in clocks)


def _agrees(clock: Path, wall: datetime) -> bool:
    try:
        has_set_the_time = (clock / "hctosys").read_text(encoding="ascii").strip() == "1"
        shows_s = float((clock / "since_epoch").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False
    return has_set_the_time and abs(shows_s - wall.timestamp()) <= _RTC_WITHIN_S


class TrustedTime:
    """The gateway's time: whoever asks for now asks here.

    Parameters
    ----------
    look
        Looks at the system's clocks.
    last
        The last moment at which the time was known, from the disk.

    Attributes
    ----------
    on_step
        Called with a jump of dates, and with when the kernel booted by the dates before it.
    """

    def __init__(self, look: Callable[[], Look], last: Known | None = None) -> None:
        self._look = look
        self._clock = GatewayClock(last)
        self.on_step: Callable[[timedelta, datetime], None] | None = None
        self.seen = look()
        self.refresh()

    def refresh(self) -> GatewayClock:
        """Look anew; says what has changed."""
        self.seen = self._look()
        before, self._clock = self._clock, self._clock.looked(self.seen)
        if self._clock.is_known and not before.is_known:
            _LOG.info("the time is known: %s", self._clock.why)
        jump = step(before, self._clock)
        if jump:
            _LOG.warning("the clock was set by %+.1f s while running", jump.total_seconds())
            if self.on_step is not None and before.booted_at is not None:
                self.on_step(jump, before.booted_at)
        return self._clock

    def now(self) -> datetime:
        """Give the moment for a reading or a device's clock: a date, or undated."""
        return self.refresh().moment(self.seen.since_boot)

    def earliest(self) -> datetime:
        """Give a date for book-keeping: now if it is known, else one that now is not before."""
        return self.refresh().earliest(self.seen.since_boot)

    def dated_at_least(self, moment: datetime) -> datetime:
        """Give a date for a moment of `now`, for book-keeping."""
        return moment if is_dated(moment) else self._clock.earliest(since_boot(moment))

    @property
    def boot(self) -> str:
        """Names this boot of the kernel."""
        return self.seen.boot

    @property
    def booted_at(self) -> datetime | None:
        """When the kernel booted, by the true time; None while not known."""
        return self._clock.booted_at

    @property
    def shift(self) -> timedelta | None:
        """What leads from undated moments of this boot to dates; None while not known."""
        booted_at = self._clock.booted_at
        return None if booted_at is None else booted_at - SINCE_BOOT

    @property
    def is_trusted(self) -> bool:
        """Whether dates are right within a minute."""
        return self._clock.is_trusted(self.seen.since_boot)

    @property
    def why(self) -> str:
        """Why the time is known, or why it is not, for a technician."""
        return self._clock.why

    @property
    def known(self) -> Known | None:
        """What is worth keeping on disk."""
        return self._clock.known(self.seen)
