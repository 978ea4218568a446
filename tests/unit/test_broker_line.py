"""The line under paho: bytes in order, errors where paho meets them; and what paho must keep."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.broker_line import BufferedClient, Line

Ends = tuple[Line, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    near, far = socket.socketpair()
    near.setblocking(False)
    yield Line(near), far
    near.close()
    far.close()


def _client() -> BufferedClient:
    return BufferedClient(
        CallbackAPIVersion.VERSION2, client_id="x", protocol=MQTTProtocolVersion.MQTTv5
    )


def test_bytes_are_read_ahead_and_given_in_their_order(ends: Ends) -> None:
    line, far = ends
    far.sendall(bytes(range(200)))
    assert line.recv(1) == b"\x00"
    assert line.pending() == 199
    far.sendall(b"later")
    assert line.recv(100) + line.recv(500) == bytes(range(1, 200))
    assert line.pending() == 0
    assert line.recv(100) == b"later"
    with pytest.raises(BlockingIOError):
        line.recv(1)
    far.close()
    assert line.recv(1) == b""


def test_what_is_written_leaves_at_once_and_in_its_order(ends: Ends) -> None:
    line, far = ends
    far.settimeout(5)
    assert [line.send(piece) for piece in (b"one ", b"two ", b"three")] == [4, 4, 5]
    assert line.is_leaving()
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(1)
    line.flush()
    assert far.recv(100) == b"one two three"
    assert not line.is_leaving()


def test_what_the_system_does_not_take_stays_and_is_written_later(ends: Ends) -> None:
    line, far = ends
    sent = bytes(range(256)) * 20_000
    line.send(sent)
    line.flush()
    assert line.is_leaving()
    got = bytearray()
    while len(got) < len(sent):
        got += far.recv(1 << 20)
        line.flush()
    assert bytes(got) == sent
    assert not line.is_leaving()


def test_an_error_of_writing_is_met_at_the_next_read(ends: Ends) -> None:
    line, far = ends
    far.close()
    line.send(b"to nobody")
    line.flush()
    assert line.pending() == 1
    with pytest.raises(OSError, match="pipe"):
        line.recv(1)


def test_closing_says_what_was_still_to_be_said(ends: Ends) -> None:
    line, far = ends
    line.send(b"goodbye")
    line.close()
    far.settimeout(5)
    assert far.recv(100) == b"goodbye"


# ---------------------------------------------------------------- the short way of a message


def _body(topic: bytes, packet_id: int, properties: Properties | None, payload: bytes) -> bytes:
    head = len(topic).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big")
    packed = b"\x00" if properties is None else properties.pack()
    return head + packed + payload


def _handled(command: int, body: bytes) -> tuple[list[tuple[bytes, bytes, int]], list[Any]]:
    """Give what came the short way and what came paho's own."""
    client = _client()
    client.manual_ack_set(True)
    plain: list[tuple[bytes, bytes, int]] = []
    own: list[Any] = []

    def on_message(_client: Client, _data: Any, message: MQTTMessage) -> None:
        own.append((message._topic, bytes(message.payload), message.mid))

    client.on_plain = lambda *message: plain.append(message)
    client.on_message = on_message
    client._in_packet["command"] = command
    client._in_packet["packet"] = bytearray(body)
    assert client._handle_publish() == MQTTErrorCode.MQTT_ERR_SUCCESS
    return plain, own


@given(
    st.binary(min_size=1, max_size=60),
    st.integers(1, 65_535),
    st.binary(max_size=300),
    st.sampled_from([0x32, 0x33, 0x3A, 0x3B]),
)
def test_the_short_way_reads_what_paho_reads(
    topic: bytes, packet_id: int, payload: bytes, command: int
) -> None:
    body = _body(topic, packet_id, None, payload)
    plain, own = _handled(command, body)
    read = _packet.decode_publish(command, bytearray(body), MQTTProtocolVersion.MQTTv5)
    assert plain == [(bytes(read.topic), bytes(read.payload), read.mid)]
    assert own == []


def test_a_message_with_properties_or_of_another_quality_is_left_to_paho() -> None:
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = ("a", "b")
    plain, own = _handled(0x32, _body(b"t", 7, properties, b"x"))
    assert (plain, own) == ([], [(b"t", b"x", 7)])
    plain, own = _handled(0x30, b"\x00\x01t\x00x")
    assert (plain, own) == ([], [(b"t", b"x", 0)])


@given(st.binary(max_size=12))
def test_a_broken_message_is_refused_as_paho_refuses_it(body: bytes) -> None:
    try:
        read = _packet.decode_publish(0x32, bytearray(body), MQTTProtocolVersion.MQTTv5)
    except MalformedPacket:
        with pytest.raises(MalformedPacket):
            _handled(0x32, body)
        return
    plain, own = _handled(0x32, body)
    assert plain + own == [(bytes(read.topic), bytes(read.payload), read.mid)]


# ---------------------------------------------------------------- what paho must keep


def test_packets_wait_in_the_form_that_paho_gives_them() -> None:
    ours, theirs = _client(), Client(CallbackAPIVersion.VERSION2)
    with ours.gathering():
        ours._packet_queue(0x40, b"\x40\x02\x00\x07", 7, 1)
    theirs._on_socket_register_write = lambda *_: None  # or it would write at once
    theirs._packet_queue(0x40, b"\x40\x02\x00\x07", 7, 1)
    assert list(ours._out_packet) == list(theirs._out_packet)
    assert ours.want_write()


def test_the_bell_rings_once_for_all_that_was_gathered() -> None:
    client = _client()
    hears, client._sockpairW = socket.socketpair()
    hears.setblocking(False)
    with client.gathering():
        for mid in range(1, 50):
            client._packet_queue(0x40, b"\x40\x02\x00\x07", mid, 1)
        with pytest.raises(BlockingIOError):
            hears.recv(100)
    assert len(hears.recv(100)) == 1
    hears.close()
    client._sockpairW.close()


def test_the_private_parts_of_paho_that_are_replaced_are_still_there() -> None:
    parameters = {
        "_create_socket": ["self"],
        "_handle_publish": ["self"],
        "_packet_queue": ["self", "command", "packet", "mid", "qos", "info"],
    }
    for name, expected in parameters.items():
        assert list(inspect.signature(getattr(Client, name)).parameters) == expected
    source = inspect.getsource(Client)
    # Who calls them: a paho that goes another way would pass ours by.
    assert "self._sock = self._create_socket()" in source
    assert "return self._handle_publish()" in source
    assert "hasattr(self._sock, 'pending')" in source
    assert {"command", "packet"} <= set(_client()._in_packet)
