"""The intake: from a device's indication to the disk, in one go.

Owns what happens inside a notification callback. Must not know bleak or MQTT.

Invariants
----------
1. When `take` returns, every reading of the payload that can be kept is on disk; the device's
   confirmation follows. When it raises, nothing is kept and the device keeps the reading.
2. A payload that cannot be decoded never raises: it is logged with its bytes and confirmed,
   since the device would send the same bytes for ever.
3. A reading that comes before the gateway knows the time is held on disk, and is put into the
   outbox when it can be dated. Until then it is neither sent nor forgotten.
4. A reading that can be kept is never dropped because of its stamp: when that cannot tell it
   from another one, the reading is known by its arrival. A double is the lesser evil.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final
from uuid import UUID

from gateway.capture import (
    Circumstances,
    capture,
    is_stamped_in_vain,
    known_by_arrival,
    possible_readings,
    refusals,
    renumbered,
)
from gateway.errors import OutboxError, ProfileError
from gateway.keeping.outbox import Outbox
from gateway.profiles import MEASUREMENTS
from gateway.profiles.measurement import Decoded, Measurement, OfUser
from gateway.timing.clock_book import AlwaysKnown, BootDates, to_text
from gateway.timing.device_clock import DeviceClock
from gateway.timing.gateway_clock import is_dated, since_boot
from gateway.timing.held import Dated, HeldReading
from gateway.timing.held_readings import HeldReadings
from telekol.observation import Device, Observation, TimeConfidence

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

_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a payload.

    Parameters
    ----------
    new
        How many of its readings were new.
    ids
        Of all its readings that are in the outbox, those known before included.
    is_understood
        False if it could not be decoded or is held: whoever may erase it from a device must not.
    is_by_arrival
        Whether only their arrival identifies them: read again, they would be others.
    flags
        Names of its quality flags.
    """

    new: int = 0
    ids: tuple[UUID, ...] = ()
    is_understood: bool = True
    is_by_arrival: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Before:
    """A payload that was kept, when it first came, and its readings."""

    kind: type[Decoded]
    payload: bytes
    at: datetime
    ids: tuple[UUID, ...] = ()


class Intake:
    """Takes indications of any device of the home.

    Parameters
    ----------
    on_kept
        Called after new readings are on disk: wakes the uplink.
    held
        Where readings wait for a date; without it they are left in their devices.
    dates
        What the gateway knows of its own time.
    """

    def __init__(
        self,
        gateway: str,
        outbox: Outbox,
        zone: tzinfo,
        on_kept: Callable[[], None],
        held: HeldReadings | None = None,
        dates: BootDates | None = None,
    ) -> None:
        self._gateway = gateway
        self._outbox = outbox
        self._zone = zone
        self._on_kept = on_kept
        self._held = held
        self._dates: BootDates = AlwaysKnown() if dates is None else dates
        self._counter = 0
        self._in_vain: dict[Device, _Before] = {}

    def take(
        self, uuid: str, payload: bytes, device: Device, clock: DeviceClock, received_at: datetime
    ) -> int:
        """Keep what a device indicated; gives how many readings were new.

        Raises
        ------
        OutboxError
            If the readings could not be written; the indication must not be confirmed.
        """
        return self.take_as(MEASUREMENTS[uuid], payload, device, clock, received_at).new

    def take_as(
        self,
        kind: type[Measurement],
        payload: bytes,
        device: Device,
        clock: DeviceClock,
        received_at: datetime,
    ) -> Taken:
        """Keep what the bytes of one measurement say, whatever way they came.

        Raises
        ------
        OutboxError
            If the readings could not be written; the device must keep them.
        """
        try:
            measurement = kind.from_bytes(payload)
        except ProfileError as error:
            _LOG.warning(
                "%s sent what cannot be read, bytes %s: %s", device.address, payload.hex(), error
            )
            return Taken(is_understood=False)
        return self.take_measurement(measurement, payload, device, clock, received_at)

    def take_measurement(
        self,
        measurement: Decoded,
        payload: bytes,
        device: Device,
        clock: DeviceClock,
        received_at: datetime,
    ) -> Taken:
        """Keep a decoded measurement; `payload` tells whether it is sent again.

        Raises
        ------
        OutboxError
            If the readings could not be written; the device must keep them.
        """
        self._counter += 1
        shift = self._dates.shift
        if not is_dated(received_at) and shift is not None:
            received_at += shift  # heard a moment before the time was known
        if not is_dated(received_at) and measurement.refusal is None:
            return self._hold(measurement, payload, device, clock, received_at)
        around = Circumstances(
            gateway=self._gateway,
            device=device,
            clock=clock if shift is None else clock.dated(shift),
            zone=self._zone,
            received_at=received_at,
            counter=self._counter,
        )
        return self._take(measurement, payload, around)

    def release(self, reading: HeldReading, dated: Dated) -> int:
        """Put a held reading into the outbox; gives how many readings were new.

        Raises
        ------
        OutboxError
            If they could not be written.
        """
        around = Circumstances(
            gateway=self._gateway,
            device=reading.device,
            clock=dated.clock,
            zone=self._zone,
            received_at=dated.received_at,
            counter=reading.counter,
            doubt=dated.doubt,
        )
        return self._take(reading, bytes.fromhex(reading.payload), around).new

    def _hold(
        self,
        measurement: Decoded,
        payload: bytes,
        device: Device,
        clock: DeviceClock,
        received_at: datetime,
    ) -> Taken:
        """Keep a reading until it can be dated."""
        readings = tuple(possible_readings(measurement))
        if not readings:
            self._say_what_is_held_back(refusals(measurement), device, payload)
            return Taken(flags=measurement.quality)
        reading = HeldReading(
            boot=self._dates.boot,
            since_boot_us=since_boot(received_at) // _MICROSECOND,
            earliest=self._dates.dated_at_least(received_at),
            device=device,
            payload=payload.hex(),
            readings=measurement.readings,
            device_time=measurement.device_time,
            quality=measurement.quality,
            user=measurement.user if isinstance(measurement, OfUser) else None,
            clock=to_text(clock, self._dates.boot),
            counter=self._counter,
        )
        if self._held is None:
            raise OutboxError(
                "expected a place for readings without a date, found none; the device keeps it"
            )
        is_new = self._held.hold(reading)
        _LOG.info("%s: %d readings are held until the time is known", device.address, len(readings))
        return Taken(len(readings) if is_new else 0, is_understood=False, flags=measurement.quality)

    def _take(self, measurement: Decoded, payload: bytes, around: Circumstances) -> Taken:
        device, received_at = around.device, around.received_at
        captured = capture(measurement, around)
        self._say_what_is_held_back(captured.held_back, device, payload)
        now = _Before(type(measurement), payload, received_at)
        before = self._resent(now, device)
        if before is not None:
            _LOG.info("%s sent the same again, with a time that cannot be used", device.address)
            return Taken(ids=before.ids, is_by_arrival=True, flags=measurement.quality)
        news, ids = self._keep(captured.observations, around)
        if any(is_stamped_in_vain(item) for item in news):
            self._in_vain[device] = replace(now, ids=ids)
        by_arrival = any(map(_is_by_arrival, (*captured.observations, *news)))
        return Taken(len(news), ids, is_by_arrival=by_arrival, flags=measurement.quality)

    def _resent(self, now: _Before, device: Device) -> _Before | None:
        before = self._in_vain.get(device)
        if (
            before is not None
            and (before.kind, before.payload) == (now.kind, now.payload)
            # Not the other way round either: our own clock may have been set back.
            and abs(now.at - before.at) <= RESENT_WITHIN
        ):
            return before
        return None

    def _say_what_is_held_back(
        self, reasons: tuple[str, ...], device: Device, payload: bytes
    ) -> None:
        for reason in reasons:
            _LOG.warning("%s: not sent, bytes %s: %s", device.address, payload.hex(), reason)

    def _keep(
        self, observations: tuple[Observation, ...], around: Circumstances
    ) -> tuple[tuple[Observation, ...], tuple[UUID, ...]]:
        """Give those that were new, as they were kept, and the ids of all."""
        address = around.device.address
        kept = self._outbox.put(observations)
        news, ids = kept.news, [item.id for item in observations if item not in kept.clashes]
        for clash in kept.clashes:
            settled, is_new = self._keep_clash(clash, around)
            news += (settled,) * is_new
            ids.append(settled.id)
        if kept.repeated:
            _LOG.info("%s repeated %d known readings", address, kept.repeated)
        if news:
            # Values are health data; the log says that there were some.
            _LOG.info("%s: %d new readings kept", address, len(news))
            self._on_kept()
        return news, tuple(ids)

    def _keep_clash(
        self, observation: Observation, around: Circumstances
    ) -> tuple[Observation, bool]:
        """Keep a reading whose device stamped another value with the same second.

        Gives it as it is in the outbox, and whether it was new.
        """
        for record_number in range(1, _RECORDS_OF_A_SECOND):
            other = renumbered(observation, record_number)
            kept = self._outbox.put((other,))
            if not kept.clashes:
                return other, bool(kept.news)
        _LOG.warning(
            "%s stamped more than %d values of %s with one second, %s; the last is known by its "
            "arrival",
            observation.device.address,
            _RECORDS_OF_A_SECOND,
            observation.quantity,
            observation.device_time,
        )
        last = known_by_arrival(observation, around)
        return last, bool(self._outbox.put((last,)).news)


def _is_by_arrival(observation: Observation) -> bool:
    is_arrival = observation.time_confidence is TimeConfidence.ARRIVAL
    return is_arrival or is_stamped_in_vain(observation)
