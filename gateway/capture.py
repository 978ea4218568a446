"""From a decoded measurement to observations.

Owns what an observation is made of and what is held back. Pure: the device, its clock and the
moment are given. It must not know disks, radios or brokers.

Invariants
----------
1. What cannot have been measured, and what the device marks as simulated, becomes no
   observation but a sentence that says why; its neighbours become observations all the same.
2. The id of a reading with a device time that can be true depends on the device and that time
   alone. A time that cannot be true tells nothing apart: a clock that restarts at each
   switch-on stamps every day with the same seconds. Such a reading is known by its arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final
from uuid import UUID

from gateway.profiles.measurement import Decoded, OfUser, Reading
from gateway.timing.clock import IMPLAUSIBLE, Timing, correct
from gateway.timing.device_clock import DeviceClock
from telekol.observation import Device, Observation, TimeConfidence, arrival_id, reading_id
from telekol.quantities import FACTS, Quantity

REPEATS: Final = "device-clock-repeats"
"""Quality flag of a reading whose device stamped one second too often to tell readings apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Everything about an indication except what it says.

    Parameters
    ----------
    counter
        Tells indications of one moment apart, for devices without a clock.
    doubt
        What the confidence of its time is at most, when the gateway did not know the time.
    """

    gateway: str
    device: Device
    clock: DeviceClock
    zone: tzinfo
    received_at: datetime
    counter: int
    doubt: TimeConfidence | None = None


@dataclass(frozen=True, slots=True)
class Captured:
    """What came of a measurement: observations, and why anything was held back."""

    observations: tuple[Observation, ...]
    held_back: tuple[str, ...] = ()


def capture(measurement: Decoded, around: Circumstances) -> Captured:
    """Make observations of a decoded measurement."""
    if measurement.refusal is not None:
        return Captured((), (measurement.refusal,))
    timing = correct(measurement.device_time, around.clock, around.zone, around.received_at)
    possible = possible_readings(measurement)
    return Captured(
        tuple(_observe(item, measurement, timing, around) for item in possible),
        refusals(measurement),
    )


def possible_readings(measurement: Decoded) -> list[Reading]:
    """Give the values that can have been measured."""
    return [item for item in measurement.readings if _is_possible(item)]


def refusals(measurement: Decoded) -> tuple[str, ...]:
    """Say of the other values why they are held back."""
    return tuple(_why_not(item) for item in measurement.readings if not _is_possible(item))


def renumbered(observation: Observation, record_number: int) -> Observation:
    """Give `observation` the id of another record of the same second.

    For two different values that a device stamped with one second: a clock that was set back
    shows some seconds twice, and the later reading must not pass for a repetition.
    """
    if observation.device_time is None:
        return observation
    new_id = reading_id(
        observation.device, observation.quantity, observation.device_time, record_number
    )
    return observation.model_copy(update={"id": new_id})


def known_by_arrival(observation: Observation, around: Circumstances) -> Observation:
    """Give `observation` the id of its arrival, and say so: its stamp has been used up."""
    update = {
        "id": _arrival(observation.quantity, around),
        "quality": (*observation.quality, REPEATS),
    }
    return observation.model_copy(update=update)


def is_stamped_in_vain(observation: Observation) -> bool:
    """Say whether the device gave a time that could not identify the reading."""
    return not {IMPLAUSIBLE, REPEATS}.isdisjoint(observation.quality)


def _observe(
    reading: Reading, measurement: Decoded, timing: Timing, around: Circumstances
) -> Observation:
    return Observation(
        id=_identity(reading, measurement.device_time, timing, around),
        device=around.device,
        quantity=reading.quantity,
        value=float(reading.value),
        unit=reading.unit,
        measured_at=timing.measured_at,
        device_time=measurement.device_time,
        clock_offset_s=timing.offset_s,
        time_confidence=around.doubt or timing.confidence,
        received_at=around.received_at,
        quality=measurement.quality + timing.quality,
        user_index=measurement.user if isinstance(measurement, OfUser) else None,
    )


def _identity(
    reading: Reading, device_time: datetime | None, timing: Timing, around: Circumstances
) -> UUID:
    if device_time is None or IMPLAUSIBLE in timing.quality:
        return _arrival(reading.quantity, around)
    return reading_id(around.device, reading.quantity, device_time)


def _arrival(quantity: Quantity, around: Circumstances) -> UUID:
    return arrival_id(around.gateway, around.device, quantity, around.received_at, around.counter)


def _is_possible(reading: Reading) -> bool:
    return FACTS[reading.quantity].is_possible(float(reading.value))


def _why_not(reading: Reading) -> str:
    facts = FACTS[reading.quantity]
    return (
        f"{reading.quantity} of {reading.value} {reading.unit} cannot have been measured; "
        f"expected {facts.lowest}-{facts.highest}"
    )
