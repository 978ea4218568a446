"""The faults a device can have, by name: what each does, to whom, and what must come of it.

Owns the table and the state of one device's faults. Must not know how a device carries a fault
out; the modules in `peripherals` do.

Invariant: every fault says in words and in a value what a right server must show in the end, so
that a test of the whole chain needs no second table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from device_sim.errors import DeviceStateError


class Trait(StrEnum):
    """What a kind of device has; a fault needs some of it.

    SIGNAL: it says when its signal is weak. REPEATS: it is asked again, or says it again.
    """

    ANY = "any"
    CLOCK = "clock"
    FINGER = "finger"
    SIGNAL = "signal"
    PERSON = "person"
    LINK = "link"
    INDICATES = "indicates"
    MEMORY = "memory"
    BOND = "bond"
    BATTERY = "battery"
    CHECKSUM = "checksum"
    REPEATS = "repeats"


class Readings(StrEnum):
    """Which readings a right server has in the end, of the measurements taken under a fault."""

    ALL = "all"
    NONE_WHILE_ON = "none-while-on"
    MARKED = "all-marked"
    UNATTRIBUTED = "all-unattributed"
    ANY_WHILE_ON = "any-while-on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    Parameters
    ----------
    does
        What the device does, for a person.
    needs
        The trait of the devices that can have it.
    parameters
        Each parameter with its default.
    server_shows
        What a right server shows in the end, for a person.
    readings
        The same for a test.
    unless
        Devices with such a trait come to something else.
    time_tolerance_s
        How far the corrected time may be off; ``None``: the time of arrival may stand in.
    is_technical
        Whether somebody who looks after the equipment must be told.
    """

    does: str
    needs: Trait
    server_shows: str
    readings: Readings
    parameters: Mapping[str, float] = field(default_factory=dict)
    unless: Mapping[Trait, Readings] = field(default_factory=dict)
    time_tolerance_s: float | None = 2.0
    is_technical: bool = False

    def readings_of(self, traits: Iterable[Trait]) -> Readings:
        """Tell what readings a device with `traits` comes to."""
        return next((self.unless[trait] for trait in traits if trait in self.unless), self.readings)


# A crystal of a cheap device is off by 20-100 ppm, which is 2-9 s a day.
USUAL_DRIFT_S_PER_DAY: Final = 9.0
SUMMER_TIME_S: Final = 3600.0

FAULTS: Final[Mapping[str, Fault]] = {
    "repeats-memory": Fault(
        does="Sends everything it ever sent again, at once and at every connection.",
        needs=Trait.MEMORY,
        readings=Readings.ALL,
        server_shows="Every reading once.",
    ),
    "clock-1970": Fault(
        does="Its clock starts at 1970-01-01 00:00:00, as after an empty battery.",
        needs=Trait.CLOCK,
        readings=Readings.ALL,
        time_tolerance_s=None,
        is_technical=True,
        server_shows="Every reading, at the time of arrival or the corrected time, never in 1970.",
    ),
    "clock-never-set": Fault(
        does="Its clock has no date: Date Time says year 0, month 0, day 0.",
        needs=Trait.CLOCK,
        readings=Readings.ALL,
        time_tolerance_s=None,
        is_technical=True,
        server_shows="Every reading, at the time of arrival, marked as such.",
    ),
    "clock-drift": Fault(
        does="Its clock gains `s_per_day` seconds a day; negative: it loses.",
        needs=Trait.CLOCK,
        parameters={"s_per_day": USUAL_DRIFT_S_PER_DAY},
        readings=Readings.ALL,
        time_tolerance_s=5.0,
        server_shows="Every reading at its true time within 5 s, if it was read within half a day.",
    ),
    "clock-jump": Fault(
        does="Its clock jumps by `seconds`, once.",
        needs=Trait.CLOCK,
        parameters={"seconds": 7200.0},
        readings=Readings.ALL,
        is_technical=True,
        server_shows="Readings taken after the jump at their true time within 2 s; those taken "
        "before it and read after it say that their time cannot be trusted.",
    ),
    "daylight-saving": Fault(
        does="Its clock moves by an hour: `forward` 1 as in March, 0 as in October.",
        needs=Trait.CLOCK,
        parameters={"forward": 1.0},
        readings=Readings.ALL,
        server_shows="Readings taken after the change at their true time within 2 s; those from "
        "before it, read after it, within an hour and marked as less sure.",
    ),
    "finger-off": Fault(
        does="The finger has slipped out: the device says so, with no value or an old one.",
        needs=Trait.FINGER,
        readings=Readings.NONE_WHILE_ON,
        server_shows="No reading while it lasts, and nothing below a limit.",
    ),
    "weak-signal": Fault(
        does="Cold hands: values come with the device's mark for a weak signal.",
        needs=Trait.SIGNAL,
        readings=Readings.MARKED,
        server_shows="Every reading, marked as a poor signal.",
    ),
    "battery-low": Fault(
        does="The battery is down to `percent`, and the device says so where it can.",
        needs=Trait.BATTERY,
        parameters={"percent": 4.0},
        readings=Readings.ALL,
        is_technical=True,
        server_shows="Every reading, and that the battery must be changed.",
    ),
    "battery-removed": Fault(
        does="The battery was out: the clock starts at 1970, users and their codes are gone.",
        needs=Trait.CLOCK,
        readings=Readings.ALL,
        time_tolerance_s=None,
        is_technical=True,
        server_shows="Every reading, once the user is registered again where there are users.",
    ),
    "lost-bond": Fault(
        does="It has forgotten every host it was paired with.",
        needs=Trait.LINK,
        readings=Readings.ALL,
        is_technical=True,
        server_shows="Every reading, after the gateway has paired again or said that it cannot.",
    ),
    "link-lost": Fault(
        does="The link breaks after an indication is sent and before it is confirmed, `count` "
        "times.",
        needs=Trait.INDICATES,
        parameters={"count": 1.0},
        readings=Readings.ALL,
        server_shows="Every reading once.",
    ),
    "truncated": Fault(
        does="The next `count` packets are cut to `bytes`; count 0: every one until healed.",
        needs=Trait.ANY,
        parameters={"count": 1.0, "bytes": 3.0},
        readings=Readings.NONE_WHILE_ON,
        unless={Trait.REPEATS: Readings.ALL},
        is_technical=True,
        server_shows="No reading from a cut packet, and that one could not be read; every reading "
        "of a device that is asked again or says it again.",
    ),
    "bit-flipped": Fault(
        does="Bit `bit` (0 is the lowest of the first byte) of the next `count` packets is turned; "
        "count 0: every one until healed.",
        needs=Trait.ANY,
        parameters={"count": 1.0, "bit": 8.0},
        readings=Readings.ANY_WHILE_ON,
        unless={Trait.CHECKSUM: Readings.ALL},
        server_shows="Every reading of a device with a checksum. Without one a turned bit can look "
        "right: nothing stops, and no other reading is touched.",
    ),
    "wrong-person": Fault(
        does="Somebody else of `weight_kg` stands on the scale.",
        needs=Trait.PERSON,
        parameters={"weight_kg": 22.0},
        readings=Readings.UNATTRIBUTED,
        server_shows="Every weighing, attributed to nobody, and no alert from it.",
    ),
    "never-answers": Fault(
        does="It can be heard and connected to, and answers nothing.",
        needs=Trait.LINK,
        readings=Readings.ALL,
        is_technical=True,
        server_shows="While it lasts, that the device does not answer; every reading after.",
    ),
    "answers-slowly": Fault(
        does="Each answer takes `seconds`.",
        needs=Trait.LINK,
        parameters={"seconds": 1.5},
        readings=Readings.ALL,
        server_shows="Every reading.",
    ),
    "silent": Fault(
        does="It cannot be heard at all: out of reach, or switched off.",
        needs=Trait.ANY,
        readings=Readings.ALL,
        unless={Trait.FINGER: Readings.NONE_WHILE_ON},
        server_shows="While it lasts, that readings are missing; after it every one that the "
        "device has kept.",
    ),
}

Parameters = dict[str, float]


class FaultBoard:
    """Which faults one device has now.

    Parameters
    ----------
    traits
        What the device has.
    """

    def __init__(self, traits: frozenset[Trait]) -> None:
        self._traits = traits | {Trait.ANY}
        self._on: dict[str, Parameters] = {}

    @property
    def on(self) -> Mapping[str, Parameters]:
        """The faults that are on, with their parameters."""
        return dict(self._on)

    def possible(self) -> tuple[str, ...]:
        """Name the faults that the device can have."""
        return possible(self._traits)

    def begin(self, name: str, parameters: Mapping[str, float] | None = None) -> Parameters:
        """Switch a fault on; returns its parameters with the defaults filled in.

        Raises
        ------
        DeviceStateError
            For a fault or a parameter that such a device does not have.
        """
        if name not in self.possible():
            raise DeviceStateError(
                f"Expected a fault of this device: {', '.join(self.possible())}; found {name!r}."
            )
        known, given = FAULTS[name].parameters, parameters or {}
        if strange := set(given) - set(known):
            raise DeviceStateError(
                f"Expected parameters of {name}: {', '.join(known) or 'none'}; "
                f"found {', '.join(sorted(strange))}."
            )
        self._on[name] = dict(known) | dict(given)
        return self._on[name]

    def heal(self, name: str | None = None) -> None:
        """Switch one fault off, or all."""
        if name is None:
            self._on.clear()
        else:
            self._on.pop(name, None)

    def has(self, name: str) -> bool:
        """Say whether a fault is on."""
        return name in self._on

    def value(self, name: str, parameter: str) -> float:
        """Tell a parameter of a fault that is on."""
        return self._on[name][parameter]

    def use_up(self, name: str) -> bool:
        """Say whether the fault strikes now, and count it; with ``count`` used up it is healed."""
        if name not in self._on:
            return False
        left = self._on[name]["count"]
        if left == 1:
            self.heal(name)
        elif left > 1:
            self._on[name]["count"] = left - 1
        return True

    def spoil(self, payload: bytes) -> bytes:
        """Cut `payload` or turn a bit in it, if that is the fault now."""
        if self.has("truncated"):
            kept = int(self.value("truncated", "bytes"))
            if self.use_up("truncated"):
                return payload[: min(kept, max(len(payload) - 1, 0))]
        if self.has("bit-flipped"):
            bit = int(self.value("bit-flipped", "bit")) % max(8 * len(payload), 1)
            if self.use_up("bit-flipped"):
                return _turned(payload, bit)
        return payload


def possible(traits: Iterable[Trait]) -> tuple[str, ...]:
    """Name the faults that a device with `traits` can have."""
    known = {*traits, Trait.ANY}
    return tuple(name for name, fault in FAULTS.items() if fault.needs in known)


def described(traits_by_kind: Mapping[str, Iterable[Trait]]) -> list[dict[str, Any]]:
    """List every fault, for the control channel and for people."""
    return [
        {
            "name": name,
            "does": fault.does,
            "parameters": dict(fault.parameters),
            "devices": [kind for kind, own in traits_by_kind.items() if name in possible(own)],
            "server_shows": fault.server_shows,
            "readings": fault.readings.value,
            "readings_unless": {k.value: v.value for k, v in fault.unless.items()},
            "time_tolerance_s": fault.time_tolerance_s,
            "technical": fault.is_technical,
        }
        for name, fault in FAULTS.items()
    ]


def _turned(payload: bytes, bit: int) -> bytes:
    if not payload:
        return payload
    turned = bytearray(payload)
    turned[bit // 8] ^= 1 << bit % 8
    return bytes(turned)
