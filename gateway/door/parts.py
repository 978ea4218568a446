"""The parts of the gateway that serve the home: put together for `gateway.service`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from gateway.condition import Condition
from gateway.door.folder import DropFolder
from gateway.door.http import LocalDoor, Port
from gateway.door.intake import LocalIntake
from gateway.door.place import documents_of, socket_of, token_of
from gateway.door.spirometry_store import SpirometryStore
from gateway.keeping.outbox import Outbox
from gateway.settings import GatewaySettings

_LOG = logging.getLogger(__name__)


def local_parts(
    settings: GatewaySettings,
    outbox: Outbox,
    condition: Condition,
    *,
    on_kept: Callable[[], None],
    now: Callable[[], datetime],
    knows_time: Callable[[], bool],
) -> tuple[Coroutine[Any, Any, None], ...]:
    """Make what runs beside the radio and the uplink."""
    place = settings.gateway_outbox
    documents = SpirometryStore(documents_of(place))
    intake = LocalIntake(
        settings.gateway_id,
        outbox,
        documents,
        zone=settings.zone,
        on_kept=on_kept,
        now=now,
        condition=condition,
        knows_time=knows_time,
    )
    door = LocalDoor(intake, socket_of(place), _port(settings))
    parts = (door.run(), documents.run(now))
    if settings.gateway_drop_folder is None:
        return parts
    return (*parts, DropFolder(settings.gateway_drop_folder, intake.take_spirometry).run())


def _port(settings: GatewaySettings) -> Port | None:
    if settings.gateway_local_port is None:
        return None
    host = settings.gateway_local_host
    if not _is_loopback(host):
        _LOG.warning(
            "TELEKOL_GATEWAY_LOCAL_HOST is %s: what is handed in crosses the network unencrypted",
            host,
        )
    return Port(host, settings.gateway_local_port, token_of(settings.gateway_outbox))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
