"""The intake: from a device's indication to the disk, in one go.

Owns what happens inside a notification callback. Must not know bleak or MQTT.

Invariants
----------
1. When `take` returns, every reading of the payload that can be kept is on disk; the device's
   confirmation follows. When it raises, nothing is kept and the device keeps the reading.
2. A payload that cannot be decoded never raises: it is logged with its bytes and confirmed,
   since the device would send the same bytes for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Final

from gateway.capture import Captured, Circumstances, capture, renumbered
from gateway.clock import DeviceClock
from gateway.errors import ProfileError
from gateway.outbox import Outbox
from gateway.profiles import MEASUREMENTS
from telekol.observation import Device, Observation

_LOG = logging.getLogger(__name__)

_RECORDS_OF_A_SECOND: Final = 8
"""Most different values of one quantity that one device may stamp with one second; a clock that
is set back every connection repeats a second a few times at most."""


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
        captured = capture(
            measurement,
            Circumstances(
                gateway=self._gateway,
                device=device,
                clock=clock,
                zone=self._zone,
                received_at=received_at,
                counter=self._counter,
            ),
        )
        self._say_what_is_held_back(captured, device, payload)
        return self._keep(captured.observations, device)

    def _say_what_is_held_back(self, captured: Captured, device: Device, payload: bytes) -> None:
        for reason in captured.held_back:
            _LOG.warning("%s: not sent, bytes %s: %s", device.address, payload.hex(), reason)

    def _keep(self, observations: tuple[Observation, ...], device: Device) -> int:
        kept = self._outbox.put(observations)
        count = len(kept.seqs) + sum(self._keep_clash(item) for item in kept.clashes)
        if kept.repeated:
            _LOG.info("%s repeated %d known readings", device.address, kept.repeated)
        if count:
            # Values are health data; the log says that there were some.
            _LOG.info("%s: %d new readings kept", device.address, count)
            self._on_kept()
        return count

    def _keep_clash(self, observation: Observation) -> int:
        """Keep a reading whose device stamped another value with the same second."""
        for record_number in range(1, _RECORDS_OF_A_SECOND):
            kept = self._outbox.put((renumbered(observation, record_number),))
            if not kept.clashes:
                return len(kept.seqs)
        _LOG.error(
            "%s stamped more than %d values of %s with one second, %s; the last is not kept",
            observation.device.address,
            _RECORDS_OF_A_SECOND,
            observation.quantity,
            observation.device_time,
        )
        return 0
