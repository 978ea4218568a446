"""The exceptions of the radio.

    telekol.errors.TelekolError
    └── RadioUnavailableError    the adapter cannot be opened, or does not answer
    bleak.exc.BleakError
    ├── LinkEndedError           the link, or the whole adapter, went away during an operation
    ├── MuteDeviceError          a device was connected to and answers nothing
    ├── DeviceStuckError         an earlier attempt to connect hangs in the system's Bluetooth
    ├── PairingRefusedError      a device that may be paired did not agree
    ├── StrangerError            a device wants to be paired, and may not be
    ├── BondRepairError          a device lost its keys; at its next sighting it can pair anew
    └── BondLostError            a device lost its keys, and does not pair anew

Everything else that goes wrong on a link is bleak's own `BleakError`,
`BleakGATTProtocolError` or `TimeoutError`, whichever backend is in use.
"""

from __future__ import annotations

from bleak.exc import BleakError

from telekol.errors import TelekolError


class RadioUnavailableError(TelekolError):
    """The adapter is of no use; the text says what was expected, found and what to do."""


class LinkEndedError(BleakError):
    """The link to a device, or the adapter under it, went away during an operation."""


class MuteDeviceError(BleakError):
    """A device lets itself be connected to and answers nothing: it is near, and hangs."""


class DeviceStuckError(BleakError):
    """Connecting neither succeeds nor ends, although the device is heard."""


class PairingRefusedError(BleakError):
    """A device that may be paired did not agree."""


class StrangerError(BleakError):
    """A device wants to be paired, and is not one of the home's."""


class BondRepairError(BleakError):
    """A device lost its keys; our side is tidied up, and at its next sighting it can pair."""


class BondLostError(BleakError):
    """A device lost its keys and does not pair anew: somebody has to go there."""
