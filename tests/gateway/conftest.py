"""A broker, a server that only stores and gives receipts, and readings to test with."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from device_sim.demo.broker import prepare
from telekol import topics
from telekol.observation import Device, Observation, TimeConfidence, reading_id
from telekol.quantities import Quantity
from telekol.wire import Receipt, decode_observations, encode

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


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class BrokerProcess:
    """A broker of our own on a free port, which can be stopped and started."""

    port: int
    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.arguments, stderr=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def broker(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrokerProcess]:
    """Mosquitto where it is installed, else iotcore; a test may ask for iotcore."""
    if getattr(request, "param", "") == "iotcore":
        monkeypatch.setattr("device_sim.demo.broker.find_mosquitto", lambda: None)
    port = free_port()
    broker = BrokerProcess(port, prepare(tmp_path / "broker", port).arguments)
    yield broker
    broker.stop()


@dataclass
class Server:
    """Stores what arrives and answers with receipts, as ingest does; can be told not to."""

    port: int
    answers: bool = True
    stored: dict[UUID, Observation] = field(default_factory=dict)
    arrivals: list[UUID] = field(default_factory=list)
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
            for _, item in decoded.observations:
                self.arrivals.append(item.id)
                if self.answers:
                    self.stored.setdefault(item.id, item)
            if not self.answers:
                return
            seen = self.seqs.setdefault(decoded.boot, set())
            seen.update(range(decoded.first, decoded.last + 1))
            through = next(number for number in range(10**6) if number + 1 not in seen)
        answer = receipt(decoded.boot, through=through, first=decoded.first, last=decoded.last)
        client.publish(topics.receipts(decoded.gateway), encode(answer), qos=1)


@pytest.fixture
def server(broker: BrokerProcess) -> Iterator[Server]:
    server = Server(broker.port)
    yield server
    server.stop()


@dataclass
class GatewayProcess:
    """The gateway as it runs in homes."""

    arguments: list[str]
    log_path: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "telekol", "gateway", *self.arguments], stderr=log
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> tuple[int, float]:
        """Ask it to stop; gives the exit status and how long that took, in seconds."""
        assert self.process is not None
        began_s = time.monotonic()
        self.process.terminate()
        status = self.process.wait(10)
        return status, time.monotonic() - began_s

    @property
    def log(self) -> str:
        return self.log_path.read_text()


def wait_until(condition: Any, within_s: float = 15.0) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.02)
