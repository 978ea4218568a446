"""Takes messages from the broker and acknowledges them when told to. Touches MQTT.

Owns the connection and the window of unacknowledged messages; it knows neither what a message
means nor whether it was stored.

Facts it is built on (measured with mosquitto 2.0 and paho 2): a session survives only with
clean_start off *and* an expiry; paho does not order manual acknowledgements, the caller must;
an exception in a callback kills the network thread while is_connected() stays true; what is
not acknowledged is delivered again only after a reconnect.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTMessageInfo,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.broker_line import BufferedClient
from ingest.settings import IngestSettings
from telekol import tls, topics, wire

log = logging.getLogger(__name__)

KEEPALIVE_S: Final = 30
SECONDS_PER_DAY: Final = 86_400

STUCK_S: Final = 120.0
"""How long the network thread may take for one turn. It turns once a second at least; a broker
whose address does not answer holds it for as long as the system tries to connect."""

_ANSWER_S: Final = 10.0
"""How long to wait until the broker has the receipts, where others wait for their turn."""


_NO_TOPIC: Final = "(topic is not UTF-8)"


class Arrival(NamedTuple):
    """A message as it came, and what is needed to acknowledge it.

    Parameters
    ----------
    connection
        Number of the connection it came over. Packet ids start anew with each, so an
        acknowledgement for an older one could hit another message.
    """

    topic: str
    payload: bytes
    packet_id: int
    qos: int
    connection: int


class _Client(BufferedClient):
    """paho's client, which says when its network thread has last turned."""

    turned_s = 0.0

    def loop_misc(self) -> MQTTErrorCode:
        """Do what is due now and then; paho calls it once in every turn."""
        self.turned_s = time.monotonic()
        return super().loop_misc()


class Subscriber:
    """One subscription to what every gateway sends."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._share = settings.ingest_share
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._connection = 0
        self._receiving = False
        files = settings.broker_tls
        self._tls = None if files is None else tls.client_context(files)
        self._client = self._make_client()
        self._network: threading.Thread | None = None
        self._connecting_s = 0.0

    def start(self) -> None:
        """Begin to connect, for as long as it takes, and to receive."""
        self._client.connect_async(
            self._settings.broker_host,
            self._settings.broker_port,
            keepalive=KEEPALIVE_S,
            clean_start=False,
            properties=self._connect_properties(),
        )
        self._client.loop_start()

    def is_alive(self) -> bool:
        """Say whether the network thread runs and turns; is_connected() would not tell."""
        if self._network is None:
            return True
        turned_s = max(self._client.turned_s, self._connecting_s)
        return self._network.is_alive() and time.monotonic() - turned_s < STUCK_S

    def is_receiving(self) -> bool:
        """Say whether the broker has taken our subscription and has not gone since.

        Ask `is_alive` too: a network thread that died could not say that the broker has gone.
        """
        return self._receiving

    def stop(self) -> None:
        """Leave the broker; what is unacknowledged comes again at the next start."""
        self._client.disconnect()
        self._client.loop_stop()

    def take(
        self, most: int, most_bytes: int, first_wait_s: float, gather_s: float
    ) -> list[Arrival]:
        """Take a batch: wait for the first, then gather what comes shortly after.

        Parameters
        ----------
        most, most_bytes
            When a batch is full; the message that passes `most_bytes` is its last.
        first_wait_s
            How long to wait for anything at all.
        gather_s
            How long to wait for company once there is something.
        """
        try:
            batch = [self._arrivals.get(timeout=first_wait_s)]
        except queue.Empty:
            return []
        deadline = time.monotonic() + gather_s
        size = len(batch[0].payload)
        while len(batch) < most and size < most_bytes:
            try:
                batch.append(self._arrivals.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
            size += len(batch[-1].payload)
        return batch

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Acknowledge in the order given, which must be the order of arrival."""
        with self._client.gathering():
            for arrival in arrivals:
                if arrival.connection == self._connection:
                    self._client.ack(arrival.packet_id, arrival.qos)

    def send(self, topic: str, payload: bytes) -> None:
        """Send a message; who sends it must not depend on that it arrives."""
        self._client.publish(topic, payload, qos=1)

    def answer(self, receipts: Iterable[tuple[str, bytes]]) -> None:
        """Send receipts; one that is lost is made again when the gateway asks again.

        Among several workers it returns when the broker has them, so that the next worker's
        receipt for the same gateway comes behind ours.
        """
        with self._client.gathering():
            sent = [self._client.publish(topic, payload, qos=1) for topic, payload in receipts]
        if self._share is not None:
            self._await_broker(sent)

    def _await_broker(self, sent: Sequence[MQTTMessageInfo]) -> None:
        deadline = time.monotonic() + _ANSWER_S
        for one in sent:
            try:
                one.wait_for_publish(max(0.0, deadline - time.monotonic()))
            except (RuntimeError, ValueError):  # paho's words for a line that is down, or full
                break
        if not all(one.rc == MQTTErrorCode.MQTT_ERR_SUCCESS and one.is_published() for one in sent):
            log.warning("the broker has not taken all receipts; homes will ask again")

    def _make_client(self) -> _Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.ingest_client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.reconnect_delay_set(min_delay=1, max_delay=15)
        # Receipts of a whole window may be on their way; paho's default of 20 made each wait. With
        # any limit but 0 paho looks through all of them at every acknowledgement of one.
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(10 * self._settings.ingest_window)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_plain = self._on_plain
        return client

    def _connect_properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        properties.SessionExpiryInterval = self._settings.ingest_session_days * SECONDS_PER_DAY
        properties.ReceiveMaximum = self._settings.ingest_window
        properties.MaximumPacketSize = 2 * wire.MESSAGE_LIMIT_BYTES
        return properties

    def _on_pre_connect(self, _client: Client, _userdata: Any) -> None:
        # Called on paho's own thread, which it offers no public way to ask for.
        self._network = threading.current_thread()
        self._connecting_s = time.monotonic()
        files = self._settings.broker_tls
        if self._tls is not None and files is not None:
            try:
                # A context keeps what it read; a renewed certificate is read for this connection.
                self._tls.load_cert_chain(files.certificate, files.key)
            except OSError as error:  # an SSLError is one
                log.warning("our certificate cannot be read anew (%s); the old one is used", error)

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        # paho calls us while it handles the error and does not hand it over.
        said = None if self._tls is None else tls.failure(sys.exception())
        log.warning("no broker yet, trying again: %s", said or "nobody answers there")

    def _on_connect(
        self,
        client: Client,
        _userdata: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.error("the broker refused ingest: %s", reason)
            return
        self._connection += 1
        self._forget_arrivals()
        log.info("connected to the broker; session kept: %s", flags.session_present)
        # Also when the session was kept: asking again is how a changed subscription gets there.
        # Retained health comes once and not at every reconnect: a kept session has what came since.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        client.subscribe([(topic, options) for topic in self._topics()])
        if self._share is not None:
            # A session keeps what it asked for when it worked alone, and would get all twice.
            client.unsubscribe([topics.ALL_OBSERVATIONS, topics.ALL_ACKNOWLEDGEMENTS])

    def _topics(self) -> list[str]:
        worked = [topics.ALL_OBSERVATIONS, topics.ALL_ACKNOWLEDGEMENTS]
        if self._share is not None:
            worked = [f"$share/{self._share}/{topic}" for topic in worked]
        # Health is retained, and the broker gives no retained message to a shared subscription.
        # Every worker may store it: an older or equal word changes nothing.
        return [*worked, topics.ALL_HEALTH]

    def _forget_arrivals(self) -> None:
        """Let go of what came over an older connection: it is unacknowledged and comes again.

        Kept, it would be a window more at every reconnect for as long as the database is away.
        """
        try:
            while True:
                self._arrivals.get_nowait()
        except queue.Empty:
            pass

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: Any,
        _packet_id: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("the broker refused the subscription: %s", reasons)
        else:
            self._receiving = True
            log.info("receiving from all gateways")

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._receiving = False
        log.warning("broker away (%s), trying again", reason)

    def _on_plain(self, raw_topic: bytes, payload: bytes, packet_id: int) -> None:
        try:
            topic = raw_topic.decode()
        except UnicodeDecodeError:
            topic = _NO_TOPIC
        self._arrivals.put(Arrival(topic, payload, packet_id, 1, self._connection))

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = _NO_TOPIC
        if message.qos == 0 and self._arrivals.qsize() >= self._settings.ingest_window:
            # The window does not bound what comes without one, and nothing was promised for it.
            log.warning("a message of QoS 0 is dropped, the window is full: %s", topic)
            return
        self._arrivals.put(
            Arrival(topic, bytes(message.payload), message.mid, message.qos, self._connection)
        )
