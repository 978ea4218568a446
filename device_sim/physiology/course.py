"""One patient's life over some days: the true level of everything at any moment.

Owns how profile, rhythms, scatter and episodes become levels. Must not know devices or habits.

What is *true* here is the level without the error of the moment and without what disturbs a
measurement: what an ideal device would show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from device_sim.physiology import episodes as illness
from device_sim.physiology import scatter
from device_sim.physiology.chance import Flags, Floats, Moments
from device_sim.physiology.episodes import EFFECTS, Episode, Kind
from device_sim.physiology.profile import Profile
from device_sim.physiology.scatter import DAYS_PER_YEAR, SECONDS_PER_DAY
from telekol.quantities import Quantity

_LUNGS: Final = frozenset({Quantity.FEV1, Quantity.FVC, Quantity.PEF})


@dataclass(frozen=True)
class Course:
    """A patient's life.

    Parameters
    ----------
    seed, name
        With the profile they decide everything.
    start
        The first day, by the patient's own calendar.
    days
        How many days there are; later moments live on with the last day's state.
    episodes
        What happens, in order of onset.
    """

    seed: int
    name: str
    profile: Profile
    start: date
    days: int
    episodes: Sequence[Episode]
    _states: dict[Quantity, Floats] = field(default_factory=dict, repr=False)

    @classmethod
    def drawn(cls, seed: int, name: str, profile: Profile, start: date, days: int) -> Course:
        """Draw the episodes too."""
        found = illness.draw(seed, name, profile, days, start.timetuple().tm_yday)
        return cls(seed, name, profile, start, days, tuple(found))

    def level(self, quantity: Quantity, moments: Moments) -> Floats:
        """Give the true level at each moment, in the quantity's unit; shape as `moments`."""
        days = moments / SECONDS_PER_DAY
        whole = np.floor_divide(moments, SECONDS_PER_DAY)
        level = self.usual(quantity, moments) + self._shift(quantity, days)
        level += scatter.of_the_day(quantity, moments)
        level += scatter.of_the_week(quantity, whole, self.start.weekday())
        level += scatter.of_the_year(quantity, whole, self.start.timetuple().tm_yday)
        level += self._day_states(quantity)[np.clip(whole, 0, self.days - 1)]
        return level

    def usual(self, quantity: Quantity, moments: Moments) -> Floats:
        """Give the level of a stable morning, with what is slowly lost for ever."""
        who = self.profile
        days = moments / SECONDS_PER_DAY
        base = {
            Quantity.SPO2: who.spo2_pct,
            Quantity.PULSE_RATE: who.pulse_per_min,
            Quantity.SYSTOLIC_BP: who.systolic_mmhg,
            Quantity.DIASTOLIC_BP: who.diastolic_mmhg,
            Quantity.BODY_WEIGHT: who.weight_kg,
            Quantity.BODY_TEMPERATURE: who.temperature_cel,
            Quantity.FEV1: who.fev1_l,
            Quantity.FVC: who.fvc_l,
            Quantity.PEF: who.pef_l_per_min,
        }[quantity]
        years = days / DAYS_PER_YEAR
        if quantity in _LUNGS:
            return base * (1 - who.fev1_loss_l_per_year / who.fev1_l * years)
        if quantity is Quantity.BODY_WEIGHT:
            return base * (1 - who.weight_loss_per_year) ** np.maximum(years, 0)
        return np.full(days.shape, base)

    def symptom_burden(self, moments: Moments) -> Floats:
        """Give how bad the patient feels: 0 is as usual, 1 an average exacerbation."""
        days = moments / SECONDS_PER_DAY
        return sum(
            (each.symptom_severity * illness.symptoms(each, days) for each in self.episodes),
            start=np.zeros(days.shape),
        )

    def sign_burden(self, moments: Moments, kind: Kind | None = None) -> Floats:
        """Give how far the signs have moved: 1 is the peak of an average episode (of `kind`)."""
        days = moments / SECONDS_PER_DAY
        chosen = [each for each in self.episodes if kind in {None, each.kind}]
        return sum(
            (each.severity * illness.signs(each, days) for each in chosen if each.kind is not
             Kind.CACHEXIA),
            start=np.zeros(days.shape),
        )  # fmt: skip

    def is_in_hospital(self, moments: Moments) -> Flags:
        """Say at each moment whether the patient is admitted."""
        days = moments / SECONDS_PER_DAY
        inside = np.zeros(days.shape, dtype=np.bool_)
        for each in self.episodes:
            if each.in_hospital:
                inside |= (each.in_hospital[0] <= days) & (days < each.in_hospital[1])
        return inside

    def _day_states(self, quantity: Quantity) -> Floats:
        if quantity not in self._states:
            drawn = (self.seed, self.name, quantity, self.days)
            self._states[quantity] = scatter.day_states(*drawn) + scatter.slow_states(*drawn)
        return self._states[quantity]

    def _shift(self, quantity: Quantity, days: Floats) -> Floats:
        """Add up what the episodes do to a quantity."""
        total = np.zeros(days.shape)
        for each in self.episodes:
            size = self._size(each, quantity)
            if size == 0.0:
                continue
            moved = illness.signs(each, days)
            if each.lasting and quantity in _LUNGS:
                moved = np.where(days > each.peak, np.maximum(moved, each.lasting), moved)
            total += size * moved
        return total

    def _size(self, episode: Episode, quantity: Quantity) -> float:
        if quantity is Quantity.BODY_TEMPERATURE:
            return episode.fever_cel
        size = EFFECTS[episode.kind].get(quantity, 0.0) * episode.severity
        return size * self.profile.response if episode.kind is Kind.EXACERBATION else size
