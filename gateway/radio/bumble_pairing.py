"""What Bumble asks while it pairs: how, and with which passkey.

Owns the answers. Must not know when to pair.
"""

from __future__ import annotations

from bumble.device import Connection
from bumble.pairing import PairingConfig, PairingDelegate

from gateway.radio.pairing import PairingPolicy


class Delegate(PairingDelegate):
    """Answers a device's question for its passkey; without one there is nothing to ask.

    The initiator of LE pairing is us, always: a device that starts by itself is turned away.
    """

    def __init__(self, passkey: int | None) -> None:
        super().__init__(
            PairingDelegate.NO_OUTPUT_NO_INPUT
            if passkey is None
            else PairingDelegate.KEYBOARD_INPUT_ONLY
        )
        self._passkey = passkey

    async def accept(self) -> bool:
        """Turn away who pairs uninvited."""
        return False

    async def get_number(self) -> int | None:
        """Give the passkey that is printed on the device."""
        return self._passkey


def pairing_config(policy: PairingPolicy, link: Connection) -> PairingConfig:
    """Make what Bumble wants to know before it pairs `link`."""
    return PairingConfig(
        delegate=Delegate(policy.passkey(str(link.peer_address))),
        # A device files our keys under the address it sees us use.
        identity_address_type=PairingConfig.AddressType.RANDOM,
    )
