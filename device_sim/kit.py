"""The kinds of device a home can have, and how each is made.

Owns the table of kinds. Must not know homes, patients or what a device does.

Invariant: a kind's serial numbers begin with a prefix of its own, so that two devices of one home
never share one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from device_sim.emission import EmissionLog
from device_sim.errors import SimulatorError
from device_sim.faults import Trait
from device_sim.peripherals.and_medical import AndCuff, AndScale
from device_sim.peripherals.berry import BerryOximeter
from device_sim.peripherals.beurer_scale import BeurerScale
from device_sim.peripherals.body_scale import BodyScale
from device_sim.peripherals.continuous_oximeter import ContinuousOximeter
from device_sim.peripherals.cuff import Cuff
from device_sim.peripherals.health_sensor import HealthSensor, SixSecondSensor
from device_sim.peripherals.instrument import Instrument
from device_sim.peripherals.nonin_3230 import Nonin3230
from device_sim.peripherals.nonin_classic import NoninClassic
from device_sim.peripherals.po60 import Po60
from device_sim.peripherals.pulse_oximeter import PulseOximeter
from device_sim.peripherals.recording_oximeter import RecordingOximeter
from device_sim.peripherals.scale import Scale
from device_sim.peripherals.thermometer import Thermometer
from device_sim.peripherals.vendor_spirometer import VendorSpirometer
from device_sim.peripherals.vitalograph import LungMonitor
from device_sim.peripherals.wired import Wired
from device_sim.peripherals.xiaomi import XiaomiScaleV1, XiaomiScaleV2


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of device.

    Parameters
    ----------
    prefix
        What its serial numbers begin with.
    make
        Makes one, given its serial number and the emission log.
    quantities
        What it measures.
    traits
        Which faults it can have; see `device_sim.faults`.
    says
        What it is, for a person.
    is_on_air
        False: it speaks over a serial port, or hands in documents.
    """

    prefix: str
    make: Callable[[str, EmissionLog], Instrument]
    quantities: frozenset[str]
    traits: frozenset[Trait]
    says: str
    is_on_air: bool


def _kind(
    prefix: str,
    device: type[Instrument],
    make: Callable[[str, EmissionLog], Instrument],
    says: str,
) -> Kind:
    on_air = not issubclass(device, (Wired, VendorSpirometer))
    return Kind(prefix, make, device.quantities, device.traits, says, on_air)


KINDS: Final[Mapping[str, Kind]] = {
    "oximeter": _kind(
        "PLX", PulseOximeter, PulseOximeter, "pulse oximeter, indicates spot-checks (0x1822)"
    ),
    "scale": _kind("WSS", Scale, Scale, "scale (0x181D)"),
    "recording-oximeter": _kind(
        "PLR",
        RecordingOximeter,
        RecordingOximeter,
        "pulse oximeter with records, asked by control point (0x1822, 0x2A52)",
    ),
    "streaming-oximeter": _kind(
        "PLS",
        ContinuousOximeter,
        ContinuousOximeter,
        "pulse oximeter, a value each second (0x2A5F)",
    ),
    "nonin-3230": _kind(
        "NON", Nonin3230, Nonin3230, "Nonin 3230: spot-check and a vendor stream each second"
    ),
    "berry-bm1000": _kind(
        "BM1", BerryOximeter, BerryOximeter, "Berry BM1000: BCI frames, a hundred a second"
    ),
    "nonin-classic": _kind(
        "NOC", NoninClassic, NoninClassic, "Nonin Onyx II, four-byte frames on a TCP port"
    ),
    "beurer-po60": _kind("PO6", Po60, Po60, "Beurer PO60: records, fetched by a vendor's service"),
    "xiaomi-scale-v1": _kind(
        "XI1", XiaomiScaleV1, XiaomiScaleV1, "Xiaomi Mi Smart Scale, adverts only"
    ),
    "xiaomi-scale-v2": _kind(
        "XI2", XiaomiScaleV2, XiaomiScaleV2, "Xiaomi Mi Body Composition Scale, adverts only"
    ),
    "vitalograph": _kind(
        "VIT", LungMonitor, LungMonitor, "Vitalograph lung monitor, frames on a TCP port"
    ),
    "spirometer": _kind(
        "GHS", HealthSensor, HealthSensor, "spirometer by Generic Health Sensor (0x1840), with FVC"
    ),
    "spirometer-fev6": _kind(
        "GH6", SixSecondSensor, SixSecondSensor, "the same, that stops after six seconds: FEV6"
    ),
    "vendor-spirometer": _kind(
        "SDK",
        VendorSpirometer,
        VendorSpirometer,
        "spirometer behind its maker's program, which hands in spirometry documents",
    ),
    "body-scale": _kind("BCS", BodyScale, BodyScale, "body analysing scale (0x181B)"),
    "cuff": _kind("BPM", Cuff, Cuff, "blood pressure cuff (0x1810)"),
    "and-scale": _kind("ANS", AndScale, AndScale, "A&D scale UC-352BLE, paired by its button"),
    "and-cuff": _kind("ANC", AndCuff, AndCuff, "A&D cuff UA-651BLE, paired by its button"),
    "beurer-scale": _kind(
        "BEU", BeurerScale, BeurerScale, "scale like Beurer BF720, with users and consent codes"
    ),
    "thermometer": _kind("HTS", Thermometer, Thermometer, "ear thermometer (0x1809)"),
}

DEFAULT_KIT: Final = ("oximeter", "scale")
"""The kit that most homes get."""


def named(devices: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Give the name -> kind of a kit, which may be just a list of kinds.

    Raises
    ------
    SimulatorError
        For a kind that is not in the table, or a kind that is listed twice without names.
    """
    if isinstance(devices, Mapping):
        kit = dict(devices)
    else:
        listed = list(devices)
        kit = {kind: kind for kind in listed}
        if len(kit) != len(listed):
            raise SimulatorError(
                f"Expected each kind once, found {', '.join(listed)}. Give two of a kind names."
            )
    for kind in kit.values():
        if kind not in KINDS:
            raise SimulatorError(f"Expected a kind of device: {', '.join(KINDS)}; found {kind!r}.")
    return kit


def made(kit: Mapping[str, str], number: int, log: EmissionLog) -> dict[str, Instrument]:
    """Make the devices of home `number`; a second of a kind has a letter in its serial number."""
    seen: dict[str, int] = {}
    devices: dict[str, Instrument] = {}
    for name, kind in kit.items():
        before = seen.get(kind, 0)
        seen[kind] = before + 1
        letter = chr(ord("A") + before) if before else ""
        devices[name] = KINDS[kind].make(f"{KINDS[kind].prefix}-{number:06d}{letter}", log)
    return devices


def traits_by_kind() -> dict[str, frozenset[Trait]]:
    """Tell each kind's traits."""
    return {name: kind.traits for name, kind in KINDS.items()}
