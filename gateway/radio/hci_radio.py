"""bleak over an HCI controller.

Owns the radio that drives its controller itself. Must not know devices, readings or storage.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementDataCallback
from bleak.exc import BleakError

from gateway.radio.bumble_client import client_backend
from gateway.radio.bumble_scanner import scanner_backend
from gateway.radio.contract import (
    CONNECT_TIMEOUT_S,
    HANG_UP_MARGIN_S,
    SET_UP_WITHIN_S,
    DisconnectedCallback,
    listed,
)
from gateway.radio.errors import RadioUnavailableError
from gateway.radio.hci import HciAdapter
from gateway.radio.pairing import PairingPolicy

OpenAdapter = Callable[[], Awaitable[HciAdapter]]


class HciRadio:
    """bleak over an HCI controller."""

    connect_within_s = CONNECT_TIMEOUT_S + SET_UP_WITHIN_S + HANG_UP_MARGIN_S

    def __init__(self, adapter: HciAdapter, open_adapter: OpenAdapter) -> None:
        self._open_adapter = open_adapter
        self._use(adapter)

    @classmethod
    async def open(
        cls, moniker: str, *, bonds: Path | None = None, policy: PairingPolicy | None = None
    ) -> HciRadio:
        """Open the controller that `moniker` names; see `HciAdapter.open`."""
        opener = partial(HciAdapter.open, moniker, bonds=bonds, policy=policy)
        return cls(await opener(), opener)

    def _use(self, adapter: HciAdapter) -> None:
        self._adapter = adapter
        self._scanner_backend = scanner_backend(adapter)
        self._client_backend = client_backend(adapter)

    def scanner(
        self,
        detection_callback: AdvertisementDataCallback | None = None,
        service_uuids: Sequence[str] | None = None,
    ) -> BleakScanner:
        """Make a scanner."""
        return BleakScanner(
            detection_callback, listed(service_uuids), backend=self._scanner_backend
        )

    def client(
        self, device: BLEDevice, disconnected_callback: DisconnectedCallback | None = None
    ) -> BleakClient:
        """Make a client; indications are confirmed after their callback."""
        return CommitFirstBleakClient(
            device, disconnected_callback, timeout=CONNECT_TIMEOUT_S, backend=self._client_backend
        )

    async def wait_lost(self) -> None:
        """Return when the controller went away."""
        await self._adapter.lost.wait()

    async def probe(self) -> None:
        """Ask the controller for its address."""
        try:
            await self._adapter.probe()
        except (BleakError, TimeoutError) as error:
            raise RadioUnavailableError(
                f"Expected the Bluetooth controller {self._adapter.moniker} to answer, found that "
                f"it does not ({str(error) or type(error).__name__}). If it does not come back, "
                "unplug and replug it."
            ) from error

    async def forget(self, _address: str) -> None:
        """Give up connecting; the controller connects to one device at a time."""
        await self._adapter.give_up_connecting()

    async def power_cycle(self) -> None:
        """Reset the controller, close it and open it again."""
        # A controller that hangs may not hear the reset; closing and opening it resets it again.
        with contextlib.suppress(BleakError, TimeoutError):
            await self._adapter.reset()
        await self._adapter.close()
        self._use(await self._open_adapter())

    async def close(self) -> None:
        """Hang up everything and release the controller."""
        await self._adapter.close()


class CommitFirstBleakClient(BleakClient):
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
        """Subscribe."""
        if inspect.iscoroutinefunction(callback):
            raise TypeError(
                "Expected a plain function as notification callback, found a coroutine function: "
                "its indication would be confirmed before it has run. Commit the reading in a "
                "plain function."
            )
        await super().start_notify(char_specifier, callback, **kwargs)
