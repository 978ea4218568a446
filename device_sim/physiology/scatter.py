"""How much each quantity moves in a stable patient: anchors, rhythms, rounding.

Owns the table of scatter and the rhythms of day, week and year. Must not know episodes.

A stable patient's scatter has two parts: a state of the day, which lasts (an autoregression of
order 1), and an error of the moment, which does not. The published figure is the sum; how it is
shared, and how long a state lasts, was published nowhere we looked and is our own choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from device_sim.physiology.chance import (
    Floats,
    Moments,
    autoregression,
    key_of,
    normal_at,
    stream,
)
from telekol.quantities import Quantity

SECONDS_PER_HOUR: Final = 3600
SECONDS_PER_DAY: Final = 86_400
DAYS_PER_YEAR: Final = 365.25

REFERENCE_HOUR: Final = 8.0
"""Levels are those of the morning, when most programmes ask people to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """How one quantity moves around its level, in its own unit.

    Parameters
    ----------
    sd
        Standard deviation of a stable patient's readings at the same hour, all parts together.
    day_share
        Part of the variance that is the day's state; the rest is new at each measurement.
    day_memory
        Correlation of one day's state with the next day's.
    swing, peak_hour
        Half the difference between the highest and lowest hour of the day, and the highest hour.
    step
        What the device rounds to.
    slow_sd
        Standard deviation of what is usual itself, which wanders over months: beside `sd`, for the
        published figures are of weeks.
    """

    sd: float
    day_share: float
    day_memory: float
    swing: float
    peak_hour: float
    step: float
    slow_sd: float = 0.0

    @property
    def day_sd(self) -> float:
        """Standard deviation of the day's state."""
        return float(self.sd * np.sqrt(self.day_share))

    @property
    def moment_sd(self) -> float:
        """Standard deviation of a measurement's own error, without the device's rounding."""
        variance = self.sd**2 * (1 - self.day_share) - self.step**2 / 12
        return float(np.sqrt(max(variance, 0.0)))


SCATTER: Final[dict[Quantity, Scatter]] = {
    # SD 1 %: Hurst et al., BMC Pulm Med 2010;10:52 (stable COPD). Night falls of a point are usual
    # in COPD without sleep apnoea; size and hour are our choice.
    Quantity.SPO2: Scatter(
        sd=1.0, day_share=0.5, day_memory=0.6, swing=0.4, peak_hour=15, step=1.0, slow_sd=0.4
    ),
    # SD 5 per minute: Hurst 2010. Day swing 5: our choice, after the 10-20 % by which pulse falls
    # in sleep.
    Quantity.PULSE_RATE: Scatter(
        sd=5.0, day_share=0.4, day_memory=0.5, swing=4.0, peak_hour=15, step=1.0, slow_sd=1.5
    ),
    # SD 0.4 kg of repeated mornings; the day adds what was eaten and drunk until it is gone by
    # the next morning (our choice: 0.8 kg from morning to evening).
    Quantity.BODY_WEIGHT: Scatter(
        sd=0.4, day_share=0.6, day_memory=0.6, swing=0.4, peak_hour=20, step=0.1, slow_sd=0.8
    ),
    # Home pressure varies from day to day with an SD of 8-9 systolic and 5-6 diastolic (Kikuya et
    # al., Hypertension 2008;52:1045, Ohasama; figures unverified).
    Quantity.SYSTOLIC_BP: Scatter(
        sd=8.5, day_share=0.3, day_memory=0.4, swing=6.0, peak_hour=17, step=1.0, slow_sd=3.0
    ),
    Quantity.DIASTOLIC_BP: Scatter(
        sd=5.5, day_share=0.3, day_memory=0.4, swing=4.0, peak_hour=15, step=1.0, slow_sd=2.0
    ),
    # 36.6 and a daily swing of about 0.25 either way (Obermeyer et al., BMJ 2017;359:j5468, gives
    # the mean and the swing's direction; the size is our choice).
    Quantity.BODY_TEMPERATURE: Scatter(
        sd=0.2, day_share=0.3, day_memory=0.3, swing=0.25, peak_hour=17, step=0.1
    ),
    # Between sessions |difference| 0.106 L whatever the severity (PMC2662942, NETT and LHS): a mean
    # absolute difference is 2/sqrt(pi) = 1.128 SD, so the SD of a session is 0.094 L.
    Quantity.FEV1: Scatter(
        sd=0.094, day_share=0.5, day_memory=0.6, swing=0.03, peak_hour=14, step=0.01
    ),
    # FVC varies more than FEV1, since it depends on how long somebody blows; SD our choice.
    Quantity.FVC: Scatter(
        sd=0.16, day_share=0.4, day_memory=0.5, swing=0.05, peak_hour=14, step=0.01
    ),
    # SD 10 L/min: Hurst 2010. Lowest at 4 in the morning, highest at 14-16, about 8 % of the mean
    # from top to bottom in the healthy (Hetzel and Clark, Thorax 1980;35:732, unverified).
    Quantity.PEF: Scatter(
        sd=10.0, day_share=0.5, day_memory=0.6, swing=8.0, peak_hour=15, step=1.0
    ),
}
"""What moves by itself. FEV1/FVC and mean pressure follow from others; see `instruments`."""

SLOW_MEMORY: Final = 0.98
"""Correlation of one day's usual level with the next day's: half is forgotten in 34 days. That a
level found in the first fortnight grows old is everybody's experience; sizes and pace were
published nowhere we looked and are our own choice."""

WEEKEND_KG: Final = 0.15
"""Weight is highest on Sunday and Monday and lowest on Friday (Orsama et al., Obes Facts
2014;7:36, who report the rhythm; a size of 0.15 kg either way is our choice)."""

WINTER_SYSTOLIC: Final = 3.0
"""Systolic pressure is higher in winter; 3 mm[Hg] either way is our choice."""


def day_states(seed: int, name: str, quantity: Quantity, days: int) -> Floats:
    """Draw the state of each day, stationary from the first; shape (days,), the quantity's unit."""
    scatter = SCATTER[quantity]
    luck = stream(seed, name, "day", quantity)
    return autoregression(luck, days, scatter.day_memory) * scatter.day_sd


def slow_states(seed: int, name: str, quantity: Quantity, days: int) -> Floats:
    """Draw how far what is usual lies from the first description, day by day; shape (days,)."""
    luck = stream(seed, name, "slow", quantity)
    return autoregression(luck, days, SLOW_MEMORY) * SCATTER[quantity].slow_sd


def moment_errors(seed: int, name: str, quantity: Quantity, moments: Moments) -> Floats:
    """Give the error of a measurement at each moment; shape as `moments`."""
    return normal_at(key_of(seed, name, "moment", quantity), moments) * SCATTER[quantity].moment_sd


def of_the_day(quantity: Quantity, moments: Moments) -> Floats:
    """Give the rhythm of the day, zero at REFERENCE_HOUR."""
    scatter = SCATTER[quantity]
    hours = (moments % SECONDS_PER_DAY) / SECONDS_PER_HOUR
    return scatter.swing * (_wave(hours, scatter.peak_hour) - _wave(
        np.array([REFERENCE_HOUR]), scatter.peak_hour
    ))  # fmt: skip


def of_the_week(quantity: Quantity, days: Moments, first_weekday: int) -> Floats:
    """Give the rhythm of the week on each day (Monday is 0)."""
    if quantity is not Quantity.BODY_WEIGHT:
        return np.zeros(days.shape)
    return WEEKEND_KG * np.cos(2 * np.pi * ((days + first_weekday) % 7 - 6.5) / 7)


def of_the_year(quantity: Quantity, days: Moments, first_day_of_year: int) -> Floats:
    """Give the rhythm of the year on each day; 31 December is the depth of winter."""
    if quantity is not Quantity.SYSTOLIC_BP:
        return np.zeros(days.shape)
    return WINTER_SYSTOLIC * winter(days, first_day_of_year)


def winter(days: Moments, first_day_of_year: int) -> Floats:
    """Say how wintry each day is, from 1 (new year) to -1 (midsummer)."""
    wave: Floats = np.cos(2 * np.pi * (days + first_day_of_year) / DAYS_PER_YEAR)
    return wave


def _wave(hours: Floats, peak_hour: float) -> Floats:
    wave: Floats = np.cos(2 * np.pi * (hours - peak_hour) / 24)
    return wave
