"""Messages as a gateway sends them, made for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

from ingest import parcel
from ingest.parcel import Parcel
from telekol.observation import Device, Observation, TimeConfidence, reading_id
from telekol.quantities import FACTS, Quantity
from telekol.wire import ObservationMessage, encode

OXIMETER = Device(
    address="C0:00:00:00:00:01", manufacturer="Simulated", model="Oximeter", serial="SIM-OX-1"
)

_seconds = count()


def observation(
    value: float = 93.0,
    quantity: Quantity = Quantity.SPO2,
    *,
    measured_at: datetime | None = None,
    received_at: datetime | None = None,
    device: Device = OXIMETER,
) -> Observation:
    """An observation with its own second on the device's clock."""
    now = datetime.now(UTC)
    at = measured_at or now
    device_time = datetime(2026, 1, 1) + timedelta(seconds=next(_seconds))  # noqa: DTZ001
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
        received_at=received_at or max(now, at),
    )


def message(
    *observations: Observation, gateway: str = "gw-test-1", boot: UUID | None = None, seq: int = 1
) -> bytes:
    """A whole message."""
    return encode(
        ObservationMessage(
            v=1,
            gateway=gateway,
            boot=boot or uuid4(),
            seq=seq,
            sent_at=datetime.now(UTC),
            observations=observations,
        )
    )


def sort(topic: str, payload: bytes, now: datetime | None = None) -> Parcel:
    """Sort a message that arrives now."""
    return parcel.sort(topic, payload, now or datetime.now(UTC))
