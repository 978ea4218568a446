"""One MQTT connection, from CONNECT to its end; the only module that knows paho.

Owns paho's client and its network thread. Must not know the outbox or what a message says.

paho keeps QoS 1 messages of its own, in memory, sends them again by itself and queues when it
is not connected. We want none of it, for the outbox is the queue: a client is made for one
connection and thrown away with all it holds, it never reconnects by itself (it has no
jitter), and `publish` refuses when there is no connection.

Invariants
----------
1. An exception in a callback kills paho's thread silently while ``is_connected()`` stays true,
   so every callback catches everything.
2. Callbacks run in paho's thread and do nothing but hand over to the event loop.
3. A PUBACK says that the broker has the message in memory; it is watched as a sign of life and
   means nothing for the outbox.
4. ``clean_start`` is always False, with an expiry: paho's default would wipe the receipts
   that the broker kept for us.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.errors import BrokerUnavailableError
from telekol.wire import MESSAGE_LIMIT_BYTES

_LOG = logging.getLogger(__name__)

KEEPALIVE_S: Final = 30
OPEN_WITHIN_S: Final = 15.0
"""paho gives up on TCP after 5 s; the rest is for the broker's CONNACK and SUBACK."""
SESSION_EXPIRY_S: Final = 24 * 3600
"""How long the broker keeps receipts for a home that is away. A lost receipt costs one
repetition, so a day is plenty."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and who we are to it."""

    host: str
    port: int
    client_id: str


class Connection:
    """A connection to the broker; make a new one for every try.

    Parameters
    ----------
    topic
        What to subscribe to.
    on_message
        Called in the event loop with each payload on `topic`.
    """

    def __init__(self, broker: Broker, topic: str, on_message: Callable[[bytes], None]) -> None:
        self._broker = broker
        self._topic = topic
        self._on_payload = on_message
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._unconfirmed: dict[int, float] = {}
        self._client: Client | None = self._make_client()

    async def open(self) -> None:
        """Connect and subscribe; call `close` afterwards, also if it failed.

        Raises
        ------
        BrokerUnavailableError
            If the broker cannot be reached, refuses us or does not answer in time.
        """
        assert self._client is not None  # noqa: S101 - a connection is opened once, before it ends
        self._client.connect_async(
            self._broker.host,
            self._broker.port,
            KEEPALIVE_S,
            clean_start=False,
            properties=_connect_properties(),
        )
        self._client.loop_start()
        waits: set[asyncio.Future[Any]] = {self._ready, self._ended}
        await asyncio.wait(waits, timeout=OPEN_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done() or not self._ready.done():
            reason = self._ended.result() if self._ended.done() else "no answer in time"
            raise BrokerUnavailableError(
                f"expected an MQTT broker at {self._broker.host}:{self._broker.port}, "
                f"found: {reason}"
            )

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send a message at QoS 1; False if there is no connection to send it on."""
        if self._client is None or self._ended.done() or not self._client.is_connected():
            return False
        info = self._client.publish(topic, payload, qos=1)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._unconfirmed.setdefault(info.mid, self._loop.time())
        return True

    def silent_s(self) -> float:
        """Say for how long the broker has owed us a PUBACK; 0 if it owes none."""
        oldest = min(self._unconfirmed.values(), default=None)
        return 0.0 if oldest is None else self._loop.time() - oldest

    @property
    def ended(self) -> asyncio.Future[str]:
        """Done, with the reason, when the connection has ended."""
        return self._ended

    async def close(self) -> None:
        """Say goodbye, waiting a moment for the broker to hear it."""
        # The client knows us by its callbacks; forgetting it breaks the circle, so that its
        # sockets are closed now and not when the garbage collector comes by.
        client, self._client = self._client, None
        if client is None:
            return
        client.disconnect()
        await asyncio.wait({self._ended}, timeout=0.5)
        # loop_stop() joins paho's thread, which may be stuck in a TCP connect for seconds.
        threading.Thread(target=client.loop_stop, daemon=True).start()

    # -- in paho's thread ------------------------------------------------------------------

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self._hand_over(self._end, f"it refused us: {reason}")
            return
        try:
            client.subscribe(self._topic, qos=1)
        except Exception:  # noqa: BLE001 - it would kill paho's thread
            _LOG.exception("cannot subscribe to %s", self._topic)
            self._hand_over(self._end, "the subscription failed")

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        self._hand_over(self._end, "nobody answers there")

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Any
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._hand_over(self._end, f"it refused our receipts topic: {', '.join(refused)}")
        else:
            self._hand_over(_resolve, self._ready, None)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._hand_over(self._on_payload, bytes(message.payload))

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _props: Any
    ) -> None:
        self._hand_over(self._confirm, mid, str(reason) if reason.is_failure else "")

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        self._hand_over(self._end, f"the connection ended: {reason}")

    def _hand_over(self, callback: Callable[..., None], *values: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *values)
        except RuntimeError:  # the loop is closed: the process is ending
            _LOG.debug("a message came after the end")

    # -- in the event loop -----------------------------------------------------------------

    def _end(self, reason: str) -> None:
        _resolve(self._ended, reason)

    def _confirm(self, mid: int, refusal: str) -> None:
        self._unconfirmed.pop(mid, None)
        if refusal:
            _LOG.warning("the broker refused a message (%s); it is sent again later", refusal)


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    """Switch Nagle's algorithm off: it holds a reading back 40 ms after each PUBACK."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        _LOG.debug("the socket cannot be told to send at once: %s", error)


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    # What no receipt can reach; a larger packet would only fill a small machine's memory.
    properties.MaximumPacketSize = MESSAGE_LIMIT_BYTES + 1024
    return properties
