"""A broker, a server that only stores and gives receipts, and readings to test with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from device_sim.demo.broker import BrokerKind
from gateway.condition import Condition
from gateway.keeping.outbox import Outbox
from gateway.link.delivery import DeliveryPlan, DeliveryPolicy
from gateway.link.health import HealthReporter
from gateway.link.instruction_book import InstructionBook
from gateway.link.instruction_desk import InstructionDesk
from gateway.link.mqtt import Broker as MqttBroker
from gateway.link.policy import UplinkPolicy
from gateway.link.uplink import Uplink
from telekol import topics
from telekol.observation import Device, Observation, TimeConfidence, reading_id
from telekol.quantities import Quantity
from telekol.wire import Abandoned, Receipt, decode_observations, encode
from tests.support.processes import Broker

NOW = datetime(2026, 3, 14, 8, 30, 5, tzinfo=UTC)
GATEWAY = "gw-test-001"
DEVICE = Device(address="C0:FF:EE:00:00:01", manufacturer="Maker", model="M1", serial="S1")


def observation(number: int, value: float = 95.0) -> Observation:
    """Make the observation of second `number`."""
    device_time = (NOW + timedelta(seconds=number)).replace(tzinfo=None)
    return Observation(
        id=reading_id(DEVICE, Quantity.SPO2, device_time),
        device=DEVICE,
        quantity=Quantity.SPO2,
        value=value,
        unit="%",
        measured_at=NOW,
        device_time=device_time,
        clock_offset_s=0.0,
        time_confidence=TimeConfidence.CLOCK_CHECKED,
        received_at=NOW,
    )


def receipt(boot: UUID, *, through: int = 0, first: int = 1, last: int = 1) -> Receipt:
    return Receipt(v=1, gateway=GATEWAY, boot=boot, through=through, first=first, last=last)


@pytest.fixture
def broker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker that the test starts when it likes; Mosquitto unless the test asks for iotcore."""
    broker = Broker(tmp_path, BrokerKind(getattr(request, "param", "mosquitto")))
    yield broker
    if broker.is_running:
        broker.kill()


@dataclass
class Link:
    """An uplink and those it carries news for, as gateway.service puts them together."""

    uplink: Uplink
    condition: Condition
    book: InstructionBook
    desk: InstructionDesk


def make_link(
    broker: MqttBroker,
    outbox: Outbox,
    *,
    policy: DeliveryPolicy | None = None,
    window_s: float = 0.3,
    offline_after_s: int = 1,
) -> Link:
    """Make an uplink inside a running event loop; its wait is short, since it is alone."""
    gateway = broker.client_id
    condition = Condition()
    book = InstructionBook.in_memory(gateway)
    desk = InstructionDesk(gateway, book, outbox, lambda: True)
    loop_time = asyncio.get_running_loop().time
    now = partial(datetime.now, UTC)
    reporter = HealthReporter(gateway, condition, outbox, book.next_connection, now, loop_time)
    times = UplinkPolicy(window_s, offline_after_s)
    plan = DeliveryPlan(policy or DeliveryPolicy())
    uplink = Uplink(gateway, broker, outbox, plan, reporter, desk, condition, now, times)
    condition.listen(uplink.news)
    return Link(uplink, condition, book, desk)


@dataclass
class Server:
    """Stores what arrives and answers with receipts, as ingest does; can be told not to."""

    port: int
    answers: bool = True
    stored: dict[UUID, Observation] = field(default_factory=dict)
    batteries: dict[UUID, Observation] = field(default_factory=dict)
    arrivals: list[UUID] = field(default_factory=list)
    abandoned: list[Abandoned] = field(default_factory=list)
    seqs: dict[UUID, set[int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    client: Client | None = None

    def start(self) -> None:
        client = Client(
            CallbackAPIVersion.VERSION2, client_id="server", protocol=MQTTProtocolVersion.MQTTv5
        )
        client.on_connect = lambda c, *_: c.subscribe(topics.ALL_OBSERVATIONS, qos=1)
        client.on_message = self._on_message
        subscribed = threading.Event()
        client.on_subscribe = lambda *_: subscribed.set()
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", self.port, clean_start=True)
        client.loop_start()
        assert subscribed.wait(5)
        self.client = client

    def stop(self) -> None:
        if self.client is not None:
            self.client.disconnect()
            self.client.loop_stop()

    def send(self, payload: bytes) -> None:
        assert self.client is not None
        self.client.publish(topics.receipts(GATEWAY), payload, qos=1)

    def _on_message(self, client: Client, _data: Any, message: Any) -> None:
        decoded = decode_observations(message.topic, message.payload)
        assert not decoded.refused
        with self.lock:
            self.abandoned += decoded.abandoned
            for _, item in decoded.observations:
                if item.quantity is Quantity.BATTERY:
                    # Every device tells its battery beside what it measures.
                    self.batteries[item.id] = item
                    continue
                self.arrivals.append(item.id)
                if self.answers:
                    self.stored.setdefault(item.id, item)
            if not self.answers:
                return
            seen = self.seqs.setdefault(decoded.boot, set())
            seen.update(range(decoded.first, decoded.last + 1))
            through = next(number for number in range(10**6) if number + 1 not in seen)
        answer = receipt(decoded.boot, through=through, first=decoded.first, last=decoded.last)
        answer = answer.model_copy(update={"gateway": decoded.gateway})
        client.publish(topics.receipts(decoded.gateway), encode(answer), qos=1)


@pytest.fixture
def server(broker: Broker) -> Iterator[Server]:
    server = Server(broker.port)
    yield server
    server.stop()
