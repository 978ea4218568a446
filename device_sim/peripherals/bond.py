"""Answering only the host that one is paired with.

Owns the pairing mode: out of the box, and after its button was held down, a device takes one new
host; at all other times it refuses to pair. Must not know what is then said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bumble import att
from bumble.device import Connection, Device
from bumble.pairing import PairingConfig, PairingDelegate

PAIRED_ONLY: Final = (
    att.Attribute.Permissions.READABLE
    | att.Attribute.Permissions.WRITEABLE
    | att.Attribute.Permissions.READ_REQUIRES_ENCRYPTION
    | att.Attribute.Permissions.WRITE_REQUIRES_ENCRYPTION
)
"""Permissions of what only a paired host may read and write."""


class _Button(PairingDelegate):
    """Accepts a pairing while the pairing mode lasts."""

    def __init__(self, is_open: Callable[[], bool]) -> None:
        super().__init__(PairingDelegate.IoCapability.NO_OUTPUT_NO_INPUT)
        self._is_open = is_open

    async def accept(self) -> bool:
        """Accept or refuse."""
        return self._is_open()


def pair_only_when(
    device: Device, is_open: Callable[[], bool], on_paired: Callable[[], None]
) -> None:
    """Let `device` pair only while `is_open`, and call `on_paired` when a host is paired."""

    def config(_connection: Connection) -> PairingConfig:
        return PairingConfig(
            mitm=False,
            delegate=_Button(is_open),
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )

    def listen(connection: Connection) -> None:
        connection.on(Connection.EVENT_PAIRING, lambda _keys: on_paired())

    device.pairing_config_factory = config
    device.on(device.EVENT_CONNECTION, listen)
