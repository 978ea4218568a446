"""One connection from a gateway, as a device sees it: who has subscribed to what, and its end.

Owns sending over it. Must not know what is sent.

Invariant: sending ends when the link does; nothing waits for a peer that is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from bumble import core, hci
from bumble.device import Connection
from bumble.gatt import Characteristic

from device_sim.tasks import stop

# What ATT takes of each packet for its opcode and the handle (Core v5.4, Vol 3 Part F 3.4.7).
ATT_OVERHEAD: Final = 3


class Link:
    """A connection and its subscriptions."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.changed = asyncio.Event()
        self.ended = asyncio.Event()
        self.notified: set[Characteristic[bytes]] = set()
        self.indicated: set[Characteristic[bytes]] = set()
        connection.on(Connection.EVENT_DISCONNECTION, self._on_end)
        connection.on(Connection.EVENT_CONNECTION_ENCRYPTION_CHANGE, self.changed.set)

    @property
    def is_up(self) -> bool:
        """Whether the peer is still there."""
        return not self.ended.is_set()

    @property
    def room(self) -> int:
        """How many bytes fit in one notification or indication."""
        return self.connection.att_mtu - ATT_OVERHEAD

    def subscribed(
        self, characteristic: Characteristic[bytes], *, notify: bool, indicate: bool
    ) -> None:
        """Take a change of subscription."""
        (self.notified.add if notify else self.notified.discard)(characteristic)
        (self.indicated.add if indicate else self.indicated.discard)(characteristic)
        self.changed.set()

    def is_subscribed(self, *characteristics: Characteristic[bytes]) -> bool:
        """Say whether one of `characteristics` is subscribed to, in either way."""
        return any(each in self.notified or each in self.indicated for each in characteristics)

    def heard(self) -> None:
        """Note that host and device have something to say to each other."""
        self.changed.set()

    async def until_encrypted(self, seconds: float) -> bool:
        """Wait for the link to be encrypted; False if it is not, and nothing is said, in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds) as patience:
                while self.is_up and not self.connection.is_encrypted:
                    await self._until_changed(patience, seconds)
        return self.is_up and self.connection.is_encrypted

    async def until_subscribed(
        self, characteristics: tuple[Characteristic[bytes], ...], seconds: float
    ) -> bool:
        """Wait for a subscription; False if none comes in time and nothing else is said."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds) as patience:
                while self.is_up and not self.is_subscribed(*characteristics):
                    await self._until_changed(patience, seconds)
        return self.is_up and self.is_subscribed(*characteristics)

    async def until_set(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for `event`; False if it does not come in time, or the link ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await first(event, self.ended)
        return self.is_up and event.is_set()

    async def pause(self, seconds: float) -> bool:
        """Let time pass; False if the link ended meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        return self.is_up

    async def notify(self, characteristic: Characteristic[bytes], payload: bytes) -> None:
        """Send without asking for a confirmation."""
        if self.is_up:
            device = self.connection.device
            await device.notify_subscriber(self.connection, characteristic, payload)

    async def indicate(
        self, characteristic: Characteristic[bytes], payload: bytes, timeout_s: float
    ) -> bool:
        """Send and wait for the confirmation; False if none came."""
        device = self.connection.device
        indication = asyncio.create_task(
            device.indicate_subscriber(self.connection, characteristic, payload)
        )
        ended = asyncio.create_task(self.ended.wait())
        try:
            await asyncio.wait(
                {indication, ended}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            return indication.done() and _succeeded(indication)
        finally:
            await stop(indication, ended)

    async def indicate_and_break(
        self, characteristic: Characteristic[bytes], payload: bytes
    ) -> None:
        """Send, and lose the link before a confirmation can count."""
        device = self.connection.device
        indication = asyncio.create_task(
            device.indicate_subscriber(self.connection, characteristic, payload)
        )
        await asyncio.sleep(0)  # the packet leaves before the link ends
        await self.hang_up(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        await stop(indication)

    async def send(
        self, characteristic: Characteristic[bytes], payload: bytes, timeout_s: float
    ) -> bool:
        """Indicate where that was asked for, notify else; False if it cannot have arrived."""
        if characteristic in self.indicated:
            return await self.indicate(characteristic, payload, timeout_s)
        await self.notify(characteristic, payload)
        return self.is_up

    async def hang_up(
        self, reason: int = hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR
    ) -> None:
        """End the connection, if it is up."""
        if self.is_up:
            with contextlib.suppress(core.BaseBumbleError):
                await self.connection.disconnect(reason)

    async def _until_changed(self, patience: asyncio.Timeout, seconds: float) -> None:
        self.changed.clear()
        await first(self.changed, self.ended)
        if not patience.expired():
            patience.reschedule(asyncio.get_running_loop().time() + seconds)

    def _on_end(self, _reason: int) -> None:
        self.ended.set()


async def first(*events: asyncio.Event) -> None:
    """Wait until one of `events` is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await stop(*waits)


def _succeeded(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None
