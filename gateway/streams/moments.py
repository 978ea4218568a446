"""From a stream's measurement to a moment of the rule in `gateway.streams.steady`.

Owns which flags mean that no finger is in, which means that the device vouches, and what a
reading of a stream looks like. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from gateway.profiles.measurement import Decoded, Reading
from gateway.streams.steady import Chosen, Moment
from telekol.quantities import Quantity

UNSETTLED: Final = "unsettled"
"""Quality flag of a reading whose numbers never came to rest."""

Heard = tuple[Decoded, bytes, datetime]
"""A measurement, its bytes, and when it was heard."""

_OFF: Final = frozenset({"finger-off", "sensor-not-on-user", "sensor-disconnected"})
_VOUCHED: Final = "smart-point"
EVERY_S: Final = 0.5
"""A stream that says the same a hundred times a second is looked at twice; numbers are renewed
about once a second."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The moment that is the reading, with what the rule found out about it."""

    measurement: Decoded
    is_settled: bool

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Its values."""
        return self.measurement.readings

    @property
    def device_time(self) -> datetime | None:
        """Its time, if the stream has one."""
        return self.measurement.device_time

    @property
    def quality(self) -> tuple[str, ...]:
        """Its flags, and whether it had come to rest."""
        return self.measurement.quality + (UNSETTLED,) * (not self.is_settled)

    @property
    def refusal(self) -> str | None:
        """Why it is nobody's reading; the rule picks none of those."""
        return self.measurement.refusal


def picked(chosen: Chosen[Heard]) -> Heard:
    """Give the reading that the rule has chosen."""
    measurement, payload, at = chosen.what
    return Picked(measurement, chosen.is_settled), payload, at


def moment_of(heard: Heard, at_s: float, *, tells_finger: bool) -> Moment[Heard]:
    """Make a moment of what was heard.

    Parameters
    ----------
    tells_finger
        Whether the layout always says that a finger is in. Where it need not, a moment without
        any number counts as one without a finger.
    """
    measurement = heard[0]
    values = {item.quantity: item.value for item in measurement.readings}
    spo2, pulse = values.get(Quantity.SPO2), values.get(Quantity.PULSE_RATE)
    is_empty = spo2 is None and pulse is None
    flags = frozenset(measurement.quality)
    return Moment(
        at_s,
        heard,
        spo2,
        pulse,
        is_on_finger=flags.isdisjoint(_OFF) and (tells_finger or not is_empty),
        is_refused=measurement.refusal is not None,
        is_vouched=_VOUCHED in flags,
    )


class Thinned:
    """Lets through what says something new, and the same only every EVERY_S."""

    def __init__(self) -> None:
        self._last: tuple[Decimal | None, Decimal | None, tuple[str, ...]] | None = None
        self._last_s = 0.0

    def passes(self, moment: Moment[Heard]) -> bool:
        """Say whether the rule should look at this moment."""
        says = (moment.spo2_pct, moment.pulse_per_min, moment.what[0].quality)
        if says == self._last and moment.at_s - self._last_s < EVERY_S:
            return False
        self._last, self._last_s = says, moment.at_s
        return True
