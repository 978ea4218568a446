"""A device that is found by its advertisement and connected to.

Owns advertising, the life between two connections, and the faults of the link. Must not know
what is said over a link; subclasses do, in `converse`.

Invariants:

1. The device advertises only while it has something to say and nobody is connected.
2. A conversation that breaks off, whatever the reason, is followed by advertising again.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final

from bumble import att, core, hci
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, Service

from device_sim.clock import DeviceClock
from device_sim.emission import EmissionLog
from device_sim.errors import DeviceStateError
from device_sim.faults import Parameters, Trait
from device_sim.peripherals.instrument import Instrument
from device_sim.peripherals.link import Link
from device_sim.peripherals.standard_services import (
    DeviceIdentity,
    advertisement,
    battery_service,
    current_time_service,
    information_service,
)
from device_sim.tasks import stop
from device_sim.virtual_radio import Air, static_address

_LOG = logging.getLogger(__name__)

# Devices advertise fast (20-60 ms) in their first half minute, so a gateway finds and reaches
# them quickly; Bumble's controller rounds 50 up to 80. Costs 0.1 % of a core per device.
ADVERTISING_INTERVAL_MS: Final = 50.0
# Between attempts when the virtual controller refuses something, and looks at whether the fault
# that silences the device has gone.
PAUSE_S: Final = 0.2
# A connected gateway that never subscribes must not keep the device from another one.
PATIENCE_S: Final = 10.0
# The ATT transaction timeout (Core v5.4, Vol 3 Part F 3.3.3): after it the link is of no use.
CONFIRM_TIMEOUT_S: Final = 30.0


class Connectable(Instrument):
    """A device with a GATT server. Parameters as for `Instrument`."""

    service_uuid: core.UUID
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.CLOCK, Trait.BATTERY, Trait.LINK})

    def __init__(
        self,
        identity: DeviceIdentity,
        log: EmissionLog,
        *,
        clock: DeviceClock | None = None,
        battery_percent: int = 90,
    ) -> None:
        super().__init__(identity, log, clock=clock, battery_percent=battery_percent)
        self.confirm_timeout_s = CONFIRM_TIMEOUT_S
        self.patience_s = PATIENCE_S
        self.is_pairing = False
        self._ready = asyncio.Event()
        self._arrivals: asyncio.Queue[Link] = asyncio.Queue()
        self._link: Link | None = None
        self._device: Device | None = None
        self._life: asyncio.Task[None] | None = None
        self._forgetting: asyncio.Task[None] | None = None

    @abstractmethod
    def measurement_services(self) -> list[Service]:
        """List the services that are this kind's own."""

    @abstractmethod
    def subscribable(self) -> tuple[Characteristic[bytes], ...]:
        """List the characteristics that a gateway subscribes to."""

    @abstractmethod
    async def converse(self, link: Link) -> None:
        """Say what there is to say; the link is hung up afterwards."""

    def services(self) -> list[Service]:
        """List every service of the device."""
        return [
            *self.measurement_services(),
            information_service(self.identity),
            battery_service(lambda: self.battery_percent),
            current_time_service(self.clock),
        ]

    def advertised(self) -> bytes:
        """Write the advertisement."""
        return advertisement(self.identity, self.service_uuid)

    def prepare(self, device: Device) -> None:
        """Set up what else the kind needs of its host stack, before it is on the air."""

    def settle(self) -> None:
        """Be on the air while there is something to say or somebody to pair with, and not else."""
        (self._ready.set if self.pending_count or self.is_pairing else self._ready.clear)()

    @property
    def is_connected(self) -> bool:
        """Whether a gateway is connected now."""
        return self._link is not None

    async def start(self, radio: Air) -> None:
        """Put the device on the air of `radio`."""
        device = await radio.add_device(self.identity.name, static_address(self.serial))
        device.add_services(self.services())
        device.advertising_data = self.advertised()
        device.on(device.EVENT_CONNECTION, self._on_connection)
        for characteristic in self.subscribable():
            characteristic.on(
                Characteristic.EVENT_SUBSCRIPTION, self._subscription_of(characteristic)
            )
        self._hinder_answers(device)
        self.prepare(device)
        self.settle()
        self._device = device
        self._life = asyncio.create_task(self._live(device), name=f"device {self.serial}")

    async def close(self) -> None:
        """Switch the device off; what is in its memory stays there."""
        tasks = [task for task in (self._life, self._forgetting) if task]
        await stop(*tasks)
        self._life = self._forgetting = None

    async def drop_link(self) -> None:
        """End the connection abruptly, as when the device's battery falls out."""
        if self._link is None:
            await super().drop_link()
        else:
            await self._link.hang_up(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    # -- the device's life -----------------------------------------------------------------

    async def _live(self, device: Device) -> None:
        while True:
            await self._ready.wait()
            try:
                link = await self._wait_for_a_gateway(device)
                await self.converse(link)
                await link.hang_up()
            except (core.BaseBumbleError, TimeoutError, DeviceStateError) as error:
                _LOG.warning("%s: the conversation broke off: %s", self.serial, error)
                await asyncio.sleep(PAUSE_S)
            finally:
                self._link = None

    async def _wait_for_a_gateway(self, device: Device) -> Link:
        """Advertise until somebody connects, but for the time in which it is to be silent."""
        while True:
            if self.faults.has("silent"):
                await asyncio.sleep(PAUSE_S)
                continue
            await device.start_advertising(
                advertising_interval_min=ADVERTISING_INTERVAL_MS,
                advertising_interval_max=ADVERTISING_INTERVAL_MS,
            )
            arrival = asyncio.create_task(self._arrivals.get())
            try:
                while not self.faults.has("silent") and self._ready.is_set():
                    await asyncio.wait({arrival}, timeout=PAUSE_S)
                    if arrival.done():
                        return arrival.result()
            finally:
                await stop(arrival)
            await device.stop_advertising()
            await self._ready.wait()

    # -- faults of the link ----------------------------------------------------------------

    def _onsets(self) -> dict[str, Callable[[Parameters], None]]:
        return super()._onsets() | {
            "lost-bond": lambda _given: self._forget_hosts(),
            "silent": lambda _given: None,
        }

    def _forget_hosts(self) -> None:
        device = self._device
        if device is None or device.keystore is None:
            raise DeviceStateError(f"{self.serial} is not on the air, so it has no bond to lose.")
        self._forgetting = asyncio.create_task(device.keystore.delete_all())

    def _hinder_answers(self, device: Device) -> None:
        """Let the faults stand between what a gateway asks and the GATT server."""
        answer = device.gatt_server.on_gatt_pdu

        def hindered(bearer: Any, pdu: att.ATT_PDU) -> None:
            if self.faults.has("never-answers"):
                return
            if self._link is not None:
                self._link.heard()  # who is being answered is not hung up on
            if self.faults.has("answers-slowly"):
                delay_s = self.faults.value("answers-slowly", "seconds")
                asyncio.get_running_loop().call_later(delay_s, answer, bearer, pdu)
                return
            answer(bearer, pdu)

        # Bumble has no other door between its link layer and its GATT server.
        device.gatt_server.on_gatt_pdu = hindered  # type: ignore[assignment,method-assign]

    # -- GATT ------------------------------------------------------------------------------

    def _on_connection(self, connection: Connection) -> None:
        self._link = Link(connection)
        self._arrivals.put_nowait(self._link)

    def _subscription_of(
        self, characteristic: Characteristic[bytes]
    ) -> Callable[[object, bool, bool], None]:
        def changed(bearer: object, notify: bool, indicate: bool) -> None:
            if self._link and self._link.connection is bearer:
                self._link.subscribed(characteristic, notify=notify, indicate=indicate)

        return changed
