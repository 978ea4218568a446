"""bleak's client over an HCI controller.

Owns one connection to one device and the translation of Bumble's errors into bleak's. Must
not know what is read or written.

Invariants:

1. A notification callback runs before its indication is confirmed (see `commit_first`).
2. No operation outlives the link: it stops with `LinkEndedError` when the link ends.
3. The disconnected callback is called once per connection, whoever ended it.
4. A value that wants a paired link is asked for again once the link is secured, as BlueZ does;
   the code above knows nothing of pairing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ClassVar, Final, TypeVar

from bleak.args import SizedBuffer
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError, BleakGATTProtocolError
from bleak.uuids import normalize_uuid_16
from bumble import hci
from bumble.device import Connection
from bumble.gatt import ClientCharacteristicConfigurationBits as Cccd

from gateway.radio.bumble_scanner import BumbleScanner, scanner_backend
from gateway.radio.bumble_security import WANTS_SECURITY, LinkSecurity
from gateway.radio.commit_first import CommitFirstClient, nobody_waits
from gateway.radio.contract import SET_UP_WITHIN_S
from gateway.radio.errors import LinkEndedError, MuteDeviceError
from gateway.radio.hci import HciAdapter
from gateway.radio.services import discover
from gateway.radio.waiting import bleak_errors, run_until

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

# What iOS and Android ask for; fills one 251-byte link-layer packet, and every health
# measurement fits in it.
WANTED_MTU: Final = 247
PAIRING_TIMEOUT_S: Final = 30.0
DISCONNECT_TIMEOUT_S: Final = 5.0
MUTE_AFTER_S: Final = 5.0
"""A link that breaks in the first seconds was never a good one; who is silent for this long on one
that holds is not too far away."""
CCCD_UUID: Final = normalize_uuid_16(0x2902)


class BumbleClient(BaseBleakClient):
    """A client; `client_backend` binds it to an adapter."""

    adapter: ClassVar[HciAdapter]

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        services: set[str] | None = None,
        **_kwargs: Any,
    ) -> None:
        super().__init__(
            address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout
        )
        self._wanted = services
        self._peer: hci.Address | None = None
        self._name: str | None = None
        if isinstance(address_or_ble_device, BLEDevice):
            self._peer = address_or_ble_device.details
            self._name = address_or_ble_device.name
        self._link: Connection | None = None
        self._ended = asyncio.Event()
        self._end_reason = 0
        self._security: LinkSecurity | None = None
        self._mute_since_s: float | None = None

    @property
    def name(self) -> str:
        """The advertised name, or the address."""
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        """The negotiated MTU in bytes."""
        return int(self._connection.att_mtu)

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._link is not None and not self._ended.is_set()

    async def connect(self, pair: bool, **_kwargs: Any) -> None:
        """Connect, exchange the MTU, secure the link if wanted or bonded, find services."""
        if self.is_connected:
            raise BleakError(f"Expected no connection to {self.address} yet; there is one.")
        try:
            async with asyncio.timeout(self._timeout + PAIRING_TIMEOUT_S * pair) as limit:
                peer = self._peer or await self._find()
                self._begin(await self.adapter.connect(peer, self._timeout))
                try:
                    with self._prolonging(limit):
                        await self._set_up(pair=pair)
                except BaseException:
                    await asyncio.shield(self.disconnect())
                    raise
        except (TimeoutError, LinkEndedError) as error:
            self._blame_a_mute_device(error)
            raise

    async def disconnect(self) -> None:
        """Hang up; harmless when the link is gone."""
        if not self.is_connected:
            return
        with contextlib.suppress(BleakError, TimeoutError):
            async with asyncio.timeout(DISCONNECT_TIMEOUT_S):
                await self._do(self._connection.disconnect())
        self._on_ended(0)

    async def pair(self, *_args: Any, **_kwargs: Any) -> None:
        """Encrypt with the keys we have, or pair and keep the keys; see `LinkSecurity.secure`."""
        if self._security is None:
            raise LinkEndedError(f"Expected a link to {self.address}, found none. Connect first.")
        async with asyncio.timeout(PAIRING_TIMEOUT_S):
            await self._security.secure()

    async def unpair(self) -> None:
        """Forget the device's keys and hang up."""
        keystore = self.adapter.device.keystore
        peer = self._link.peer_address if self._link else self._peer
        if keystore and peer:
            # An unknown device has no keys to forget.
            with contextlib.suppress(KeyError):
                await keystore.delete(str(peer))
        await self.disconnect()

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, **_kwargs: Any
    ) -> bytearray:
        """Read a characteristic from the device; nothing is cached."""
        return bytearray(await self._ask(lambda: self._client.read_value(characteristic.handle)))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, **_kwargs: Any
    ) -> bytearray:
        """Read a descriptor from the device; nothing is cached."""
        return bytearray(await self._ask(lambda: self._client.read_value(descriptor.handle)))

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool
    ) -> None:
        """Write a characteristic, with or without asking for a response."""
        await self._ask(
            lambda: self._client.write_value(characteristic.handle, bytes(data), response)
        )

    async def write_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, data: SizedBuffer
    ) -> None:
        """Write a descriptor and wait for the response."""
        await self._ask(lambda: self._client.write_value(descriptor.handle, bytes(data), True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **_kwargs: Any
    ) -> None:
        """Subscribe; notifications are preferred when a characteristic has both."""
        bits = Cccd.NOTIFICATION if "notify" in characteristic.properties else Cccd.INDICATION
        self._client.listen(characteristic.handle, callback)
        try:
            await self._write_cccd(characteristic, bits)
        except BaseException:
            if self.is_connected:
                self._client.stop_listening(characteristic.handle)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribe."""
        await self._write_cccd(characteristic, Cccd(0))
        self._client.stop_listening(characteristic.handle)

    @property
    def _connection(self) -> Connection:
        if self._link is None or self._ended.is_set():
            raise LinkEndedError(f"Expected a link to {self.address}, found none. Connect first.")
        return self._link

    @property
    def _client(self) -> CommitFirstClient:
        return CommitFirstClient.of(self._connection)

    async def _find(self) -> hci.Address:
        # A bare address does not tell whether it is public or random; an advertisement does.
        found: asyncio.Future[hci.Address] = asyncio.get_running_loop().create_future()
        wanted = self.address.lower()

        def on_detected(device: BLEDevice, _data: object) -> None:
            if device.address.lower() == wanted and not found.done():
                found.set_result(device.details)

        scanner: BumbleScanner = scanner_backend(self.adapter)(on_detected, None)
        await scanner.start()
        try:
            return await self.adapter.until_lost(_result(found))
        finally:
            await scanner.stop()

    def _begin(self, link: Connection) -> None:
        self._ended = asyncio.Event()
        self._end_reason = 0
        self._link = link
        self._security = LinkSecurity(self.adapter, link, self._do, lambda: self._end_reason)
        link.on(Connection.EVENT_SECURITY_REQUEST, self._on_security_request)
        link.on(Connection.EVENT_DISCONNECTION, self._on_ended)
        if link.handle not in self.adapter.device.connections:
            self._on_ended(0)

    @contextlib.contextmanager
    def _prolonging(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Give a device that answers, however slowly, more time with each answer."""
        loop, client = asyncio.get_running_loop(), self._client
        latest_s = loop.time() + SET_UP_WITHIN_S

        self._mute_since_s = loop.time()

        def answered() -> None:
            self._mute_since_s = None
            known_s = limit.when()
            if known_s is not None and not limit.expired():
                limit.reschedule(max(known_s, min(loop.time() + self._timeout, latest_s)))

        client.on_answer = answered
        try:
            yield
        finally:
            client.on_answer = nobody_waits

    def _blame_a_mute_device(self, error: Exception) -> None:
        since_s = self._mute_since_s
        if since_s is not None and asyncio.get_running_loop().time() - since_s >= MUTE_AFTER_S:
            raise MuteDeviceError(
                f"Expected {self.address} to answer once connected, found silence"
            ) from error

    async def _set_up(self, *, pair: bool) -> None:
        # Old devices refuse the exchange and stay at 23 bytes, which is enough for them.
        with contextlib.suppress(BleakGATTProtocolError):
            await self._do(self._client.request_mtu(WANTED_MTU))
        if self._security is not None and (pair or await self._security.has_keys()):
            await self.pair()
        self.services = await self._do(discover(self._client, self._wanted))

    async def _write_cccd(self, characteristic: BleakGATTCharacteristic, bits: Cccd) -> None:
        descriptor = characteristic.get_descriptor(CCCD_UUID)
        if descriptor is None:
            raise BleakError(
                f"Expected {characteristic.uuid} on {self.address} to allow subscribing; it has "
                "no client configuration descriptor (0x2902)."
            )
        value = int(bits).to_bytes(2, "little")
        await self._ask(lambda: self._client.write_value(descriptor.handle, value, True))

    def _on_ended(self, reason: int) -> None:
        if self._ended.is_set():
            return
        self._end_reason = reason
        self._ended.set()
        self.services = None
        if self._disconnected_callback:
            self._disconnected_callback()

    async def _ask(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Ask the device; if it wants a paired link for that, secure it and ask again."""
        try:
            return await self._do(work())
        except BleakGATTProtocolError as error:
            if error.args[0] not in WANTS_SECURITY or self._connection.is_encrypted:
                raise
        await self.pair()
        return await self._do(work())

    def _on_security_request(self, _requirements: int) -> None:
        self.adapter.spawn(self._follow_security_request())

    async def _follow_security_request(self) -> None:
        try:
            await self.pair()
        except (BleakError, TimeoutError) as error:
            _LOG.warning("%s asked for a paired link: %s", self.address, error)

    async def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        with bleak_errors(self.address):
            return await run_until(self._ended, work, f"the link to {self.address} ended")


def client_backend(adapter: HciAdapter) -> type[BumbleClient]:
    """Make the class that ``BleakClient(backend=...)`` wants, bound to `adapter`."""
    return type("BumbleClient", (BumbleClient,), {"adapter": adapter})


async def _result(future: asyncio.Future[_T]) -> _T:
    return await future
