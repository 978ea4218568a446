"""Pure decoders, one module a device family, and the table that finds them by UUID.

Must not know bleak, disks or clocks. What else changes with the table: the encoders of the
simulator, which are written independently.
"""

from __future__ import annotations

from typing import Final

from gateway.profiles.measurement import Measurement
from gateway.profiles.pulse_oximeter import SpotCheck
from gateway.profiles.weight_scale import WeightMeasurement


def sig_uuid(number: int) -> str:
    """Write a 16-bit number of the Bluetooth SIG as a full UUID, the way bleak does."""
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


SERVICES: Final = (sig_uuid(0x1822), sig_uuid(0x181D))
"""What the gateway scans for: pulse oximeter, weight scale."""

MEASUREMENTS: Final[dict[str, type[Measurement]]] = {
    sig_uuid(0x2A5E): SpotCheck,
    sig_uuid(0x2A9D): WeightMeasurement,
}
"""The characteristics the gateway subscribes to, and what decodes each."""
