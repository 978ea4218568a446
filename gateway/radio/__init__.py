"""Bluetooth for the gateway: bleak, over the system's Bluetooth or over any HCI controller.

Owns the radio and nothing of what is said on it. `open_radio` is the way in.
"""

from __future__ import annotations

from gateway.radio.adapter import PLATFORM, Radio, open_radio
from gateway.radio.errors import LinkEndedError, RadioUnavailableError

__all__ = ["PLATFORM", "LinkEndedError", "Radio", "RadioUnavailableError", "open_radio"]
