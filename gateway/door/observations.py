"""From what was handed in to observations: a spirometry session, or typed readings.

Owns their identity and how far their time can be trusted. Pure. Must not know disks or HTTP.

Invariants
----------
1. A session's readings are known by the device and its uncorrected time, as a device's that comes
   by radio: the same session handed in twice, also through another gateway, is one.
2. A time that cannot be true tells nothing apart; then the document itself does.
3. Typed readings are known by the key of whoever typed them.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from uuid import UUID

from gateway.door.spirometry import SessionResult
from gateway.door.spirometry_document import SpirometryDocument
from gateway.door.typed import TypedReadings
from gateway.profiles.measurement import Reading
from gateway.timing.clock import IMPLAUSIBLE, Timing, correct
from gateway.timing.device_clock import DeviceClock
from telekol.observation import (
    Device,
    Entry,
    Observation,
    TimeConfidence,
    reading_id,
    submitted_id,
)
from telekol.quantities import Quantity


def observe_session(
    session: SpirometryDocument,
    result: SessionResult,
    *,
    gateway: str,
    digest: str,
    zone: tzinfo,
    received_at: datetime,
) -> tuple[Observation, ...]:
    """Make observations of a session.

    Parameters
    ----------
    digest
        Of the document's bytes.
    zone
        Where the spirometer lives: how a time without an offset is read.
    """
    device = _device(session)
    device_time = _uncorrected(session)
    # A time with an offset is UTC already; that nobody compared the clock is said all the same.
    lives_in = zone if session.measured_at is None else UTC
    timing = correct(device_time, DeviceClock(), lives_in, received_at)

    def identity(quantity: Quantity) -> UUID:
        if IMPLAUSIBLE in timing.quality:
            return submitted_id(gateway, f"spirometry:{digest}", quantity)
        return reading_id(device, quantity, device_time)

    return tuple(
        _observe(
            item.reading,
            identity=identity(item.reading.quantity),
            device=device,
            timing=timing,
            device_time=device_time,
            quality=item.quality,
            received_at=received_at,
        )
        for item in result.readings
    )


def observe_typed(
    typed: TypedReadings, *, gateway: str, received_at: datetime
) -> tuple[Observation, ...]:
    """Make observations of typed readings."""
    # The same everywhere would be one device of every home.
    device = Device(address=f"typed:{gateway}", model=typed.instrument)
    if typed.at is None:
        timing = Timing(received_at, TimeConfidence.ARRIVAL)
    else:
        timing = Timing(min(typed.at, received_at), TimeConfidence.STATED)
    return tuple(
        _observe(
            reading,
            identity=submitted_id(gateway, typed.key, reading.quantity),
            device=device,
            timing=timing,
            received_at=received_at,
            entered=typed.by,
        )
        for reading in typed.readings
    )


def _device(session: SpirometryDocument) -> Device:
    described = session.device
    return Device(
        address=described.address or "spirometer",
        manufacturer=described.manufacturer,
        model=described.model,
        serial=described.serial,
    )


def _uncorrected(session: SpirometryDocument) -> datetime:
    if session.measured_at is not None:
        return session.measured_at.astimezone(UTC).replace(tzinfo=None)
    assert session.device_time is not None  # noqa: S101 - the document has exactly one of the two
    return session.device_time


def _observe(
    reading: Reading,
    *,
    identity: UUID,
    device: Device,
    timing: Timing,
    received_at: datetime,
    device_time: datetime | None = None,
    quality: tuple[str, ...] = (),
    entered: Entry = Entry.AUTOMATIC,
) -> Observation:
    return Observation(
        id=identity,
        device=device,
        quantity=reading.quantity,
        value=float(reading.value),
        unit=reading.unit,
        measured_at=timing.measured_at,
        device_time=device_time,
        clock_offset_s=timing.offset_s,
        time_confidence=timing.confidence,
        received_at=received_at,
        quality=quality + timing.quality,
        entered=entered,
    )
