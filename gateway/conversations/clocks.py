"""The clock of a device: read, compared, and set when it is wrong.

Owns the order, and what each kind of clock is written like. Must not know what becomes of stored
readings; `gateway.timing.clock` does.

Invariant: the clock is read before it is set, and what the setting means for stored readings is
on disk before it is set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakGATTProtocolError

from gateway.conversations.talk import Talk
from gateway.errors import ProfileError
from gateway.profiles import sig_uuid
from gateway.profiles.current_time import CurrentTime
from gateway.profiles.elapsed_time import CurrentElapsedTime, TimeFlags, TimeSource
from gateway.profiles.ieee11073 import DateTime
from gateway.timing.clock import local_time, needs_setting
from gateway.timing.device_clock import ClockSample, DeviceClock

_LOG = logging.getLogger(__name__)

_DATA_FIELD_IGNORED: Final = 0x80
"""Current Time Service 1.1: the clock was set, but for a field the device does not keep."""

_CLOCK_BYTES: Final = 11
_NO_STATUS: Final = bytes(2)
"""Status and capabilities of an elapsed clock; a device that tells only the time asks nothing."""

KeepClock = Callable[[DeviceClock], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a device's clock shows, and how it is set.

    Parameters
    ----------
    moment
        Naive; None if the clock has no usable time.
    zone
        Whose time it should show.
    written
        Gives, for a time, what the clock will show and the bytes that make it; None if it cannot
        be set.
    asks
        Whether the device itself says that it must be set.
    """

    moment: datetime | None
    zone: tzinfo
    written: Callable[[datetime], tuple[datetime, bytes]] | None
    asks: bool = False


def _current_time(payload: bytes | None, zone: tzinfo) -> Shown:
    def written(now: datetime) -> tuple[datetime, bytes]:
        shown = local_time(now, zone)
        return shown, bytes(CurrentTime.of(shown))

    moment = None if payload is None else CurrentTime.from_bytes(payload).moment
    return Shown(moment, zone, written)


def _date_time(payload: bytes | None, zone: tzinfo) -> Shown:
    def written(now: datetime) -> tuple[datetime, bytes]:
        shown = local_time(now, zone).replace(microsecond=0)
        return shown, bytes(DateTime.of(shown))

    moment = None if payload is None else DateTime.from_bytes(payload).moment
    return Shown(moment, zone, written)


def _elapsed_time(payload: bytes | None, zone: tzinfo) -> Shown:
    if payload is None:
        return Shown(None, zone, None)  # in which form it wants a time, only it can say
    clock = CurrentElapsedTime.from_bytes(payload + _NO_STATUS[: _CLOCK_BYTES - len(payload)])

    def written(now: datetime) -> tuple[datetime, bytes]:
        offset = now.astimezone(zone).utcoffset() or timedelta()
        right = clock.time.set_to(now, offset, TimeSource.NETWORK)
        return right.moment or local_time(now, zone), bytes(right)

    counts_utc = TimeFlags.UTC in clock.time.flags
    is_counter = TimeFlags.TICK_COUNTER in clock.time.flags
    return Shown(
        clock.moment,
        UTC if counts_utc else zone,
        None if is_counter else written,
        clock.needs_setting,
    )


_CLOCKS: Final[tuple[tuple[str, Callable[[bytes | None, tzinfo], Shown]], ...]] = (
    (sig_uuid(0x2A2B), _current_time),
    # A&D scales and cuffs have no Current Time service; their clock is a plain Date Time inside
    # the measurement service.
    (sig_uuid(0x2A08), _date_time),
    (sig_uuid(0x2BF2), _elapsed_time),
)


async def see_to_clock(talk: Talk, keep_clock: KeepClock) -> None:
    """Compare the device's clock with ours, and set it if it must be.

    Raises
    ------
    OutboxError
        If what is known of the clock could not be written down; it was not set.
    """
    for uuid, layout in _CLOCKS:
        characteristic = talk.link.find(uuid)
        if characteristic is not None:
            shown = await _read(talk, characteristic, layout)
            is_wrong = _must_be_set(shown, talk.home.now())
            if is_wrong and await _set(talk, characteristic, shown, keep_clock):
                # Some say yes and go on as before; what they stamp then is of the time before.
                await _read(talk, characteristic, layout)
            return


def _must_be_set(shown: Shown, now: datetime) -> bool:
    # A gateway that does not know the time sets nothing, whatever the device asks for.
    is_known = needs_setting(None, now, shown.zone)
    is_wrong = needs_setting(shown.moment, now, shown.zone)
    return is_wrong or (shown.asks and is_known)


async def _read(
    talk: Talk,
    characteristic: BleakGATTCharacteristic,
    layout: Callable[[bytes | None, tzinfo], Shown],
) -> Shown:
    payload = await talk.link.read(characteristic)
    try:
        shown = layout(payload, talk.home.zone)
    except ProfileError as error:
        _LOG.warning("%s tells a time that cannot be read: %s", talk.link.address, error)
        return layout(None, talk.home.zone)
    if shown.moment is not None:
        talk.clock = talk.clock.compared(ClockSample(shown.moment, talk.home.now()))
    return shown


async def _set(
    talk: Talk, characteristic: BleakGATTCharacteristic, clock: Shown, keep_clock: KeepClock
) -> bool:
    if clock.written is None:
        _LOG.info("%s: its clock cannot be set", talk.link.address)
        return False
    now = talk.home.now()
    shown, payload = clock.written(now)
    before = talk.clock
    # Written down first: if we or the link end now, the clock may have been set, and what
    # the device stored until now belongs to the era before. If it was not set after all,
    # the next comparison begins another era.
    talk.clock = before.was_set(ClockSample(shown, now))
    keep_clock(talk.clock)
    try:
        await talk.link.write(characteristic, payload)
    except BleakGATTProtocolError as error:
        if error.code != _DATA_FIELD_IGNORED:
            talk.clock = before
            keep_clock(before)
            _LOG.info("%s does not let its clock be set: %s", talk.link.address, error)
            return False
    _LOG.info("%s: its clock was set", talk.link.address)
    return True
