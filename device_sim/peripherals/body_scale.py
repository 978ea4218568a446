"""A body analysing scale that indicates body composition with the weight in it (0x181B).

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
from device_sim.encoders.body_composition import body_composition, features
from device_sim.faults import Trait
from device_sim.peripherals.base import Peripheral
from device_sim.peripherals.standard_services import DeviceIdentity, readable

MODEL: Final = "SIM-BCS1"
FAT_PCT: Final = Decimal("28.5")
"""Beside the weight; nobody acts on it."""
IMPEDANCE_OHM: Final = Decimal("520.0")


class BodyScale(Peripheral):
    """A scale: `body_weight` in kg, in steps of 5 g, beside body fat.

    Parameters
    ----------
    user_index
        Whose memory on the scale the weighings go to; absent: it tells no user.
    """

    service_uuid = core.UUID.from_16_bits(0x181B)
    measurement_uuid = core.UUID.from_16_bits(0x2A9C)
    quantities = frozenset({"body_weight"})
    traits = Peripheral.traits | {Trait.PERSON}

    def __init__(
        self,
        serial: str,
        log: EmissionLog,
        *,
        clock: DeviceClock | None = None,
        user_index: int | None = None,
    ) -> None:
        super().__init__(DeviceIdentity(serial, MODEL, "Sim Body Scale"), log, clock=clock)
        self.user_index = user_index

    def encode(self, values: Mapping[str, Decimal], device_time: datetime) -> bytes:
        """Write one measurement with its timestamp."""
        return body_composition(
            FAT_PCT,
            device_time=device_time,
            user_id=self.user_index,
            impedance_ohm=IMPEDANCE_OHM,
            weight_kg=values["body_weight"],
        )

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """Body Composition Feature."""
        return [readable(0x2A9B, features())]
