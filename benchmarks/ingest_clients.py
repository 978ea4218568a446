"""The references on the way from the broker: who only receives, and the way of tutorials.

Run as processes of their own, as ingest is. Each prints one JSON object: how many messages it
took, and how long from the tenth part of them to the last.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from typing import Any, Final

import psycopg
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.broker_line import BufferedClient
from telekol import topics

WARM_UP: Final = 0.1
"""The part of the messages that is not counted: connecting, first plans, first pages."""

_INSERT: Final = b"""
insert into observation (measured_at, received_at, device_time, seq, value, reading_id,
    device_id, outbox_id, quantity, time_confidence, entered)
values (%s, %s, %s, %s, %s, %s, 1, 1, %s, %s, %s)
"""


class Stopwatch:
    """Counts messages and keeps the moments that matter."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._first = int(messages * WARM_UP)
        self._count = 0
        self._began_s = 0.0
        self._took_s = 0.0
        self.done = threading.Event()

    def tick(self) -> None:
        """Count a message."""
        self._count += 1
        if self._count == self._first:
            self._began_s = time.perf_counter()
        if self._count == self._messages:
            self._took_s = time.perf_counter() - self._began_s
            self.done.set()

    def report(self) -> dict[str, float]:
        """Say what was counted, without the warm-up."""
        return {"messages": self._messages - self._first, "seconds": self._took_s}


def receive_only(client: Client, watch: Stopwatch) -> None:
    """Take each message and acknowledge it, as ingest does, and nothing else."""

    def on_message(client: Client, _data: Any, message: MQTTMessage) -> None:
        client.ack(message.mid, message.qos)
        watch.tick()

    client.manual_ack_set(True)
    client.on_message = on_message


def receive_own(client: BufferedClient, watch: Stopwatch) -> None:
    """Do the same with ingest's own client: reading ahead, and past paho's tables."""

    def on_plain(_topic: bytes, _payload: bytes, packet_id: int) -> None:
        client.ack(packet_id, 1)
        watch.tick()

    client.manual_ack_set(True)
    client.on_plain = on_plain


def tutorial(client: Client, watch: Stopwatch, database: str) -> None:
    """Store in the callback: one INSERT and one commit for each reading."""
    connection = psycopg.connect(database, autocommit=True)

    def on_message(_client: Client, _data: Any, message: MQTTMessage) -> None:
        document = json.loads(message.payload)
        for seq, item in enumerate(document["observations"], start=document["seq"]):
            connection.execute(
                _INSERT,
                (
                    item["measured_at"],
                    item["received_at"],
                    item["device_time"],
                    seq,
                    item["value"],
                    item["id"],
                    item["quantity"],
                    item["time_confidence"],
                    item["entered"],
                ),
            )
        watch.tick()

    client.on_message = on_message


def connect(client: Client, port: int, window: int) -> None:
    """Connect with ingest's own properties and subscribe."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = window
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    client.subscribe(topics.ALL_OBSERVATIONS, qos=1)


def make(client_id: str) -> Client:
    """Make paho's client as it is shipped, with ingest's settings."""
    return Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5
    )


def make_own(client_id: str) -> BufferedClient:
    """Make the client that ingest has of it."""
    return BufferedClient(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5
    )


def _prepare(way: str, watch: Stopwatch, database: str) -> Client:
    if way == "receive-own":
        own = make_own(way)
        receive_own(own, watch)
        return own
    client = make(way)
    if way == "tutorial":
        tutorial(client, watch, database)
    else:
        receive_only(client, watch)
    return client


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=("receive-only", "receive-own", "tutorial"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--window", type=int, required=True)
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    watch = Stopwatch(options.messages)
    client = _prepare(options.way, watch, options.database)
    connect(client, options.port, options.window)
    client.loop_start()
    watch.done.wait()
    client.loop_stop()
    print(json.dumps(watch.report()))  # noqa: T201 - its only output


if __name__ == "__main__":
    main()
