"""A&D's scale UC-352BLE and cuff UA-651BLE.

Owns what differs from the standard: the clock is Date Time (0x2A08) inside the measurement
service, there is no Current Time, a vendor service stands beside it, only the paired host is
answered, and the device hangs up by itself when its unsent records are sent. Sources: A&D's
description as implemented in HEADS-project/ThingML-BLE and obniz. The rest is in `base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final

from bumble import core
from bumble.device import Device
from bumble.gatt import Characteristic, CharacteristicValue, Service

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog
from device_sim.encoders import blood_pressure, weight_scale
from device_sim.encoders.ieee11073 import date_time, read_date_time
from device_sim.faults import Trait
from device_sim.peripherals import cuff
from device_sim.peripherals.base import Peripheral
from device_sim.peripherals.bond import PAIRED_ONLY, pair_only_when
from device_sim.peripherals.link import Link
from device_sim.peripherals.standard_services import (
    DeviceIdentity,
    battery_service,
    clock_characteristic,
    information_service,
    readable,
)

MANUFACTURER: Final = "A&D Medical"
VENDOR_SERVICE: Final = core.UUID("233BF000-5A34-1B6D-975C-000D5690ABE4")
VENDOR_CHARACTERISTIC: Final = core.UUID("233BF001-5A34-1B6D-975C-000D5690ABE4")
# It waits for nothing once its records are sent.
HANGS_UP_AFTER_S: Final = 0.05


class AndDevice(Peripheral):
    """What both have. Parameters as for `Instrument`."""

    traits: ClassVar[frozenset[Trait]] = Peripheral.traits | {Trait.BOND}

    def __init__(
        self,
        identity: DeviceIdentity,
        log: EmissionLog,
        *,
        clock: DeviceClock | None = None,
        battery_percent: int = 90,
    ) -> None:
        super().__init__(identity, log, clock=clock, battery_percent=battery_percent)
        self.linger_s = HANGS_UP_AFTER_S
        self.is_pairing = True

    def prepare(self, device: Device) -> None:
        """Pair only in the pairing mode."""
        pair_only_when(device, lambda: self.is_pairing, self._on_paired)

    def press_pairing(self) -> None:
        """Hold the button until the display shows "Pr"."""
        self.is_pairing = True
        self.settle()

    def services(self) -> list[Service]:
        """List the services; Current Time is none of them."""
        vendor = Characteristic[bytes](
            VENDOR_CHARACTERISTIC,
            Characteristic.Properties.READ | Characteristic.Properties.WRITE,
            PAIRED_ONLY,
            CharacteristicValue(read=lambda _connection: b"\x00", write=lambda *_written: None),
        )
        return [
            *self.measurement_services(),
            Service(VENDOR_SERVICE, [vendor]),
            information_service(self.identity),
            battery_service(lambda: self.battery_percent),
        ]

    def clock_inside(self) -> Characteristic[bytes]:
        """Build the clock, for the paired host."""
        return clock_characteristic(self.clock, 0x2A08, date_time, read_date_time, PAIRED_ONLY)

    async def converse(self, link: Link) -> None:
        """Send what is unsent, to the paired host only."""
        if await link.until_encrypted(self.patience_s):
            await super().converse(link)

    def _on_paired(self) -> None:
        self.is_pairing = False
        self.settle()


class AndScale(AndDevice):
    """UC-352BLE: `body_weight` in kg."""

    service_uuid = core.UUID.from_16_bits(0x181D)
    measurement_uuid = core.UUID.from_16_bits(0x2A9D)
    quantities = frozenset({"body_weight"})
    traits = AndDevice.traits | {Trait.PERSON}

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        identity = DeviceIdentity(serial, "UC-352BLE", "A&D_UC-352BLE", manufacturer=MANUFACTURER)
        super().__init__(identity, log, clock=clock)

    def encode(self, values: Mapping[str, Decimal], device_time: datetime) -> bytes:
        """Write one weighing with its timestamp."""
        return weight_scale.weight_measurement(values["body_weight"], device_time=device_time)

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """List the feature and the clock."""
        return [readable(0x2A9E, weight_scale.features()), self.clock_inside()]


class AndCuff(AndDevice):
    """UA-651BLE: three pressures in mmHg and the pulse per minute."""

    service_uuid = core.UUID.from_16_bits(0x1810)
    measurement_uuid = core.UUID.from_16_bits(0x2A35)
    quantities = cuff.QUANTITIES

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        identity = DeviceIdentity(serial, "UA-651BLE", "A&D_UA-651BLE", manufacturer=MANUFACTURER)
        super().__init__(identity, log, clock=clock)

    def encode(self, values: Mapping[str, Decimal], device_time: datetime) -> bytes:
        """Write one measurement with its timestamp."""
        return cuff.encoded(values, device_time)

    def extra_characteristics(self) -> list[Characteristic[bytes]]:
        """List the feature and the clock."""
        noticed = (
            blood_pressure.CuffStatus.BODY_MOVEMENT | blood_pressure.CuffStatus.IRREGULAR_PULSE
        )
        return [readable(0x2A49, blood_pressure.features(noticed)), self.clock_inside()]
