"""Telling systemd how the gateway is: started, alive, what it does, about to stop.

Owns the datagrams of sd_notify(3) and the judgement of who still makes progress. Must not know
what the parts do.

Invariants
----------
1. The watchdog is fed only while every part has made progress within its limit. An idle home is
   progress: the radio loop beats while it waits.
2. Without a supervisor nothing is sent and nothing fails.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

_LOG = logging.getLogger(__name__)

FEEDS_PER_PERIOD: Final = 3
"""sd_watchdog_enabled(3) asks for twice in each period; three forgive one that comes late."""
LONGEST_STATUS: Final = 200


class Notifier:
    """Sends datagrams to the supervisor's socket.

    Parameters
    ----------
    environment
        Where NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are looked up.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_s(environment) if self._address else None

    @property
    def is_supervised(self) -> bool:
        """Whether somebody listens, who would also start us again."""
        return self._address is not None

    def ready(self) -> None:
        """Say that the gateway has started."""
        self._send("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in a line what the gateway does; ``systemctl status`` shows it."""
        line = " ".join(text.split())[:LONGEST_STATUS]
        self._send(f"STATUS={line}")

    def stopping(self) -> None:
        """Say that the gateway is about to end."""
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto(state.encode(), self._address)
        except OSError as error:
            # A supervisor that does not listen will not see us alive either, and acts on that.
            _LOG.debug("the supervisor was not told %s: %s", state.partition("=")[0], error)


class Progress:
    """Who has made progress, and when last.

    Parameters
    ----------
    limits_s
        For each part, how long it may go without progress.
    now_s
        Gives a time that never jumps, in seconds.
    """

    def __init__(self, limits_s: Mapping[str, float], now_s: Callable[[], float]) -> None:
        self._limits_s = dict(limits_s)
        self._now_s = now_s
        self._beats_s = dict.fromkeys(limits_s, now_s())

    def beat(self, part: str) -> None:
        """Take in that `part` has made progress."""
        self._beats_s[part] = self._now_s()

    def stalled(self) -> tuple[str, ...]:
        """Name the parts that have made none within their limits."""
        now_s = self._now_s()
        return tuple(
            part
            for part, limit_s in self._limits_s.items()
            if now_s - self._beats_s[part] > limit_s
        )


async def feed_watchdog(notifier: Notifier, progress: Progress, check: Callable[[], None]) -> None:
    """Feed the watchdog for as long as everything makes progress.

    Runs on the event loop that it vouches for: a loop that is blocked feeds nothing.

    Parameters
    ----------
    check
        Does what shows that the parts without a loop of their own live, and beats for them.
    """
    if notifier.watchdog_s is None:
        await asyncio.Event().wait()
        return
    said: tuple[str, ...] = ()
    while True:
        check()
        stalled = progress.stalled()
        if not stalled:
            notifier.alive()
        elif stalled != said:
            _LOG.error("no progress in: %s; the watchdog is not fed", ", ".join(stalled))
            notifier.status(f"no progress in: {', '.join(stalled)}")
        said = stalled
        await asyncio.sleep(notifier.watchdog_s / FEEDS_PER_PERIOD)


def _address(given: str) -> str | None:
    if given.startswith("@"):
        return "\0" + given[1:]  # the abstract namespace of Linux
    return given if given.startswith("/") else None


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """Give the watchdog's period in seconds; None if there is none, or it is another process's."""
    pid = environment.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return None
    try:
        period_us = int(environment.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return period_us / 1e6 if period_us > 0 else None
