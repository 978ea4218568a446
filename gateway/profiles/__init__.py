"""Pure decoders, one module a device family, and the tables that find them by UUID and by name.

Must not know bleak, disks or clocks. What else changes with the tables: the encoders of the
simulator, which are written independently, and docs/devices.md, which a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
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


class Manner(StrEnum):
    """How the gateway comes by readings of a layout."""

    INDICATED = "indicated"
    """The device waits with them until somebody connects and listens."""
    SEGMENTS = "segments"
    """The same, but cut into several indications, and with a memory beside it."""
    STREAM = "stream"
    """The device tells every second; a rule says which one is the reading."""
    ASKED = "asked"
    """The device's memory is asked for."""
    ADVERTS = "adverts"
    """The device says it to everybody, and is never connected to."""
    SERIAL = "serial port"
    """The device speaks classic Bluetooth's serial port, or any other stream of bytes."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One layout that can be decoded.

    Parameters
    ----------
    manner
        How the gateway reads it.
    service, characteristic
        Where a device offers it; None if it comes another way.
    """

    name: str
    kind: type[Measurement]
    manner: Manner
    service: str | None = None
    characteristic: str | None = None


_INDICATED: Final = Manner.INDICATED
_STREAM: Final = Manner.STREAM

PROFILES: Final = (
    Profile("plx-spot-check", SpotCheck, _INDICATED, sig_uuid(0x1822), sig_uuid(0x2A5E)),
    Profile("plx-continuous", Continuous, _STREAM, sig_uuid(0x1822), sig_uuid(0x2A5F)),
    Profile("weight-scale", WeightMeasurement, _INDICATED, sig_uuid(0x181D), sig_uuid(0x2A9D)),
    Profile("body-composition", BodyComposition, _INDICATED, sig_uuid(0x181B), sig_uuid(0x2A9C)),
    Profile("blood-pressure", BloodPressure, _INDICATED, sig_uuid(0x1810), sig_uuid(0x2A35)),
    Profile("thermometer", Temperature, _INDICATED, sig_uuid(0x1809), sig_uuid(0x2A1C)),
    Profile(
        "nonin-3230", nonin.Nonin3230, _STREAM, nonin.OXIMETRY_SERVICE, nonin.OXIMETRY_MEASUREMENT
    ),
    Profile("nonin-classic", nonin.NoninClassic, Manner.SERIAL),
    Profile("berry-bm1000", berry.BciFrame, _STREAM, berry.UART_SERVICE, berry.UART_NOTIFY),
    Profile("beurer-po60", beurer.Po60Record, Manner.ASKED, beurer.SERVICE, beurer.NOTIFY),
    Profile("xiaomi-scale-v1", XiaomiV1, Manner.ADVERTS, sig_uuid(0x181D)),
    Profile("xiaomi-scale-v2", XiaomiV2, Manner.ADVERTS, sig_uuid(0x181B)),
    Profile("vitalograph", LungMonitorBlow, Manner.SERIAL),
    Profile(
        "generic-health-sensor",
        HealthObservation,
        Manner.SEGMENTS,
        sig_uuid(0x1840),
        sig_uuid(0x2B8B),
    ),
)

_CONNECTED: Final = (Manner.INDICATED, Manner.SEGMENTS, Manner.STREAM, Manner.ASKED)

SERVICES: Final = tuple(
    dict.fromkeys(
        profile.service
        for profile in PROFILES
        if profile.manner in _CONNECTED and profile.service is not None
    )
)
"""What the gateway scans for."""

MEASUREMENTS: Final[dict[str, type[Measurement]]] = {
    profile.characteristic: profile.kind
    for profile in PROFILES
    if profile.manner is Manner.INDICATED and profile.characteristic is not None
}
"""The characteristics the gateway takes indications of, and what decodes each."""
