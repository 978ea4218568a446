"""Why a conversation failed, told from the error that ended it.

Owns the table from errors to causes. Must not know what follows from a cause; see
`gateway.turns`.
"""

from __future__ import annotations

from typing import Final

from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError

from gateway.errors import OutboxError, ProfileError
from gateway.radio import (
    BondLostError,
    BondRepairError,
    DeviceStuckError,
    LinkEndedError,
    MuteDeviceError,
    PairingRefusedError,
    StrangerError,
)
from gateway.turns import Cause

_WANTS_SECURITY: Final = frozenset({0x05, 0x08, 0x0C, 0x0F})
"""ATT: insufficient authentication, authorization, key size, encryption (Core v5.4 Vol 3 Part F
3.4.1.1)."""
_DBUS_REFUSALS: Final = (
    "org.bluez.Error.Authentication",
    "org.bluez.Error.NotAuthorized",
    "org.bluez.Error.NotPermitted",
)

_BY_TYPE: Final[tuple[tuple[type[BaseException], Cause], ...]] = (
    (OutboxError, Cause.DISK),
    (ProfileError, Cause.GARBAGE),
    (BondLostError, Cause.BOND),
    (BondRepairError, Cause.BOND),
    (PairingRefusedError, Cause.REFUSED),
    (StrangerError, Cause.REFUSED),
    (DeviceStuckError, Cause.STUCK),
    (MuteDeviceError, Cause.MUTE),
    (LinkEndedError, Cause.LOST),
)


def cause_of(error: BaseException, *, was_connected: bool) -> Cause:
    """Tell why a conversation failed.

    Parameters
    ----------
    was_connected
        Whether the device had let us in before.

    Returns
    -------
    Cause
        UNFORESEEN for what the radio and the outbox do not raise.
    """
    known = next((cause for kind, cause in _BY_TYPE if isinstance(error, kind)), None)
    if known is not None:
        # A link that ends while it is being made is one that never was.
        return Cause.UNREACHABLE if known is Cause.LOST and not was_connected else known
    if _refuses(error):
        return Cause.REFUSED
    if isinstance(error, BleakError | TimeoutError | OSError):
        return Cause.LOST if was_connected else Cause.UNREACHABLE
    return Cause.UNFORESEEN


def _refuses(error: BaseException) -> bool:
    if isinstance(error, BleakGATTProtocolError):
        return error.args[0] in _WANTS_SECURITY
    return isinstance(error, BleakDBusError) and error.dbus_error.startswith(_DBUS_REFUSALS)
