"""BlueZ's own side of things: is it alive, switch it off and on, bonds.

Owns what bleak does not do on Linux: the pairing agent, the watch over bluetoothd and the
adapter, and the remedies. Must not know what is read from devices.

Invariants
----------
1. A bond is removed only when BlueZ itself said that the device has lost its keys. `forget`
   never touches one: a device at the edge of the range must not lose its pairing for that.
2. `lost` is set when bluetoothd ended or began anew, when the adapter went away, and when
   somebody switched it off. bleak keeps what it knew before and would not notice (field
   lesson: stale proxies look alive).
3. Every call is bounded in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

from bleak.exc import BleakDBusError
from dbus_fast import Message, MessageType, Variant
from dbus_fast.errors import DBusError

from gateway.radio.bluez_agent import AGENT_PATH, Agent, address_of
from gateway.radio.bluez_bus import ADAPTER, AGENT_MANAGER, DEVICE, BlueZBus, Objects, unavailable
from gateway.radio.errors import RadioUnavailableError
from gateway.radio.pairing import PairingPolicy, normal
from gateway.radio.tasks import stop

_LOG = logging.getLogger(__name__)

OFF_FOR_S: Final = 2.0
"""How long the adapter stays off: controllers behind a UART load their firmware anew."""
_AUTHENTICATION: Final = "org.bluez.Reason.Authentication"

_ERRORS: Final = (BleakDBusError, DBusError, TimeoutError, OSError, EOFError)


class BlueZ:
    """The system's Bluetooth; make one with `open`."""

    def __init__(self, policy: PairingPolicy) -> None:
        self.lost = asyncio.Event()
        self.repairing: set[str] = set()
        self._agent = Agent(policy, self.repairing.__contains__)
        self._refused_keys: set[str] = set()
        self._switching = False
        self._adapter = ""
        self._bus: BlueZBus
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, policy: PairingPolicy) -> BlueZ:
        """Connect, and register the pairing agent.

        Raises
        ------
        RadioUnavailableError
            If there is no bus, no BlueZ or no adapter.
        """
        bluez = cls(policy)
        bluez._bus = await BlueZBus.open(bluez._on_message)
        try:
            bluez._adapter = _adapter_in(await bluez._bus.objects())
            await bluez._register_agent()
        except _ERRORS as error:
            await bluez.close()
            raise unavailable(error) from error
        except BaseException:
            await bluez.close()
            raise
        bluez._watch = asyncio.create_task(bluez._watch_bus())
        return bluez

    async def probe(self, *, looking: bool) -> None:
        """Ask BlueZ how the adapter is.

        Parameters
        ----------
        looking
            Whether it was told to look for devices.

        Raises
        ------
        RadioUnavailableError
            If it does not answer, is switched off, or does not look.
        """
        state = await self._state()
        if not state.get("Powered"):
            raise RadioUnavailableError(self._sick("switched on", "it is off"))
        if looking and not state.get("Discovering"):
            raise RadioUnavailableError(
                self._sick("looking for devices", "it has stopped, without having been told to")
            )

    async def power_cycle(self) -> None:
        """Switch the adapter off and on; RadioUnavailableError if it does not come back."""
        self._switching = True
        try:
            # One that hangs may refuse to be switched off; switched on it can be all the same.
            with contextlib.suppress(*_ERRORS):
                await self._power(on=False)
            await asyncio.sleep(OFF_FOR_S)
            await self._power(on=True)
            await self.probe(looking=False)
        except _ERRORS as error:
            raise unavailable(error) from error
        finally:
            self._switching = False

    async def forget(self, address: str) -> None:
        """Cancel what hangs between us and a device; forget it unless it is bonded."""
        with contextlib.suppress(*_ERRORS):
            path, device = await self._device(address)
            if device is None:
                return
            await self._bus.ask(path, DEVICE, "Disconnect")
            if not _is_bonded(device):
                await self._bus.ask(self._adapter, ADAPTER, "RemoveDevice", "o", path)

    async def is_bonded(self, address: str) -> bool:
        """Say whether BlueZ has keys of a device."""
        with contextlib.suppress(*_ERRORS):
            return _is_bonded((await self._device(address))[1])
        return False

    async def trust(self, address: str) -> None:
        """Mark a bonded device as ours, so that BlueZ lets it in without asking."""
        with contextlib.suppress(*_ERRORS):
            path, device = await self._device(address)
            if device is not None and _is_bonded(device) and not device.get("Trusted"):
                await self._bus.set(path, DEVICE, "Trusted", Variant("b", True))
        self._refused_keys.discard(normal(address))
        self.repairing.discard(normal(address))

    def refused_our_keys(self, address: str) -> bool:
        """Say whether BlueZ reported that a device hung up on our keys."""
        return normal(address) in self._refused_keys

    async def drop_bond(self, address: str) -> None:
        """Remove a bond whose keys the device has lost; it may be paired anew."""
        path = self._path(address)
        with contextlib.suppress(*_ERRORS):
            await self._bus.ask(self._adapter, ADAPTER, "RemoveDevice", "o", path)
        self._refused_keys.discard(normal(address))
        self.repairing.add(normal(address))

    async def close(self) -> None:
        """Leave the bus; BlueZ itself goes on as it is."""
        if self._watch is not None:
            await stop(self._watch)
        self._bus.close()

    async def _register_agent(self) -> None:
        await self._bus.ask(
            "/org/bluez",
            AGENT_MANAGER,
            "RegisterAgent",
            "os",
            AGENT_PATH,
            self._agent.capability,
        )
        await self._bus.ask("/org/bluez", AGENT_MANAGER, "RequestDefaultAgent", "o", AGENT_PATH)

    async def _state(self) -> Mapping[str, Any]:
        try:
            return (await self._bus.objects())[self._adapter][ADAPTER]
        except (*_ERRORS, KeyError) as error:
            raise unavailable(error) from error

    async def _power(self, *, on: bool) -> None:
        await self._bus.set(self._adapter, ADAPTER, "Powered", Variant("b", on))

    async def _device(self, address: str) -> tuple[str, Mapping[str, Any] | None]:
        path = self._path(address)
        return path, (await self._bus.objects()).get(path, {}).get(DEVICE)

    def _path(self, address: str) -> str:
        return f"{self._adapter}/dev_{normal(address).replace(':', '_')}"

    def _sick(self, expected: str, found: str) -> str:
        return (
            f"Expected the adapter {self._adapter.rpartition('/')[2]} to be {expected}, found "
            f"that {found}. It is switched off and on; if that does not help, replug it."
        )

    # -- what BlueZ tells ------------------------------------------------------------------

    async def _watch_bus(self) -> None:
        with contextlib.suppress(*_ERRORS):
            await self._bus.wait_closed()
        self.lost.set()

    def _on_message(self, message: Message) -> Message | None:
        if message.message_type is MessageType.SIGNAL:
            self._on_signal(message)
            return None
        return self._agent.answer(message)

    def _on_signal(self, message: Message) -> None:
        match message.member, message.body:
            case "NameOwnerChanged", ["org.bluez", *_]:
                self._say_lost("the service bluetooth ended or began anew")
            case "InterfacesRemoved", [path, interfaces] if path == self._adapter:
                if ADAPTER in interfaces:
                    self._say_lost("the adapter was removed")
            case "PropertiesChanged", [str(), {"Powered": powered}, *_]:
                if message.path == self._adapter and not powered.value and not self._switching:
                    self._say_lost("the adapter was switched off")
            case "Disconnected", [reason, *_] if reason == _AUTHENTICATION:
                self._refused_keys.add(address_of(message.path or ""))

    def _say_lost(self, why: str) -> None:
        if self._adapter:
            _LOG.warning("the radio is lost: %s", why)
            self.lost.set()


def _adapter_in(objects: Objects) -> str:
    """Choose the adapter that bleak would: the first that is on; else the first, to switch on."""
    adapters = sorted(path for path, found in objects.items() if ADAPTER in found)
    if not adapters:
        raise RadioUnavailableError(
            "Expected a Bluetooth adapter on this machine, found none. Plug one in, or check "
            "with 'bluetoothctl list' that the system sees it."
        )
    on = [path for path in adapters if objects[path][ADAPTER].get("Powered")]
    return (on or adapters)[0]


def _is_bonded(device: Mapping[str, Any] | None) -> bool:
    # "Bonded" came with BlueZ 5.65; before, "Paired" is all there is.
    return device is not None and bool(device.get("Bonded", device.get("Paired")))
