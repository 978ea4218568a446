"""What the simulator sent: the truth that every delivery test compares with.

Owns the record of each measurement's life: taken, first indicated, confirmed. Must not know
the gateway, the server or the radio.

Invariants: a measurement enters once, however often it is indicated; `indicated_at` is the
first time; all moments are aware UTC; with a file, every line is flushed as it is written, so
that the truth survives a killed simulator.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, TextIO

from device_sim.errors import SimulatorError

UNITS: Final = {"spo2": "%", "pulse_rate": "/min", "body_weight": "kg"}


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
        The timestamp inside the indication: the device's own time, without zone.
    indicated_at
        When it was first put on the air, aware UTC.
    """

    serial: str
    quantity: str
    value: Decimal
    unit: str
    device_time: datetime
    indicated_at: datetime


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a device measured at one moment of its own clock.

    Parameters
    ----------
    serial
        The device's serial number.
    device_time
        Device time, without zone, whole seconds; distinct on one device.
    values
        Quantity name -> number.
    """

    serial: str
    device_time: datetime
    values: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many measurements reached each stage."""

    taken: int = 0
    indicated: int = 0
    confirmed: int = 0


@dataclass(slots=True)
class _Life:
    measurement: Measurement
    indicated_at: datetime | None = None
    confirmed_at: datetime | None = None


class EmissionLog:
    """The life of every measurement, in memory and optionally in a JSON-lines file.

    Parameters
    ----------
    path
        File to append to: one object per quantity and event (``taken``, ``indicated``,
        ``confirmed``).
    now
        Where the moments come from.
    """

    def __init__(
        self, path: Path | None = None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._lives: dict[tuple[str, datetime], _Life] = {}
        self._now = now
        self._file = _opened(path) if path else None

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()
            self._file = None

    def taken(self, measurement: Measurement) -> None:
        """Note that a device has stored `measurement`."""
        self._lives[_key(measurement)] = _Life(measurement)
        self._write("taken", measurement, self._now())

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

    def _write(self, event: str, measurement: Measurement, at: datetime) -> None:
        if self._file is None:
            return
        for quantity, value in measurement.values:
            line = {
                "event": event,
                "serial": measurement.serial,
                "quantity": quantity,
                "value": float(value),
                "unit": UNITS[quantity],
                "device_time": measurement.device_time.isoformat(),
                "at": at.isoformat(),
            }
            self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def _key(measurement: Measurement) -> tuple[str, datetime]:
    return measurement.serial, measurement.device_time


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
