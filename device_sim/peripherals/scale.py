"""A bathroom scale that indicates weighings (service 0x181D).

Owns which quantity it measures and how it is encoded. The rest is in `base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from bumble import core
from bumble.gatt import Characteristic

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog
from device_sim.encoders.weight_scale import features, weight_measurement
from device_sim.faults import Trait
from device_sim.peripherals.base import Peripheral
from device_sim.peripherals.standard_services import DeviceIdentity, readable

MODEL: Final = "SIM-WSS1"


class Scale(Peripheral):
    """A scale: `body_weight` in kg, in steps of 5 g."""

    service_uuid = core.UUID.from_16_bits(0x181D)
    measurement_uuid = core.UUID.from_16_bits(0x2A9D)
    quantities = frozenset({"body_weight"})
    traits = Peripheral.traits | {Trait.PERSON}

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(DeviceIdentity(serial, MODEL, "Sim Scale"), log, clock=clock)

    def encode(self, values: Mapping[str, Decimal], device_time: datetime) -> bytes:
        """Write one weighing with its timestamp."""
        return weight_measurement(values["body_weight"], device_time=device_time)

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """Weight Scale Feature: timestamps, 5 g resolution."""
        return [readable(0x2A9E, features())]
