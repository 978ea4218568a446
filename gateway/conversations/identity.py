"""Who a device is, by its Device Information Service.

Owns which fields make its identity. The revisions, System ID and PnP ID are said in the log and
are no part of it: a new firmware must not make every stored reading a new one.

Invariant: the identity is complete or the conversation is broken off. A serial number that is
missing because the link failed would give the same readings other ids the next time.
"""

from __future__ import annotations

import logging
from typing import Final

from gateway.conversations.link import Link
from gateway.profiles import sig_uuid
from telekol.observation import Device

_LOG = logging.getLogger(__name__)

_MOST_SIGNS: Final = 120
_MANUFACTURER: Final = sig_uuid(0x2A29)
_MODEL: Final = sig_uuid(0x2A24)
_SERIAL: Final = sig_uuid(0x2A25)
_TOLD: Final = (
    ("firmware", sig_uuid(0x2A26)),
    ("hardware", sig_uuid(0x2A27)),
    ("software", sig_uuid(0x2A28)),
)
_NUMBERS: Final = (("system id", sig_uuid(0x2A23)), ("PnP id", sig_uuid(0x2A50)))


async def identify(link: Link) -> Device:
    """Ask a device who it is; raises what ends the link."""
    return Device(
        address=link.address,
        manufacturer=await _text(link, _MANUFACTURER),
        model=await _text(link, _MODEL),
        serial=await _text(link, _SERIAL),
    )


async def details(link: Link) -> str:
    """Ask for what support wants to know beside the identity, as one line."""
    told = [f"{name} {await _text(link, uuid)}" for name, uuid in _TOLD if link.find(uuid)]
    numbers = [f"{name} {await _hex(link, uuid)}" for name, uuid in _NUMBERS if link.find(uuid)]
    return ", ".join(told + numbers)


async def _text(link: Link, uuid: str) -> str:
    raw = await _raw(link, uuid)
    text = raw.decode("utf-8", errors="replace")
    return "".join(sign for sign in text if sign.isprintable()).strip()[:_MOST_SIGNS]


async def _hex(link: Link, uuid: str) -> str:
    return (await _raw(link, uuid)).hex()


async def _raw(link: Link, uuid: str) -> bytes:
    characteristic = link.find(uuid)
    # The device has none, or refuses, and will the next time.
    return b"" if characteristic is None else await link.read(characteristic) or b""
