"""A control point: a request is written, and its answer is indicated.

Owns the waiting between the two. Must not know what is asked.
"""

from __future__ import annotations

import asyncio
from typing import Final

from bleak.backends.characteristic import BleakGATTCharacteristic

from gateway.conversations.link import Link

QUIET_S: Final = 20.0
"""How long a device may say nothing at all, neither a record nor the answer, before it counts as
fallen silent. Procedures of the Record Access Control Point have 30 s for the whole answer; the
reports in between are signs of life."""


class Questions:
    """The control point of one connection."""

    def __init__(self, link: Link, point: BleakGATTCharacteristic) -> None:
        self._link = link
        self._point = point
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def open(self) -> None:
        """Listen for answers."""
        await self._link.listen(self._point, self._answers.put_nowait)

    async def ask(self, request: bytes) -> bytes:
        """Write a request and give its answer, however much else is heard before it.

        Raises
        ------
        TimeoutError
            If the device says nothing for QUIET_S.
        LinkEndedError
            If it hangs up instead.
        BleakGATTProtocolError
            If it refuses the request.
        """
        while not self._answers.empty():
            self._answers.get_nowait()  # of a request that was given up
        await self._link.write(self._point, request)
        answer = asyncio.ensure_future(self._answers.get())
        quiet = asyncio.ensure_future(self._link.quiet(QUIET_S))
        try:
            await asyncio.wait({answer, quiet}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
        finally:
            answer.cancel()
            quiet.cancel()
        self._link.must_hold()
        raise TimeoutError(
            f"Expected {self._link.address} to answer within {QUIET_S:.0f} s, found silence."
        )
