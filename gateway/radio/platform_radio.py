"""bleak with the backend of the operating system; on Linux that is BlueZ.

Owns the radio over the system's Bluetooth. Must not know devices, readings or storage.

Invariant: bleak's errors come out as the radio's own where they have a remedy of their own: a
connection attempt that hangs in BlueZ, and keys that a device has lost.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any, Final

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementDataCallback
from bleak.exc import BleakDBusError, BleakError

from gateway.radio.bluez import BlueZ
from gateway.radio.bluez_bus import unavailable
from gateway.radio.contract import (
    CONNECT_TIMEOUT_S,
    HANG_UP_MARGIN_S,
    DisconnectedCallback,
    listed,
)
from gateway.radio.errors import BondLostError, BondRepairError, DeviceStuckError
from gateway.radio.pairing import PairingPolicy, normal

IN_PROGRESS: Final = "org.bluez.Error.InProgress"
_AUTHENTICATION: Final = "org.bluez.Error.Authentication"
_KEY_MISSING: Final = "key-missing"
"""What BlueZ since 5.83 answers to Connect when the other side has no key."""

BREAKS_THAT_LOOK_LIKE_LOST_KEYS: Final = 5
"""BlueZ before 5.82 does not say why a bonded device hung up. So often in a row, while it is
heard, is hardly the range; but a bond is never removed on suspicion, so a person is told."""


class PlatformRadio:
    """The system's Bluetooth; make one with `open`."""

    connect_within_s = CONNECT_TIMEOUT_S + HANG_UP_MARGIN_S

    def __init__(self, bluez: BlueZ | None) -> None:
        self._bluez = bluez
        self._breaks: dict[str, int] = {}
        self.looking = False

    @classmethod
    async def open(cls, policy: PairingPolicy) -> PlatformRadio:
        """Open it; RadioUnavailableError if there is none."""
        # Elsewhere bleak is all there is: enough to develop with, not to be left alone with.
        return cls(await BlueZ.open(policy) if sys.platform == "linux" else None)

    def scanner(
        self,
        detection_callback: AdvertisementDataCallback | None = None,
        service_uuids: Sequence[str] | None = None,
    ) -> BleakScanner:
        """Make a scanner."""
        scanner = PlatformScanner(detection_callback, listed(service_uuids))
        scanner.radio = self
        return scanner

    def client(
        self, device: BLEDevice, disconnected_callback: DisconnectedCallback | None = None
    ) -> BleakClient:
        """Make a client; a device whose bond is being repaired is paired as it connects."""
        repair = self._bluez is not None and normal(device.address) in self._bluez.repairing
        client = PlatformClient(
            device, disconnected_callback, timeout=CONNECT_TIMEOUT_S, pair=repair
        )
        client.radio = self
        return client

    async def wait_lost(self) -> None:
        """Return when bluetoothd or the adapter went away."""
        if self._bluez is not None:
            await self._bluez.lost.wait()

    async def probe(self) -> None:
        """Ask BlueZ whether the adapter is on and looks for devices."""
        if self._bluez is not None:
            await self._bluez.probe(looking=self.looking)

    async def forget(self, address: str) -> None:
        """Cancel what hangs in BlueZ; a bond is kept."""
        if self._bluez is not None:
            await self._bluez.forget(address)

    async def power_cycle(self) -> None:
        """Switch the adapter off and on."""
        self.looking = False
        if self._bluez is not None:
            await self._bluez.power_cycle()

    async def close(self) -> None:
        """Leave the system's Bluetooth as it is."""
        if self._bluez is not None:
            await self._bluez.close()
            await _let_bleak_forget()

    async def connected(self, address: str) -> None:
        """Take in that a device let us in."""
        self._breaks.pop(address, None)
        if self._bluez is not None:
            await self._bluez.trust(address)

    async def failed(self, address: str, error: BaseException) -> None:
        """Raise what a failed connection means, if it means more than it says."""
        bluez = self._bluez
        if bluez is None:
            return
        if isinstance(error, BleakDBusError) and error.dbus_error == IN_PROGRESS:
            raise DeviceStuckError(
                f"Expected {address} to be connected, found that an earlier attempt hangs in the "
                "system's Bluetooth. It is cancelled."
            ) from error
        if await bluez.is_bonded(address):
            await self._judge_bond(bluez, address, error)
        elif normal(address) in bluez.repairing and _is_about_keys(error):
            raise _lost(address, error) from error

    async def _judge_bond(self, bluez: BlueZ, address: str, error: BaseException) -> None:
        if bluez.refused_our_keys(address) or _is_about_keys(error):
            await bluez.drop_bond(address)
            raise BondRepairError(
                f"Expected {address} to know our keys, found that it does not (has its battery "
                "been out?). The old bond is removed; it is paired anew at its next sighting."
            ) from error
        if isinstance(error, TimeoutError):
            return
        self._breaks[address] = self._breaks.get(address, 0) + 1
        if self._breaks[address] >= BREAKS_THAT_LOOK_LIKE_LOST_KEYS:
            raise _lost(address, error) from error


class PlatformScanner(BleakScanner):
    """Says what is missing when the system's Bluetooth does not scan."""

    radio: PlatformRadio

    async def start(self) -> None:
        """Start, or raise RadioUnavailableError."""
        try:
            await super().start()
        # No D-Bus is an OSError or EOFError, no BlueZ or no adapter a BleakError.
        except (BleakError, OSError, EOFError) as error:
            raise unavailable(error) from error
        self.radio.looking = True

    async def stop(self) -> None:
        """Stop."""
        self.radio.looking = False
        await super().stop()


class PlatformClient(BleakClient):
    """A client whose failures say what they mean."""

    radio: PlatformRadio

    async def connect(self, **kwargs: Any) -> None:
        """Connect; see `PlatformRadio.failed` for what is told apart."""
        address = self.address
        try:
            await super().connect(**kwargs)
        except (BleakError, TimeoutError) as error:
            await self.radio.failed(address, error)
            raise
        await self.radio.connected(address)


def _is_about_keys(error: BaseException) -> bool:
    return isinstance(error, BleakDBusError) and (
        error.dbus_error.startswith(_AUTHENTICATION) or _KEY_MISSING in str(error)
    )


def _lost(address: str, error: BaseException) -> BondLostError:
    return BondLostError(
        f"Expected {address}, which has been paired, to let us in; found that it hangs up each "
        f"time ({error}). It has probably lost our keys: put it into pairing mode near the "
        f"gateway, after 'bluetoothctl remove {address}'."
    )


async def _let_bleak_forget() -> None:
    """Make bleak ask BlueZ for everything anew: after bluetoothd restarts, what it has is stale."""
    if sys.platform != "linux":
        return
    from bleak.backends.bluezdbus import manager  # noqa: PLC0415 - there is none elsewhere

    known = manager._global_instances  # noqa: SLF001 - bleak has no other way (a canary test)
    stale = known.pop(asyncio.get_running_loop(), None)
    if stale is not None and stale._bus is not None:  # noqa: SLF001
        stale._bus.disconnect()  # noqa: SLF001
