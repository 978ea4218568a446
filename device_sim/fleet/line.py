"""One MQTT connection of the fleet, on the event loop. Touches the broker.

Owns paho's client, its socket and its return after a loss. Must not know what a message says.

paho with the loop's own readers and writers, which it offers for this: a thread for each of some
thousands of connections would cost more than everything else, and the wrappers for asyncio put a
thread or a task of their own beside each client (a connection here is about 60 kB).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from telekol import topics
from telekol.backoff import delay_s
from telekol.wire import MESSAGE_LIMIT_BYTES

_LOG = logging.getLogger(__name__)

KEEPALIVE_S: Final = 60
SESSION_EXPIRY_S: Final = 3600
"""Long enough for a run; what a fleet leaves at a broker should not stay for a day."""

_READY_WITHIN_S: Final = 60.0

_WITH_WILL: Final = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is."""

    host: str
    port: int


class Line:
    """A connection that carries the topics of one gateway, or of several.

    Parameters
    ----------
    gateways
        Whose receipts to hear. One: its id is the client id, as a real gateway's is. Several: a
        broker that lets each gateway speak for itself only will refuse.
    on_receipt
        Called with topic and payload.
    on_back
        Called when the line is there, for the first time or again after a loss.
    will
        Gives topic and payload of the Last Will for the next connection; None for none.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        gateways: Sequence[str],
        on_receipt: Callable[[str, bytes], None],
        on_back: Callable[[], None],
        will: Callable[[], tuple[str, bytes]] | None = None,
    ) -> None:
        self._address = address
        self._topics = [topics.receipts(gateway) for gateway in gateways]
        self._on_receipt = on_receipt
        self._on_back = on_back
        self._will = will
        self._is_whole = asyncio.Event()
        self._is_whole.set()
        self._loop = asyncio.get_running_loop()
        self._is_ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.failures = 0
        self.refusal = ""
        self._client = self._made(client_id)

    @property
    def is_ready(self) -> bool:
        """Whether messages can be sent now."""
        return self._is_ready.is_set()

    @property
    def has_will(self) -> bool:
        """Whether this is one gateway's own line, with its Last Will."""
        return self._will is not None

    async def open(self) -> None:
        """Connect, and stay connected until `close`."""
        self._keeper = asyncio.create_task(self._keep())
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                await self._is_ready.wait()
        except TimeoutError:
            _LOG.warning("no line to the broker yet; it is tried again and again")

    async def close(self) -> None:
        """Say goodbye; the Last Will says it to the server."""
        if self._keeper:
            self._keeper.cancel()
        if self._client.is_connected():
            self._client.disconnect(reasoncode=_WITH_WILL if self.has_will else None)
        self._ended.set()
        await asyncio.sleep(0)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send at QoS 1; False if there is no line now."""
        if not self.is_ready:
            return False
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        return sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def cut(self) -> None:
        """Lose the line without a word, and stay without it until `mend`."""
        self._is_whole.clear()
        opened: Any = self._client.socket()
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Have a line again."""
        self._is_whole.set()

    def tend(self) -> None:
        """Let paho keep the connection alive; to be called every few seconds."""
        if self._client.socket() is not None:
            self._client.loop_misc()

    async def _keep(self) -> None:
        tries = 0
        while True:
            self._ended.clear()
            await self._is_whole.wait()
            if self._will is not None:
                topic, payload = self._will()
                self._client.will_set(topic, payload, qos=1, retain=True)
            try:
                await asyncio.to_thread(self._connect)
                await self._ended.wait()
                tries = 0
            except OSError as error:
                _LOG.debug("the broker does not answer: %s", error)
            tries += 1
            self.failures += 1
            await asyncio.sleep(delay_s(tries, random.random()))  # noqa: S311 - not a secret

    def _connect(self) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.MaximumPacketSize = 2 * MESSAGE_LIMIT_BYTES
        self._client.connect(
            self._address.host,
            self._address.port,
            KEEPALIVE_S,
            clean_start=False,
            properties=properties,
        )

    def _made(self, client_id: str) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_write_wanted
        client.on_socket_unregister_write = self._on_write_done
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    # -- the socket, on the loop; connecting happens in a thread, so these may be called there --

    def _on_socket_open(self, client: Client, _data: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.call_soon_threadsafe(self._read_if_open, client, sock)

    def _read_if_open(self, client: Client, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.add_reader(sock, client.loop_read)

    def _on_socket_close(self, _client: Client, _data: Any, sock: Any) -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)

    def _on_write_wanted(self, client: Client, _data: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._write_if_open, client, sock)

    def _write_if_open(self, client: Client, sock: Any) -> None:
        if sock.fileno() >= 0 and client.want_write():
            self._loop.add_writer(sock, client.loop_write)

    def _on_write_done(self, _client: Client, _data: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._rest_if_open, sock)

    def _rest_if_open(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock)

    # -- MQTT --------------------------------------------------------------------------------

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self.refusal = str(reason)
            return
        client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(
        self, client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Any
    ) -> None:
        if refused := [str(reason) for reason in reasons if reason.is_failure]:
            self.refusal = refused[0]
            client.disconnect()
            return
        self._is_ready.set()
        self._on_back()

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, _reason: ReasonCode, _props: Any
    ) -> None:
        self._is_ready.clear()
        self._loop.call_soon_threadsafe(self._ended.set)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._on_receipt(message.topic, bytes(message.payload))
