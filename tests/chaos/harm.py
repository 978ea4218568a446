"""Does what the plan says to the running house, and undoes it. Touches processes, lines, clocks.

A process that is killed twice at once comes back when both faults have ended; a line likewise. A
process that ended by itself is started again, as systemd does, and counted.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from device_sim.errors import ControlError
from tests.chaos.house import ChaosHouse
from tests.chaos.plan import Fault, Kind
from tests.support.proxy import Proxy, Slowness

SLOW: Final = Slowness(latency_s=0.15, bytes_per_s=20_000)
"""A mobile network at its edge: EDGE has 150 ms and some 100 kbit/s."""

SLICED: Final = Slowness(latency_s=0.002, slice_bytes=7)
"""Seven bytes at a time: no packet of MQTT or PostgreSQL comes whole."""

_LINE: Final[dict[Kind, Callable[[Proxy], None]]] = {
    Kind.CUT: Proxy.cut,
    Kind.RESET: Proxy.reset,
    Kind.BLACK_HOLE: Proxy.freeze,
    Kind.SLOW: lambda line: line.slow(SLOW),
    Kind.SLICE: lambda line: line.slow(SLICED),
}


@dataclass(slots=True)
class Done:
    """What was done to the house."""

    kinds: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, str] = field(default_factory=dict)
    died: Counter[str] = field(default_factory=Counter)


class Harm:
    """Begins and ends faults."""

    def __init__(self, house: ChaosHouse) -> None:
        self._house = house
        self._down: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        self.done = Done()

    def begin(self, fault: Fault) -> None:
        why_not = self._why_not(fault)
        if why_not:
            self.done.left_out[fault.kind] = why_not
            return
        self.done.kinds[fault.kind] += 1
        if fault.kind is Kind.KILL:
            self._kill(fault.target)
        elif fault.kind in _LINE:
            self._bad[fault.target] += 1
            _LINE[fault.kind](self._house.lines[fault.target])
        else:
            self._trouble_home(fault)

    def end(self, fault: Fault) -> None:
        if self._why_not(fault):
            return
        if fault.kind is Kind.KILL:
            self._release(fault.target)
        elif fault.kind in _LINE:
            self._mend(fault)
        elif fault.kind is Kind.FILL_DISK:
            self._house.disks[fault.target].empty()
        elif fault.kind is Kind.GATEWAY_CLOCK:
            self._house.clocks[fault.target].set(0)

    def look_after(self) -> None:
        """Start again what ended by itself."""
        for name, process in self._house.processes.items():
            if not process.is_running and not self._down[name]:
                self.done.died[name] += 1
                process.start()

    def _kill(self, name: str) -> None:
        self._down[name] += 1
        process = self._house.processes[name]
        if process.is_running:
            process.kill()

    def _release(self, name: str) -> None:
        self._down[name] -= 1
        if not self._down[name]:
            self._house.processes[name].start()

    def _mend(self, fault: Fault) -> None:
        self._bad[fault.target] -= 1
        if self._bad[fault.target]:
            return
        line = self._house.lines[fault.target]
        if fault.kind is Kind.BLACK_HOLE and fault.for_s > 2:
            # A router that was dead for long comes back without the lines it had.
            line.reset()
        line.mend()

    def _trouble_home(self, fault: Fault) -> None:
        home, _, device = fault.target.partition("/")
        if fault.kind is Kind.FILL_DISK:
            self._house.disks[home].fill()
        elif fault.kind is Kind.GATEWAY_CLOCK:
            self._house.clocks[home].set(fault.size)
        else:
            # A device that is not connected has no link to drop.
            with contextlib.suppress(ControlError), self._house.control() as sim:
                if fault.kind is Kind.DEVICE_CLOCK:
                    sim.set_clock(home, device, fault.size)
                else:
                    sim.drop_link(home, device)

    def _why_not(self, fault: Fault) -> str:
        if fault.kind is Kind.FILL_DISK:
            return self._house.disks[fault.target].why_not
        if fault.kind is Kind.GATEWAY_CLOCK:
            return self._house.clocks[fault.target].why_not
        return ""
