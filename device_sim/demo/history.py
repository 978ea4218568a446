"""Two months of earlier readings for new demo patients, so that the pictures show something.

They go the way every reading goes: as messages from the home's gateway to ingest. Touches the
broker. They come from a device of their own and are no part of the report.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from device_sim.demo.seeding import DemoHome
from telekol import topics, wire
from telekol.observation import Device, Observation, TimeConfidence, reading_id
from telekol.quantities import FACTS, Quantity

DAYS: Final = 60
EVERY_DAYS: Final = 2
TAKEN_TIMEOUT_S: Final = 10.0

_BOOTS: Final = UUID("5f3c7c1e-57c0-5f0e-8a53-2d7c3b4d9e10")


def boot_of(home: DemoHome) -> UUID:
    """Name the outbox that a home's history pretends to come from."""
    return uuid5(_BOOTS, home.gateway)


def send(broker_url: str, homes: Sequence[DemoHome], now: datetime) -> None:
    """Send the history of `homes` and return when the broker has taken it."""
    address = urlsplit(broker_url)
    client = Client(
        CallbackAPIVersion.VERSION2, client_id="demo-history", protocol=MQTTProtocolVersion.MQTTv5
    )
    client.connect(address.hostname or "127.0.0.1", address.port or 1883)
    client.loop_start()
    try:
        for home in homes:
            taken = client.publish(topics.observations(home.gateway), _payload(home, now), qos=1)
            taken.wait_for_publish(TAKEN_TIMEOUT_S)
    finally:
        client.disconnect()
        client.loop_stop()


def _payload(home: DemoHome, now: datetime) -> bytes:
    message = wire.ObservationMessage(
        v=wire.WIRE_VERSION,
        gateway=home.gateway,
        boot=boot_of(home),
        seq=1,
        sent_at=now,
        observations=tuple(observations(home, now)),
    )
    return wire.encode(message)


def observations(home: DemoHome, now: datetime) -> Iterator[Observation]:
    """Make up earlier readings, within the home's limits, oldest first."""
    luck = random.Random(home.gateway)  # noqa: S311 - a simulation
    device = Device(address="00:00:00:00:00:00", model="Demo history", serial=home.gateway)
    morning = now.replace(hour=7, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    for day in range(0, DAYS, EVERY_DAYS):
        if luck.random() < 0.12:  # people forget, and travel
            continue
        at = morning + timedelta(days=day, minutes=luck.randrange(120))
        values = {
            Quantity.SPO2: min(95, max(90, round(luck.gauss(92.2, 0.9)))),
            Quantity.PULSE_RATE: min(98, max(52, round(luck.gauss(78, 5)))),
            Quantity.BODY_WEIGHT: round(home.usual_weight_kg + luck.gauss(0, 0.35), 1),
        }
        for quantity, value in values.items():
            yield _observation(device, quantity, float(value), at)


def _observation(device: Device, quantity: Quantity, value: float, at: datetime) -> Observation:
    device_time = at.astimezone(UTC).replace(tzinfo=None)
    return Observation(
        id=reading_id(device, quantity, device_time),
        device=device,
        quantity=quantity,
        value=value,
        unit=FACTS[quantity].unit,
        measured_at=at,
        device_time=device_time,
        clock_offset_s=0.0,
        time_confidence=TimeConfidence.CLOCK_CHECKED,
        received_at=at,
    )
