"""Runs a demo: lets patients live their stories, breaks what it was asked to, reports.

Touches the clock. Decides nothing about delivery: what was emitted is counted by the devices,
what was stored is read from the database.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.live import Live
from rich.table import Table

from device_sim.demo import report, stories
from device_sim.demo.board_ear import BoardEar
from device_sim.demo.house import House
from device_sim.demo.interruption import Interruption
from device_sim.demo.records import DatabaseAwayError
from device_sim.errors import ControlError
from telekol.process import StopSignal

TICK_S: Final = 0.25
DRAIN_TIMEOUT_S: Final = 90.0
"""How long the last readings may take; longer than a gateway's own patience with a receipt."""

EAR_TIMEOUT_S: Final = 5.0
AWAY: Final = (ControlError, DatabaseAwayError)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play.

    Parameters
    ----------
    duration_s
        None: until stopped.
    interval_s
        Seconds between two measurements of a home.
    """

    duration_s: float | None
    interval_s: float
    interruptions: Sequence[Interruption]


class Conductor:
    """One demo, from the first measurement to the report."""

    def __init__(self, house: House, plan: Plan, console: Console, stop: StopSignal) -> None:
        self._house = house
        self._plan = plan
        self._console = console
        self._stop = stop
        self._ear = BoardEar(house.address)
        self._records = house.records()
        self._since: datetime = self._patiently(self._records.now)
        self._began_s = time.monotonic()
        self._chapter = -1

    def play(self) -> None:
        """Let the homes measure until the time is up or somebody stops the demo."""
        self._ear.start()
        self._tell_stories(0)
        with self._house.control() as sim:
            sim.start(self._plan.interval_s)
        self._began_s = time.monotonic()
        with Live(self._picture(), console=self._console, refresh_per_second=4) as live:
            while not self._is_over():
                self._tell_stories(int(self._elapsed_s() // stories.CHAPTER_S))
                self._interrupt()
                live.update(self._picture())
                self._stop.wait(TICK_S)
        self._console.print()
        for interruption in self._plan.interruptions:
            self._house.supervisor.release(interruption.service)

    def finish(self) -> dict[str, Any]:
        """Let everything arrive, and give the report."""
        with self._house.control() as sim:
            sim.stop()
        with self._console.status("waiting for the last readings"):
            self._wait(self._is_drained, DRAIN_TIMEOUT_S)
            self._wait(self._is_heard, EAR_TIMEOUT_S)
        return self._patiently(self._summary)

    def _summary(self) -> dict[str, Any]:
        emitted, stored = self._emitted(), self._stored()
        return report.summary(
            report.compare(emitted, stored),
            report.latencies_s(emitted, stored, self._ear.heard),
            self._records.alerts(self._since),
            homes=len(self._house.gateways),
            duration_s=round(self._elapsed_s(), 1),
            quarantined=self._records.count("quarantine", self._since),
            restarts={n: r for n, r in self._house.supervisor.restarts.items() if r},
        )

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask the database; when it is away, again until DRAIN_TIMEOUT_S have passed."""
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        while True:
            try:
                return ask()
            except DatabaseAwayError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(TICK_S)

    def close(self) -> None:
        """Let go of board and database."""
        self._ear.stop()
        self._records.close()

    def _is_over(self) -> bool:
        limit = self._plan.duration_s
        return self._stop.is_set() or (limit is not None and self._elapsed_s() >= limit)

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    def _tell_stories(self, number: int) -> None:
        """Turn to a chapter, once; a simulator that is away hears of it when it is back."""
        if number == self._chapter:
            return
        with contextlib.suppress(ControlError), self._house.control() as sim:
            for home_number, gateway in enumerate(self._house.gateways):
                sim.set_usual(gateway, **stories.chapter(home_number, number))
            self._chapter = number

    def _interrupt(self) -> None:
        for interruption in self._plan.interruptions:
            name, running = interruption.service, self._house.supervisor.is_running
            if interruption.is_on(self._elapsed_s()):
                if running(name):
                    self._house.supervisor.hold_down(name)
            else:
                self._house.supervisor.release(name)

    def _emitted(self) -> dict[report.Key, datetime]:
        with self._house.emissions.open(encoding="utf-8") as lines:
            return report.read_emissions(lines)

    def _stored(self) -> list[report.StoredReading]:
        serials = sorted({serial for serial, _, _ in self._emitted()})
        return self._records.stored(serials, self._since)

    def _is_drained(self) -> bool:
        with contextlib.suppress(*AWAY), self._house.control() as sim:
            total = sim.status()["total"]
            outcome = report.compare(self._emitted(), self._stored())
            return total["pending"] == 0 and outcome.missing == 0
        return False

    def _is_heard(self) -> bool:
        with contextlib.suppress(DatabaseAwayError):
            return all(reading.reading_id in self._ear.heard for reading in self._stored())
        return False

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < deadline and not self._stop.is_set():
            time.sleep(TICK_S)

    def _picture(self) -> Table:
        emitted = self._emitted() if self._house.emissions.exists() else {}
        elapsed_s, duration_s = self._elapsed_s(), self._plan.duration_s
        try:
            outcome = report.compare(emitted, self._stored() if emitted else [])
            return status(elapsed_s, duration_s, outcome, self._records.open_cases())
        except DatabaseAwayError:
            return status(elapsed_s, duration_s, report.compare(emitted, []), None)


def status(
    elapsed_s: float,
    duration_s: float | None,
    outcome: report.Outcome,
    cases: dict[str, int] | None,
) -> Table:
    """Draw one line that says how the demo is going; without `cases` the database is away."""
    table = Table.grid(padding=(0, 2))
    of = f"/{duration_s:.0f}" if duration_s else ""
    so_far = (f"  {elapsed_s:4.0f}{of} s", f"readings {outcome.emitted}")
    if cases is None:
        table.add_row(*so_far, "database away; waiting for it")
        return table
    open_cases = ", ".join(f"{cases[c]} {c}" for c in ("red", "yellow", "blue") if c in cases)
    table.add_row(
        *so_far,
        f"stored {outcome.stored}",
        f"on the way {outcome.missing}",
        f"open cases: {open_cases or 'none'}",
    )
    return table


def write(file: Path, content: dict[str, Any]) -> None:
    """Write the report."""
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
