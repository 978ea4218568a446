"""The battery of a device: a reading at most once a day or when it changed, and a trouble when low.

Owns when a level is worth a reading. Must not know how health is told.
"""

from __future__ import annotations

import json
import logging
from typing import Final

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakGATTProtocolError

from gateway.conversations.talk import Talk
from gateway.errors import ProfileError
from gateway.profiles import sig_uuid
from gateway.profiles.battery import BatteryLevel
from telekol.health import TroubleCode

_LOG = logging.getLogger(__name__)

_LEVEL: Final = sig_uuid(0x2A19)
_TOPIC: Final = "battery"

LOW_PCT: Final = 20
"""Below it somebody should bring batteries. Alkaline cells fall slowly down to here and fast
after; a device used twice a day lasts some weeks more."""
GOOD_PCT: Final = 30
"""From here the trouble is over. Cells recover some percent while they rest."""


async def see_to_batteries(talk: Talk) -> None:
    """Read the levels; the lowest one counts. A device without batteries that tell says nothing.

    Raises
    ------
    OutboxError
        If a level could not be written.
    """
    levels: list[int] = []
    for characteristic in talk.link.all(_LEVEL):
        level = _level(talk, await talk.link.read(characteristic))
        levels += [] if level is None else [level]
        await _follow(talk, characteristic)
    lowest = min(levels, default=None)
    talk.has_battery_level = lowest is not None
    talk.home.condition.note_device(
        talk.device.address,
        model=talk.device.model,
        battery_pct=lowest,
        heard_at=talk.home.now(),
    )
    if lowest is not None:
        _take(talk, lowest)


async def _follow(talk: Talk, characteristic: BleakGATTCharacteristic) -> None:
    """Listen for a level that falls while we talk; most devices never send one."""

    def on_level(payload: bytes) -> None:
        level = _level(talk, payload)
        if level is not None:
            _take(talk, level)

    if "notify" in characteristic.properties:
        try:
            await talk.link.listen(characteristic, on_level)
        except BleakGATTProtocolError as error:
            _LOG.debug("%s does not tell of its battery: %s", talk.link.address, error)


def _level(talk: Talk, payload: bytes | None) -> int | None:
    if payload is None:
        return None
    try:
        decoded = BatteryLevel.from_bytes(payload)
    except ProfileError as error:
        _LOG.info("%s tells a battery level that cannot be read: %s", talk.link.address, error)
        return None
    return decoded.level_pct if decoded.readings else None


def _take(talk: Talk, level_pct: int) -> None:
    _judge(talk, level_pct)
    if not talk.home.keeps_batteries:
        return
    day = talk.home.now().date().isoformat()
    note = json.dumps({"pct": level_pct, "day": day})
    if talk.home.notes.read(talk.device.address, _TOPIC) != note:
        talk.home.intake.take_as(
            BatteryLevel, bytes(BatteryLevel(level_pct)), talk.device, talk.clock, talk.home.now()
        )
        talk.home.notes.write(talk.device.address, _TOPIC, note)


def _judge(talk: Talk, level_pct: int) -> None:
    if level_pct < LOW_PCT:
        talk.trouble(TroubleCode.DEVICE_BATTERY_LOW, f"{level_pct} %")
    elif level_pct >= GOOD_PCT:
        talk.over(TroubleCode.DEVICE_BATTERY_LOW)
