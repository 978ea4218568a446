"""Processes and packages, weighed from outside. Touches /proc, disk and clock. Linux only."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def mb(size: float) -> float:
    """Write bytes as MB."""
    return round(size / 1e6, 1)


def installed_size(requirement: str) -> dict[str, Any]:
    """Sum the files of a requirement and all it needs, without compiled bytecode."""
    names: set[str] = set()
    _collect(Requirement(requirement), names)
    sizes = {name: _size_of(name) for name in sorted(names)}
    largest = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:5]
    return {
        "mb": mb(sum(sizes.values())),
        "packages": len(sizes),
        "largest_mb": {name: mb(sizes[name]) for name in largest},
    }


def _collect(requirement: Requirement, names: set[str]) -> None:
    try:
        found = distribution(requirement.name)
    except PackageNotFoundError:
        return
    name = found.metadata["Name"].lower().replace("_", "-")
    if name in names and not requirement.extras:
        return
    names.add(name)
    for text in found.requires or ():
        needed = Requirement(text)
        extras = requirement.extras or {""}
        if needed.marker is None or any(needed.marker.evaluate({"extra": it}) for it in extras):
            _collect(needed, names)


def _size_of(name: str) -> int:
    if name == "tele-kol":  # installed in place: its own packages that a gateway has
        root = Path(__file__).parents[1]
        files = [*root.glob("telekol/**/*"), *root.glob("gateway/**/*")]
    else:
        found = distribution(name)
        files = [Path(str(found.locate_file(file))) for file in found.files or ()]
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


def memory(pid: int) -> dict[str, float]:
    """Read resident memory, and the part that is the process's own or its share, in MB."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name in {"Rss", "Pss"}:
            found[f"{name.lower()}_mb"] = round(int(rest.split()[0]) / 1024, 1)
    return found


def processor_s(pid: int) -> float:
    """Read the processor time a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


@contextmanager
def running(arguments: Sequence[str], log: Path, **environment: str) -> Iterator[int]:
    """Run a process for a while; gives its id."""
    with log.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            arguments, stdout=sink, stderr=sink, env={**os.environ, **environment}
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


async def idle_cpu_s_per_minute(pid: int, seconds: float) -> float:
    """Measure what a process uses while nothing happens."""
    before, since = processor_s(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return round((processor_s(pid) - before) / (time.monotonic() - since) * 60, 3)


async def settled(pid: int) -> None:
    """Wait until a process has started and is quiet."""
    for _ in range(60):
        before = processor_s(pid)
        await asyncio.sleep(2)
        if processor_s(pid) - before <= 1 / TICKS_PER_S:
            return
