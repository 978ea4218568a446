"""What an advert is: an invitation to connect, a weighing said to everybody, or nothing of ours.

Owns which devices are let in, and which of a scale's many adverts is a reading. Pure: adverts and
the time come in. Must not know radios or disks.

Xiaomi's scales say their weighings in adverts, under the UUIDs of the standard services and in a
layout of their own. Nothing in an advert proves who sent it, and a neighbour's scale looks the
same: only those count that the home's settings name by address, and none of them is ever taken
for a scale of the standard.

Invariants
----------
1. A weight counts when the scale has come to rest with somebody on it, once, however often it is
   said: the same device time and weight from the same scale are one weighing.
2. What is remembered is bounded, whatever a house full of strangers sends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from gateway.errors import ProfileError
from gateway.kit import KitDevice
from gateway.profiles import SERVICES, sig_uuid
from gateway.profiles.measurement import Measurement
from gateway.profiles.xiaomi import XiaomiV1, XiaomiV2

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a family's service data is recognised."""

    family: str
    kind: type[Measurement]
    service: str
    size: int


SHAPES: Final = (
    Shape("xiaomi-scale-v1", XiaomiV1, sig_uuid(0x181D), 10),
    Shape("xiaomi-scale-v2", XiaomiV2, sig_uuid(0x181B), 13),
)
"""No scale of the standard sends service data: the Weight Scale and Body Composition Profiles
define none."""

SAME_WITHIN_S: Final = 600.0
"""How long after it was last heard a weighing is remembered. A scale repeats itself while it is
awake, less than a minute; a scale whose clock stands still says every day's weighing with the
same time, and tomorrow's must not pass for today's."""
_REMEMBERED_MOST: Final = 256
_SAYS_NO_SERVICE: Final = frozenset({"berry-bm1000", "beurer-po60"})
"""Families seen to advertise a name and no service: they are found by their address alone."""

_Weighing = tuple[str, str, datetime | None, tuple[Decimal, ...]]


@dataclass(frozen=True, slots=True)
class Heard:
    """A weighing that an advert said for the first time."""

    family: str
    kind: type[Measurement]
    address: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one advert is worth.

    Parameters
    ----------
    is_welcome
        Whether to connect to the device.
    """

    is_welcome: bool = False
    heard: Heard | None = None


class Adverts:
    """Sorts adverts.

    Parameters
    ----------
    kit
        The devices that the home's settings name.
    only_kit
        Whether no other device is connected to.
    """

    def __init__(self, kit: Iterable[KitDevice] = (), *, only_kit: bool = False) -> None:
        self._kit = {item.address: item for item in kit}
        self._only_kit = only_kit
        self._weighings: dict[_Weighing, float] = {}
        self._strangers: set[str] = set()

    @property
    def services(self) -> list[str] | None:
        """What to scan for; None for everything, for the sake of devices that say no service."""
        families = {item.family for item in self._kit.values()}
        return None if families & _SAYS_NO_SERVICE else list(SERVICES)

    def sorted(
        self,
        address: str,
        service_uuids: Iterable[str],
        service_data: Mapping[str, bytes],
        now_s: float,
    ) -> Sighting:
        """Say what an advert is worth.

        Parameters
        ----------
        now_s
            By a clock that never jumps.
        """
        ours = self._kit.get(address.upper())
        shape = next((one for one in SHAPES if _fits(one, service_data)), None)
        if shape is not None:
            return self._of_scale(shape, address, service_data[shape.service], now_s)
        if ours is not None:
            return Sighting(is_welcome=ours.is_connected_to)
        return Sighting(is_welcome=not self._only_kit and bool(set(service_uuids) & set(SERVICES)))

    def _of_scale(self, shape: Shape, address: str, payload: bytes, now_s: float) -> Sighting:
        ours = self._kit.get(address.upper())
        if ours is None or ours.family != shape.family:
            self._say_stranger(shape, address)
            return Sighting()
        try:
            measurement = shape.kind.from_bytes(payload)
        except ProfileError as error:
            _LOG.debug("%s advertises what cannot be read: %s", address, error)
            return Sighting()
        if measurement.refusal is not None or not self._is_new(shape, address, measurement, now_s):
            return Sighting()
        return Sighting(heard=Heard(shape.family, shape.kind, address, payload))

    def _is_new(self, shape: Shape, address: str, said: Measurement, now_s: float) -> bool:
        """Say whether this weighing was not heard before, and remember it."""
        weights = tuple(item.value for item in said.readings)
        weighing: _Weighing = (shape.family, address, said.device_time, weights)
        last_s = self._weighings.pop(weighing, None)
        while len(self._weighings) >= _REMEMBERED_MOST:
            self._weighings.pop(next(iter(self._weighings)))
        self._weighings[weighing] = now_s
        return last_s is None or now_s - last_s > SAME_WITHIN_S

    def _say_stranger(self, shape: Shape, address: str) -> None:
        if address in self._strangers or len(self._strangers) >= _REMEMBERED_MOST:
            return
        self._strangers.add(address)
        _LOG.info(
            "%s looks like a %s and is not named in TELEKOL_GATEWAY_DEVICES; it is not read",
            address,
            shape.family,
        )


def _fits(shape: Shape, service_data: Mapping[str, bytes]) -> bool:
    return len(service_data.get(shape.service, b"")) == shape.size
