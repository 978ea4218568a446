"""Whether a trouble of a home is told now: a function of when it was there, and the moment. Pure.

Owns the hysteresis. The times at which a trouble was there come from the database, as gateways and
ingest wrote them. It is told when one of them has lasted `Policy.tell_after` without a break; from
then on it stands through every break shorter than `Policy.gone_after`.

Invariants
----------
1. The answer depends on times and moment alone, so it does not matter when or how often somebody
   looks, and what was told before plays no part.
2. A gateway that comes and goes all night is told once, and taken back once.
3. Blinks that never last are never told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.technical.policy import REPORT_MISSED_AFTER, Policy

NAME: Final = "technical"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which trouble of which home.

    Parameters
    ----------
    gateway
        Empty for a trouble of the patient's readings, wherever they came from.
    device
        Address; empty for the gateway itself.
    """

    gateway: str
    code: str
    device: str = ""

    @property
    def about(self) -> str:
        """What a case keeps track of it by."""
        return "/".join(part for part in (NAME, self.gateway, self.code, self.device) if part)


@dataclass(frozen=True, slots=True)
class Time:
    """When a trouble was there; `end` is None while it is.

    Parameters
    ----------
    count
        How many things it is about, where they are counted.
    """

    start: datetime
    end: datetime | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of whether a gateway is there.

    Parameters
    ----------
    away
        When the broker said that it was gone.
    last_sign
        The newest word or reading of it; None if nothing was ever heard.
    expected_from
        When it should have begun: registered, and handed out.
    """

    away: tuple[Time, ...]
    last_sign: datetime | None
    expected_from: datetime


def standing(times: Iterable[Time], policy: Policy, now: datetime) -> Time | None:
    """Give the trouble that stands at a moment; None if there is none to tell of.

    Its start is that of the time that lasted long enough; its end is None while it is there.

    Examples
    --------
    >>> from datetime import UTC
    >>> from telekol.severity import Severity
    >>> at = lambda minute: datetime(2026, 11, 2, 8, minute, tzinfo=UTC)
    >>> lasting = Policy(Severity.BLUE, timedelta(minutes=10), timedelta(minutes=5))
    >>> some = [Time(at(0), at(12)), Time(at(15), at(16))]
    >>> standing(some, lasting, at(20)).start.minute, standing(some, lasting, at(21))
    (0, None)
    """
    found: Time | None = None
    for one in _joined(one for one in times if one.start <= now):
        ended = one.end is not None and one.end <= now
        until = one.end if ended else None
        if found is not None and not _is_gone(found.end, one.start, policy.gone_after):
            found = Time(found.start, until, one.count)
        elif (until or now) - one.start >= policy.tell_after:
            found = Time(one.start, until, one.count)
        else:
            found = None
    return None if found is None or _is_gone(found.end, now, policy.gone_after) else found


def _is_gone(end: datetime | None, at: datetime, gone_after: timedelta) -> bool:
    return end is not None and at - end >= gone_after


def _joined(times: Iterable[Time]) -> list[Time]:
    """Join what overlaps or touches, oldest first."""
    found: list[Time] = []
    for one in sorted(times, key=lambda time: time.start):
        last = found[-1] if found else None
        if last is None or (last.end is not None and one.start > last.end):
            found.append(one)
            continue
        ends = None if last.end is None or one.end is None else max(last.end, one.end)
        found[-1] = Time(last.start, ends, one.count)
    return found


def silences(presence: Presence, now: datetime) -> list[Time]:
    """Give the times at which a gateway was not heard.

    The broker tells when one is gone. Where it does not - a broker that lost its memory, a gateway
    that was never switched on - the silence itself does.
    """
    times = list(presence.away)
    if presence.last_sign is None:
        return [*times, Time(presence.expected_from)]
    if now - presence.last_sign >= REPORT_MISSED_AFTER:
        times.append(Time(presence.last_sign))
    return times


def since(times: Iterable[Time], start: datetime) -> list[Time]:
    """Leave out what was before a moment, as before the kit came to the patient."""
    return [
        Time(max(one.start, start), one.end, one.count)
        for one in times
        if one.end is None or one.end > start
    ]
