"""One simulated home: a radio, a kit of devices, and somebody who uses them.

Owns the kit and the routine of measuring. Must not know the gateway that reads it.

Invariants:

1. Gateway id, serial numbers, addresses and values follow from the home's number and the seed
   alone, so that a restarted simulator is the same home.
2. A clock that no host can read shows the time on the wall of the home, as the person set it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from device_sim.emission import EmissionLog, Measurement
from device_sim.errors import DeviceStateError
from device_sim.kit import DEFAULT_KIT, made, named
from device_sim.patient import Measurable, Patient, Physiology, values_of
from device_sim.peripherals.instrument import Instrument
from device_sim.peripherals.pulse_oximeter import PulseOximeter
from device_sim.peripherals.scale import Scale
from device_sim.physiology.living import HOME_ZONE
from device_sim.tasks import stop
from device_sim.virtual_radio import HomeRadio, VirtualRadio

# People do not measure on the second; a fifth of the interval keeps homes out of step.
JITTER: Final = 0.2


_Device = TypeVar("_Device", bound=Instrument)


class Home:
    """A home with a kit.

    Parameters
    ----------
    number
        1 and up; gives the gateway id ``gateway-0001`` and the serial numbers.
    log
        Where every measurement's life is noted; may be shared by homes.
    seed
        With `number`, decides every value.
    physiology
        The patient's usual levels.
    patient
        Somebody else than the patient that `seed` and `physiology` make.
    devices
        The kit: kinds of `device_sim.kit`, or name -> kind.
    radio
        The air; absent: a virtual one.

    Raises
    ------
    SimulatorError
        For a kind that does not exist.
    """

    def __init__(
        self,
        number: int,
        log: EmissionLog,
        *,
        seed: int = 1,
        physiology: Physiology | None = None,
        patient: Measurable | None = None,
        devices: Mapping[str, str] | Iterable[str] = DEFAULT_KIT,
        radio: HomeRadio | None = None,
    ) -> None:
        self.gateway_id = f"gateway-{number:04d}"
        self.log = log
        self.radio: HomeRadio = radio or VirtualRadio(self.gateway_id)
        self._kinds = named(devices)
        self._devices = made(self._kinds, number, log)
        for device in self._devices.values():
            if device.is_set_by_hand:
                device.clock.error = datetime.now(HOME_ZONE).utcoffset() or timedelta()
        self.patient: Measurable = patient or Patient(f"{seed}/{number}", physiology)
        self._jitter = random.Random(f"{seed}/{number}/jitter")  # noqa: S311 - a simulation
        self._forced: dict[str, dict[str, Decimal]] = {}
        self._routine: asyncio.Task[None] | None = None

    @property
    def devices(self) -> Mapping[str, Instrument]:
        """The kit by name; where no names were given, the kind is the name."""
        return self._devices

    @property
    def oximeter(self) -> PulseOximeter:
        """The oximeter of the usual kit."""
        return self._of_type("oximeter", PulseOximeter)

    @property
    def scale(self) -> Scale:
        """The scale of the usual kit."""
        return self._of_type("scale", Scale)

    @property
    def moniker(self) -> str:
        """What the home's gateway opens."""
        return self.radio.moniker

    @property
    def pending_count(self) -> int:
        """How many measurements wait in the devices' memories."""
        return sum(device.pending_count for device in self.devices.values())

    @property
    def is_measuring(self) -> bool:
        """Whether the routine of measuring runs."""
        return self._routine is not None

    async def start(self, port: int = 0) -> None:
        """Put the kit on the air and offer the gateway's controller on `port` (0: any)."""
        await self.radio.start(port)
        for device in self.devices.values():
            await device.start(self.radio)

    async def close(self) -> None:
        """Stop measuring and switch everything off."""
        await self.stop_measuring()
        for device in self.devices.values():
            await device.close()
        await self.radio.close()

    def device(self, kind: str) -> Instrument:
        """Give the device of that name."""
        try:
            return self.devices[kind]
        except KeyError:
            raise DeviceStateError(
                f"Expected a device of {self.gateway_id}: {' or '.join(self.devices)}; "
                f"found {kind!r}."
            ) from None

    def force_next(self, kind: str, **values: Decimal) -> None:
        """Make the next measurement of `kind` show `values` (the others stay usual)."""
        self._check(kind, values)
        self._forced[kind] = values

    async def measure(self, kind: str, values: Mapping[str, Decimal] | None = None) -> Measurement:
        """Measure once: `values` where given, else what was forced, else what the patient has."""
        given = dict(values or {})
        self._check(kind, given)
        device = self.device(kind)
        usual = values_of(self.patient, device.quantities, datetime.now(UTC))
        return await device.take_measurement(usual | self._forced.pop(kind, {}) | given)

    def start_measuring(self, interval_s: float) -> None:
        """Let every device measure each `interval_s`, give or take a fifth."""
        if interval_s <= 0:
            raise DeviceStateError(f"Expected an interval above 0 s, found {interval_s}.")
        if self._routine is None:
            self._routine = asyncio.create_task(
                self._measure_for_ever(interval_s), name=f"routine {self.gateway_id}"
            )

    async def stop_measuring(self) -> None:
        """End the routine; what was measured is still delivered."""
        if self._routine:
            await stop(self._routine)
            self._routine = None

    async def _measure_for_ever(self, interval_s: float) -> None:
        while True:
            for kind in self.devices:
                await self.measure(kind)
            spread = self._jitter.uniform(1 - JITTER, 1 + JITTER)
            await asyncio.sleep(interval_s * spread)

    def _of_type(self, kind: str, wanted: type[_Device]) -> _Device:
        device = self.device(kind)
        if not isinstance(device, wanted):
            raise DeviceStateError(f"Expected the usual {kind}, found a {device.identity.model}.")
        return device

    def _check(self, kind: str, values: Mapping[str, Decimal]) -> None:
        known = self.device(kind).quantities
        if strange := set(values) - known:
            raise DeviceStateError(
                f"Expected values of the {kind}: {', '.join(sorted(known))}; "
                f"found {', '.join(sorted(strange))}."
            )
