"""The exceptions of the radio.

    telekol.errors.TelekolError
    └── RadioUnavailableError    the adapter cannot be opened
    bleak.exc.BleakError
    └── LinkEndedError           the link, or the whole adapter, went away during an operation

Everything else that goes wrong on a link is bleak's own `BleakError`,
`BleakGATTProtocolError` or `TimeoutError`, whichever backend is in use.
"""

from __future__ import annotations

from bleak.exc import BleakError

from telekol.errors import TelekolError


class RadioUnavailableError(TelekolError):
    """The adapter cannot be opened; its text says what was expected, found and what to do."""


class LinkEndedError(BleakError):
    """The link to a device, or the adapter under it, went away during an operation."""
