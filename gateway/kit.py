"""The devices that a home was given, as its settings name them.

Owns how one is written: ``ADDRESS`` or ``FAMILY@ADDRESS``, and for a serial port
``FAMILY@SOURCE``. Pure. Must
not know how a device is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.profiles import PROFILES, Manner

_ADDRESS: Final = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
_MANNERS: Final = {profile.name: profile.manner for profile in PROFILES}
_CHANNELS: Final = range(1, 31)
_PORTS: Final = range(1, 65536)


class Medium(StrEnum):
    """What carries a serial port's bytes."""

    RFCOMM = "rfcomm"
    FILE = "file"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class KitDevice:
    """A device that is known by its address; its family is empty if that was not said."""

    family: str
    address: str

    @property
    def is_connected_to(self) -> bool:
        """Whether it is read over a connection."""
        return _MANNERS.get(self.family) is not Manner.ADVERTS


@dataclass(frozen=True, slots=True)
class SerialSource:
    """Where the bytes of a serial port come from.

    Parameters
    ----------
    place
        A Bluetooth address, the path of a device file, or a host's name.
    number
        RFCOMM channel or TCP port; 0 for a file.
    """

    family: str
    medium: Medium
    place: str
    number: int = 0

    @property
    def address(self) -> str:
        """What the device is called: its own address where it is known."""
        if self.medium is Medium.RFCOMM:
            return self.place
        return f"{self.medium}:{self.place}" + (f":{self.number}" if self.number else "")


def kit_devices(text: str) -> tuple[KitDevice, ...]:
    """Read a list like ``xiaomi-scale-v2@C8:47:8C:00:00:01, C0:11:22:33:44:55``.

    Raises
    ------
    ValueError
        If an entry is none, or names a family that has no address.
    """
    return tuple(_kit_device(entry) for entry in _entries(text))


def serial_sources(text: str) -> tuple[SerialSource, ...]:
    """Read a list like ``vitalograph@rfcomm:10:00:E8:00:00:01, nonin-classic@/dev/rfcomm0``.

    Raises
    ------
    ValueError
        If an entry is none, or names a family without a serial port.
    """
    return tuple(_serial_source(entry) for entry in _entries(text))


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _kit_device(entry: str) -> KitDevice:
    family, at, address = entry.rpartition("@")
    known = sorted(name for name, manner in _MANNERS.items() if manner is not Manner.SERIAL)
    if (at and family not in known) or not _ADDRESS.fullmatch(address.upper()):
        raise ValueError(
            "expected addresses like C0:11:22:33:44:55, or FAMILY@C0:11:22:33:44:55 with a family "
            f"of {', '.join(known)}; found {entry!r}"
        )
    return KitDevice(family, address.upper())


def _serial_source(entry: str) -> SerialSource:
    family, _, source = entry.partition("@")
    if _MANNERS.get(family) is Manner.SERIAL:
        found = _file(family, source) or _rfcomm(family, source) or _tcp(family, source)
        if found is not None:
            return found
    known = sorted(name for name, manner in _MANNERS.items() if manner is Manner.SERIAL)
    raise ValueError(
        "expected FAMILY@rfcomm:AA:BB:CC:DD:EE:FF, with /CHANNEL if it is not 1, FAMILY@/dev/FILE "
        f"or FAMILY@tcp:HOST:PORT, with a family of {', '.join(known)}; found {entry!r}"
    )


def _file(family: str, source: str) -> SerialSource | None:
    return SerialSource(family, Medium.FILE, source) if source.startswith("/") else None


def _rfcomm(family: str, source: str) -> SerialSource | None:
    kind, _, rest = source.partition(":")
    address, _, channel = rest.partition("/")
    number = _number(channel or "1")
    is_right = _ADDRESS.fullmatch(address.upper()) and number in _CHANNELS
    if kind != Medium.RFCOMM or not is_right:
        return None
    return SerialSource(family, Medium.RFCOMM, address.upper(), number)


def _tcp(family: str, source: str) -> SerialSource | None:
    kind, _, rest = source.partition(":")
    host, _, port = rest.rpartition(":")
    number = _number(port)
    if kind != Medium.TCP or not host or number not in _PORTS:
        return None
    return SerialSource(family, Medium.TCP, host.strip("[]"), number)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else -1
