"""A line to the broker that a story can cut: one for each home. Touches TCP.

Owns the passing on of bytes, and their end. Must not know MQTT.
"""

from __future__ import annotations

import asyncio
import contextlib

from device_sim.errors import ScenarioError

_CHUNK_BYTES = 65536


class CuttableLine:
    """Listens on 127.0.0.1 and passes bytes on to a target until it is cut.

    Parameters
    ----------
    host, port
        The target.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.is_cut = False

    async def start(self) -> int:
        """Begin to listen, and give the port."""
        try:
            self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        except OSError as error:
            raise ScenarioError(f"Expected to listen on 127.0.0.1, found: {error}.") from error
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    async def close(self) -> None:
        """Stop listening."""
        self.cut()
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.wait(
                {
                    asyncio.create_task(_pump(reader, far_writer)),
                    asyncio.create_task(_pump(far_reader, writer)),
                },
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for each in (writer, far_writer):
                each.transport.abort()
            self._open -= {writer, far_writer}


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK_BYTES):
            sink.write(data)
            await sink.drain()
