"""Sends messages as fast as a broker takes them: packets are written before the clock runs.

paho sends 1,800 messages of live size a second here, which would limit what is measured. MQTT
3.1.1 and QoS 1; the broker's acknowledgements are counted, nothing else is read.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable
from typing import Final

from benchmarks.ingest_world import Message

_CONNECT: Final = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05bench"
_CONNACK_BYTES: Final = 4
_PUBLISH_QOS_1: Final = b"\x32"
_PUBACK_BYTES: Final = 4
_DISCONNECT: Final = b"\xe0\x00"
_AHEAD: Final = 2000
"""Most messages sent and not acknowledged; the packet id has 16 bits."""


def packets(messages: Iterable[Message]) -> list[bytes]:
    """Write PUBLISH packets."""
    return [
        _packet(number % 65_535 + 1, topic.encode(), payload)
        for number, (topic, payload) in enumerate(messages)
    ]


def send(port: int, written: list[bytes]) -> None:
    """Send packets, and return when the broker has them all."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as line:
        line.sendall(_CONNECT)
        _read(line, _CONNACK_BYTES)
        room = threading.Semaphore(_AHEAD)
        reader = threading.Thread(target=_count, args=(line, len(written), room), daemon=True)
        reader.start()
        for packet in written:
            room.acquire()
            line.sendall(packet)
        reader.join(120)
        if reader.is_alive():
            raise TimeoutError("expected the broker to take all messages within 120 s")
        line.sendall(_DISCONNECT)


def _packet(packet_id: int, topic: bytes, payload: bytes) -> bytes:
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", packet_id) + payload
    return _PUBLISH_QOS_1 + _length(len(body)) + body


def _length(size: int) -> bytes:
    digits = bytearray()
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | 128 if size else digit)
        if not size:
            return bytes(digits)


def _count(line: socket.socket, expected: int, room: threading.Semaphore) -> None:
    found = 0
    waiting = 0
    while found < expected:
        got = line.recv(65_536)
        if not got:
            return
        waiting += len(got)
        count, waiting = divmod(waiting, _PUBACK_BYTES)
        found += count
        if count:
            room.release(count)


def _read(line: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        some = line.recv(size - len(got))
        if not some:
            raise ConnectionError("expected the broker's word, found the end of the line")
        got += some
    return got
