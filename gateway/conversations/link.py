"""A connected device: reading, writing and listening, each bounded in time.

Owns the words between bleak's client and the ways of talking. Must not know what is said.

Invariants
----------
1. Nothing is waited for longer than ANSWER_S without a sign of life from the device.
2. A refusal is an answer; everything else that goes wrong is the link's, and is raised.
3. A listener is a plain function: its value is confirmed when it has returned. One that raises
   ends the conversation with that error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakError, BleakGATTProtocolError

from gateway.errors import GatewayError
from gateway.radio.errors import (
    BondLostError,
    BondRepairError,
    LinkEndedError,
    PairingRefusedError,
)

_LOG = logging.getLogger(__name__)

ANSWER_S: Final = 30.0
"""The ATT transaction timeout (Core v5.4, Vol 3 Part F 3.3.3): after it the link is of no use."""

PAIR_WITHIN_S: Final = 35.0
"""The Security Manager's own timeout is 30 s (Core v5.4, Vol 3 Part H 3.4)."""

_WANTS_PAIRING: Final = frozenset({0x05, 0x08, 0x0C, 0x0F})
"""ATT errors: insufficient authentication, authorisation, key size and encryption."""

_ENDS_IT: Final = (LinkEndedError, PairingRefusedError, BondLostError, BondRepairError)

Listener = Callable[[bytes], None]


class Link:
    """One connection.

    Parameters
    ----------
    client
        Connected.
    over
        Set when the connection has ended, or shall.
    """

    def __init__(self, client: BleakClient, over: asyncio.Event) -> None:
        self._client = client
        self.over = over
        self._heard = asyncio.Event()
        self.failure: GatewayError | None = None
        self._has_tried_to_pair = False

    @property
    def address(self) -> str:
        """The device's address."""
        return self._client.address

    def all(self, uuid: str) -> tuple[BleakGATTCharacteristic, ...]:
        """Find every characteristic with this UUID; two services may have one each."""
        found: Iterable[BleakGATTCharacteristic] = self._client.services.characteristics.values()
        return tuple(item for item in found if item.uuid == uuid)

    def find(self, uuid: str, service: str | None = None) -> BleakGATTCharacteristic | None:
        """Find a characteristic, in `service` if that is named."""
        found = [item for item in self.all(uuid) if service in (None, item.service_uuid)]
        return found[0] if found else None

    def services(self) -> frozenset[str]:
        """List the UUIDs of the device's services."""
        return frozenset(item.uuid for item in self._client.services)

    def characteristics(self) -> frozenset[str]:
        """List the UUIDs of the device's characteristics."""
        return frozenset(item.uuid for item in self._client.services.characteristics.values())

    async def read(self, characteristic: BleakGATTCharacteristic) -> bytes | None:
        """Read a value; None if the device refuses it."""
        try:
            return await self._read(characteristic)
        except BleakGATTProtocolError as error:
            if error.code in _WANTS_PAIRING and await self._paired():
                return await self._read_again(characteristic)
            _LOG.debug("%s does not let %s be read: %s", self.address, characteristic.uuid, error)
            return None

    async def write(self, characteristic: BleakGATTCharacteristic, value: bytes) -> None:
        """Write a value, with a response where the device gives one.

        Raises
        ------
        BleakGATTProtocolError
            If the device refuses it.
        """
        has_response = "write-without-response" not in characteristic.properties
        async with asyncio.timeout(ANSWER_S):
            await self._client.write_gatt_char(characteristic, value, response=has_response)

    async def listen(self, characteristic: BleakGATTCharacteristic, listener: Listener) -> None:
        """Call `listener` with each value from now on; pairs first if the device asks for it.

        Raises
        ------
        BleakGATTProtocolError
            If the device refuses it.
        """
        try:
            await self._listen(characteristic, listener)
        except BleakGATTProtocolError as error:
            if error.code not in _WANTS_PAIRING or not await self._paired():
                raise
            await self._listen(characteristic, listener)

    async def pair(self) -> bool:
        """Pair, or use the keys there are; say whether that went well while the link holds.

        What the radio knows to be for somebody to see to (a lost bond, a device that is not to be
        paired) ends the conversation.
        """
        try:
            async with asyncio.timeout(PAIR_WITHIN_S):
                await self._client.pair()
        except (BleakError, TimeoutError) as error:
            if self.over.is_set() or isinstance(error, _ENDS_IT):
                raise
            _LOG.warning("%s could not be paired with: %s", self.address, error)
            return False
        return True

    async def quiet(self, idle_s: float) -> None:
        """Return when nothing was heard for `idle_s`, or the connection is over."""
        while not self.over.is_set():
            self._heard.clear()
            try:
                async with asyncio.timeout(idle_s):
                    await self.over.wait()
            except TimeoutError:
                if not self._heard.is_set():
                    return

    def end(self) -> None:
        """Have the connection ended: everything was said."""
        self.over.set()

    def must_hold(self) -> None:
        """Raise if the connection is over, as in the middle of a question."""
        if self.failure is not None:
            raise self.failure
        if self.over.is_set():
            raise LinkEndedError(f"Expected {self.address} to answer, found that it hung up.")

    async def _read(self, characteristic: BleakGATTCharacteristic) -> bytes:
        async with asyncio.timeout(ANSWER_S):
            return bytes(await self._client.read_gatt_char(characteristic))

    async def _read_again(self, characteristic: BleakGATTCharacteristic) -> bytes | None:
        try:
            return await self._read(characteristic)
        except BleakGATTProtocolError:
            return None

    async def _listen(self, characteristic: BleakGATTCharacteristic, listener: Listener) -> None:
        def on_value(_sender: BleakGATTCharacteristic, value: bytearray) -> None:
            self._heard.set()
            try:
                listener(bytes(value))
            except GatewayError as error:
                self.failure = error
                self.over.set()
                raise  # so that an indication is not confirmed and the device keeps it

        async with asyncio.timeout(ANSWER_S):
            await self._client.start_notify(characteristic, on_value)

    async def _paired(self) -> bool:
        """Pair once in a connection, since the device asked for it."""
        if self._has_tried_to_pair:
            return False
        self._has_tried_to_pair = True
        return await self.pair()
