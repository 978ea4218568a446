"""The choice of radio: the platform's own bleak backend, or any HCI controller.

Owns the `Radio` that the rest of the gateway sees. Must not know devices, readings or storage.

Invariants: both radios give bleak's own `BleakScanner` and `BleakClient`, so the code above
does not know which it has; connecting is bounded in time.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementDataCallback
from bleak.exc import BleakError

from gateway.radio.bumble_client import client_backend
from gateway.radio.bumble_scanner import scanner_backend
from gateway.radio.errors import RadioUnavailableError
from gateway.radio.hci import HciAdapter

PLATFORM: Final = "platform"
# A spot-check device stays awake 10-30 s after a measurement; longer than that nobody answers.
CONNECT_TIMEOUT_S: Final = 15.0

DisconnectedCallback = Callable[[BleakClient], None]


class Radio(Protocol):
    """What the gateway asks of Bluetooth."""

    def scanner(
        self,
        detection_callback: AdvertisementDataCallback | None = None,
        service_uuids: Sequence[str] | None = None,
    ) -> BleakScanner:
        """Make a scanner; devices that advertise repeatedly are reported repeatedly."""
        ...

    def client(
        self, device: BLEDevice, disconnected_callback: DisconnectedCallback | None = None
    ) -> BleakClient:
        """Make a client for a device that this radio's scanner found.

        Over HCI an indication is confirmed when the notification callback has returned, and
        not at all when it raises. BlueZ confirms before the callback runs: there the device
        may forget a reading that a crash then loses.
        """
        ...

    async def wait_lost(self) -> None:
        """Return when the adapter is gone and must be opened anew; the platform's never is."""
        ...

    async def close(self) -> None:
        """Hang up everything and release the adapter."""
        ...


async def open_radio(moniker: str, *, bonds: Path | None = None) -> Radio:
    """Open a radio.

    Parameters
    ----------
    moniker
        ``platform`` for the system's own Bluetooth, else an HCI controller: ``usb:0``,
        ``hci-socket:0``, ``tcp-client:HOST:PORT``.
    bonds
        Where an HCI controller keeps the keys of paired devices (the platform keeps its own).

    Raises
    ------
    RadioUnavailableError
        When there is no such controller, or it does not answer.
    """
    if moniker == PLATFORM:
        return _PlatformRadio()
    return _HciRadio(await HciAdapter.open(moniker, bonds=bonds))


class _PlatformRadio:
    """bleak with the backend of the operating system."""

    def scanner(
        self,
        detection_callback: AdvertisementDataCallback | None = None,
        service_uuids: Sequence[str] | None = None,
    ) -> BleakScanner:
        return _PlatformBleakScanner(detection_callback, _listed(service_uuids))

    def client(
        self, device: BLEDevice, disconnected_callback: DisconnectedCallback | None = None
    ) -> BleakClient:
        return BleakClient(device, disconnected_callback, timeout=CONNECT_TIMEOUT_S)

    async def wait_lost(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Leave the system's Bluetooth as it is."""


class _PlatformBleakScanner(BleakScanner):
    """Says what is missing when the system's Bluetooth does not scan."""

    async def start(self) -> None:
        try:
            await super().start()
        # No D-Bus is an OSError or EOFError, no BlueZ or no adapter a BleakError.
        except (BleakError, OSError, EOFError) as error:
            raise RadioUnavailableError(
                "Expected the system's Bluetooth to look for devices, found that it does not "
                f"({type(error).__name__}: {error}). Check that an adapter is plugged in and "
                "switched on, that the service bluetooth (BlueZ) runs and that this user may use "
                "it; or set TELEKOL_GATEWAY_RADIO to an HCI controller such as usb:0."
            ) from error


class _HciRadio:
    """bleak over an HCI controller."""

    def __init__(self, adapter: HciAdapter) -> None:
        self._adapter = adapter
        self._scanner_backend = scanner_backend(adapter)
        self._client_backend = client_backend(adapter)

    def scanner(
        self,
        detection_callback: AdvertisementDataCallback | None = None,
        service_uuids: Sequence[str] | None = None,
    ) -> BleakScanner:
        return BleakScanner(
            detection_callback, _listed(service_uuids), backend=self._scanner_backend
        )

    def client(
        self, device: BLEDevice, disconnected_callback: DisconnectedCallback | None = None
    ) -> BleakClient:
        return _CommitFirstBleakClient(
            device, disconnected_callback, timeout=CONNECT_TIMEOUT_S, backend=self._client_backend
        )

    async def wait_lost(self) -> None:
        await self._adapter.lost.wait()

    async def close(self) -> None:
        await self._adapter.close()


class _CommitFirstBleakClient(BleakClient):
    """Refuses coroutine callbacks.

    bleak starts such a callback as a task and returns at once, so that the indication would be
    confirmed before the reading is on disk.
    """

    async def start_notify(
        self,
        char_specifier: BleakGATTCharacteristic | int | str | UUID,
        callback: Callable[[BleakGATTCharacteristic, bytearray], Awaitable[None] | None],
        **kwargs: Any,
    ) -> None:
        if inspect.iscoroutinefunction(callback):
            raise TypeError(
                "Expected a plain function as notification callback, found a coroutine function: "
                "its indication would be confirmed before it has run. Commit the reading in a "
                "plain function."
            )
        await super().start_notify(char_specifier, callback, **kwargs)


def _listed(uuids: Sequence[str] | None) -> list[str] | None:
    return None if uuids is None else list(uuids)
