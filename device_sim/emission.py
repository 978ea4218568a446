"""What the simulator sent: the truth that every delivery test compares with.

Owns the record of each measurement's life: taken, first indicated, confirmed; and what a right
gateway must end up with. Must not know the gateway, the server or the radio.

Indicated is the first moment a value was on the air, by whatever way: an indication, a
notification, an advert, a byte stream. Confirmed is the other side's word that it has it; on
devices that ask for none (streams, adverts) it is the moment when all of the measurement has been
on the air, for streams with somebody subscribed the whole time.

Invariants: a measurement enters once, however often it is indicated; `indicated_at` is the
first time; all moments are aware UTC; with a file, every line is flushed as it is written, so
that the truth survives a killed simulator.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, TextIO

from device_sim.errors import SimulatorError
from device_sim.faults import Readings
from telekol.quantities import FACTS

UNITS: Final = {quantity.value: facts.unit for quantity, facts in FACTS.items()}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right gateway makes of one measurement.

    Parameters
    ----------
    readings
        Whether there is a reading at all, and how it is marked. `Readings.ALL`: one reading of
        each quantity; more than one is wrong.
    margins
        Quantity -> how far its reading may be from the measurement's value; 0 where left out. A
        stream wanders around the value, and any of its moments may be the reading.
    time_tolerance_s
        How far its corrected time may be from the true one; ``None``: the time of arrival counts.
    """

    readings: Readings = Readings.ALL
    margins: Mapping[str, Decimal] = field(default_factory=dict)
    time_tolerance_s: float | None = 2.0


AS_SENT: Final = Expected()


@dataclass(frozen=True, slots=True)
class Emission:
    """One quantity of one measurement that a device has indicated at least once.

    Parameters
    ----------
    serial
        The device's serial number.
    quantity
        A key of `UNITS`.
    value
        Exactly the number that the indication carries.
    unit
        The unit of `value`.
    device_time
        The timestamp inside the indication: the device's own time, without zone. ``None`` for
        devices without a clock, or with one that was never set.
    indicated_at
        When it was first put on the air, aware UTC.
    """

    serial: str
    quantity: str
    value: Decimal
    unit: str
    device_time: datetime | None
    indicated_at: datetime


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a device measured at one moment of its own clock.

    Parameters
    ----------
    serial
        The device's serial number.
    device_time
        Device time, without zone, whole seconds; distinct on one device. ``None``: the device
        tells no time.
    values
        Quantity name -> number.
    number
        Counts the device's measurements.
    expected
        What a right gateway makes of it.
    """

    serial: str
    device_time: datetime | None
    values: tuple[tuple[str, Decimal], ...]
    number: int = 0
    expected: Expected = AS_SENT


@dataclass(frozen=True, slots=True)
class Counts:
    """How many measurements reached each stage."""

    taken: int = 0
    indicated: int = 0
    confirmed: int = 0


@dataclass(slots=True)
class _Life:
    measurement: Measurement
    expected: Expected
    taken_at: datetime
    indicated_at: datetime | None = None
    confirmed_at: datetime | None = None


class EmissionLog:
    """The life of every measurement, in memory and optionally in a JSON-lines file.

    Parameters
    ----------
    path
        File to append to: one object per quantity and event (``taken``, ``indicated``,
        ``confirmed``, and ``expected`` when a fault changes what must come of it).
    now
        Where the moments come from.
    """

    def __init__(
        self, path: Path | None = None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._lives: dict[_Key, _Life] = {}
        self._now = now
        self._file = _opened(path) if path else None

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()
            self._file = None

    def taken(self, measurement: Measurement) -> None:
        """Note that a device has stored `measurement`."""
        life = _Life(measurement, measurement.expected, self._now())
        self._lives[_key(measurement)] = life
        self._write("taken", measurement, life.taken_at, life.expected)

    def expected(self, measurement: Measurement) -> Expected:
        """Tell what a right gateway makes of `measurement`, by all that is known now."""
        return self._lives[_key(measurement)].expected

    def expect(self, measurement: Measurement, expected: Expected) -> None:
        """Note that something else must come of `measurement` than was thought when taken."""
        life = self._lives[_key(measurement)]
        life.expected = expected
        self._write("expected", measurement, self._now(), expected)

    def indicated(self, measurement: Measurement) -> None:
        """Note that `measurement` is being put on the air; only the first time counts."""
        life = self._lives[_key(measurement)]
        if life.indicated_at is None:
            life.indicated_at = self._now()
            self._write("indicated", measurement, life.indicated_at)

    def confirmed(self, measurement: Measurement) -> None:
        """Note that the other side has confirmed `measurement`."""
        life = self._lives[_key(measurement)]
        life.confirmed_at = self._now()
        self._write("confirmed", measurement, life.confirmed_at)

    @property
    def emissions(self) -> tuple[Emission, ...]:
        """Everything that was indicated at least once, one per quantity, in order taken."""
        return tuple(_emissions(life for life in self._lives.values() if life.indicated_at))

    @property
    def confirmed_emissions(self) -> tuple[Emission, ...]:
        """The part of `emissions` that the other side confirmed."""
        return tuple(_emissions(life for life in self._lives.values() if life.confirmed_at))

    def counts(self, serial: str | None = None) -> Counts:
        """Count measurements, of one device or of all."""
        total = Counts()
        for life in self._lives.values():
            if serial in {None, life.measurement.serial}:
                total = replace(
                    total,
                    taken=total.taken + 1,
                    indicated=total.indicated + (life.indicated_at is not None),
                    confirmed=total.confirmed + (life.confirmed_at is not None),
                )
        return total

    def _write(
        self,
        event: str,
        measurement: Measurement,
        at: datetime,
        expected: Expected | None = None,
    ) -> None:
        if self._file is None:
            return
        device_time = measurement.device_time
        for quantity, value in measurement.values:
            line = {
                "event": event,
                "serial": measurement.serial,
                "quantity": quantity,
                "value": float(value),
                "unit": UNITS[quantity],
                "device_time": None if device_time is None else device_time.isoformat(),
                "number": measurement.number,
                "at": at.isoformat(),
            } | _told(expected, quantity)
            self._file.write(json.dumps(line) + "\n")
        self._file.flush()


_Key = tuple[str, datetime | None, int]


def _key(measurement: Measurement) -> _Key:
    return measurement.serial, measurement.device_time, measurement.number


def _told(expected: Expected | None, quantity: str) -> dict[str, object]:
    if expected is None:
        return {}
    return {
        "expected": {
            "readings": expected.readings.value,
            "margin": float(expected.margins.get(quantity, 0)),
            "time_tolerance_s": expected.time_tolerance_s,
        }
    }


def _emissions(lives: Iterable[_Life]) -> Iterable[Emission]:
    for life in lives:
        if life.indicated_at is None:
            continue
        for quantity, value in life.measurement.values:
            yield Emission(
                serial=life.measurement.serial,
                quantity=quantity,
                value=value,
                unit=UNITS[quantity],
                device_time=life.measurement.device_time,
                indicated_at=life.indicated_at,
            )


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise SimulatorError(
            f"Expected to append emissions to {path}; the system said: {error.strerror}. "
            "Give a file in a folder that exists and that you may write."
        ) from error
