"""The intake: from a device's indication to the disk, in one go.

Owns what happens inside a notification callback. Must not know bleak or MQTT.

Invariants
----------
1. When `take` returns, every reading of the payload that can be kept is on disk; the device's
   confirmation follows. When it raises, nothing is kept and the device keeps the reading.
2. A payload that cannot be decoded never raises: it is logged with its bytes and confirmed,
   since the device would send the same bytes for ever.
3. A reading that can be kept is never dropped because of its stamp: when that cannot tell it
   from another one, the reading is known by its arrival. A double is the lesser evil.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from gateway.capture import (
    Captured,
    Circumstances,
    capture,
    is_stamped_in_vain,
    known_by_arrival,
    renumbered,
)
from gateway.clock import DeviceClock
from gateway.errors import ProfileError
from gateway.outbox import Outbox
from gateway.profiles import MEASUREMENTS
from telekol.observation import Device, Observation

_LOG = logging.getLogger(__name__)

_RECORDS_OF_A_SECOND: Final = 8
"""Most different values of one quantity that one device may stamp with one second; a clock that
is set back every connection repeats a second a few times at most. What comes beyond them is known
by its arrival."""

RESENT_WITHIN: Final = timedelta(seconds=60)
"""How long the same bytes from the same device are one reading sent again, when only its arrival
identifies it. A device that missed our confirmation sends again while it is awake, 10-30 s, or
when its next turn comes, after a minute at most. A second measurement with the same stamp and
the same values within a minute would tell nobody anything new."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """An indication that was kept, and when it first came."""

    uuid: str
    payload: bytes
    at: datetime


class Intake:
    """Takes indications of any device of the home.

    Parameters
    ----------
    on_kept
        Called after new readings are on disk: wakes the uplink.
    """

    def __init__(
        self, gateway: str, outbox: Outbox, zone: tzinfo, on_kept: Callable[[], None]
    ) -> None:
        self._gateway = gateway
        self._outbox = outbox
        self._zone = zone
        self._on_kept = on_kept
        self._counter = 0
        self._in_vain: dict[Device, _Taken] = {}

    def take(
        self, uuid: str, payload: bytes, device: Device, clock: DeviceClock, received_at: datetime
    ) -> int:
        """Keep what a device indicated; gives how many readings were new.

        Raises
        ------
        OutboxError
            If the readings could not be written; the indication must not be confirmed.
        """
        self._counter += 1
        try:
            measurement = MEASUREMENTS[uuid].from_bytes(payload)
        except ProfileError as error:
            _LOG.warning(
                "%s sent what cannot be read, bytes %s: %s", device.address, payload.hex(), error
            )
            return 0
        around = Circumstances(
            gateway=self._gateway,
            device=device,
            clock=clock,
            zone=self._zone,
            received_at=received_at,
            counter=self._counter,
        )
        captured = capture(measurement, around)
        self._say_what_is_held_back(captured, device, payload)
        if self._is_resent(_Taken(uuid, payload, received_at), device):
            _LOG.info("%s sent the same again, with a time that cannot be used", device.address)
            return 0
        kept = self._keep(captured.observations, around)
        if any(is_stamped_in_vain(item) for item in kept):
            self._in_vain[device] = _Taken(uuid, payload, received_at)
        return len(kept)

    def _is_resent(self, taken: _Taken, device: Device) -> bool:
        before = self._in_vain.get(device)
        return (
            before is not None
            and (before.uuid, before.payload) == (taken.uuid, taken.payload)
            # Not the other way round either: our own clock may have been set back.
            and abs(taken.at - before.at) <= RESENT_WITHIN
        )

    def _say_what_is_held_back(self, captured: Captured, device: Device, payload: bytes) -> None:
        for reason in captured.held_back:
            _LOG.warning("%s: not sent, bytes %s: %s", device.address, payload.hex(), reason)

    def _keep(
        self, observations: tuple[Observation, ...], around: Circumstances
    ) -> tuple[Observation, ...]:
        """Give those that were new, as they were kept."""
        address = around.device.address
        kept = self._outbox.put(observations)
        clashes = [self._keep_clash(item, around) for item in kept.clashes]
        news = kept.news + tuple(item for one in clashes for item in one)
        if kept.repeated:
            _LOG.info("%s repeated %d known readings", address, kept.repeated)
        if news:
            # Values are health data; the log says that there were some.
            _LOG.info("%s: %d new readings kept", address, len(news))
            self._on_kept()
        return news

    def _keep_clash(
        self, observation: Observation, around: Circumstances
    ) -> tuple[Observation, ...]:
        """Keep a reading whose device stamped another value with the same second."""
        for record_number in range(1, _RECORDS_OF_A_SECOND):
            kept = self._outbox.put((renumbered(observation, record_number),))
            if not kept.clashes:
                return kept.news
        _LOG.warning(
            "%s stamped more than %d values of %s with one second, %s; the last is known by its "
            "arrival",
            observation.device.address,
            _RECORDS_OF_A_SECOND,
            observation.quantity,
            observation.device_time,
        )
        return self._outbox.put((known_by_arrival(observation, around),)).news
