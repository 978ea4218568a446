"""A scale like Beurer's BF720: several users, and silence until one of them has consented.

Owns the users and whose weighing is told to whom. The bytes are in `encoders`, the bond in
`bond`, the life between connections in `connectable`.

Invariants:

1. Nothing is told over a link that is not encrypted, or before a user has consented on it.
2. A host gets the weighings of the consented user only, in the order taken, each until it is
   confirmed.
3. Without its battery it forgets users and codes; weighings stay with their index.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bumble import att, core
from bumble.device import Device
from bumble.gatt import Characteristic, CharacteristicValue, Service

from device_sim.clock import NEVER_SET, DeviceClock
from device_sim.emission import EmissionLog, Measurement
from device_sim.encoders import body_composition, weight_scale
from device_sim.encoders.user_data import MAX_USERS, UserBook, UserOp, registered_user
from device_sim.errors import DeviceStateError
from device_sim.faults import Parameters, Trait
from device_sim.peripherals.bond import PAIRED_ONLY, pair_only_when
from device_sim.peripherals.connectable import Connectable
from device_sim.peripherals.instrument import Stored
from device_sim.peripherals.link import Link
from device_sim.peripherals.standard_services import DeviceIdentity, readable

MODEL: Final = "BF720"
FAT_PCT: Final = Decimal("28.5")
# Date of birth, sex (0 male, 1 female), height in cm: what a host may write about a user.
USER_FIELDS: Final = {0x2A85: bytes(4), 0x2A8C: b"\x01", 0x2A8E: b"\xa7\x00"}


@dataclass(frozen=True, slots=True)
class _Weighing:
    stored: Stored
    user: int


class BeurerScale(Connectable):
    """A scale: `body_weight` in kg, of the user who stands on it."""

    service_uuid = core.UUID.from_16_bits(0x181D)
    quantities = frozenset({"body_weight"})
    traits = Connectable.traits | {Trait.INDICATES, Trait.MEMORY, Trait.BOND, Trait.PERSON}

    def __init__(self, serial: str, log: EmissionLog, *, clock: DeviceClock | None = None) -> None:
        identity = DeviceIdentity(serial, MODEL, "BF720", manufacturer="Beurer GmbH")
        super().__init__(identity, log, clock=clock)
        self.users = UserBook()
        self.is_pairing = True
        self._standing = 1
        self._weighings: list[_Weighing] = []
        self._delivered: list[_Weighing] = []
        self._more = asyncio.Event()
        self._requests: asyncio.Queue[bytes] = asyncio.Queue()
        self._weight = _indicated(0x2A9D)
        self._composition = _indicated(0x2A9C)
        self._registered = _indicated(0x2B37)
        self._control_point = Characteristic[bytes](
            core.UUID.from_16_bits(0x2A9F),
            Characteristic.Properties.WRITE | Characteristic.Properties.INDICATE,
            PAIRED_ONLY,
            CharacteristicValue(write=self._on_request),
        )

    # -- the person ------------------------------------------------------------------------

    def choose_user(self, index: int) -> None:
        """Say who stands on the scale from now on."""
        if not 1 <= index <= MAX_USERS:
            raise DeviceStateError(f"Expected a user index of 1-{MAX_USERS}, found {index}.")
        self._standing = index

    def press_pairing(self) -> None:
        """Hold the button until the display shows the Bluetooth sign."""
        self.is_pairing = True
        self.settle()

    @property
    def pending_count(self) -> int:
        """How many weighings nobody has confirmed."""
        return len(self._weighings)

    def pending(self) -> tuple[Measurement, ...]:
        """Tell what is measured and not confirmed."""
        return tuple(each.stored.measurement for each in self._weighings if each.stored.measurement)

    def packets(self, measurement: Measurement) -> tuple[bytes, ...]:
        """Write the weighing, and the body composition without the weight."""
        seen = measurement.device_time or NEVER_SET
        weight_kg = dict(measurement.values)["body_weight"]
        return (
            weight_scale.weight_measurement(weight_kg, device_time=seen, user_id=self._standing),
            body_composition.body_composition(FAT_PCT, device_time=seen, user_id=self._standing),
        )

    def keep(self, stored: Stored) -> None:
        """Store with who stood on it."""
        self._weighings.append(_Weighing(stored, self._standing))
        self._more.set()
        self.settle()

    # -- GATT ------------------------------------------------------------------------------

    def prepare(self, device: Device) -> None:
        """Pair only in the pairing mode."""
        pair_only_when(device, lambda: self.is_pairing, self._on_paired)

    def measurement_services(self) -> list[Service]:
        """List weight, body composition and users."""
        sixteen = core.UUID.from_16_bits
        fields = [_writable(number, value) for number, value in USER_FIELDS.items()]
        return [
            Service(sixteen(0x181D), [self._weight, readable(0x2A9E, weight_scale.features())]),
            Service(
                sixteen(0x181B), [self._composition, readable(0x2A9B, body_composition.features())]
            ),
            Service(
                sixteen(0x181C),
                [
                    self._control_point,
                    self._registered,
                    _writable(0x2A99, bytes(4)),
                    Characteristic(
                        sixteen(0x2A9A),
                        Characteristic.Properties.READ,
                        PAIRED_ONLY,
                        CharacteristicValue(
                            read=lambda _peer: bytes([self.users.consented or 0xFF])
                        ),
                    ),
                    *fields,
                ],
            ),
        ]

    def subscribable(self) -> tuple[Characteristic[bytes], ...]:
        """List weight, body composition, the control point and the list of users."""
        return (self._weight, self._composition, self._control_point, self._registered)

    async def converse(self, link: Link) -> None:
        """Answer requests, and tell the consented user's weighings."""
        self.users.consented = None
        if not await link.until_encrypted(self.patience_s):
            return
        while link.is_up:
            if not self._requests.empty():
                await self._answer(link, self._requests.get_nowait())
            elif weighing := self._next(link):
                if not await self._tell(link, weighing):
                    break
            else:
                self._more.clear()
                waits_s = self.patience_s if self.users.consented is None else self.linger_s
                if not await link.until_set(self._more, waits_s):
                    break

    def _next(self, link: Link) -> _Weighing | None:
        if not link.is_subscribed(self._weight):
            return None
        return next((each for each in self._weighings if each.user == self.users.consented), None)

    async def _answer(self, link: Link, request: bytes) -> None:
        answer = self.users.answer(request)
        await link.indicate(self._control_point, answer, self.confirm_timeout_s)
        if request[:1] == bytes([UserOp.LIST]):
            for index in self.users.indices:
                entry = registered_user(index)
                await link.indicate(self._registered, entry, self.confirm_timeout_s)
        if self.faults.has("repeats-memory"):
            self._remember_all()

    async def _tell(self, link: Link, weighing: _Weighing) -> bool:
        stored = weighing.stored
        if stored.measurement:
            self._log.indicated(stored.measurement)
        payload = self._spoiled(stored.packets[0], stored)
        if self.faults.use_up("link-lost"):
            await link.indicate_and_break(self._weight, payload)
            return False
        if not await link.indicate(self._weight, payload, self.confirm_timeout_s):
            return False
        self._forget(weighing)
        for composition in stored.packets[1:]:
            await link.indicate(self._composition, composition, self.confirm_timeout_s)
        return True

    def _forget(self, weighing: _Weighing) -> None:
        self._weighings.remove(weighing)
        self.settle()
        if weighing.stored.measurement:
            if weighing not in self._delivered:
                self._delivered.append(weighing)
            self._log.confirmed(weighing.stored.measurement)

    def _remember_all(self) -> None:
        known = [each for each in self._delivered if each not in self._weighings]
        self._weighings[:0] = known
        self._more.set()
        self.settle()

    def _onsets(self) -> dict[str, Callable[[Parameters], None]]:
        clock_lost = super()._onsets()["battery-removed"]

        def battery_removed(given: Parameters) -> None:
            clock_lost(given)
            self.users.wipe()

        return super()._onsets() | {
            "repeats-memory": lambda _given: self._remember_all(),
            "battery-removed": battery_removed,
        }

    def _on_request(self, _connection: object, value: bytes) -> None:
        self._requests.put_nowait(value)
        self._more.set()

    def _on_paired(self) -> None:
        self.is_pairing = False
        self.settle()


def _indicated(number: int) -> Characteristic[bytes]:
    return Characteristic[bytes](
        core.UUID.from_16_bits(number),
        Characteristic.Properties.INDICATE,
        att.Attribute.Permissions(0),
    )


def _writable(number: int, value: bytes) -> Characteristic[bytes]:
    return Characteristic[bytes](
        core.UUID.from_16_bits(number),
        Characteristic.Properties.READ | Characteristic.Properties.WRITE,
        PAIRED_ONLY,
        value,
    )
