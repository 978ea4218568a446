"""The line to the broker, read ahead and written in one piece. Touches the network.

paho reads a packet in at least three calls to the system, two of them for one byte, and writes
each packet in one of its own. Owns the bytes on their way in between: `Line` is the socket that
paho gets, `BufferedClient` the client that says when to write. It knows nothing of packets.

Invariants
----------
1. Bytes leave and arrive in their order, none twice, none lost while the line stands.
2. What paho has handed over is written, or still here and `want_write` says so.
3. An error of writing is met by paho where it expects one: at its next read.

What else changes with it: paho's private `_create_socket` is replaced;
tests/unit/test_broker_line.py holds what paho must keep for that.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

_PIECE_BYTES: Final = 256 * 1024
"""Read at once; a window of live messages is ten times that, and the kernel holds less."""

_PACKETS_A_TURN: Final = 200
"""Most packets handled before paho looks at the time and at what is to be written."""


class Line:
    """A socket that reads ahead and gathers what is to be written until `flush`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._ahead = b""
        self._at = 0
        self._leaving = bytearray()
        self._error: OSError | None = None

    def recv(self, size: int) -> bytes:
        """Give up to `size` bytes; none is the end of the line.

        Raises
        ------
        BlockingIOError, ssl.SSLWantReadError
            If there are none now.
        OSError
            If the line is broken, also if that was seen while writing.
        """
        if self._at == len(self._ahead):
            if self._error is not None:
                raise self._error
            self._ahead, self._at = b"", 0
            self._ahead = self._sock.recv(_PIECE_BYTES)
        begin = self._at
        piece = self._ahead[begin : begin + size]
        self._at = begin + len(piece)
        return piece

    def pending(self) -> int:
        """Say how much can be read without asking the system, an error included."""
        ahead = len(self._ahead) - self._at
        if ahead:
            return ahead
        if self._error is not None:
            return 1
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0

    def send(self, data: bytes) -> int:
        """Take bytes to be written; all of them."""
        self._leaving += data
        return len(data)

    def is_leaving(self) -> bool:
        """Say whether something waits to be written."""
        return bool(self._leaving)

    def flush(self) -> None:
        """Write what the system takes now."""
        while self._leaving and self._error is None:
            try:
                sent = self._sock.send(self._leaving)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError as error:
                self._error = error
                return
            del self._leaving[:sent]

    def close(self) -> None:
        """Write what can be written now, a goodbye perhaps, and close."""
        self.flush()
        self._sock.close()

    def fileno(self) -> int:
        """Give what `select` waits for."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """Be as the socket is told to be."""
        self._sock.setblocking(flag)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class BufferedClient(Client):
    """paho's client on a `Line`."""

    def _create_socket(self) -> Any:
        return Line(super()._create_socket())  # type: ignore[arg-type]  # it is one, TCP or TLS

    def want_write(self) -> bool:
        """Also when paho has handed everything over and the line has not taken it yet."""
        line = self.socket()
        return super().want_write() or (isinstance(line, Line) and line.is_leaving())

    def loop_write(self) -> MQTTErrorCode:
        """Write; paho hands over packet by packet, the system gets them in one call."""
        result = super().loop_write()
        line = self.socket()
        if isinstance(line, Line):
            line.flush()
        return result

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Handle the packets that were read ahead; paho itself takes one in each turn."""
        result = super().loop_read(max_packets)
        for _ in range(_PACKETS_A_TURN):
            line = self.socket()
            if result or not isinstance(line, Line) or not line.pending():
                break
            result = super().loop_read(max_packets)
        return result
