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
4. ``clean_start`` is always False, with an expiry: paho's default would wipe what the broker
   kept for us.
5. A message is acknowledged after its handler has returned; one whose handler failed comes again
   with the next connection.
6. With TLS the broker's certificate and name are checked, and ours must name our gateway.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.errors import BrokerRefusedError, BrokerUnavailableError, CertificateError
from gateway.link.enrolment import own_certificate
from telekol import tls
from telekol.errors import TlsError
from telekol.wire import MESSAGE_LIMIT_BYTES

_LOG = logging.getLogger(__name__)

KEEPALIVE_S: Final = 30
OPEN_WITHIN_S: Final = 15.0
"""paho gives up on TCP after 5 s; the rest is for the broker's CONNACK and SUBACK."""
SESSION_EXPIRY_S: Final = 7 * 24 * 3600
"""How long the broker keeps receipts and instructions for a home that is away. A lost receipt
costs one repetition; an instruction that outlives its session is sent again by the server."""

_END_WITH_WILL: Final = 0x04
"""DISCONNECT that has the Last Will published (MQTT 5, 3.14.2.1): after its delay, unless we are
back by then. So a restart is no alarm, and a gateway that was stopped is not online for ever."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and who we are to it; `tls` is None on a closed network only."""

    host: str
    port: int
    client_id: str
    tls: tls.TlsFiles | None = None


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us, retained, when we are gone for longer than `delay_s`."""

    topic: str
    payload: bytes
    delay_s: int


class Connection:
    """A connection to the broker; make a new one for every try.

    Parameters
    ----------
    handlers
        What to subscribe to, and who is called in the event loop with each payload. The first
        must be granted; without another the connection goes on.
    on_refusal
        Called in the event loop with the reason when the broker refuses one message or topic.
    """

    def __init__(
        self,
        broker: Broker,
        handlers: Mapping[str, Callable[[bytes], None]],
        will: Will | None = None,
        on_refusal: Callable[[str], None] | None = None,
    ) -> None:
        self._broker = broker
        self._handlers = dict(handlers)
        self._will = will
        self._on_refusal = on_refusal
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._unconfirmed: dict[int, float] = {}
        self._on_confirmed: dict[int, Callable[[], None]] = {}
        self._is_refused = False
        self._last_error = ""
        self._client: Client | None = None

    async def open(self) -> None:
        """Connect and subscribe; call `close` afterwards, also if it failed.

        Raises
        ------
        BrokerUnavailableError
            If the broker cannot be reached or does not answer in time.
        BrokerRefusedError
            If it does not want us as we are, or we do not trust it.
        """
        client = self._client = self._make_client()
        client.connect_async(
            self._broker.host,
            self._broker.port,
            KEEPALIVE_S,
            clean_start=False,
            properties=_connect_properties(),
        )
        client.loop_start()
        waits: set[asyncio.Future[Any]] = {self._ready, self._ended}
        await asyncio.wait(waits, timeout=OPEN_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done() or not self._ready.done():
            raise self._unavailable(
                self._ended.result() if self._ended.done() else "no answer in time"
            )

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        on_confirmed: Callable[[], None] | None = None,
    ) -> bool:
        """Send a message at QoS 1; False if there is no connection to send it on.

        `on_confirmed` is called in the event loop when the broker has taken it.
        """
        if self._client is None or self._ended.done() or not self._client.is_connected():
            return False
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._unconfirmed.setdefault(info.mid, self._loop.time())
        if on_confirmed is not None:
            self._on_confirmed[info.mid] = on_confirmed
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
        client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=_END_WITH_WILL))
        await asyncio.wait({self._ended}, timeout=0.5)
        # loop_stop() joins paho's thread, which may be stuck in a TCP connect for seconds.
        threading.Thread(target=client.loop_stop, daemon=True).start()

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if self._broker.tls is not None:
            try:
                own_certificate(self._broker.tls, self._broker.client_id)
                client.tls_set_context(tls.client_context(self._broker.tls))
            except (CertificateError, TlsError) as error:
                self._is_refused = True
                raise self._unavailable(f"we cannot prove who we are: {error}") from error
        if self._will is not None:
            properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            properties.WillDelayInterval = self._will.delay_s
            client.will_set(
                self._will.topic, self._will.payload, qos=1, retain=True, properties=properties
            )
        client.on_log = self._on_log
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    # -- in paho's thread ------------------------------------------------------------------

    def _on_log(self, _client: Client, _data: Any, _level: int, text: str) -> None:
        # The only place where paho says why a socket failed after it was connected: a broker that
        # refuses our certificate does so there (TLS 1.3 tells the client after its handshake).
        if self._broker.tls is not None and tls.meaning(text) is not None:
            self._last_error = text

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self._is_refused = True
            self._hand_over(self._end, f"it refused us: {reason}")
            return
        try:
            client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in self._handlers])
        except Exception:  # noqa: BLE001 - it would kill paho's thread
            _LOG.exception("cannot subscribe to %s", ", ".join(self._handlers))
            self._hand_over(self._end, "the subscription failed")

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        # paho calls us while it handles the error and does not hand it over.
        said = None if self._broker.tls is None else tls.failure(sys.exception())
        self._is_refused = said is not None
        self._hand_over(self._end, said or "nobody answers there")

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Any
    ) -> None:
        asked = zip(self._handlers, reasons, strict=False)
        refused = [(topic, reason) for topic, reason in asked if reason.is_failure]
        said = "; ".join(f"it refused our topic {topic}: {reason}" for topic, reason in refused)
        if reasons and reasons[0].is_failure:
            self._is_refused = True
            self._hand_over(self._end, said)
            return
        if said:
            self._hand_over(self._refused, said)
        self._hand_over(_resolve, self._ready, None)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._hand_over(
            self._handle, message.topic, bytes(message.payload), message.mid, message.qos
        )

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _props: Any
    ) -> None:
        self._hand_over(self._confirm, mid, str(reason) if reason.is_failure else "")

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        said = tls.meaning(self._last_error)
        self._is_refused = self._is_refused or said is not None
        self._hand_over(self._end, said or f"the connection ended: {reason}")

    def _hand_over(self, callback: Callable[..., None], *values: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *values)
        except RuntimeError:  # the loop is closed: the process is ending
            _LOG.debug("a message came after the end")

    # -- in the event loop -----------------------------------------------------------------

    def _end(self, reason: str) -> None:
        _resolve(self._ended, reason)

    def _handle(self, topic: str, payload: bytes, mid: int, qos: int) -> None:
        """Hand a message to its handler, then acknowledge it."""
        handler = self._handlers.get(topic)
        try:
            if handler is not None:
                handler(payload)
        except Exception:  # noqa: BLE001 - the connection must outlive a bug in a handler
            _LOG.exception("a message on %s was not taken; it comes again", topic)
            return
        if self._client is not None:
            self._client.ack(mid, qos)

    def _confirm(self, mid: int, refusal: str) -> None:
        self._unconfirmed.pop(mid, None)
        on_confirmed = self._on_confirmed.pop(mid, None)
        if refusal:
            _LOG.warning("the broker refused a message (%s); it is sent again later", refusal)
            self._refused(f"it refused a message: {refusal}")
        elif on_confirmed is not None:
            on_confirmed()

    def _refused(self, reason: str) -> None:
        if self._on_refusal is not None:
            self._on_refusal(reason)

    def _unavailable(self, found: str) -> BrokerUnavailableError:
        kind = BrokerRefusedError if self._is_refused else BrokerUnavailableError
        return kind(
            f"expected an MQTT broker at {self._broker.host}:{self._broker.port}, found: {found}"
        )


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
