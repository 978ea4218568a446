"""A BlueZ that does as a test says, on a real message bus of its own.

Speaks `org.bluez` over a `dbus-daemon` that the test starts. What is asked of it is written
down; what it answers, whether it answers at all, and what it signals is up to the test.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER: Final = "/org/bluez/hci0"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"


@contextmanager
def message_bus(folder: Path) -> Iterator[str]:
    """Start a message bus; gives its address."""
    program = shutil.which("dbus-daemon")
    assert program is not None, "the tests need dbus-daemon: apt-get install dbus"
    address = f"unix:path={folder}/bus"
    process = subprocess.Popen(
        [program, "--session", "--nofork", "--print-address", f"--address={address}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("unix:"), "the message bus did not start"
        yield address
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


class FakeBlueZ:
    """One adapter and its devices."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.asked: list[str] = []
        self.answers = True
        self.errors: dict[str, tuple[str, str]] = {}
        self.adapter: dict[str, Any] = {
            "Address": Variant("s", "0A:00:00:00:00:01"),
            "Powered": Variant("b", True),
            "Discovering": Variant("b", False),
            "Roles": Variant("as", ["central", "peripheral"]),
        }
        self.has_adapter = True
        self.devices: dict[str, dict[str, Any]] = {}
        self.agent: tuple[str, str, str] | None = None
        self._telling: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._bus = MessageBus(self._address, bus_type=BusType.SYSTEM)
        await self._bus.connect()
        self._bus.add_message_handler(self._on_message)
        await self._bus.request_name("org.bluez")

    async def stop(self) -> None:
        """End, as bluetoothd does when it crashes."""
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()

    def add_device(self, address: str, *, bonded: bool = False) -> str:
        path = f"{ADAPTER}/dev_{address.replace(':', '_')}"
        self.devices[path] = {
            "Address": Variant("s", address),
            "Alias": Variant("s", "A scale"),
            "AddressType": Variant("s", "random"),
            "Paired": Variant("b", bonded),
            "Bonded": Variant("b", bonded),
            "Trusted": Variant("b", False),
            "Connected": Variant("b", False),
            "ServicesResolved": Variant("b", False),
            "UUIDs": Variant("as", ["0000181d-0000-1000-8000-00805f9b34fb"]),
            "Adapter": Variant("o", ADAPTER),
        }
        added = {"org.bluez.Device1": self.devices[path]}
        self._tell("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", path, added)
        return path

    def _tell(self, path: str, interface: str, member: str, signature: str, *body: Any) -> None:
        telling = asyncio.ensure_future(self.signal(path, interface, member, signature, *body))
        self._telling.add(telling)  # kept, or it would not be sent
        telling.add_done_callback(self._telling.discard)

    async def ask_agent(self, member: str, signature: str, *body: Any) -> Message:
        """Ask the registered agent, as bluetoothd does while a device pairs."""
        assert self.agent is not None
        sender, path, _ = self.agent
        return await self._bus.call(
            Message(
                destination=sender,
                path=path,
                interface="org.bluez.Agent1",
                member=member,
                signature=signature,
                body=list(body),
            )
        )

    async def signal(
        self, path: str, interface: str, member: str, signature: str, *body: Any
    ) -> None:
        await self._bus.send(Message.new_signal(path, interface, member, signature, list(body)))

    def put(self, path: str, **values: Variant) -> None:
        """Change a device's properties and say so."""
        self.devices[path].update(values)
        body: tuple[Any, ...] = ("org.bluez.Device1", values, [])
        self._tell(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", *body)

    async def changed(self, path: str, interface: str, **values: Variant) -> None:
        known = self.adapter if path == ADAPTER else self.devices[path]
        known.update(values)
        await self.signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", interface, values, [])

    def _on_message(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        member = message.member or ""
        self.asked.append(self._line(message, member))
        if not self.answers:
            return True  # taken, and never answered
        if member in self.errors:
            return Message.new_error(message, *self.errors[member])
        return self._answer(message, member)

    def _line(self, message: Message, member: str) -> str:
        if member == "Set":
            _, name, value = message.body
            return f"Set {name} {value.value}"
        place = (message.path or "").rpartition("/")[2]
        return f"{member} {place}"

    def _answer(self, message: Message, member: str) -> Message:
        if member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self._objects()])
        if member == "RegisterAgent":
            path, capability = message.body
            self.agent = (message.sender or "", path, capability)
        elif member == "Set":
            self._set(message)
        elif member == "RemoveDevice":
            self.devices.pop(message.body[0], None)
            gone = (message.body[0], ["org.bluez.Device1"])
            self._tell("/", OBJECTS, "InterfacesRemoved", "oas", *gone)
        elif member == "Disconnect":
            self.put(message.path or "", Connected=Variant("b", False))
        elif member in {"StartDiscovery", "StopDiscovery"}:
            self.adapter["Discovering"] = Variant("b", member == "StartDiscovery")
        return Message.new_method_return(message)

    def _set(self, message: Message) -> None:
        interface, name, value = message.body
        path = message.path or ""
        known = self.adapter if path == ADAPTER else self.devices[path]
        known[name] = value
        body: tuple[Any, ...] = (interface, {name: value}, [])
        self._tell(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", *body)

    def _objects(self) -> dict[str, dict[str, dict[str, Any]]]:
        found: dict[str, dict[str, dict[str, Any]]] = {"/org/bluez": {}}
        if self.has_adapter:
            found[ADAPTER] = {"org.bluez.Adapter1": self.adapter}
        for path, device in self.devices.items():
            found[path] = {"org.bluez.Device1": device}
        return found
