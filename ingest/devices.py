"""Numbers of the devices that readings come from. Touches PostgreSQL.

Works inside the writer's transaction; knows neither readings nor messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from psycopg import Connection

from ingest.columns import Texts
from ingest.reading import DeviceIdentity
from telekol import queries

_SQL: Final = queries.load("ingest", "queries.sql")


def numbers(connection: Connection[Any], wanted: set[DeviceIdentity]) -> dict[DeviceIdentity, int]:
    """Give each device its number, a new one if it was never seen before."""
    found = _known_devices(connection, wanted)
    missing = wanted - found.keys()
    if missing:
        connection.execute(_SQL["add_devices"], _device_columns(missing))
        found |= _known_devices(connection, missing)
    return found


def _known_devices(
    connection: Connection[Any], wanted: Iterable[DeviceIdentity]
) -> dict[DeviceIdentity, int]:
    rows = connection.execute(_SQL["devices"], _device_columns(wanted)).fetchall()
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}


def _device_columns(devices: Iterable[DeviceIdentity]) -> dict[str, Texts]:
    # Sorted, so that two workers that meet the same new devices lock them in the same order.
    ordered = sorted(devices)
    names = ("addresses", "manufacturers", "models", "serials")
    return {name: Texts(device[place] for device in ordered) for place, name in enumerate(names)}
