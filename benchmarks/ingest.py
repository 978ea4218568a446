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
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks import ingest_path as path
from benchmarks import ingest_sender
from benchmarks import ingest_store as store
from benchmarks import ingest_world as world
from device_sim.demo.broker import BrokerKind
from device_sim.demo.postgres import EmbeddedPostgres
from ingest.service import make_room
from migrations.commands import run as migrate
from tests.support.databases import execute, make_logins, sqlalchemy_url
from tests.support.processes import Broker, telekol

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

PARTS: Final = ("writer", "ways", "history", "memory", "storage")

MEMORY_ROUNDS: Final = 6

_JUDGED_MESSAGES: Final = 5_000
_JUDGED_WITHIN_S: Final = 240.0

say: Final = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the benchmark runs, and how much."""

    url: str
    folder: Path
    readings: int
    repeats: int
    turns: count[int]


Rates = dict[str, list[float]]


def main() -> None:
    """Measure and print."""
    options = _options()
    make_room()
    began_s = time.monotonic()
    with ExitStack() as stack:
        report = measure(_prepare(stack, options), options.only, options.sizes)
    report["machine"]["load_after"] = _load()
    report["machine"]["took_s"] = round(time.monotonic() - began_s)
    print(json.dumps(report, indent=2))  # noqa: T201 - its only output


def measure(place: Place, parts: Sequence[str], sizes: Sequence[float]) -> dict[str, Any]:
    """Measure the parts asked for, and put what belongs together beside each other."""
    report: dict[str, Any] = {"machine": _machine()}
    rates: Rates = {}
    # Before the tables grow: the bytes are of a database that holds nothing else.
    if "storage" in parts:
        report["storage"] = _storage(place)
    if "writer" in parts:
        _measure(place, rates, _writers(place))
    if "ways" in parts:
        _measure(place, rates, _ways(place))
    if "memory" in parts:
        report["memory"] = _memory(place)
    if "history" in parts:
        report["history"] = _history(place, sizes)
    medians = {name: round(statistics.median(found)) for name, found in rates.items()}
    report["rows_per_s"] = medians
    report["rows_per_s_of_each_run"] = {name: _rounded(found) for name, found in rates.items()}
    ratios = _ratios(medians)
    report["aims"] = {
        name: {"aim": aim, "met": ratios[name] >= aim}
        for name, aim in AIMS.items()
        if name in ratios
    }
    return ratios | report


def _measure(place: Place, rates: Rates, ways: dict[str, Callable[[], float]]) -> None:
    """Measure each in turn, round after round, so that a busy moment hits all."""
    with _progress() as progress:
        task = progress.add_task("", total=place.repeats * len(ways))
        for _ in range(place.repeats):
            for name, way in ways.items():
                progress.update(task, description=name)
                rate = way()
                rates.setdefault(name, []).append(rate)
                progress.console.print(f"{name}: {rate:,.0f} rows/s")
                progress.advance(task)


def _writers(place: Place) -> dict[str, Callable[[], float]]:
    backlog, live = place.readings // BACKLOG, place.readings // LIVE // 4

    def run(measured: Callable[..., float], messages: int, size: int) -> Callable[[], float]:
        return lambda: measured(place.url, next(place.turns), messages, size)

    return {
        "copy": run(store.copy_rows_per_s, backlog, BACKLOG),
        "writer": run(store.writer_rows_per_s, backlog, BACKLOG),
        "copy_live": run(store.copy_rows_per_s, live, LIVE),
        "writer_live": run(store.writer_rows_per_s, live, LIVE),
    }


def _ways(place: Place) -> dict[str, Callable[[], float]]:
    """List what comes by MQTT, the references on messages of the same kind, and COPY once more."""
    return {
        "copy": _writers(place)["copy"],
        "receive_only": lambda: _reference(place, "receive-only", place.readings // LIVE // 2),
        "receive_own": lambda: _reference(place, "receive-own", place.readings // LIVE // 2),
        "live": lambda: _ingest(place, place.readings // LIVE // 2, LIVE),
        "backlog": lambda: _ingest(place, place.readings * 2 // BACKLOG, BACKLOG),
        "tutorial": lambda: _reference(place, "tutorial", place.readings // LIVE // 20),
    }


def _reference(place: Place, way: str, number: int) -> float:
    with _broker() as broker:
        path.preload(broker, way, world.messages(next(place.turns), number, LIVE))
        return path.client_per_s(broker, way, number, place.url) * LIVE


def _ingest(place: Place, number: int, size: int) -> float:
    with _broker() as broker:
        ingest = path.Ingest(place.folder, broker, place.url)
        ingest.make_session()
        written = ingest_sender.packets(world.messages(next(place.turns), number, size))
        ingest_sender.send(broker.port, written)
        return ingest.drain(number) * size


@contextmanager
def _broker() -> Iterator[Broker]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Broker(Path(folder), BrokerKind.MOSQUITTO) as broker,
    ):
        yield broker


def _memory(place: Place) -> dict[str, Any]:
    """Measure what one ingest process holds after each of some rounds of live messages."""
    number = place.readings // LIVE // 2
    with _broker() as broker, _progress() as progress:
        ingest = path.Ingest(place.folder, broker, place.url)
        ingest.make_session()
        task = progress.add_task("memory", total=MEMORY_ROUNDS)

        def rounds() -> Iterator[list[world.Message]]:
            for _ in range(MEMORY_ROUNDS):
                yield list(world.messages(next(place.turns), number, LIVE))
                progress.advance(task)

        found = ingest.memory_mb(rounds())
    return {
        "readings_a_round": number * LIVE,
        "rss_mb_after_each_round": found,
        "last_to_second": round(found[-1] / found[1], 3),
        "flat": found[-1] <= 1.1 * found[1],
    }


def _storage(place: Place) -> dict[str, float]:
    """Store some thousand messages and let alerts judge them, then look at the tables."""
    store.fill(place.url, next(place.turns), _JUDGED_MESSAGES, LIVE)
    total = store.waiting(place.url)
    with _progress() as progress:
        task = progress.add_task("judging", total=total)
        alerts = telekol(place.folder, "alerts", TELEKOL_DATABASE_URL=place.url)
        deadline_s = time.monotonic() + _JUDGED_WITHIN_S
        with alerts:
            while left := store.waiting(place.url):
                if not alerts.is_running or time.monotonic() > deadline_s:
                    raise SystemExit(f"alerts did not judge everything:\n{alerts.output()}")
                progress.update(task, completed=total - left)
                time.sleep(0.5)
    return store.bytes_per_reading(place.url)


def _ratios(rates: dict[str, int]) -> dict[str, Any]:
    parts = {
        "ratio_writer_to_copy": ("writer", "copy"),
        "ratio_backlog_to_copy": ("backlog", "copy"),
        "ratio_live_to_tutorial": ("live", "tutorial"),
        "ratio_live_to_receive_only": ("live", "receive_only"),
        "ratio_live_to_receive_own": ("live", "receive_own"),
        "ratio_writer_live_to_copy_live": ("writer_live", "copy_live"),
    }
    return {
        name: round(rates[one] / rates[other], 3)
        for name, (one, other) in parts.items()
        if one in rates and other in rates
    }


def _history(place: Place, sizes: Sequence[float]) -> dict[str, Any]:
    """Measure writer and COPY as what is stored grows; what comes next is always of now."""
    rates: dict[str, dict[str, int]] = {}
    for millions in sizes:
        with say.status(f"filling up to {millions:g} million rows"):
            world.grow(place.url, int(millions * 1e6), _HISTORY_ENDS)
        found: Rates = {}
        ways = _writers(place)
        _measure(place, found, {name: ways[name] for name in ("copy", "writer")})
        rates[f"{millions:g}M"] = {
            name: round(statistics.median(each)) for name, each in found.items()
        }
    writer = [each["writer"] for each in rates.values()]
    return {
        "rows_per_s": rates,
        "last_to_first": round(writer[-1] / writer[0], 3),
        "last_within_20_pct_of_first": writer[-1] >= 0.8 * writer[0],
    }


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=say)


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
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "load_before": _load(),
    }


def _load() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def _rounded(found: Sequence[float]) -> list[int]:
    return [round(value) for value in found]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-ingest ARGS=...",
        description="How many readings a second ingest stores: alone, by MQTT, and as the database "
        "grows; beside raw COPY, receiving only, and one INSERT per reading. Prints JSON; progress "
        "goes to stderr. The full run takes about half an hour and 15 GB of disk, "
        "--sizes 1 five minutes.",
    )
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=PARTS,
        metavar="PART,...",
        help=f"what to measure, of {', '.join(PARTS)} (default: everything)",
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
    options = parser.parse_args()
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}; found {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    main()
