"""The line to the broker, read ahead and written in one piece. Touches the network.

paho reads a packet in at least three calls to the system, two of them for one byte, and writes
each packet in one of its own. Owns the bytes on their way in between: `Line` is the socket that
paho gets, `BufferedClient` the client that says when to write. It knows no topic and no payload.

Invariants
----------
1. Bytes leave and arrive in their order, none twice, none lost while the line stands.
2. What paho has handed over is written, or still here and `want_write` says so.
3. An error of writing is met by paho where it expects one: at its next read.

What else changes with it: paho's private `_create_socket`, `_packet_queue` and
`_handle_publish` are replaced; tests/unit/test_broker_line.py holds what paho must keep for that.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode

_PIECE_BYTES: Final = 256 * 1024
"""Read at once; a window of live messages is ten times that, and the kernel holds less."""

PlainCallback = Callable[[bytes, bytes, int], None]
"""Takes topic, payload and packet id of a message of QoS 1. Called on paho's thread."""

_QOS_BITS: Final = 0b0110
_QOS_1: Final = 0b0010

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
    """paho's client on a `Line`, with a short way for the messages that nearly all are.

    For each message paho makes tables of all properties there can be and a lock that nobody waits
    for: three quarters of what receiving a live message costs (benchmarks/README.md). A message
    of QoS 1 without properties goes to `on_plain` instead; any other is left to paho.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.on_plain: PlainCallback | None = None
        self._is_gathering = False

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Wake the network thread once for all that is handed over meanwhile, by one thread."""
        self._is_gathering = True
        try:
            yield
        finally:
            self._is_gathering = False
            bell = self._sockpairW
            if bell is not None:
                with suppress(OSError):
                    # Full: it was rung already. Closed: a new line asks what there is to write.
                    bell.send(b"0")

    def want_write(self) -> bool:
        """Also when paho has handed everything over and the line has not taken it yet."""
        line: Any = self.socket()
        return super().want_write() or (isinstance(line, Line) and line.is_leaving())

    def loop_write(self) -> MQTTErrorCode:
        """Write; paho hands over packet by packet, the system gets them in one call."""
        result = super().loop_write()
        line: Any = self.socket()
        if isinstance(line, Line):
            line.flush()
        return result

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Handle the packets that were read ahead; paho itself takes one in each turn."""
        result = super().loop_read(max_packets)
        for _ in range(_PACKETS_A_TURN):
            line: Any = self.socket()
            if result or not isinstance(line, Line) or not line.pending():
                break
            result = super().loop_read(max_packets)
        return result

    def _create_socket(self) -> Any:
        return Line(super()._create_socket())  # type: ignore[arg-type]  # it is one, TCP or TLS

    def _packet_queue(
        self, command: int, packet: Any, mid: int, qos: int, info: MQTTMessageInfo | None = None
    ) -> MQTTErrorCode:
        if not self._is_gathering:
            return super()._packet_queue(command, packet, mid, qos, info)
        self._out_packet.append(
            {
                "command": command,
                "mid": mid,
                "qos": qos,
                "pos": 0,
                "to_process": len(packet),
                "packet": packet,
                "info": info,
            }
        )
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle_publish(self) -> MQTTErrorCode:
        body = self._in_packet["packet"]
        plain = self.on_plain
        if plain is not None and self._in_packet["command"] & _QOS_BITS == _QOS_1:
            topic_end = 2 + int.from_bytes(body[:2], "big")
            begin = topic_end + 3
            packet_id = int.from_bytes(body[topic_end : topic_end + 2], "big")
            # Of MQTT 5: the length of the properties stands between packet id and payload.
            if begin <= len(body) and packet_id and body[topic_end + 2] == 0:
                plain(bytes(body[2:topic_end]), bytes(body[begin:]), packet_id)
                return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super()._handle_publish()
