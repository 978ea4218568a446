"""Which ways of talking a device has, by the characteristics it offers.

Owns the one table from layouts to ways. Must not know what is said.

A device that indicates a finished measurement is not listened to as a stream beside it: one
measurement, one reading. A device with a vendor's service of Xiaomi's is none of ours, although
it offers the standard ones: it answers with a layout of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from bleak.backends.characteristic import BleakGATTCharacteristic

from gateway.conversations.asked import Po60Memory
from gateway.conversations.health_sensor import LiveObservations, StoredObservations
from gateway.conversations.indicated import Indicated
from gateway.conversations.stored_records import StoredRecords
from gateway.conversations.stream import Stream
from gateway.conversations.talk import Talk, Way
from gateway.profiles import MEASUREMENTS, PROFILES, Manner, Profile, berry, beurer, nonin, sig_uuid
from gateway.profiles.pulse_oximeter_stream import Continuous
from gateway.streams.listener import StreamKind
from gateway.timing.device_clock import DeviceClock

_LOG = logging.getLogger(__name__)

_RECORD_ACCESS: Final = sig_uuid(0x2A52)
_LIVE: Final = sig_uuid(0x2B8B)
_STORED: Final = sig_uuid(0x2BDD)
_HEALTH_POINT: Final = sig_uuid(0x2BF4)

_STREAMS: Final[dict[str, StreamKind]] = {
    "plx-continuous": StreamKind(Continuous),
    "nonin-3230": StreamKind(nonin.Nonin3230, vouches=True, tells_finger=True),
    "berry-bm1000": StreamKind(berry.BciFrame, frame_bytes=5, tells_finger=True),
}

_XIAOMI: Final = "-0009af100700"
"""How the vendor UUIDs of Huami, who makes Xiaomi's scales, end."""


def is_foreign(services: frozenset[str]) -> bool:
    """Say whether a device answers under standard UUIDs with a layout of its own."""
    return any(uuid.endswith(_XIAOMI) for uuid in services)


def has_ways(characteristics: frozenset[str]) -> bool:
    """Say whether there is anything to read on a device with these characteristics."""
    return any(
        profile.characteristic in characteristics
        for profile in PROFILES
        if profile.manner not in (Manner.ADVERTS, Manner.SERIAL)
    )


def ways(talk: Talk, keep_clock: Callable[[DeviceClock], None]) -> tuple[Way, ...]:
    """Choose how to talk with a device."""
    indicated = [way for uuid in MEASUREMENTS if (way := _indicated(talk, uuid)) is not None]
    streams = [] if indicated or talk.link.find(_LIVE) else _streams(talk)
    return (*indicated, *_observations(talk), *streams, *_asked(talk, keep_clock))


def _indicated(talk: Talk, uuid: str) -> Way | None:
    characteristic = talk.link.find(uuid)
    if characteristic is None:
        return None
    point = talk.link.find(_RECORD_ACCESS, characteristic.service_uuid)
    kind = MEASUREMENTS[uuid]
    if point is None:
        return Indicated(talk, kind, characteristic)
    return StoredRecords(talk, kind, characteristic, point)


def _observations(talk: Talk) -> list[Way]:
    """Give the live observations of a Generic Health Sensor, and its memory if it has one."""
    found: list[Way] = []
    live, stored = talk.link.find(_LIVE), talk.link.find(_STORED)
    if live is not None:  # first, so that what is measured now is not missed
        found.append(LiveObservations(talk, live, talk.link.find(_HEALTH_POINT)))
    point = None if stored is None else talk.link.find(_RECORD_ACCESS, stored.service_uuid)
    if stored is not None and point is not None:
        found.append(StoredObservations(talk, stored, point))
    return found


def _streams(talk: Talk) -> list[Way]:
    """Give the first stream there is: two of one device tell the same finger."""
    for profile in PROFILES:
        characteristic = _of(talk, profile) if profile.manner is Manner.STREAM else None
        if characteristic is not None:
            return [Stream(talk, _STREAMS[profile.name], characteristic)]
    return []


def _of(talk: Talk, profile: Profile) -> BleakGATTCharacteristic | None:
    uuid = profile.characteristic
    return None if uuid is None else talk.link.find(uuid, profile.service)


def _asked(talk: Talk, keep_clock: Callable[[DeviceClock], None]) -> list[Way]:
    commands = talk.link.find(beurer.COMMANDS, beurer.SERVICE)
    answers = talk.link.find(beurer.NOTIFY, beurer.SERVICE)
    if commands is None or answers is None:
        return []
    return [Po60Memory(talk, commands, answers, keep_clock)]
