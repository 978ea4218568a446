"""The clock of a device: read, compared, and set when it is wrong.

Owns the order. Must not know what becomes of stored readings; `gateway.clock` does.

Invariant: the clock is read before it is set, and what the setting means for stored readings is
on disk before it is set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakGATTProtocolError

from gateway.clock import ClockSample, DeviceClock, local_time, needs_setting
from gateway.conversations.talk import Talk
from gateway.errors import ProfileError
from gateway.profiles import sig_uuid
from gateway.profiles.current_time import CurrentTime
from gateway.profiles.ieee11073 import DateTime

_LOG = logging.getLogger(__name__)

_Layout = type[CurrentTime | DateTime]

_CLOCKS: Final[tuple[tuple[str, _Layout], ...]] = (
    (sig_uuid(0x2A2B), CurrentTime),
    # A&D scales and cuffs have no Current Time service; their clock is a plain Date Time inside
    # the measurement service.
    (sig_uuid(0x2A08), DateTime),
)

_DATA_FIELD_IGNORED: Final = 0x80
"""Current Time Service 1.1: the clock was set, but for a field the device does not keep."""


async def see_to_clock(talk: Talk, keep_clock: Callable[[DeviceClock], None]) -> None:
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
            if needs_setting(shown, talk.home.now(), talk.home.zone):
                await _set(talk, characteristic, layout, keep_clock)
            return


async def _read(
    talk: Talk, characteristic: BleakGATTCharacteristic, layout: _Layout
) -> datetime | None:
    payload = await talk.link.read(characteristic)
    if payload is None:
        return None
    try:
        shown = layout.from_bytes(payload).moment
    except ProfileError as error:
        _LOG.warning("%s tells a time that cannot be read: %s", talk.link.address, error)
        return None
    if shown is not None:
        talk.clock = talk.clock.compared(ClockSample(shown, talk.home.now()))
    return shown


async def _set(
    talk: Talk,
    characteristic: BleakGATTCharacteristic,
    layout: _Layout,
    keep_clock: Callable[[DeviceClock], None],
) -> None:
    now = talk.home.now()
    shown = local_time(now, talk.home.zone)
    if layout is DateTime:
        shown = shown.replace(microsecond=0)
    before = talk.clock
    # Written down first: if we or the link end now, the clock may have been set, and what
    # the device stored until now belongs to the era before. If it was not set after all,
    # the next comparison begins another era.
    talk.clock = before.was_set(ClockSample(shown, now))
    keep_clock(talk.clock)
    try:
        await talk.link.write(characteristic, bytes(layout.of(shown)))
    except BleakGATTProtocolError as error:
        if error.code != _DATA_FIELD_IGNORED:
            talk.clock = before
            keep_clock(before)
            _LOG.info("%s does not let its clock be set: %s", talk.link.address, error)
            return
    _LOG.info("%s: its clock was set", talk.link.address)
    # Some say yes and go on as before; what they stamp next belongs to the time before.
    await _read(talk, characteristic, layout)
