"""Devices that wait with their readings and indicate them as soon as somebody listens.

Owns the simplest way of talking. The indication is confirmed when the reading is on disk.
"""

from __future__ import annotations

from bleak.backends.characteristic import BleakGATTCharacteristic

from gateway.conversations.talk import Talk, Way
from gateway.profiles.measurement import Measurement


class Indicated(Way):
    """One measurement characteristic."""

    def __init__(
        self, talk: Talk, kind: type[Measurement], characteristic: BleakGATTCharacteristic
    ) -> None:
        self._talk = talk
        self._kind = kind
        self._characteristic = characteristic

    async def listen(self) -> None:
        """Subscribe; readings come by themselves."""
        await self._talk.link.listen(self._characteristic, self._take)

    def _take(self, payload: bytes) -> None:
        self._talk.take(self._kind, payload)
