"""Who a device says it is.

Owns the identity and its Device Information service (0x180A). Must not know what the device
measures.
"""

from __future__ import annotations

from dataclasses import dataclass

from bumble import att, core
from bumble.gatt import Characteristic, Service


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """What Device Information and the advertisement tell.

    Parameters
    ----------
    serial
        Serial number; also decides the Bluetooth address.
    model
        Model number.
    name
        Advertised name, at most 18 bytes so that it fits beside flags and service.
    manufacturer, firmware
        As shown to a technician.
    """

    serial: str
    model: str
    name: str
    manufacturer: str = "Tele-KOL Simulator"
    firmware: str = "1.0.0"


def information_service(identity: DeviceIdentity) -> Service:
    """Build Device Information with manufacturer, model, serial number and firmware."""
    strings = {
        0x2A29: identity.manufacturer,
        0x2A24: identity.model,
        0x2A25: identity.serial,
        0x2A26: identity.firmware,
    }
    return Service(
        core.UUID.from_16_bits(0x180A),
        [
            Characteristic(
                core.UUID.from_16_bits(number),
                Characteristic.Properties.READ,
                att.Attribute.Permissions.READABLE,
                text.encode(),
            )
            for number, text in strings.items()
        ],
    )
