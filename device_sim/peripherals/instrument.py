"""What every device of a kit is, however it talks: an identity, a clock, measurements, faults.

Owns the taking of measurements and the faults that every device can have. Must not know
Bluetooth; subclasses do.

Invariants:

1. A measurement that the device cannot encode is refused before it enters the emission log.
2. On one device with a clock no two measurements carry the same timestamp (it has whole seconds).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Final

from device_sim.clock import NEVER_SET, DeviceClock
from device_sim.emission import EmissionLog, Expected, Measurement
from device_sim.errors import DeviceStateError
from device_sim.faults import FAULTS, FaultBoard, Parameters, Readings, Trait
from device_sim.peripherals.standard_services import DeviceIdentity
from device_sim.virtual_radio import Air, static_address

# Real spot-check devices switch off 2-10 s after the last value; short keeps tests fast and
# still lets a second value share the connection.
LINGER_S: Final = 0.5
UNIX_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - what a clock without zone starts from
LOW_BATTERY_PERCENT: Final = 10
"""Below it a device that can say so says that its battery is low."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One thing to send: a measurement with its packets, or packets alone."""

    packets: tuple[bytes, ...]
    measurement: Measurement | None = None


class Instrument(ABC):
    """A virtual measuring device.

    Parameters
    ----------
    identity
        What it says of itself; the address is derived from the serial number.
    log
        Where the life of each measurement is noted.
    clock
        The device's own clock.
    battery_percent
        How full the battery is.
    """

    quantities: frozenset[str]
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.CLOCK, Trait.BATTERY})
    is_set_by_hand: ClassVar[bool] = False
    """Whether nobody but a person can say how wrong its clock is: no host can read it."""

    def __init__(
        self,
        identity: DeviceIdentity,
        log: EmissionLog,
        *,
        clock: DeviceClock | None = None,
        battery_percent: int = 90,
    ) -> None:
        self.identity = identity
        self.clock = clock or DeviceClock()
        self.linger_s = LINGER_S
        self.faults = FaultBoard(self.traits)
        self._battery_percent = battery_percent
        self._log = log
        self._numbers = 0
        self._used_timestamps: set[datetime] = set()
        self._measuring = asyncio.Lock()

    @property
    def serial(self) -> str:
        """The device's serial number."""
        return self.identity.serial

    @property
    def address(self) -> str:
        """The device's Bluetooth address, the same after every restart."""
        return static_address(self.serial).to_string(with_type_qualifier=False)

    @property
    def where(self) -> str:
        """How a gateway reaches it: its Bluetooth address, or where its bytes come out."""
        return self.address

    @property
    def battery_percent(self) -> int:
        """How full the battery is."""
        if self.faults.has("battery-low"):
            return int(self.faults.value("battery-low", "percent"))
        return self._battery_percent

    @battery_percent.setter
    def battery_percent(self, percent: int) -> None:
        self._battery_percent = percent

    @property
    def is_battery_low(self) -> bool:
        """Whether the device says that its battery is low, where it can."""
        return self.battery_percent < LOW_BATTERY_PERCENT

    @property
    def is_finger_off(self) -> bool:
        """Whether the finger has slipped out."""
        return self.faults.has("finger-off")

    @property
    def is_signal_weak(self) -> bool:
        """Whether the device says that the signal is weak."""
        return self.faults.has("weak-signal")

    @property
    @abstractmethod
    def pending_count(self) -> int:
        """How much waits in the device to be delivered."""

    @property
    def is_connected(self) -> bool:
        """Whether a gateway is connected now."""
        return False

    @abstractmethod
    async def start(self, radio: Air) -> None:
        """Put the device on the air of `radio`."""

    @abstractmethod
    async def close(self) -> None:
        """Switch the device off; what is in its memory stays there."""

    @abstractmethod
    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write one measurement as this kind of device sends it."""

    @abstractmethod
    def keep(self, stored: Stored) -> None:
        """Take something to be sent."""

    async def take_measurement(self, values: Mapping[str, Decimal]) -> Measurement:
        """Measure `values` now, by the device's own clock, and store them.

        Held back, a second at most per earlier call, until the clock shows a second that no
        earlier measurement has.
        """
        if set(values) != self.quantities:
            raise DeviceStateError(
                f"Expected values for {', '.join(sorted(self.quantities))} from "
                f"{self.identity.model} {self.serial}, found {', '.join(sorted(values)) or 'none'}."
            )
        async with self._measuring:
            seen = await self._unused_second() if Trait.CLOCK in self.traits else None
            measurement = Measurement(
                self.serial,
                seen if seen and seen.year > NEVER_SET.year else None,
                tuple(self._measured(values).items()),
                self._numbers + 1,
                self._foreseen(),
            )
            stored = Stored(self.packets(measurement), measurement)
            self._numbers += 1
            if seen:
                self._used_timestamps.add(seen)
            self._log.taken(measurement)
            self.keep(stored)
        return measurement

    def indicate_raw(self, payload: bytes) -> None:
        """Store arbitrary bytes to be sent in turn; they are no emission."""
        self.keep(Stored((payload,)))

    async def drop_link(self) -> None:
        """End the connection abruptly, as when the device's battery falls out."""
        raise DeviceStateError(f"Nobody is connected to {self.serial}, so no link can drop.")

    def press_pairing(self) -> None:
        """Hold the button down until the device is ready to be paired with a new host."""
        raise DeviceStateError(
            f"Expected a device that is paired by a button; {self.identity.model} is not."
        )

    def choose_user(self, index: int) -> None:
        """Say whose measurements follow, on a device that tells its users apart."""
        raise DeviceStateError(
            f"Expected a device with users; {self.identity.model} has none, so not {index}."
        )

    # -- faults ----------------------------------------------------------------------------

    async def begin_fault(self, name: str, parameters: Mapping[str, float] | None = None) -> None:
        """Switch a fault of `device_sim.faults` on, by name.

        Raises
        ------
        DeviceStateError
            For a fault or a parameter that such a device does not have.
        """
        given = self.faults.begin(name, parameters)
        if onset := self._onsets().get(name):
            onset(given)

    async def heal_fault(self, name: str | None = None) -> None:
        """Switch one fault off, or all. A clock that is wrong stays so until somebody sets it."""
        self.faults.heal(name)
        if name in {None, "clock-drift"}:
            self.clock.drift_s_per_day = 0.0

    def pending(self) -> tuple[Measurement, ...]:
        """Tell what is measured and not delivered."""
        return ()

    def _onsets(self) -> dict[str, Callable[[Parameters], None]]:
        return {
            "clock-1970": lambda _given: self._set_clock_wrong(UNIX_EPOCH),
            "clock-never-set": lambda _given: self._set_clock_wrong(NEVER_SET),
            "battery-removed": lambda _given: self._set_clock_wrong(UNIX_EPOCH),
            "clock-drift": lambda given: self._drift(given["s_per_day"]),
            "clock-jump": lambda given: self._jump(given["seconds"], None),
            "daylight-saving": lambda given: self._jump(3600 if given["forward"] else -3600, 3600),
        }

    def _set_clock_wrong(self, shown: datetime) -> None:
        self.clock.set_to(shown)
        self._doubt_pending(None)

    def _drift(self, s_per_day: float) -> None:
        self.clock.drift_s_per_day = s_per_day

    def _jump(self, seconds: float, tolerance_s: float | None) -> None:
        self.clock.jump(seconds)
        self._doubt_pending(tolerance_s)

    def _doubt_pending(self, tolerance_s: float | None) -> None:
        """Note that what was measured by the clock as it was cannot be put right any more."""
        for measurement in self.pending():
            known = self._log.expected(measurement)
            self._log.expect(measurement, replace(known, time_tolerance_s=tolerance_s))

    def _spoiled(self, payload: bytes, stored: Stored) -> bytes:
        """Pass `payload` through the faults of the air, and note what comes of it."""
        cuts = self.faults.has("truncated")
        sent = self.faults.spoil(payload)
        if sent != payload and stored.measurement:
            fault = FAULTS["truncated" if cuts else "bit-flipped"]
            readings = fault.readings_of(self.traits)
            known = self._log.expected(stored.measurement)
            self._log.expect(stored.measurement, replace(known, readings=readings))
        return sent

    # -- measuring -------------------------------------------------------------------------

    def _margins(self) -> Mapping[str, Decimal]:
        """How far a right reading may be from the measurement, where it need not be equal."""
        return {}

    def _time_tolerance_s(self) -> float | None:
        return 2.0

    def _foreseen(self) -> Expected:
        clock_faults = (FAULTS[name] for name in self.faults.on if name.startswith("clock-"))
        doubtful = any(fault.time_tolerance_s is None for fault in clock_faults)
        tolerance_s = 5.0 if self.clock.drift_s_per_day else self._time_tolerance_s()
        unsure = doubtful and Trait.CLOCK in self.traits
        return Expected(self._outcome(), self._margins(), None if unsure else tolerance_s)

    def _outcome(self) -> Readings:
        for name in ("finger-off", "wrong-person", "weak-signal"):
            if self.faults.has(name):
                return FAULTS[name].readings
        return Readings.ALL

    def _measured(self, values: Mapping[str, Decimal]) -> dict[str, Decimal]:
        if self.faults.has("wrong-person"):
            weight = Decimal(str(self.faults.value("wrong-person", "weight_kg")))
            return dict(values) | {"body_weight": weight}
        return dict(values)

    async def _unused_second(self) -> datetime:
        while True:
            now = self.clock.now()
            second = now.replace(microsecond=0)
            if second not in self._used_timestamps:
                return second
            await asyncio.sleep((second + timedelta(seconds=1) - now).total_seconds())
