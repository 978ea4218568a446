"""Beurer PO60: its memory is asked for page by page, and never erased.

Owns what is asked when, and setting its clock. Must not know a record's bytes.

``99 00 19`` asks for the first page and ``99 01 1a`` for the next one; the device answers with
records on another characteristic, the last of all marked as such, and not at all if its memory is
empty. ``99 7f 18`` would erase (one open client sends it): the gateway never does. The memory
holds a hundred records and then overwrites the oldest, a record has the same id whenever it is
read, and a command that nobody of us has tried on a device is no way to treat somebody's readings.
The next page is asked for when the records of this one are on disk, in case a page that was
fetched is gone.

Its clock can be set and not read. So it is set at the end of each conversation, after its memory:
what was stored before belongs to the setting before.

Sources: three independent open clients (a Flutter, a C# and a browser one) and the notes of two
who watched the maker's app; not tried on a device.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakGATTProtocolError

from gateway.conversations.memory import Pass, ReadBefore
from gateway.conversations.talk import Talk, Way
from gateway.profiles.beurer import Po60Assembler, Po60Record
from gateway.timing.clock import local_time, needs_setting
from gateway.timing.device_clock import ClockSample, DeviceClock

_LOG = logging.getLogger(__name__)

FIRST_PAGE: Final = bytes.fromhex("990019")
NEXT_PAGE: Final = bytes.fromhex("99011a")
_SET_CLOCK: Final = 0x83
_CLOCK_PADDING: Final = bytes(2)
_LAST_RECORD: Final = 0x40
"""Bit of a record's number: there is none after it."""

PAGE_WITHIN_S: Final = 3.0
"""An empty memory gives no answer; open clients wait 2 s for the first bytes."""
PAGE_OVER_S: Final = 1.0
"""Notifications of one page follow each other within a connection interval, 0.05 s at most; open
clients call a page finished after 0.3 s."""
MOST_PAGES: Final = 30
"""Above a hundred records in pages of ten, however the pages are cut."""


class Po60Memory(Way):
    """The memory of one device."""

    def __init__(
        self,
        talk: Talk,
        commands: BleakGATTCharacteristic,
        answers: BleakGATTCharacteristic,
        keep_clock: Callable[[DeviceClock], None],
    ) -> None:
        self._talk = talk
        self._commands = commands
        self._answers = answers
        self._keep_clock = keep_clock
        self._assembler = Po60Assembler()
        self._heard = 0
        self._is_last = False
        self._pass = Pass(ReadBefore(talk.home.notes, talk.device.address))

    async def listen(self) -> None:
        """Subscribe to the answers."""
        await self._talk.link.listen(self._answers, self._take)

    async def talk(self) -> None:
        """Read page by page, set the clock, and have the connection ended."""
        link = self._talk.link
        for number in range(MOST_PAGES):
            before = self._heard
            await link.write(self._commands, FIRST_PAGE if number == 0 else NEXT_PAGE)
            await self._page(before)
            link.must_hold()
            if self._is_last or self._heard == before:
                break
        if self._assembler.pending:
            _LOG.warning("%s sent a record that was cut short", link.address)
        await self._set_clock()
        link.end()

    def _take(self, chunk: bytes) -> None:
        self._heard += 1
        rest, records = self._assembler.fed(chunk)
        for record in records:
            self._keep(record)
        self._assembler = rest

    def _keep(self, record: Po60Record) -> None:
        payload = bytes(record)
        if not self._pass.known(payload):
            taken = self._talk.take_measurement(record, payload, self._talk.home.now())
            self._pass.kept(
                payload, taken.ids, is_understood=True, is_by_arrival=taken.is_by_arrival
            )
        self._is_last = self._is_last or bool(record.number & _LAST_RECORD)

    async def _page(self, before: int) -> None:
        """Wait until a page has come, or none has."""
        link = self._talk.link
        heard = before
        while not self._is_last and not link.over.is_set():
            wait_s = PAGE_WITHIN_S if heard == before else PAGE_OVER_S
            try:
                async with asyncio.timeout(wait_s):
                    await link.over.wait()
            except TimeoutError:
                if self._heard == heard:
                    return
                heard = self._heard

    async def _set_clock(self) -> None:
        now = self._talk.home.now()
        if not needs_setting(None, now, self._talk.home.zone):
            return  # we do not know the time ourselves
        shown = local_time(now, self._talk.home.zone).replace(microsecond=0)
        before = self._talk.clock
        # On disk before the clock is set, as with every other device.
        self._talk.clock = before.was_set(ClockSample(shown, now))
        self._keep_clock(self._talk.clock)
        try:
            await self._talk.link.write(self._commands, set_clock(shown))
        except BleakGATTProtocolError as error:
            self._talk.clock = before
            self._keep_clock(before)
            _LOG.info("%s does not let its clock be set: %s", self._talk.device.address, error)


def set_clock(shown: datetime) -> bytes:
    """Write the command that sets the clock to `shown`, a naive local time.

    Examples
    --------
    >>> from datetime import datetime
    >>> set_clock(datetime(2025, 3, 14, 8, 30, 5)).hex()
    '8319030e081e05000058'
    """
    fields = (shown.year - 2000, shown.month, shown.day, shown.hour, shown.minute, shown.second)
    command = bytes((_SET_CLOCK, *fields)) + _CLOCK_PADDING
    return command + bytes((sum(command) & 0x7F,))
