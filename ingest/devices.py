"""Numbers of the devices that readings come from. Touches PostgreSQL.

Works inside the writer's transaction; knows neither readings nor messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from psycopg import Connection

from ingest.columns import Texts
from ingest.reading import DeviceIdentity
from telekol import queries

_SQL: Final = queries.load("ingest", "queries.sql")


Cache = dict[DeviceIdentity, int]
"""Numbers that were committed when they were read. A number is never changed and never given to
another device, so only another database can make it wrong: it lives as long as a connection."""

_MOST_CACHED: Final = 50_000
"""Three devices in each of 15,000 homes; some 20 MB."""


def numbers(
    connection: Connection[Any], wanted: set[DeviceIdentity], cache: Cache
) -> Mapping[DeviceIdentity, int]:
    """Give each device its number, a new one if it was never seen before."""
    unknown = wanted - cache.keys()
    if not unknown:
        return cache
    if len(cache) > _MOST_CACHED:
        cache.clear()
        unknown = wanted
    cache.update(_known_devices(connection, unknown))
    missing = unknown - cache.keys()
    if not missing:
        return cache
    # Not kept: should this transaction not be committed, their numbers are nobody's.
    connection.execute(_SQL["add_devices"], _device_columns(missing))
    return cache | _known_devices(connection, missing)


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
