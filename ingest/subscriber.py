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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.settings import IngestSettings
from telekol import tls, topics, wire

log = logging.getLogger(__name__)

KEEPALIVE_S: Final = 30
SECONDS_PER_DAY: Final = 86_400

_TOPICS: Final = (topics.ALL_OBSERVATIONS, topics.ALL_HEALTH, topics.ALL_ACKNOWLEDGEMENTS)


@dataclass(frozen=True, slots=True)
class Arrival:
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


class Subscriber:
    """One subscription to what every gateway sends."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._connection = 0
        self._receiving = False
        files = settings.broker_tls
        self._tls = None if files is None else tls.client_context(files)
        self._client = self._make_client()
        self._network: threading.Thread | None = None

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
        """Say whether the network thread runs; is_connected() would not tell."""
        return self._network is None or self._network.is_alive()

    def is_receiving(self) -> bool:
        """Say whether the broker has taken our subscription and has not gone since.

        Ask `is_alive` too: a network thread that died could not say that the broker has gone.
        """
        return self._receiving

    def stop(self) -> None:
        """Leave the broker; what is unacknowledged comes again at the next start."""
        self._client.disconnect()
        self._client.loop_stop()

    def take(self, most: int, first_wait_s: float, gather_s: float) -> list[Arrival]:
        """Take a batch: wait for the first, then gather what comes shortly after.

        Parameters
        ----------
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
        while len(batch) < most:
            try:
                batch.append(self._arrivals.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Acknowledge in the order given, which must be the order of arrival."""
        for arrival in arrivals:
            if arrival.connection == self._connection:
                self._client.ack(arrival.packet_id, arrival.qos)

    def send(self, topic: str, payload: bytes) -> None:
        """Send a receipt; one that is lost is made again when the gateway asks again."""
        self._client.publish(topic, payload, qos=1)

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.ingest_client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.reconnect_delay_set(min_delay=1, max_delay=15)
        client.max_queued_messages_set(10_000)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
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
        log.info("connected to the broker; session kept: %s", flags.session_present)
        # Also when the session was kept: asking again is how a changed subscription gets there.
        # Retained health comes once and not at every reconnect: a kept session has what came since.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        client.subscribe([(topic, options) for topic in _TOPICS])

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

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(topic is not UTF-8)"
        self._arrivals.put(
            Arrival(topic, bytes(message.payload), message.mid, message.qos, self._connection)
        )
