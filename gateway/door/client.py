"""Talking to the running gateway from a command: HTTP over its socket beside the outbox.

Owns the connection. Must not know what is said. One process writes an outbox, so a command never
opens it: it asks the gateway.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from gateway.door.place import connected, socket_of
from gateway.errors import GatewayError, NotRunningError

_WITHIN_S: Final = 15.0
"""A little longer than the gateway gives a request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gateway answered."""

    status: HTTPStatus
    content: dict[str, Any]


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, socket: Path) -> None:
        super().__init__("localhost", timeout=_WITHIN_S)
        self._socket = socket

    def connect(self) -> None:
        self.sock = connected(self._socket)
        self.sock.settimeout(_WITHIN_S)


def ask(outbox: Path, method: str, path: str, body: bytes = b"") -> Reply:
    """Ask the gateway that holds `outbox`.

    Raises
    ------
    NotRunningError
        If no gateway with this outbox runs here, or not for this user.
    GatewayError
        If it hung up without an answer. What was sent may have been kept: sent again, it is
        known then.
    """
    connection = _SocketConnection(socket_of(outbox))
    try:
        connection.connect()
    except OSError as error:
        raise NotRunningError(
            f"expected a running gateway with the outbox {str(outbox)!r}, found none that answers "
            f"({error.strerror}); nothing was kept. Start `telekol gateway`, or name its outbox "
            "with --outbox"
        ) from error
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return Reply(HTTPStatus(response.status), json.loads(response.read()))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise GatewayError(
            f"expected an answer of the gateway, found that it hung up: {error}; send it again, "
            "what was kept already is known then"
        ) from error
    finally:
        connection.close()
