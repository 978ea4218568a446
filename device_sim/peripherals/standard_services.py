"""What every device offers beside its measurements: who it is, its battery, its clock.

Owns Device Information (0x180A), Battery (0x180F), Current Time (0x1805) and the advertisement.
Must not know what the device measures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bumble import att, core
from bumble.core import AdvertisingData
from bumble.gatt import Characteristic, CharacteristicValue, Service

from device_sim.clock import DeviceClock
from device_sim.encoders.ieee11073 import current_time, read_current_time
from device_sim.errors import NotEncodableError

_LOG = logging.getLogger(__name__)

OPEN: Final = att.Attribute.Permissions.READABLE | att.Attribute.Permissions.WRITEABLE


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
        [readable(number, text.encode()) for number, text in strings.items()],
    )


def readable(number: int, value: bytes) -> Characteristic[bytes]:
    """Build a characteristic that can be read and never changes."""
    return Characteristic(
        core.UUID.from_16_bits(number),
        Characteristic.Properties.READ,
        att.Attribute.Permissions.READABLE,
        value,
    )


def battery_service(percent: Callable[[], int]) -> Service:
    """Build Battery with its level in percent."""
    level = Characteristic[bytes](
        core.UUID.from_16_bits(0x2A19),
        Characteristic.Properties.READ,
        att.Attribute.Permissions.READABLE,
        CharacteristicValue(read=lambda _connection: bytes([percent()])),
    )
    return Service(core.UUID.from_16_bits(0x180F), [level])


def current_time_service(clock: DeviceClock) -> Service:
    """Build Current Time: reading tells the device's clock, writing sets it."""
    time = clock_characteristic(clock, 0x2A2B, current_time, read_current_time)
    return Service(core.UUID.from_16_bits(0x1805), [time])


def clock_characteristic(
    clock: DeviceClock,
    number: int,
    tell: Callable[[datetime], bytes],
    read: Callable[[bytes], datetime],
    permissions: att.Attribute.Permissions = OPEN,
) -> Characteristic[bytes]:
    """Build a characteristic that tells the device's clock when read and sets it when written."""

    def write(_connection: object, value: bytes) -> None:
        try:
            clock.set_to(read(value))
        except NotEncodableError as error:
            _LOG.info("A clock setting is refused: %s", error)
            raise att.ATT_Error(att.ErrorCode.VALUE_NOT_ALLOWED) from error

    return Characteristic[bytes](
        core.UUID.from_16_bits(number),
        Characteristic.Properties.READ | Characteristic.Properties.WRITE,
        permissions,
        CharacteristicValue(read=lambda _connection: tell(clock.now()), write=write),
    )


def advertisement(identity: DeviceIdentity, service: core.UUID) -> bytes:
    """Write the advertisement: flags, the measurement service, the name."""
    kind, flag = AdvertisingData.Type, AdvertisingData.Flags
    flags = flag.LE_GENERAL_DISCOVERABLE_MODE | flag.BR_EDR_NOT_SUPPORTED
    parts = [
        (kind.FLAGS, bytes([flags])),
        (kind.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, service.to_bytes()),
        (kind.COMPLETE_LOCAL_NAME, identity.name.encode()),
    ]
    return bytes(AdvertisingData(parts))
