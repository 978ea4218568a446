"""Xiaomi's scales, which tell a weighing by adverts and to nobody in particular.

Owns the course of one weighing on the air: rising, stable and repeated, then stepped off. The
bytes are in `encoders.xiaomi`.

Invariants:

1. Only the stable adverts with somebody on the scale are the measurement; they differ at most
   in the impedance.
2. A measurement counts as confirmed when all its adverts have been sent. Nobody says that they
   were heard.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import ClassVar, Final

from bumble import core
from bumble.core import AdvertisingData
from bumble.device import AdvertisingType, Connection, Device

from device_sim.clock import NEVER_SET, DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.encoders.xiaomi import advert_v1, advert_v2, rising
from device_sim.faults import Parameters, Trait
from device_sim.peripherals.instrument import Instrument, Stored
from device_sim.peripherals.standard_services import DeviceIdentity
from device_sim.tasks import stop
from device_sim.virtual_radio import Air, static_address

ADVERTISING_INTERVAL_MS: Final = 50.0
# How long one content is on the air. The real ones repeat a stable weight for some 15 s.
RISING_S: Final = 0.3
STABLE_S: Final = 4.0
REMOVED_S: Final = 1.0
IMPEDANCE_OHM: Final = 520
# How often a silenced scale looks whether it may be heard again.
SILENT_POLL_S: Final = 0.2


class XiaomiScale(Instrument):
    """What both versions share: `body_weight` in kg. Parameters as for `Instrument`."""

    service_uuid: core.UUID
    quantities = frozenset({"body_weight"})
    is_set_by_hand = True
    traits: ClassVar[frozenset[Trait]] = frozenset(
        {Trait.CLOCK, Trait.PERSON, Trait.REPEATS, Trait.MEMORY}
    )

    def __init__(
        self, identity: DeviceIdentity, log: EmissionLog, *, clock: DeviceClock | None = None
    ) -> None:
        super().__init__(identity, log, clock=clock)
        self.stable_s = STABLE_S
        self._weighings: deque[Stored] = deque()
        self._last: Stored | None = None
        self._ready = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._refusal: asyncio.Task[None] | None = None

    @abstractmethod
    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write the service data of the whole weighing, in the order it is on the air."""

    @property
    def pending_count(self) -> int:
        """How many weighings are on the air or wait for their turn."""
        return len(self._weighings)

    def pending(self) -> tuple[Measurement, ...]:
        """Tell which weighings are on the air or wait for their turn."""
        return tuple(stored.measurement for stored in self._weighings if stored.measurement)

    def keep(self, stored: Stored) -> None:
        """Step on the scale."""
        self._weighings.append(stored)
        self._ready.set()

    async def start(self, radio: Air) -> None:
        """Put the scale on the air of `radio`."""
        device = await radio.add_device(self.identity.name, static_address(self.serial))
        device.on(device.EVENT_CONNECTION, self._refuse)
        self._life = asyncio.create_task(self._live(device), name=f"device {self.serial}")

    async def close(self) -> None:
        """Take the batteries out."""
        if self._life:
            await stop(self._life)
            self._life = None

    async def _live(self, device: Device) -> None:
        while True:
            await self._ready.wait()
            while self._weighings:
                if self.faults.has("silent"):
                    await asyncio.sleep(SILENT_POLL_S)
                    continue
                stored = self._weighings[0]
                await self._advertise(device, stored)
                self._weighings.popleft()
                self._last = stored
                if stored.measurement:
                    self._log.confirmed(stored.measurement)
            self._ready.clear()

    def _refuse(self, connection: Connection) -> None:
        """Hang up: what the real ones say over a connection is a protocol of their own."""
        self._refusal = asyncio.create_task(connection.disconnect())

    async def _advertise(self, device: Device, stored: Stored) -> None:
        for payload in stored.packets:
            seconds = self._seconds(payload)
            if stored.measurement and seconds == self.stable_s:
                self._log.indicated(stored.measurement)
            spoiled = self._spoiled(payload, stored)
            if spoiled != payload:
                await self._put_on_air(device, spoiled, RISING_S)
            await self._put_on_air(device, payload, seconds)
        await device.stop_advertising()

    async def _put_on_air(self, device: Device, payload: bytes, seconds: float) -> None:
        await device.start_advertising(
            advertising_type=AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE,
            advertising_data=self._advert(payload),
            advertising_interval_min=ADVERTISING_INTERVAL_MS,
            advertising_interval_max=ADVERTISING_INTERVAL_MS,
        )
        await asyncio.sleep(seconds)

    def _advert(self, payload: bytes) -> bytes:
        kind, flag = AdvertisingData.Type, AdvertisingData.Flags
        uuid = self.service_uuid.to_bytes()
        return bytes(
            AdvertisingData(
                [
                    (kind.FLAGS, bytes([flag.BR_EDR_NOT_SUPPORTED])),
                    (kind.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, uuid),
                    (kind.SERVICE_DATA_16_BIT_UUID, uuid + payload),
                    (kind.COMPLETE_LOCAL_NAME, self.identity.name.encode()[:8]),
                ]
            )
        )

    @abstractmethod
    def _seconds(self, payload: bytes) -> float:
        """Tell how long these bytes are on the air."""

    def _onsets(self) -> dict[str, Callable[[Parameters], None]]:
        return super()._onsets() | {"repeats-memory": lambda _given: self._repeat_last()}

    def _repeat_last(self) -> None:
        if self._last is not None:
            self.keep(self._last)


class XiaomiScaleV1(XiaomiScale):
    """Mi Smart Scale."""

    service_uuid = core.UUID.from_16_bits(0x181D)

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(DeviceIdentity(serial, "MI_SCALE", "MI_SCALE"), log, clock=clock)

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write rising, stable, stepped off."""
        seen = measurement.device_time or NEVER_SET
        weight_kg = dict(measurement.values)["body_weight"]
        return (
            *(advert_v1(part, seen, stable=False) for part in rising(weight_kg)),
            advert_v1(weight_kg, seen, stable=True),
            advert_v1(weight_kg, seen, stable=True, removed=True),
        )

    def _seconds(self, payload: bytes) -> float:
        return _duration(stable=payload[0] & 0x20, removed=payload[0] & 0x80, of=self.stable_s)


class XiaomiScaleV2(XiaomiScale):
    """Mi Body Composition Scale."""

    service_uuid = core.UUID.from_16_bits(0x181B)

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        super().__init__(DeviceIdentity(serial, "XMTZC02HM", "MIBFS"), log, clock=clock)

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write rising, stable without and with impedance, stepped off."""
        seen = measurement.device_time or NEVER_SET
        weight_kg = dict(measurement.values)["body_weight"]
        return (
            *(advert_v2(part, seen, stable=False) for part in rising(weight_kg)),
            advert_v2(weight_kg, seen, stable=True),
            advert_v2(weight_kg, seen, stable=True, impedance_ohm=IMPEDANCE_OHM),
            advert_v2(weight_kg, seen, stable=True, removed=True, impedance_ohm=IMPEDANCE_OHM),
        )

    def _seconds(self, payload: bytes) -> float:
        return _duration(stable=payload[1] & 0x20, removed=payload[1] & 0x80, of=self.stable_s)


def _duration(*, stable: int, removed: int, of: float) -> float:
    if not stable:
        return RISING_S
    return REMOVED_S if removed else of
