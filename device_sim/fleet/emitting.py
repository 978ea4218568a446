"""What a right gateway would send of a story: its readings, when it has them, when it can send.

Owns the way from happenings to observations, with every fault that leaves a trace on the wire.
Pure. It says what a gateway *should* make of a fault, so that the server is tested with that; what
our gateway really makes of it is the business of homes on the radio.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final

from device_sim.errors import ScenarioError
from device_sim.scenario.faults import ON_THE_WIRE, OnTheWire
from device_sim.scenario.model import kind_of
from device_sim.scenario.timeline import Happening, What
from telekol.observation import Device, Observation, TimeConfidence, arrival_id, reading_id
from telekol.quantities import FACTS, Quantity

MODELS: Final = {
    "oximeter": "SIM-PLX1",
    "scale": "SIM-WSS1",
    "cuff": "SIM-BLS1",
    "thermometer": "SIM-HTS1",
    "spirometer": "SIM-SPI1",
}
READ_AFTER: Final = timedelta(seconds=4)
"""How long a gateway takes to find a device and read it."""

REPEATED_MOST: Final = 50
"""How many readings a device remembers, for those that repeat their memory."""

LOCAL_OFFSET_S: Final = -3600.0
"""Devices show Danish winter time: an hour is taken off to come to UTC."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a device's clock has no zone
_WEAK: Final = "poor-signal"


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading on its way.

    Parameters
    ----------
    received_at
        When the gateway has it.
    sendable_at
        When there is a line to send it on.
    """

    received_at: datetime
    sendable_at: datetime
    at: datetime
    device: str
    quantity: Quantity
    value: Decimal
    device_time: datetime | None
    quality: tuple[str, ...] = ()

    def observation(self, gateway: str, counter: int = 0) -> Observation:
        """Write it as the wire has it."""
        device = device_of(gateway, self.device)
        if self.device_time is None:
            made = arrival_id(gateway, device, self.quantity, self.received_at, counter)
            measured_at, offset_s, confidence = self.received_at, None, TimeConfidence.ARRIVAL
        else:
            made = reading_id(device, self.quantity, self.device_time)
            offset_s = (self.at.replace(tzinfo=None) - self.device_time).total_seconds()
            measured_at, confidence = self.at, TimeConfidence.CLOCK_CHECKED
        return Observation(
            id=made,
            device=device,
            quantity=self.quantity,
            value=float(self.value),
            unit=FACTS[self.quantity].unit,
            measured_at=measured_at,
            device_time=self.device_time,
            clock_offset_s=offset_s,
            time_confidence=confidence,
            received_at=self.received_at,
            quality=self.quality,
        )


@dataclass(slots=True)
class _Home:
    """What is broken in a home while its story is told."""

    faults: dict[tuple[str, str], Happening] = field(default_factory=dict)
    remembered: dict[str, list[Reading]] = field(default_factory=lambda: defaultdict(list))

    def effects(self, device: str) -> dict[OnTheWire, Happening]:
        """Give what the faults of a device come to on the wire."""
        return {
            ON_THE_WIRE[name]: broken
            for (which, name), broken in self.faults.items()
            if which == device
        }


def check(happenings: Iterable[Happening]) -> None:
    """Refuse a story that only the radio can tell.

    Raises
    ------
    ScenarioError
        If one of its faults leaves bytes on the air whose reading nobody can foretell.
    """
    for each in happenings:
        if each.what is What.BREAKS and ON_THE_WIRE[each.name] is OnTheWire.RADIO_ONLY:
            raise ScenarioError(
                f"Expected a story without radio for a fleet; found the fault {each.name!r} of "
                f"the {each.device}, whose outcome lies in the bytes on the air. Play it with "
                "radio homes: telekol sim run."
            )


def readings(happenings: Iterable[Happening]) -> list[Reading]:
    """Make the readings of one home, in the order in which its gateway has them."""
    told = sorted(happenings, key=lambda each: each.at)
    ends = _ends(told)
    home = _Home()
    found: list[Reading] = []
    for each in told:
        if each.what is What.BREAKS:
            home.faults[each.device, each.name] = each
        elif each.what is What.HEALS:
            home.faults.pop((each.device, each.name), None)
        elif each.what is What.MEASURED:
            found.extend(_measured(each, home, ends))
    cuts = [each for each in told if each.what in {What.CUT, What.RESTORED}]
    return sorted(
        (_sendable(each, cuts) for each in found),
        key=lambda each: (each.received_at, each.device, each.quantity),
    )


def device_of(gateway: str, kind: str) -> Device:
    """Give the device of a home, the same at every start."""
    serial = f"{kind}-{gateway}"
    octets = sha256(serial.encode()).digest()[:6]
    address = ":".join(f"{octet:02X}" for octet in (octets[0] | 0xC0, *octets[1:]))
    return Device(
        address=address, manufacturer="Tele-KOL", model=MODELS[kind_of(kind)], serial=serial
    )


def _measured(
    each: Happening, home: _Home, ends: Mapping[tuple[str, str, datetime], datetime]
) -> Iterator[Reading]:
    effects = home.effects(each.device)
    if OnTheWire.NO_READING in effects:
        return
    received = _received(each, effects.get(OnTheWire.HELD), ends)
    if received is None:
        return
    at = each.at.replace(microsecond=0)
    fresh = [
        Reading(
            received_at=received,
            sendable_at=received,
            at=at,
            device=each.device,
            quantity=Quantity(name),
            value=value,
            device_time=_device_time(at, effects),
            quality=(_WEAK,) if OnTheWire.MARKED in effects else (),
        )
        for name, value in _values(each, effects).items()
    ]
    memory = home.remembered[each.device]
    if OnTheWire.REPEATS in effects:
        yield from (
            replace(old, received_at=received, sendable_at=received)
            for old in memory[-REPEATED_MOST:]
        )
    memory.extend(fresh)
    yield from fresh


def _values(each: Happening, effects: Mapping[OnTheWire, Happening]) -> dict[str, Decimal]:
    values = dict(each.values)
    if (other := effects.get(OnTheWire.SOMEBODY_ELSE)) and "body_weight" in values:
        values["body_weight"] = Decimal(str(other.parameters.get("weight_kg", 22.0)))
    if low := effects.get(OnTheWire.BATTERY):
        values["battery"] = Decimal(round(low.parameters.get("percent", 4.0)))
    return values


def _received(
    each: Happening,
    held: Happening | None,
    ends: Mapping[tuple[str, str, datetime], datetime],
) -> datetime | None:
    """Say when the gateway has a measurement; None if the story ends before."""
    if held is None:
        return each.at + READ_AFTER
    end = ends.get((held.device, held.name, held.at))
    return None if end is None else end + READ_AFTER


def _device_time(at: datetime, effects: Mapping[OnTheWire, Happening]) -> datetime | None:
    """Give what the device's clock shows at `at`."""
    if OnTheWire.NO_CLOCK in effects:
        return None
    shown = at.replace(tzinfo=None) - timedelta(seconds=LOCAL_OFFSET_S)
    if broken := effects.get(OnTheWire.OTHER_CLOCK):
        since = at - broken.at.replace(microsecond=0)
        parameters = broken.parameters
        wrong = {
            "clock-1970": _EPOCH + since,
            "battery-removed": _EPOCH + since,
            "clock-drift": shown
            + timedelta(seconds=round(parameters.get("s_per_day", 9.0) * since.days)),
            "clock-jump": shown + timedelta(seconds=parameters.get("seconds", 7200.0)),
            "daylight-saving": shown + timedelta(hours=1 if parameters.get("forward", 1.0) else -1),
        }
        return wrong[broken.name]
    return shown


def _ends(told: Iterable[Happening]) -> dict[tuple[str, str, datetime], datetime]:
    """Find when each fault is over, by device, name and begin."""
    begun: dict[tuple[str, str], datetime] = {}
    ends: dict[tuple[str, str, datetime], datetime] = {}
    for each in told:
        if each.what is What.BREAKS:
            begun[each.device, each.name] = each.at
        elif each.what is What.HEALS and (each.device, each.name) in begun:
            ends[each.device, each.name, begun.pop((each.device, each.name))] = each.at
    return ends


def _sendable(reading: Reading, cuts: Iterable[Happening]) -> Reading:
    """Hold a reading back while the home has no power or no internet."""
    begins: dict[str, datetime] = {}
    for each in cuts:
        if each.what is What.CUT:
            begins[each.name] = each.at
        elif begun := begins.pop(each.name, None):
            if not begun <= reading.received_at < each.at:
                continue
            later = each.at + READ_AFTER
            received = later if each.name == "power" else reading.received_at
            reading = replace(reading, received_at=received, sendable_at=later)
    return reading
