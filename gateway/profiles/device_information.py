"""Device Information Service 1.1: who a device says it is.

Owns the layouts of its strings, System ID (0x2A23) and PnP ID (0x2A50). Must not know what makes
up a reading's identity; `telekol.observation.Device` does.

Invariant: ``bytes(X.from_bytes(raw)) == raw``, also for a string that is no UTF-8.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from gateway.profiles.ieee11073 import FieldReader

MOST_SIGNS: Final = 120
"""What `telekol.observation.ShortText` holds."""

_MANUFACTURER_BYTES: Final = 5
_ORGANISATION_BYTES: Final = 3


@dataclass(frozen=True, slots=True)
class InformationText:
    """Manufacturer, model, serial number or a revision, as sent: UTF-8, if the maker kept to it."""

    raw: bytes

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Take any bytes."""
        return cls(bytes(payload))

    @property
    def text(self) -> str:
        """What can be shown of it: some makers pad with zeros, blanks or a line feed."""
        text = self.raw.decode("utf-8", errors="replace")
        return "".join(sign for sign in text if sign.isprintable()).strip()[:MOST_SIGNS]

    def __bytes__(self) -> bytes:
        return self.raw


@dataclass(frozen=True, slots=True)
class SystemId:
    """System ID: a number of the manufacturer's and the organisation that gave it.

    Examples
    --------
    >>> hex(SystemId.from_bytes(bytes.fromhex("debc9afeff563412")).organisation)
    '0x123456'
    """

    manufacturer: int
    organisation: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode; raises ProfileError if it is not eight bytes long."""
        reader = FieldReader(payload, "System ID")
        found = cls(
            reader.unsigned(_MANUFACTURER_BYTES, "manufacturer's number"),
            reader.unsigned(_ORGANISATION_BYTES, "organisation"),
        )
        reader.finish()
        return found

    def __bytes__(self) -> bytes:
        return self.manufacturer.to_bytes(_MANUFACTURER_BYTES, "little") + (
            self.organisation.to_bytes(_ORGANISATION_BYTES, "little")
        )


class VendorSource(IntEnum):
    """Who numbers the vendors."""

    BLUETOOTH_SIG = 1
    USB_FORUM = 2


@dataclass(frozen=True, slots=True)
class PnpId:
    """PnP ID: vendor, product and version, as numbers."""

    vendor_source: int
    vendor: int
    product: int
    version: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode; raises ProfileError if it is not seven bytes long."""
        reader = FieldReader(payload, "PnP ID")
        found = cls(*struct.unpack("<BHHH", reader.take(7, "identifier")))
        reader.finish()
        return found

    def __bytes__(self) -> bytes:
        return struct.pack("<BHHH", self.vendor_source, self.vendor, self.product, self.version)
