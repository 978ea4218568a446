"""What the scan overhears: adverts are sorted as they come, and weighings kept between them.

Owns the queue between the scanner's callback, which must not fail, and the disk, which may. Must
not know what an advert means; `gateway.listening.adverts` does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from bleak.backends.scanner import AdvertisementData

from gateway.errors import OutboxCorruptError, OutboxError
from gateway.intake import Intake
from gateway.listening.adverts import Adverts, Heard
from gateway.timing.device_clock import DeviceClock
from telekol.observation import Device

_LOG = logging.getLogger(__name__)

_WAITING_MOST: Final = 64
"""Weighings that wait for a disk that fails; a home makes a few a day."""


class Overheard:
    """Listens in on the scan."""

    def __init__(self, adverts: Adverts, intake: Intake, now: Callable[[], datetime]) -> None:
        self._adverts = adverts
        self._intake = intake
        self._now = now
        self._waiting: deque[tuple[Heard, datetime]] = deque(maxlen=_WAITING_MOST)

    @property
    def services(self) -> list[str] | None:
        """What to scan for."""
        return self._adverts.services

    def admits(self, address: str, advertisement: AdvertisementData) -> bool:
        """Take an advert in; say whether its device is to be connected to."""
        sighting = self._adverts.sorted(
            address,
            advertisement.service_uuids,
            advertisement.service_data,
            asyncio.get_running_loop().time(),
        )
        if sighting.heard is not None:
            self._waiting.append((sighting.heard, self._now()))
        return sighting.is_welcome

    @property
    def has_news(self) -> bool:
        """Whether something waits to be kept."""
        return bool(self._waiting)

    def keep(self) -> None:
        """Write down what was overheard.

        Raises
        ------
        OutboxCorruptError
            If the outbox is damaged. What else goes wrong is tried again the next time.
        """
        while self._waiting:
            heard, at = self._waiting[0]
            device = Device(address=heard.address, manufacturer="Xiaomi", model=heard.family)
            try:
                self._intake.take_as(heard.kind, heard.payload, device, DeviceClock(), at)
            except OutboxCorruptError:
                raise
            except OutboxError as error:
                _LOG.warning("%s: a weighing waits for the disk: %s", heard.address, error)
                return
            self._waiting.popleft()
