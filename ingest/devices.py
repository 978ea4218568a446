"""Numbers of the devices that readings come from. Touches PostgreSQL.

Works inside the writer's transaction; knows neither readings nor messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from psycopg import Connection

from telekol import queries
from telekol.observation import Device

_SQL: Final = queries.load("ingest", "queries.sql")


Identity = tuple[str, str, str, str]
"""Address, manufacturer, model and serial number: all of it tells a device from another."""


def identity(device: Device) -> Identity:
    """Give what the database knows a device by; quicker to compare than the device itself."""
    return device.address, device.manufacturer, device.model, device.serial


def numbers(connection: Connection[Any], wanted: set[Identity]) -> dict[Identity, int]:
    """Give each device its number, a new one if it was never seen before."""
    found = _known_devices(connection, wanted)
    missing = wanted - found.keys()
    if missing:
        connection.execute(_SQL["add_devices"], _device_columns(missing))
        found |= _known_devices(connection, missing)
    return found


def _known_devices(connection: Connection[Any], wanted: Iterable[Identity]) -> dict[Identity, int]:
    rows = connection.execute(_SQL["devices"], _device_columns(wanted))
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}


def _device_columns(devices: Iterable[Identity]) -> dict[str, list[str]]:
    # Sorted, so that two workers that meet the same new devices lock them in the same order.
    ordered = sorted(devices)
    names = ("addresses", "manufacturers", "models", "serials")
    return {name: [device[place] for device in ordered] for place, name in enumerate(names)}
