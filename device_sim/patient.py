"""A person at home, as the devices see one: values of a kind of device at a moment.

Owns the seam between whoever lives and whatever measures. Two people live behind it: `Patient`,
with a fixed usual level and an honest scatter around it, whom the demo and tests steer; and
`device_sim.physiology.living.LivingPatient`, who follows a course. Must not know devices.

Invariants: the same seed gives the same values; every value can be encoded exactly by the device
that measures it.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from device_sim.encoders.weight_scale import KG_RESOLUTION
from device_sim.errors import DeviceStateError


class Measurable(Protocol):
    """Whoever can be measured."""

    def values(self, kind: str, at: datetime) -> dict[str, Decimal]:
        """Give what a device of `kind` shows at an aware moment, by quantity.

        Raises
        ------
        DeviceStateError
            If there is no such kind: `KINDS` lists them.
        """
        ...

    def become(self, values: Mapping[str, Decimal]) -> None:
        """Change the usual levels, by quantity, from now on; the scatter around them stays.

        Raises
        ------
        DeviceStateError
            If a quantity is not one of the patient's.
        """
        ...


KINDS: Final[dict[str, tuple[str, ...]]] = {
    "oximeter": ("spo2", "pulse_rate"),
    "scale": ("body_weight",),
    "cuff": ("systolic_bp", "diastolic_bp"),
    "thermometer": ("body_temperature",),
    "spirometer": ("fev1", "fvc", "pef"),
}
"""Kinds of device, and what of a person each measures."""


@dataclass(frozen=True, slots=True)
class Physiology:
    """Usual levels and day-to-day standard deviations.

    The defaults are a person with severe COPD in a stable phase, whose saturation target is
    88-92 % rather than that of the healthy. The deviations are those of
    `device_sim.physiology.scatter`, which names their sources.
    """

    spo2_pct: float = 92.0
    spo2_sd_pct: float = 1.0
    pulse_per_min: float = 78.0
    pulse_sd_per_min: float = 5.0
    weight_kg: float = 74.0
    weight_sd_kg: float = 0.4
    systolic_mmhg: float = 134.0
    systolic_sd_mmhg: float = 8.5
    diastolic_mmhg: float = 76.0
    diastolic_sd_mmhg: float = 5.5
    temperature_cel: float = 36.5
    temperature_sd_cel: float = 0.2
    fev1_l: float = 1.05
    fev1_sd_l: float = 0.094
    fvc_l: float = 2.5
    fvc_sd_l: float = 0.16
    pef_l_per_min: float = 210.0
    pef_sd_l_per_min: float = 10.0


@dataclass(frozen=True, slots=True)
class _Trait:
    """Which level and deviation of `Physiology` a quantity is drawn from, and how it is shown."""

    level: str
    sd: str
    lowest: float
    highest: float
    step: Decimal


_TRAITS: Final = {
    "spo2": _Trait("spo2_pct", "spo2_sd_pct", 70, 100, Decimal(1)),
    "pulse_rate": _Trait("pulse_per_min", "pulse_sd_per_min", 40, 180, Decimal(1)),
    "body_weight": _Trait("weight_kg", "weight_sd_kg", 20, 250, KG_RESOLUTION),
    "systolic_bp": _Trait("systolic_mmhg", "systolic_sd_mmhg", 90, 220, Decimal(1)),
    "diastolic_bp": _Trait("diastolic_mmhg", "diastolic_sd_mmhg", 40, 89, Decimal(1)),
    "body_temperature": _Trait("temperature_cel", "temperature_sd_cel", 34, 42, Decimal("0.1")),
    "fev1": _Trait("fev1_l", "fev1_sd_l", 0.2, 1.9, Decimal("0.01")),
    "fvc": _Trait("fvc_l", "fvc_sd_l", 1.9, 6, Decimal("0.01")),
    "pef": _Trait("pef_l_per_min", "pef_sd_l_per_min", 40, 800, Decimal(1)),
}


_BASES: Final = {
    "mean_bp": ("systolic_bp", "diastolic_bp"),
    "fev6": ("fev1", "fvc"),
    "fev1_fvc": ("fev1", "fvc"),
}
"""What follows from other values of the same measurement."""


class Patient:
    """A seeded source of measurements around a usual level that only commands change.

    Parameters
    ----------
    seed
        Same seed, same patient.
    physiology
        Usual levels and scatter.
    """

    def __init__(self, seed: int | str, physiology: Physiology | None = None) -> None:
        self.physiology = physiology or Physiology()
        # Each kind draws from its own stream, so that weighing twice does not change the
        # saturations that follow. S311: this is a simulation, not a secret.
        names = {"oximeter": "oximetry", "scale": "weighing"}
        self._luck = {
            kind: random.Random(f"{seed}/{names.get(kind, kind)}")  # noqa: S311
            for kind in KINDS
        }

    def become(self, values: Mapping[str, Decimal]) -> None:
        """Change the usual levels, by quantity; the scatter around them stays."""
        check_quantities(values)
        levels = {_TRAITS[quantity].level: float(value) for quantity, value in values.items()}
        self.physiology = replace(self.physiology, **levels)

    def values(self, kind: str, at: datetime) -> dict[str, Decimal]:  # noqa: ARG002 - see Measurable
        """Draw the values of one measurement, the same whenever it is."""
        quantities = quantities_of(kind)
        return {quantity: self._draw(quantity, self._luck[kind]) for quantity in quantities}

    def _draw(self, quantity: str, luck: random.Random) -> Decimal:
        trait = _TRAITS[quantity]
        usual, sd = getattr(self.physiology, trait.level), getattr(self.physiology, trait.sd)
        value = min(max(luck.gauss(usual, sd), trait.lowest), trait.highest)
        return round(value / float(trait.step)) * trait.step


def values_of(patient: Measurable, quantities: Collection[str], at: datetime) -> dict[str, Decimal]:
    """Give what a device that measures `quantities` shows; for devices of any make.

    Raises
    ------
    DeviceStateError
        If one of them is neither a person's nor follows from one.
    """
    wanted = {base for quantity in quantities for base in _BASES.get(quantity, (quantity,))}
    check_quantities(wanted)
    shown: dict[str, Decimal] = {}
    for kind, own in KINDS.items():
        if wanted & set(own):
            shown |= patient.values(kind, at)
    derived = {name: _derived(name, shown) for name in _BASES if name in quantities}
    return {quantity: (shown | derived)[quantity] for quantity in quantities}


def _derived(quantity: str, shown: Mapping[str, Decimal]) -> Decimal:
    if quantity == "mean_bp":  # a third of the way up from the diastolic, as cuffs estimate it
        return round((2 * shown["diastolic_bp"] + shown["systolic_bp"]) / 3, 0)
    if quantity == "fev6":  # six seconds are a little less than all
        return max(round(shown["fvc"] * Decimal("0.95"), 2), shown["fev1"])
    return round(shown["fev1"] / shown["fvc"], 2)


def quantities_of(kind: str) -> tuple[str, ...]:
    """Name what a kind of device measures.

    Raises
    ------
    DeviceStateError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise DeviceStateError(f"Expected a device: {', '.join(KINDS)}; found {kind!r}.")
    return KINDS[kind]


def check_quantities(values: Iterable[str]) -> None:
    """Refuse what is not measured of a person."""
    if strange := set(values) - _TRAITS.keys():
        raise DeviceStateError(
            f"Expected levels of {', '.join(_TRAITS)}; found {', '.join(sorted(strange))}."
        )
