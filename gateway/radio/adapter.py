"""The choice of radio: the system's Bluetooth, or any HCI controller.

Invariant: only the radio that is chosen is loaded. Bumble and what it needs take 20 MB that a
gateway on BlueZ has better uses for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gateway.radio.contract import Radio
from gateway.radio.pairing import PairingPolicy

PLATFORM: Final = "platform"


async def open_radio(
    moniker: str, *, bonds: Path | None = None, policy: PairingPolicy | None = None
) -> Radio:
    """Open a radio.

    Parameters
    ----------
    moniker
        ``platform`` for the system's own Bluetooth, else an HCI controller: ``usb:0``,
        ``hci-socket:0``, ``tcp-client:HOST:PORT``.
    bonds
        Where an HCI controller keeps the keys of paired devices (the platform keeps its own).
    policy
        Who may be paired; absent: nobody new.

    Raises
    ------
    RadioUnavailableError
        When there is no such controller, or it does not answer.
    """
    if moniker == PLATFORM:
        from gateway.radio.platform_radio import PlatformRadio  # noqa: PLC0415 - see above

        return await PlatformRadio.open(policy or PairingPolicy())
    from gateway.radio.hci_radio import HciRadio  # noqa: PLC0415 - see above

    return await HciRadio.open(moniker, bonds=bonds, policy=policy)
