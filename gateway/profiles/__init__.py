"""Pure decoders, one module a device family, and the tables that find them by UUID and by name.

Must not know bleak, disks or clocks. What else changes with the tables: the encoders of the
simulator, which are written independently, and docs/devices.md, which a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.profiles import berry, beurer, nonin
from gateway.profiles.blood_pressure import BloodPressure
from gateway.profiles.body_composition import BodyComposition
from gateway.profiles.generic_health_sensor import HealthObservation
from gateway.profiles.measurement import Measurement
from gateway.profiles.pulse_oximeter import SpotCheck
from gateway.profiles.pulse_oximeter_stream import Continuous
from gateway.profiles.thermometer import Temperature
from gateway.profiles.vitalograph import LungMonitorBlow
from gateway.profiles.weight_scale import WeightMeasurement
from gateway.profiles.xiaomi import XiaomiV1, XiaomiV2


def sig_uuid(number: int) -> str:
    """Write a 16-bit number of the Bluetooth SIG as a full UUID, the way bleak does."""
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, slots=True)
class Profile:
    """One layout that can be decoded.

    Parameters
    ----------
    service, characteristic
        Where a device offers it; None if it comes another way.
    is_wired
        Whether the gateway scans for it and reads it by itself: devices that wait with their
        readings until somebody connects, and indicate them.
    """

    name: str
    kind: type[Measurement]
    service: str | None = None
    characteristic: str | None = None
    is_wired: bool = False


PROFILES: Final = (
    Profile("plx-spot-check", SpotCheck, sig_uuid(0x1822), sig_uuid(0x2A5E), is_wired=True),
    Profile("plx-continuous", Continuous, sig_uuid(0x1822), sig_uuid(0x2A5F)),
    Profile("weight-scale", WeightMeasurement, sig_uuid(0x181D), sig_uuid(0x2A9D), is_wired=True),
    Profile("body-composition", BodyComposition, sig_uuid(0x181B), sig_uuid(0x2A9C), is_wired=True),
    Profile("blood-pressure", BloodPressure, sig_uuid(0x1810), sig_uuid(0x2A35), is_wired=True),
    Profile("thermometer", Temperature, sig_uuid(0x1809), sig_uuid(0x2A1C), is_wired=True),
    Profile("nonin-3230", nonin.Nonin3230, nonin.OXIMETRY_SERVICE, nonin.OXIMETRY_MEASUREMENT),
    Profile("nonin-classic", nonin.NoninClassic),
    Profile("berry-bm1000", berry.BciFrame, berry.UART_SERVICE, berry.UART_NOTIFY),
    Profile("beurer-po60", beurer.Po60Record, beurer.SERVICE, beurer.NOTIFY),
    Profile("xiaomi-scale-v1", XiaomiV1, sig_uuid(0x181D)),
    Profile("xiaomi-scale-v2", XiaomiV2, sig_uuid(0x181B)),
    Profile("vitalograph", LungMonitorBlow),
    Profile("generic-health-sensor", HealthObservation, sig_uuid(0x1840), sig_uuid(0x2B8B)),
)

_WIRED: Final = tuple(profile for profile in PROFILES if profile.is_wired)

SERVICES: Final = tuple(profile.service for profile in _WIRED if profile.service)
"""What the gateway scans for."""

MEASUREMENTS: Final[dict[str, type[Measurement]]] = {
    profile.characteristic: profile.kind for profile in _WIRED if profile.characteristic
}
"""The characteristics the gateway subscribes to, and what decodes each."""
