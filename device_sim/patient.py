"""A person at home, as numbers: a usual level per quantity and an honest scatter around it.

Owns the values a patient's devices would measure. Must not know devices or time of day.

Invariants: the same seed gives the same values in the same order; every value can be encoded
exactly by the device that measures it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from device_sim.encoders.weight_scale import KG_RESOLUTION
from device_sim.errors import DeviceStateError


@dataclass(frozen=True, slots=True)
class Physiology:
    """Usual levels and day-to-day standard deviations.

    The defaults are a person with severe COPD in a stable phase, whose saturation target is
    88-92 % rather than that of the healthy.
    """

    spo2_pct: float = 92.0
    spo2_sd_pct: float = 1.0
    pulse_per_min: float = 78.0
    pulse_sd_per_min: float = 5.0
    weight_kg: float = 74.0
    weight_sd_kg: float = 0.4


_LEVELS: Final = {
    "spo2": "spo2_pct",
    "pulse_rate": "pulse_per_min",
    "body_weight": "weight_kg",
}
"""Which level of `Physiology` each quantity is drawn around."""


class Patient:
    """A seeded source of measurements.

    Parameters
    ----------
    seed
        Same seed, same patient.
    physiology
        Usual levels and scatter.
    """

    def __init__(self, seed: int | str, physiology: Physiology | None = None) -> None:
        self.physiology = physiology or Physiology()
        # Each quantity draws from its own stream, so that weighing twice does not change the
        # saturations that follow. S311: this is a simulation, not a secret.
        self._oximetry = random.Random(f"{seed}/oximetry")  # noqa: S311
        self._weighing = random.Random(f"{seed}/weighing")  # noqa: S311

    def become(self, values: Mapping[str, Decimal]) -> None:
        """Change the usual levels, by quantity; the scatter around them stays.

        Raises
        ------
        DeviceStateError
            If a quantity is not one of the patient's.
        """
        if strange := set(values) - _LEVELS.keys():
            raise DeviceStateError(
                f"Expected levels of {', '.join(_LEVELS)}; found {', '.join(sorted(strange))}."
            )
        levels = {_LEVELS[quantity]: float(value) for quantity, value in values.items()}
        self.physiology = replace(self.physiology, **levels)

    def oximetry(self) -> dict[str, Decimal]:
        """Draw a saturation in whole % (70-100) and a pulse per minute (40-180)."""
        usual = self.physiology
        spo2 = self._oximetry.gauss(usual.spo2_pct, usual.spo2_sd_pct)
        pulse = self._oximetry.gauss(usual.pulse_per_min, usual.pulse_sd_per_min)
        return {
            "spo2": Decimal(round(min(max(spo2, 70), 100))),
            "pulse_rate": Decimal(round(min(max(pulse, 40), 180))),
        }

    def weighing(self) -> dict[str, Decimal]:
        """Draw a body weight in kg, in steps of 5 g."""
        usual = self.physiology
        kg = max(self._weighing.gauss(usual.weight_kg, usual.weight_sd_kg), 20)
        return {"body_weight": round(kg / float(KG_RESOLUTION)) * KG_RESOLUTION}
