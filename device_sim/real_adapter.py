"""A real Bluetooth controller on which one device of a home is offered to phones and gateways.

Owns the transport to the controller. Must not know what the device measures. It stands where a
`VirtualRadio` does.

One controller is one device: it has one identity and, below the operating system, one GATT
database. A second device would answer under the first one's services, so it is refused; a second
controller can carry it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from bumble import core, hci
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host
from bumble.pairing import PairingConfig
from bumble.transport import open_transport
from bumble.transport.common import Transport

from device_sim.errors import SimulatorError

_LOG = logging.getLogger(__name__)

# A USB controller answers its reset within milliseconds; one that hangs never does.
ANSWER_S: Final = 5.0


class RealAdapter:
    """A controller opened by a Bumble moniker.

    Parameters
    ----------
    moniker
        For example ``usb:0``, ``hci-socket:0`` or ``tcp-client:127.0.0.1:9001``.
    """

    def __init__(self, moniker: str) -> None:
        self._moniker = moniker
        self._transport: Transport | None = None
        self._device: Device | None = None

    @property
    def moniker(self) -> str:
        """How the controller is opened."""
        return self._moniker

    @property
    def has_host(self) -> bool:
        """Whether somebody is connected to the device."""
        return bool(self._device and self._device.connections)

    async def start(self, _port: int = 0, /) -> None:
        """Open the controller.

        Raises
        ------
        SimulatorError
            When there is no such controller, or this account may not use it.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                self._transport = await open_transport(self.moniker)
        # Every driver raises its own kind, and libusb's cannot even be imported everywhere.
        except Exception as error:
            raise SimulatorError(
                f"Expected a Bluetooth controller at {self.moniker}; the system said: {error!r}. "
                "Plug it in, name another (usb:0, usb:1, hci-socket:0), and stop whatever else "
                "uses it: on Linux `systemctl stop bluetooth`, and run this with the right to "
                "open USB devices."
            ) from error

    async def add_device(self, name: str, address: hci.Address) -> Device:
        """Make the controller the device `name`; only once."""
        if self._transport is None:
            raise SimulatorError(f"The controller {self.moniker} is not open; call start() first.")
        if self._device is not None:
            raise SimulatorError(
                f"Expected one device on the controller {self.moniker}, found a second one, "
                f"{name}. One controller has one identity: choose a device with --device, or run "
                "this again with another controller."
            )
        config = DeviceConfiguration(
            name=name,
            address=address,
            gatt_service_enabled=False,
            classic_enabled=False,
            classic_smp_enabled=False,
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )
        device = Device(config=config, host=Host(self._transport.source, self._transport.sink))
        try:
            async with asyncio.timeout(ANSWER_S):
                await device.power_on()
        except (core.BaseBumbleError, TimeoutError) as error:
            raise SimulatorError(
                f"Expected the controller {self.moniker} to answer its reset; {error!r}. Unplug "
                "it and plug it in again."
            ) from error
        self._device = device
        return device

    async def wait_lost(self) -> None:
        """Wait until the controller is gone, as when it is pulled out."""
        if self._transport is None:
            raise SimulatorError(f"The controller {self.moniker} is not open; call start() first.")
        await asyncio.wait({self._transport.source.terminated})
        _LOG.error("The controller %s is gone; plug it in and start again.", self.moniker)

    def drop_host(self) -> None:
        """Refuse: only a virtual radio can lose its host on command."""
        raise SimulatorError(f"Pull {self.moniker} out by hand; it cannot be done from here.")

    async def close(self) -> None:
        """Switch the device off and give the controller back."""
        if self._device:
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._device.power_off()
            except (core.BaseBumbleError, TimeoutError):
                _LOG.warning("The controller %s did not answer when switched off.", self.moniker)
            self._device = None
        if self._transport:
            await self._transport.close()
            self._transport = None
