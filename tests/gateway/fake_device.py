"""A device made of Python, connected to as if by bleak: what it offers, says and refuses.

Stands for a BleakClient with its link. A test gives it values to be read, answers to what is
written, and says when it hangs up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from bleak.exc import BleakError, BleakGATTProtocolError

from gateway.condition import Condition
from gateway.profiles import sig_uuid
from gateway.radio.errors import LinkEndedError

Value = bytes | Exception
OnWrite = Callable[[bytes], Awaitable[None] | None]


@dataclass(eq=False)
class Characteristic:
    """One characteristic: what it is worth when read, and what happens when written."""

    uuid: str
    service_uuid: str
    properties: tuple[str, ...] = ("read", "write", "indicate")
    value: Value | None = None
    on_write: OnWrite | None = None
    refuses_listeners: Exception | None = None
    listener: Callable[[Any, bytearray], None] | None = None


@dataclass(eq=False)
class FakeDevice:
    """A connected device; `order` says what was done with it, in order."""

    address: str = "C0:FF:EE:00:00:01"
    characteristics: list[Characteristic] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    order: list[str] = field(default_factory=list)
    written: list[tuple[str, bytes]] = field(default_factory=list)
    pair_error: Exception | None = None
    is_paired: bool = False
    listened: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, number: int | str, service: int | str = 0x181D, **more: Any) -> Characteristic:
        """Offer a characteristic."""
        uuid = number if isinstance(number, str) else sig_uuid(number)
        of = service if isinstance(service, str) else sig_uuid(service)
        made = Characteristic(uuid, of, **more)
        self.characteristics.append(made)
        return made

    def at(self, number: int | str) -> Characteristic:
        """Find what was offered."""
        uuid = number if isinstance(number, str) else sig_uuid(number)
        return next(item for item in self.characteristics if item.uuid == uuid)

    def send(self, number: int | str, payload: bytes) -> bool:
        """Indicate or notify; says whether it was confirmed."""
        listener = self.at(number).listener
        if listener is None or self.over.is_set():
            return False
        try:
            listener(None, bytearray(payload))
        except Exception:  # noqa: BLE001 - as the radio does: no confirmation, and the link drops
            self.hang_up()
            return False
        return True

    def hang_up(self) -> None:
        """End the link."""
        self.over.set()

    # -- what bleak's client has ---------------------------------------------------------------

    @property
    def services(self) -> Any:
        services = {item.service_uuid for item in self.characteristics}
        found = dict(enumerate(self.characteristics))

        class Collection:
            characteristics = found

            def __iter__(self) -> Any:
                return iter([SimpleNamespace(uuid=uuid) for uuid in services])

        return Collection()

    async def read_gatt_char(self, characteristic: Characteristic) -> bytearray:
        self._step("read", characteristic)
        value = characteristic.value
        if isinstance(value, BleakGATTProtocolError) and self.is_paired and value.code == 0x05:
            return bytearray(b"paired")
        if isinstance(value, Exception):
            raise value
        return bytearray(value or b"")

    async def write_gatt_char(
        self, characteristic: Characteristic, data: bytes, *, response: bool
    ) -> None:
        assert response is ("write-without-response" not in characteristic.properties)
        self._step("write", characteristic)
        self.written.append((characteristic.uuid, data))
        if isinstance(characteristic.value, bytes):
            # A clock; an elapsed one is read with its status and written without.
            characteristic.value = data + characteristic.value[len(data) :]
        if characteristic.on_write is not None:
            done = characteristic.on_write(data)
            if done is not None:
                await done

    async def start_notify(
        self, characteristic: Characteristic, callback: Callable[[Any, bytearray], None]
    ) -> None:
        self._step("listen", characteristic)
        if characteristic.refuses_listeners is not None and not self.is_paired:
            raise characteristic.refuses_listeners
        characteristic.listener = callback
        self.listened.set()

    async def pair(self) -> None:
        self.order.append("pair")
        if self.pair_error is not None:
            raise self.pair_error
        self.is_paired = True

    def _step(self, what: str, characteristic: Characteristic) -> None:
        self.order.append(f"{what} {characteristic.uuid[4:8]}")
        if self.over.is_set():
            raise LinkEndedError("the link is gone")


def refusing(code: int) -> BleakError:
    """Make the error of a device that refuses."""
    return BleakGATTProtocolError(code)


class Support:
    """What support is told, read from the home's condition."""

    def __init__(self) -> None:
        self.condition = Condition()

    @property
    def troubles(self) -> dict[str, str]:
        """The troubles by their codes."""
        return {item.code: item.detail for item in self.condition.snapshot().troubles}

    @property
    def battery_pct(self) -> int | None:
        """The battery of the only device."""
        (device,) = self.condition.snapshot().devices
        return device.battery_pct
