"""What the rest of the gateway asks of Bluetooth, whichever radio it has.

Must not know devices, readings or storage.

Invariants: every radio gives bleak's own `BleakScanner` and `BleakClient`, so the code above
does not know which it has; connecting is bounded in time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementDataCallback

# A spot-check device stays awake 10-30 s after a measurement; longer than that nobody answers.
CONNECT_TIMEOUT_S: Final = 15.0
SET_UP_WITHIN_S: Final = 90.0
"""How long a device may take to tell its services, as long as it answers one question after the
other: a cuff is asked some thirty, and one that needs 1.5 s for each is slow and not lost."""
HANG_UP_MARGIN_S: Final = 5.0
"""What a client that gives up by itself may need to hang up."""

DisconnectedCallback = Callable[[BleakClient], None]


class Radio(Protocol):
    """What the gateway asks of Bluetooth.

    Parameters
    ----------
    connect_within_s
        A client that is not connected by then, and has not given up by itself, hangs.
    """

    connect_within_s: float

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
        """Return when the adapter is gone and must be opened anew."""
        ...

    async def probe(self) -> None:
        """Ask the adapter whether it is alive and, if it was told to, looks for devices.

        Raises
        ------
        RadioUnavailableError
            If it does not answer, or answers that it does not look.
        """
        ...

    async def forget(self, address: str) -> None:
        """Give up what hangs between us and a device; a bond is kept."""
        ...

    async def power_cycle(self) -> None:
        """Switch the adapter off and on; scanners and clients made before are of no more use.

        Raises
        ------
        RadioUnavailableError
            If it does not come back.
        """
        ...

    async def close(self) -> None:
        """Hang up everything and release the adapter."""
        ...


def listed(uuids: Sequence[str] | None) -> list[str] | None:
    """Make the list that bleak wants."""
    return None if uuids is None else list(uuids)
