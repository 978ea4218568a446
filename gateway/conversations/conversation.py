"""One conversation with one device, from the connection to its end.

Owns the order of things: who the device is, what its clock shows, set the clock, its battery,
listen, be its user, ask. Must not know scanning, nor what becomes of a reading.

Invariants
----------
1. The clock is read before it is set, and both happen before the first reading is taken. What
   the setting means for stored readings is on disk before the clock is set. (A clock that can be
   set and not read is set last.)
2. The identity is complete or the conversation is broken off: a serial number that is missing
   because the link failed would give the same readings other ids the next time.
3. A listener is a plain function that returns after the commit, or raises.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from bleak import BleakClient

from gateway.conversations import choice, consent
from gateway.conversations.batteries import see_to_batteries
from gateway.conversations.clocks import see_to_clock
from gateway.conversations.home import Home
from gateway.conversations.identity import details, identify
from gateway.conversations.link import Link
from gateway.conversations.talk import Talk, Way
from gateway.timing.device_clock import DeviceClock

_LOG = logging.getLogger(__name__)

IDLE_S: Final = 20.0
"""How long a connected device may be silent. Spot-check devices send and hang up within seconds;
one that stays connected in silence keeps the radio from the others."""
LONGEST_S: Final = 180.0
"""How long one conversation may last: a full memory of some hundred readings at a connection
interval's pace, with reserve. Whatever is left comes the next time."""


class Conversation:
    """A conversation over a connected client.

    Parameters
    ----------
    known_clock
        What earlier conversations taught about the device's clock.
    keep_clock
        Writes down what is known of the clock; returns when that is on disk.
    hung_up
        Set when the device has ended the connection.
    """

    def __init__(
        self,
        client: BleakClient,
        home: Home,
        *,
        known_clock: DeviceClock,
        keep_clock: Callable[[DeviceClock], None],
        hung_up: asyncio.Event,
    ) -> None:
        self._client = client
        self._home = home
        self._known_clock = known_clock
        self._keep_clock = keep_clock
        self._hung_up = hung_up
        self._talk: Talk | None = None

    @property
    def clock(self) -> DeviceClock:
        """What is known of the device's clock by now."""
        return self._known_clock if self._talk is None else self._talk.clock

    @property
    def new_readings(self) -> int:
        """How many readings this conversation brought."""
        return 0 if self._talk is None else self._talk.new_readings

    async def run(self) -> None:
        """Talk until the device hangs up, falls silent or has had its time.

        Raises
        ------
        GatewayError
            If a reading could not be kept.
        """
        link = Link(self._client, self._hung_up)
        if choice.is_foreign(link.services()) or not choice.has_ways(link.characteristics()):
            # Some scales advertise the standard service and speak a layout of their own.
            _LOG.info("%s has no measurement that can be read here", link.address)
            return
        limit = asyncio.timeout(LONGEST_S)
        try:
            async with limit:
                await self._converse(link)
        except TimeoutError:
            if not limit.expired():
                raise
            _LOG.info("%s has had its time; what is left comes the next time", link.address)
        if link.failure is not None:
            raise link.failure
        if self._talk is not None:
            self._talk.ended()

    async def _converse(self, link: Link) -> None:
        if consent.SERVICE in link.services():
            await link.pair()
        device = await identify(link)
        talk = self._talk = Talk(link, self._home, device, self._known_clock)
        await see_to_clock(talk, self._keep_clock)
        await see_to_batteries(talk)
        if link.address not in self._home.described:  # once: each read costs the radio a while
            _LOG.info("%s: %s", link.address, await details(link))
            self._home.described.add(link.address)
        ways = choice.ways(talk, self._keep_clock)
        try:
            await self._listen_and_talk(talk, ways)
            await link.quiet(IDLE_S)
        finally:
            for way in ways:
                way.close()

    async def _listen_and_talk(self, talk: Talk, ways: tuple[Way, ...]) -> None:
        for way in ways:
            await way.listen()
        await consent.Consent(talk).give()
        for way in ways:
            await way.talk()
