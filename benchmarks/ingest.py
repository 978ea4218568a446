"""How fast ingest is, beside what limits it and beside how it is commonly done.

    make bench-ingest
    make bench-ingest ARGS="--sizes 1 --readings 100000"

prints one JSON object; benchmarks/README.md says how to read it. Everything is measured in the
same run on the same machine, on a PostgreSQL and a Mosquitto of its own: compare the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks import ingest_path as path
from benchmarks import ingest_sender
from benchmarks import ingest_store as store
from benchmarks import ingest_world as world
from device_sim.demo.broker import BrokerKind
from device_sim.demo.postgres import EmbeddedPostgres
from ingest.service import make_room
from migrations.commands import run as migrate
from tests.support.databases import execute, make_logins, sqlalchemy_url
from tests.support.processes import Broker

BACKLOG: Final = 100
"""Readings in a message of a home that comes back."""

LIVE: Final = 4
"""Readings in a message sent at once: oxygen, pulse and two more."""

AIMS: Final = {
    "ratio_writer_to_copy": 0.7,
    "ratio_backlog_to_copy": 0.5,
    "ratio_live_to_tutorial": 5.0,
    "ratio_live_to_receive_only": 0.7,
}

_DATABASE: Final = "bench"
_HISTORY_ENDS: Final = datetime(2025, 12, 31, tzinfo=UTC)
"""A day before the first reading that is measured: history first, then what comes now."""

say: Final = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the benchmark runs, and how much."""

    url: str
    folder: Path
    readings: int
    repeats: int
    turns: count[int]


def main() -> None:
    """Measure and print."""
    options = _options()
    make_room()
    with ExitStack() as stack:
        place = _prepare(stack, options)
        report = measure(place, options.sizes)
    print(json.dumps(report, indent=2))  # noqa: T201 - its only output


def measure(place: Place, sizes: Sequence[float]) -> dict[str, Any]:
    """Measure everything, and put what belongs together beside each other."""
    report: dict[str, Any] = {"machine": _machine(), "rows_per_s": {}}
    report["rows_per_s"] = _stores(place) | _ways(place, report)
    report |= _ratios(report["rows_per_s"])
    report["history"] = _history(place, sizes)
    report["storage"] = store.bytes_per_reading(place.url)
    report["aims"] = {name: {"aim": aim, "met": report[name] >= aim} for name, aim in AIMS.items()}
    return report


def _stores(place: Place) -> dict[str, Any]:
    """Measure the writer and COPY in turn, so that a busy moment hits both."""
    rates: dict[str, list[float]] = {"copy": [], "writer": [], "copy_live": [], "writer_live": []}
    messages, live = place.readings // BACKLOG, place.readings // LIVE // 4
    with say.status("storing"):
        for _ in range(place.repeats):
            for name, measured, number, size in (
                ("copy", store.copy_rows_per_s, messages, BACKLOG),
                ("writer", store.writer_rows_per_s, messages, BACKLOG),
                ("copy_live", store.copy_rows_per_s, live, LIVE),
                ("writer_live", store.writer_rows_per_s, live, LIVE),
            ):
                rates[name].append(measured(place.url, next(place.turns), number, size))
                say.print(f"{name}: {rates[name][-1]:,.0f} rows/s")
    return {name: _median(found) for name, found in rates.items()}


def _ways(place: Place, report: dict[str, Any]) -> dict[str, float]:
    """Measure what comes by MQTT: each way in turn, on the same live messages."""
    ways: dict[str, Callable[[Broker], tuple[float, dict[str, Any]]]] = {
        "receive_only": lambda broker: _reference(place, broker, "receive-only"),
        "live": lambda broker: _ingest(place, broker, place.readings // LIVE // 2, LIVE),
        "backlog": lambda broker: _ingest(place, broker, place.readings * 2 // BACKLOG, BACKLOG),
        "tutorial": lambda broker: _reference(place, broker, "tutorial"),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(place.repeats):
        for name, way in ways.items():
            with (
                say.status(f"{name}: from the broker"),
                tempfile.TemporaryDirectory() as folder,
                Broker(Path(folder), BrokerKind.MOSQUITTO) as broker,
            ):
                rate, usage = way(broker)
            rates[name].append(rate)
            say.print(f"{name}: {rate:,.0f} rows/s {usage or ''}")
            if usage:
                report.setdefault("memory", {})[name] = usage
    return {name: _median(found) for name, found in rates.items()}


def _reference(place: Place, broker: Broker, way: str) -> tuple[float, dict[str, Any]]:
    number = place.readings // LIVE // (2 if way == "receive-only" else 20)
    turn = next(place.turns)
    path.preload(broker, way, world.messages(turn, number, LIVE))
    return path.client_per_s(broker, way, number, place.url) * LIVE, {}


def _ingest(place: Place, broker: Broker, number: int, size: int) -> tuple[float, dict[str, Any]]:
    turn = next(place.turns)
    ingest = path.Ingest(place.folder, broker, place.url)
    ingest.make_session()
    ingest_sender.send(broker.port, ingest_sender.packets(world.messages(turn, number, size)))
    rate, usage = ingest.drain(number)
    return rate * size, usage


def _ratios(rates: dict[str, Any]) -> dict[str, float]:
    parts = {
        "ratio_writer_to_copy": ("writer", "copy"),
        "ratio_backlog_to_copy": ("backlog", "copy"),
        "ratio_live_to_tutorial": ("live", "tutorial"),
        "ratio_live_to_receive_only": ("live", "receive_only"),
    }
    return {name: round(rates[one] / rates[other], 3) for name, (one, other) in parts.items()}


def _history(place: Place, sizes: Sequence[float]) -> dict[str, Any]:
    """Measure the writer as what is stored grows; what comes next is always of now."""
    rows_per_s = {}
    for millions in sizes:
        with say.status(f"filling up to {millions:g} million rows"):
            world.grow(place.url, int(millions * 1e6), _HISTORY_ENDS)
        found = []
        for _ in range(place.repeats):
            rate = store.writer_rows_per_s(
                place.url, next(place.turns), place.readings // BACKLOG, BACKLOG
            )
            found.append(rate)
            say.print(f"at {millions:g} million rows: {rate:,.0f} rows/s")
        rows_per_s[f"{millions:g}M"] = _median(found)
    rates = list(rows_per_s.values())
    return {
        "rows_per_s": rows_per_s,
        "last_to_first": round(rates[-1] / rates[0], 3),
        "last_within_20_pct_of_first": rates[-1] >= 0.8 * rates[0],
    }


def _prepare(stack: ExitStack, options: argparse.Namespace) -> Place:
    folder = Path(
        stack.enter_context(
            tempfile.TemporaryDirectory(
                prefix="telekol-bench-", dir=options.folder, ignore_cleanup_errors=True
            )
        )
    )
    folder.chmod(0o755)
    with say.status("starting PostgreSQL"):
        server = stack.enter_context(EmbeddedPostgres(folder / "data"))
    for setting in options.set:
        name, _, value = setting.partition("=")
        execute(server.url(), f"alter system set {name} = '{value}'")
    execute(server.url(), "select pg_reload_conf()")
    execute(server.url(), f"create database {_DATABASE}")
    url = server.url(_DATABASE)
    migrate(sqlalchemy_url(url))
    make_logins(url)
    world.seed(url)
    return Place(url, folder, options.readings, options.repeats, count(1))


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "load_before": [round(value, 2) for value in os.getloadavg()],
    }


def _median(found: Sequence[float]) -> int:
    return round(statistics.median(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-ingest ARGS=...",
        description="How many readings a second ingest stores: alone, by MQTT, and as the database "
        "grows; beside raw COPY, receiving only, and one INSERT per reading. Prints JSON; progress "
        "goes to stderr. The full run takes about half an hour and 15 GB of disk, "
        "--sizes 1 five minutes.",
    )
    parser.add_argument(
        "--sizes",
        type=lambda text: [float(part) for part in text.split(",")],
        default=[1, 10, 30],
        metavar="M,M,...",
        help="millions of stored rows at which the writer is measured (default: 1,10,30)",
    )
    parser.add_argument(
        "--readings",
        type=int,
        default=200_000,
        metavar="N",
        help="readings in one measurement; fewer are less steady (default: %(default)s)",
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=3,
        metavar="N",
        help="how often each is measured; the median counts (default: %(default)s)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="where the database lives while it runs; choose the disk you want to know about",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of PostgreSQL, e.g. max_wal_size=4GB; may be repeated",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
