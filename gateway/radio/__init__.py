"""Bluetooth for the gateway: bleak, over the system's Bluetooth or over any HCI controller.

Owns the radio and nothing of what is said on it. `open_radio` is the way in.
"""

from __future__ import annotations

from gateway.radio.adapter import PLATFORM, open_radio
from gateway.radio.contract import Radio
from gateway.radio.errors import (
    BondLostError,
    BondRepairError,
    DeviceStuckError,
    LinkEndedError,
    MuteDeviceError,
    PairingRefusedError,
    RadioUnavailableError,
    StrangerError,
)
from gateway.radio.pairing import PairingPolicy, PairingWindow

__all__ = [
    "PLATFORM",
    "BondLostError",
    "BondRepairError",
    "DeviceStuckError",
    "LinkEndedError",
    "MuteDeviceError",
    "PairingPolicy",
    "PairingRefusedError",
    "PairingWindow",
    "Radio",
    "RadioUnavailableError",
    "StrangerError",
    "open_radio",
]
