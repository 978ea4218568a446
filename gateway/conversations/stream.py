"""Oximeters that stream: listened to until one finger has given its reading.

Owns when a streaming device is left. Which moment is the reading, `gateway.streams.steady` says.
A stream cannot be asked to say something again: a reading that the disk did not take is held and
tried again with every moment, also over connections.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from bleak.backends.characteristic import BleakGATTCharacteristic

from gateway.conversations.home import StreamState
from gateway.conversations.talk import Talk, Way
from gateway.streams.listener import StreamKind, StreamListener
from gateway.streams.moments import Heard

FINGER_WITHIN_S: Final = 20.0
"""How long a device may stream without a finger before the others get their turn."""
LINGER_S: Final = 30.0
"""How long a device is listened to after its reading. When the finger is seen to leave, the next
one may be read at once; a finger that stays in longer is looked for again after the others."""
_LOOK_EVERY_S: Final = 0.25


class Stream(Way):
    """The stream of one device."""

    def __init__(
        self, talk: Talk, kind: StreamKind, characteristic: BleakGATTCharacteristic
    ) -> None:
        self._talk = talk
        self._characteristic = characteristic
        states = talk.home.streams
        self._state = states.setdefault(talk.device.address, StreamState(kind.rule()))
        self._listener = StreamListener(kind, self._state.rule, talk.device.address)
        self._began_s = _now_s()
        self._read_s: float | None = self._began_s if self._state.rule.is_read else None

    async def listen(self) -> None:
        """Subscribe."""
        await self._talk.link.listen(self._characteristic, self._take)

    async def talk(self) -> None:
        """Listen until there is nothing more to wait for, and have the connection ended."""
        link = self._talk.link
        while not link.over.is_set() and not self._is_done(_now_s()):
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await link.over.wait()
            except TimeoutError:
                continue
        link.end()

    def close(self) -> None:
        """Keep the latest steady stretch of a finger that was never seen to leave."""
        self._keep(self._listener.ended())

    def _take(self, chunk: bytes) -> None:
        self._keep(self._listener.fed(chunk, self._now(), _now_s()))
        if self._read_s is None and self._state.rule.is_read:
            self._read_s = _now_s()

    def _keep(self, readings: tuple[Heard, ...]) -> None:
        unkept = self._state.unkept
        unkept.extend(readings)
        while unkept:
            self._talk.take_measurement(*unkept[0])  # raises before it is crossed off
            unkept.pop(0)

    def _is_done(self, now_s: float) -> bool:
        if self._read_s is not None:
            return self._state.rule.is_idle or now_s - self._read_s >= LINGER_S
        seen_s = max(self._began_s, self._listener.on_finger_s or 0.0)
        return now_s - seen_s >= FINGER_WITHIN_S

    def _now(self) -> datetime:
        return self._talk.home.now()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
