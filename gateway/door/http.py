"""The gateway's door inside the home: HTTP over a Unix socket and, if told, over a local port.

Owns connections, limits and the token. Must not know what is handed in, as
`gateway.door.intake` does. h11 reads and writes HTTP: it is small and has no compiled parts.

Invariants
----------
1. Nothing is answered with a 2xx before the intake has committed.
2. Over the port only callers with the token are heard; over the socket only this user.
3. One connection carries one request of limited size and duration, and few are open at a time:
   nobody can keep the gateway from its devices.
4. A door that cannot be opened is said and tried again; it never stops the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import h11

from gateway.door.intake import Answer, LocalIntake
from gateway.door.place import listening
from gateway.errors import GatewayError, OutboxCorruptError

_LOG = logging.getLogger(__name__)

LIMIT_BYTES: Final = 64 * 1024
"""Most bytes of a body; the formats have limits of their own."""
WITHIN_S: Final = 10.0
"""How long a request may take; the caller is on the same machine or in the same home."""
MOST_OPEN: Final = 8
_MOST_HEARD: Final = 4 * MOST_OPEN
"""Callers that are told that there are too many; of a flood the rest is hung up on, so that it
cannot take every handle that a process may have."""
TRIED_AGAIN_S: Final = 60.0
_HEAD_BYTES: Final = 8 * 1024
_TOKEN_BYTES: Final = 32
_LEFT_OVER_READS: Final = 64
_NOT_KEPT: Final = (
    "Det kunne ikke gemmes lige nu; prøv igen om lidt | not kept just now; send it again in a while"
)


@dataclass(frozen=True, slots=True)
class Port:
    """A local port, and the file of the token that its callers must know."""

    host: str
    number: int
    token_file: Path


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class _RefusedError(Exception):
    """A request that is answered before it reaches the intake."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class LocalDoor:
    """Serves the home until it is cancelled.

    Parameters
    ----------
    socket
        Where commands of this machine come in.
    port
        Where programs come in; None for nowhere.
    """

    def __init__(self, intake: LocalIntake, socket: Path, port: Port | None) -> None:
        self._routes: dict[tuple[str, str], Callable[[bytes], Answer]] = {
            ("POST", "/spirometry"): intake.take_spirometry,
            ("POST", "/readings"): intake.take_typed,
            ("GET", "/condition"): lambda _body: intake.condition(),
        }
        self._socket = socket
        self._port = port
        # Each door counts its own: nobody at the port can lock out the commands.
        self._of_port: set[asyncio.Task[None]] = set()
        self._of_socket: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Serve.

        Raises
        ------
        OutboxCorruptError
            If the outbox is damaged or gone: only a new start helps.
        """
        self._broken = asyncio.get_running_loop().create_future()
        doors = [asyncio.ensure_future(self._keep_open("socket", self._open_socket))]
        if self._port is not None:
            doors.append(asyncio.ensure_future(self._keep_open("port", self._open_port)))
        try:
            await self._broken
        finally:
            tasks = [*doors, *self._of_port, *self._of_socket]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_open(self, what: str, opened: Callable[[], Awaitable[asyncio.Server]]) -> None:
        while True:
            try:
                server = await opened()
            except OSError as error:
                _LOG.error(
                    "the local %s cannot be opened: %s; it is tried again in %d s",
                    what,
                    error.strerror or error,
                    TRIED_AGAIN_S,
                )
                await asyncio.sleep(TRIED_AGAIN_S)
                continue
            async with server:
                await server.serve_forever()

    async def _open_socket(self) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(reader, writer, self._of_socket, token=None)

        return await asyncio.start_unix_server(serve, sock=listening(self._socket))

    async def _open_port(self) -> asyncio.Server:
        assert self._port is not None  # noqa: S101 - asked in `run`
        token = token_in(self._port.token_file)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(reader, writer, self._of_port, token=token)

        server = await asyncio.start_server(serve, self._port.host, self._port.number)
        _LOG.info("programs of this home come in at %s:%d", self._port.host, self._port.number)
        return server

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        callers: set[asyncio.Task[None]],
        *,
        token: str | None,
    ) -> None:
        if len(callers) >= _MOST_HEARD:
            writer.close()
            return
        caller = asyncio.current_task()
        assert caller is not None  # noqa: S101 - asyncio makes a task for every caller
        callers.add(caller)
        # A caller who is gone or too slow hears nothing; what was committed is known the next time.
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(WITHIN_S):
                    await self._answer(reader, writer, token, is_busy=len(callers) > MOST_OPEN)
        finally:
            callers.discard(caller)
            writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        token: str | None,
        *,
        is_busy: bool,
    ) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
        try:
            _check_room(is_busy=is_busy)
            answer = self._act(await _read(connection, reader, writer, token))
        except _RefusedError as error:
            answer = Answer(error.status, {"error": str(error)})
        except h11.RemoteProtocolError as error:
            answer = Answer(HTTPStatus(error.error_status_hint), {"error": f"no HTTP: {error}"})
        writer.write(_written(connection, answer))
        writer.write_eof()
        await writer.drain()
        # What the caller still sends is read away: closing over it would cut off our answer.
        for _ in range(_LEFT_OVER_READS):
            if not await reader.read(LIMIT_BYTES):
                break

    def _act(self, request: _Request) -> Answer:
        act = self._routes.get((request.method, request.path))
        if act is None:
            is_known = any(path == request.path for _method, path in self._routes)
            raise _RefusedError(
                HTTPStatus.METHOD_NOT_ALLOWED if is_known else HTTPStatus.NOT_FOUND,
                "expected POST /spirometry, POST /readings or GET /condition, "
                f"found {request.method} {request.path[:60]}",
            )
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if request.method == "POST" and kind != "application/json":
            raise _RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected the content type application/json"
            )
        return self._committed(act, request.body)

    def _committed(self, act: Callable[[bytes], Answer], body: bytes) -> Answer:
        try:
            return act(body)
        except GatewayError as error:
            _LOG.error("what was handed in could not be kept: %s", error)
            is_final = isinstance(error, OutboxCorruptError)
            if is_final and self._broken is not None and not self._broken.done():
                self._broken.set_exception(error)
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": _NOT_KEPT})


async def _read(
    connection: h11.Connection,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    token: str | None,
) -> _Request:
    """Read one request; a caller without the token is turned away before the body."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_HEAD_BYTES))
        elif isinstance(event, h11.Request):
            head = event
            _check_token(_headers(head), token)
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                writer.write(connection.send(go_on) or b"")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LIMIT_BYTES:
                raise _RefusedError(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {LIMIT_BYTES} bytes"
                )
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            path = head.target.decode("ascii", "replace").partition("?")[0]
            return _Request(head.method.decode("ascii"), path, _headers(head), bytes(body))
        else:
            raise ConnectionResetError("the caller hung up")


def _headers(head: h11.Request) -> dict[str, str]:
    return {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}


def _check_room(*, is_busy: bool) -> None:
    if is_busy:
        raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "too many at a time; try again")


def _check_token(headers: dict[str, str], token: str | None) -> None:
    if token is None:
        return
    given = headers.get("authorization", "")
    if not hmac.compare_digest(given.encode("latin-1", "replace"), f"Bearer {token}".encode()):
        raise _RefusedError(
            HTTPStatus.UNAUTHORIZED, "expected the header Authorization: Bearer and the token"
        )


def _written(connection: h11.Connection, answer: Answer) -> bytes:
    body = answer.as_json()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
    ]
    if answer.status is HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", "Bearer"))
    response = h11.Response(status_code=answer.status, headers=headers, reason=answer.status.phrase)
    head = connection.send(response) or b""
    try:
        return head + (connection.send(h11.Data(body)) or b"")
    except h11.LocalProtocolError:
        return head  # who asks with HEAD gets no body


def token_in(file: Path) -> str:
    """Give the token in `file`, making one for this user alone when there is none.

    Raises
    ------
    OSError
        If it cannot be read or made.
    """
    try:
        found = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        found = ""
    except UnicodeDecodeError:
        _LOG.error("the token of the local port cannot be read and is made anew; tell the programs")
        found = ""
    if found:
        return found
    made = secrets.token_urlsafe(_TOKEN_BYTES)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as written:
        written.write(made + "\n")
    return made
