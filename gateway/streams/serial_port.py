"""Streams of bytes from devices that speak a serial port: RFCOMM, a device file, or TCP.

Owns opening and closing them. Must not know what the bytes mean.

bleak carries no classic Bluetooth. On Linux an RFCOMM socket needs no BlueZ library, only a
Python that was built with Bluetooth and a device that is paired (``bluetoothctl``); where there
is none, ``rfcomm bind`` gives a device file. TCP is for bridges, such as ser2net beside a radio in
another room, and for tests; it has no protection of its own, so a bridge belongs on this host or
behind one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tty
from dataclasses import dataclass
from typing import Final

from gateway.kit import Medium, SerialSource

OPEN_WITHIN_S: Final = 25.0
"""A Bluetooth page takes 5 s and the channel's setup 20 s at most (RFCOMM's T1)."""
CHUNK_BYTES: Final = 1024


class SerialPortError(OSError):
    """A serial port cannot be opened; its text says what to do."""


@dataclass(slots=True)
class SerialPort:
    """An open port."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter | None
    handle: int | None = None

    async def read(self) -> bytes:
        """Give what has come, at least one byte; nothing at all when the other side is gone."""
        return await self.reader.read(CHUNK_BYTES)

    def write(self, answer: bytes) -> None:
        """Send a few bytes."""
        if self.writer is not None:
            self.writer.write(answer)
        elif self.handle is not None:
            os.write(self.handle, answer)

    def close(self) -> None:
        """Let go of the port."""
        if self.writer is not None:
            self.writer.close()
        handle, self.handle = self.handle, None
        if handle is not None:
            os.close(handle)


async def open_port(source: SerialSource) -> SerialPort:
    """Open a port.

    Raises
    ------
    OSError, TimeoutError
        If it is not there or does not answer; with a `SerialPortError` it never will.
    """
    async with asyncio.timeout(OPEN_WITHIN_S):
        if source.medium is Medium.TCP:
            return SerialPort(*await asyncio.open_connection(source.place, source.number))
        if source.medium is Medium.RFCOMM:
            return await _rfcomm(source)
        return await _file(source.place)


async def _rfcomm(source: SerialSource) -> SerialPort:
    family = getattr(socket, "AF_BLUETOOTH", None)
    protocol = getattr(socket, "BTPROTO_RFCOMM", None)
    if family is None or protocol is None:
        raise SerialPortError(
            "expected a Python that was built with Bluetooth, found one without; run "
            f"`rfcomm bind 0 {source.place} {source.number}` and name /dev/rfcomm0 instead"
        )
    link = socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        link.setblocking(False)
        place = (source.place, source.number)
        await asyncio.get_running_loop().sock_connect(link, place)
        return SerialPort(*await asyncio.open_connection(sock=link))
    except BaseException:
        link.close()
        raise


async def _file(path: str) -> SerialPort:
    handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if os.isatty(handle):
            tty.setraw(handle)  # else the line discipline eats and echoes bytes
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(handle), "rb", 0)
        )
    except BaseException:
        os.close(handle)
        raise
    return _FilePort(reader, None, handle, pipe)


@dataclass(slots=True)
class _FilePort(SerialPort):
    """A device file: read through the loop, written to directly."""

    pipe: asyncio.ReadTransport | None = None

    def close(self) -> None:
        if self.pipe is not None:
            self.pipe.close()
        SerialPort.close(self)
