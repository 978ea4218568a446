"""Talking to BlueZ over D-Bus, one bounded call at a time.

Owns the connection to the system's bus and the shape of calls. Must not know what is decided
from the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bleak.exc import BleakDBusError
from dbus_fast import BusType, Message, MessageType, Variant, unpack_variants
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

from gateway.radio.errors import RadioUnavailableError

BLUEZ: Final = "org.bluez"
ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
AGENT_MANAGER: Final = "org.bluez.AgentManager1"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
DBUS: Final = "org.freedesktop.DBus"

CALL_WITHIN_S: Final = 10.0
"""BlueZ answers questions in milliseconds and switches an adapter on within 5 s, the longest that
its kernel commands may take twice over."""

_WATCHED: Final = (
    f"type='signal',sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',interface='{OBJECTS}',member='InterfacesRemoved'",
    f"type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',arg0='{ADAPTER}'",
    f"type='signal',sender='{BLUEZ}',interface='{DEVICE}',member='Disconnected'",
)

Objects = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Properties by object path and interface."""


class BlueZBus:
    """A connection to the system's bus; make one with `open`."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    @classmethod
    async def open(cls, handler: Callable[[Message], Message | bool | None]) -> BlueZBus:
        """Connect, and give `handler` every signal of BlueZ and every call to us.

        Raises
        ------
        RadioUnavailableError
            If there is no bus.
        """
        bus = MessageBus(bus_type=BusType.SYSTEM)
        made = cls(bus)
        try:
            async with asyncio.timeout(CALL_WITHIN_S):
                await bus.connect()
                bus.add_message_handler(handler)
                for rule in _WATCHED:
                    await made.call(DBUS, "/org/freedesktop/DBus", DBUS, "AddMatch", "s", [rule])
        # No bus is an OSError, one that ends meanwhile an EOFError or DBusError.
        except (OSError, EOFError, DBusError, BleakDBusError, TimeoutError) as error:
            made.close()
            raise unavailable(error) from error
        except BaseException:
            made.close()
            raise
        return made

    async def ask(
        self, path: str, interface: str, member: str, signature: str = "", *body: Any
    ) -> Sequence[Any]:
        """Call BlueZ.

        Raises
        ------
        BleakDBusError
            If it answers with an error.
        TimeoutError
            If it does not answer.
        """
        return await self.call(BLUEZ, path, interface, member, signature, list(body))

    async def objects(self) -> Objects:
        """Give everything that BlueZ has; nothing is cached, so nothing gets stale."""
        (found,) = await self.ask("/", OBJECTS, "GetManagedObjects")
        return {path: unpack_variants(interfaces) for path, interfaces in found.items()}

    async def set(self, path: str, interface: str, name: str, value: Variant) -> None:
        """Set a property."""
        await self.ask(path, PROPERTIES, "Set", "ssv", interface, name, value)

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str,
        body: list[Any],
    ) -> Sequence[Any]:
        """Call any service on the bus, within `CALL_WITHIN_S`."""
        async with asyncio.timeout(CALL_WITHIN_S):
            reply = await self._bus.call(
                Message(
                    destination=destination,
                    path=path,
                    interface=interface,
                    member=member,
                    signature=signature,
                    body=body,
                )
            )
        if reply.message_type is MessageType.ERROR:
            raise BleakDBusError(reply.error_name or "", reply.body)
        return list(reply.body)

    async def wait_closed(self) -> None:
        """Return when the bus itself has gone away."""
        await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast's

    def close(self) -> None:
        """Leave the bus."""
        self._bus.disconnect()


def unavailable(error: BaseException) -> RadioUnavailableError:
    """Say that the system's Bluetooth is of no use, and what to look at."""
    return RadioUnavailableError(
        "Expected the system's Bluetooth to look for devices, found that it does not "
        f"({type(error).__name__}: {error}). Check that an adapter is plugged in and "
        "switched on, that the service bluetooth (BlueZ) runs and that this user may use "
        "it; or set TELEKOL_GATEWAY_RADIO to an HCI controller such as usb:0."
    )
