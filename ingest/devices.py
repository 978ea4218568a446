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


def numbers(connection: Connection[Any], wanted: set[Device]) -> dict[Device, int]:
    """Give each device its number, a new one if it was never seen before."""
    found = _known_devices(connection, wanted)
    missing = wanted - found.keys()
    if missing:
        connection.execute(_SQL["add_devices"], _device_columns(missing))
        found |= _known_devices(connection, missing)
    return found


def _known_devices(connection: Connection[Any], wanted: Iterable[Device]) -> dict[Device, int]:
    rows = connection.execute(_SQL["devices"], _device_columns(wanted)).fetchall()
    return {
        Device(address=row[0], manufacturer=row[1], model=row[2], serial=row[3]): row[4]
        for row in rows
    }


def _device_columns(devices: Iterable[Device]) -> dict[str, list[str]]:
    # Sorted, so that two workers that meet the same new devices lock them in the same order.
    ordered = sorted(devices, key=lambda device: device.identity)
    return {
        "addresses": [device.address for device in ordered],
        "manufacturers": [device.manufacturer for device in ordered],
        "models": [device.model for device in ordered],
        "serials": [device.serial for device in ordered],
    }
