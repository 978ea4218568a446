"""Plays a story with radio homes: devices measure, break and heal as it is told. Touches the clock.

Owns the course of one telling. What happens when is `timeline`'s, what a device does of it the
peripherals'.

A reading's time is the story's: while a device measures, its clock stands at that moment, and what
it remembers carries that time; else its clock is right. So a story of a fortnight can be told in a
minute, and the gateway, which compares clocks when it reads, still dates every reading rightly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from device_sim import kit
from device_sim.emission import EmissionLog
from device_sim.errors import DeviceStateError, ScenarioError
from device_sim.faults import FAULTS, possible
from device_sim.home import Home
from device_sim.pace import Pace
from device_sim.patient import Measurable, quantities_of, values_of
from device_sim.peripherals.instrument import Instrument
from device_sim.physiology.living import HOME_ZONE, LivingPatient
from device_sim.scenario.cuttable import CuttableLine
from device_sim.scenario.model import Scenario
from device_sim.scenario.timeline import Happening, What, course_of, gateway_of, unfold

_LOG = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.5

A_LONG_WAIT_S: Final = 60.0
"""From when on a person is told what is waited for; at a day a second nothing takes as long."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the homes' lines lead."""

    host: str
    port: int


class Stage:
    """The homes of one story.

    Parameters
    ----------
    broker
        Where the cuttable lines lead; needed by a story with outages.
    say
        Told each line that a person should see.

    Raises
    ------
    ScenarioError
        If the story holds something that homes on the radio cannot do.
    """

    def __init__(
        self,
        scenario: Scenario,
        pace: Pace,
        log: EmissionLog,
        *,
        broker: BrokerAddress | None = None,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        check(scenario, has_broker=broker is not None)
        self._scenario = scenario
        self._pace = pace
        self._broker = broker
        self._say = say
        self._happenings = unfold(scenario, pace.first_day)
        self.homes = {home.gateway_id: home for home in _homes(scenario, pace, log)}
        self._lines: dict[str, CuttableLine] = {}

    async def start(self, base_port: int = 0) -> None:
        """Put every home on the air; `base_port` as with plain homes."""
        for number, home in enumerate(self.homes.values()):
            await home.start(base_port and base_port + number)
            self._say(f"home {home.gateway_id} {home.moniker}")
            if self._broker:
                line = CuttableLine(self._broker.host, self._broker.port)
                port = await line.start()
                self._lines[home.gateway_id] = line
                self._say(f"broker {home.gateway_id} mqtt://127.0.0.1:{port}")

    async def close(self) -> None:
        """Switch everything off."""
        for line in self._lines.values():
            await line.close()
        for home in self.homes.values():
            await home.close()

    async def play(self, pace: Pace) -> None:
        """Tell the story to its end, at `pace`."""
        for each in self._happenings:
            wait_s = (pace.real(each.at) - datetime.now(UTC)).total_seconds()
            if wait_s > 0:
                if wait_s > A_LONG_WAIT_S:
                    self._say(
                        f"waiting until {each.at.astimezone(HOME_ZONE):%Y-%m-%d %H:%M}, "
                        "when the next of it happens; Ctrl-C ends the story before"
                    )
                await asyncio.sleep(wait_s)
            try:
                await self._happen(each)
            except DeviceStateError as error:
                # A story goes on: a fault that cannot strike now is seen, not fatal.
                _LOG.warning("%s %s: %s", each.home, each.name or each.what, error)

    async def drained(self) -> None:
        """Wait until the devices have delivered what they remember."""
        while any(home.pending_count for home in self.homes.values()):  # noqa: ASYNC110 - many homes
            await asyncio.sleep(LOOK_EVERY_S)

    async def _happen(self, each: Happening) -> None:
        home = self.homes[each.home]
        if each.what is What.MEASURED:
            await _measure(home, each)
        elif each.what is What.BREAKS:
            device = home.device(each.device)
            # A clock that starts anew starts at the story's moment, not at ours.
            with _in_the_past(device, datetime.now(UTC) - each.at):
                await device.begin_fault(each.name, each.parameters)
        elif each.what is What.HEALS:
            await home.device(each.device).heal_fault(each.name)
        elif each.what is What.CUT:
            self._lines[each.home].cut()
            if each.name == "power":
                home.radio.drop_host()
        elif each.what is What.RESTORED:
            self._lines[each.home].mend()
        if each.what is not What.MEASURED:
            self._say(f"{each.at:%Y-%m-%d %H:%M} {each.home} {told(each)}")


def told(each: Happening) -> str:
    """Say a happening in a few words.

    Examples
    --------
    >>> at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    >>> told(Happening(at=at, home="gateway-0001", what=What.CUT, name="internet"))
    'internet cut'
    """
    if each.what is What.MEASURED:
        values = ", ".join(f"{name} {value}" for name, value in each.values.items())
        note = f" ({each.note})" if each.note else ""
        return f"{each.device}: {values}{note}"
    words = [each.device, each.name, "" if each.what is What.EVENT else str(each.what)]
    return " ".join(word for word in words if word)


def check(scenario: Scenario, *, has_broker: bool) -> None:
    """Refuse a story that homes on the radio cannot play."""
    for home in scenario.homes:
        for fault in home.faults:
            able = possible(kit.KINDS[fault.device].traits)
            if fault.name not in able:
                raise ScenarioError(
                    f"Expected a fault that a {fault.device} can have: {', '.join(able)}; "
                    f"found {fault.name!r}."
                )
            if strange := sorted(set(fault.parameters) - set(FAULTS[fault.name].parameters)):
                raise ScenarioError(
                    f"Expected parameters of {fault.name}: "
                    f"{', '.join(FAULTS[fault.name].parameters) or 'none'}; "
                    f"found {', '.join(strange)}."
                )
        if home.outages and not has_broker:
            raise ScenarioError(
                "This story cuts a home's line, so the simulator must hold it: give --broker with "
                "the broker's address, and the gateways the addresses that are printed."
            )


async def _measure(home: Home, each: Happening) -> None:
    device = home.device(each.device)
    values = values_of(_Told(home.patient, each), device.quantities, each.at)
    with _in_the_past(device, datetime.now(UTC) - each.at):
        await home.measure(each.device, values)


class _Told:
    """The patient at one moment of a story: what it says, and the course for the rest."""

    def __init__(self, patient: Measurable, each: Happening) -> None:
        self._patient = patient
        self._each = each

    def values(self, kind: str, at: datetime) -> dict[str, Decimal]:
        """Give what the story says of a kind of device, if it does."""
        told = self._each.values
        return (
            dict(told) if set(quantities_of(kind)) <= set(told) else self._patient.values(kind, at)
        )

    def become(self, values: Mapping[str, Decimal]) -> None:
        """Change the patient behind."""
        self._patient.become(values)


@contextmanager
def _in_the_past(device: Instrument, behind: timedelta) -> Iterator[None]:
    """Let the device's clock stand at the story's moment while it measures."""
    device.clock.error -= behind
    try:
        yield
    finally:
        device.clock.error += behind


def _homes(scenario: Scenario, pace: Pace, log: EmissionLog) -> Sequence[Home]:
    homes = []
    for number, part in enumerate(scenario.homes, 1):
        gateway = gateway_of(part, number)
        first = part.patients[0]
        course = course_of(first, f"{gateway}/1", scenario.seed, pace.first_day, scenario.days)
        home = Home(number, log, patient=LivingPatient(course), devices=part.devices)
        home.gateway_id = gateway
        homes.append(home)
    return homes
