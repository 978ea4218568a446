"""A device's GATT services, found by Bumble, in bleak's words.

Owns discovery and the translation. Must not know what the services mean.
"""

from __future__ import annotations

from typing import Final

from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bumble.gatt_client import CharacteristicProxy, Client

from gateway.radio.bumble_scanner import uuid_text

# Opcode and handle of a write command take three of the MTU's bytes.
WRITE_COMMAND_HEADER: Final = 3


async def discover(client: Client, wanted: set[str] | None) -> BleakGATTServiceCollection:
    """Find services, characteristics and descriptors.

    Parameters
    ----------
    client
        The GATT client of a connection.
    wanted
        128-bit service UUIDs as text to look into; ``None``: all.
    """
    found = BleakGATTServiceCollection()
    for service in await client.discover_services():
        uuid = uuid_text(service.uuid)
        if wanted is not None and uuid not in wanted:
            continue
        shown = BleakGATTService(service, service.handle, uuid)
        found.add_service(shown)
        for characteristic in await client.discover_characteristics((), service):
            await client.discover_descriptors(characteristic)
            _add(found, shown, characteristic, client)
    return found


def _add(
    found: BleakGATTServiceCollection,
    service: BleakGATTService,
    characteristic: CharacteristicProxy[bytes],
    client: Client,
) -> None:
    shown = BleakGATTCharacteristic(
        characteristic,
        characteristic.handle,
        uuid_text(characteristic.uuid),
        list(gatt_char_props_to_strs(int(characteristic.properties))),
        lambda: client.mtu - WRITE_COMMAND_HEADER,
        service,
    )
    found.add_characteristic(shown)
    for descriptor in characteristic.descriptors:
        found.add_descriptor(
            BleakGATTDescriptor(descriptor, descriptor.handle, uuid_text(descriptor.type), shown)
        )
