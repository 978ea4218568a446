"""Rule sets over a whole population, block by block: here, on threads, or on a cluster.

    swept = sweep(parts, [rule_set], runner="threads")
    swept[0].flagged_per_day, swept[0].digest

Owns the work on one block, the order of adding up, and the handing of blocks to Dask, which is
imported only when it is asked for (`tele-kol[sweep]`). Parts bring their readings themselves, so
a worker of a cluster loads its own block and the whole never lies in one memory.

Invariants
----------
1. Wherever blocks are worked on, and however large they are, the answers are the same.
2. What comes back of a block is a count per patient and rule (`alerts.past.tallies`): memory is
   that of the blocks that are in work, and a few numbers a patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Protocol

from alerts.context import Context
from alerts.past.blocks import Block, blocks
from alerts.past.tallies import SweepError, Swept, Tally, added, tally
from alerts.readings import Readings
from alerts.rulesets.model import RuleSet

BLOCK_PATIENTS: Final = 200
"""Patients in a block: a year of daily sets of four devices is 500,000 readings, some 20 MB."""

HERE: Final = "none"
THREADS: Final = "threads"
CONNECT_S: Final = 30


class Part(Protocol):
    """A block that somebody can fetch, also in another process: it has to pickle."""

    def load(self) -> Block:
        """Fetch the block's readings."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """A part whose readings are at hand already."""

    block: Block

    def load(self) -> Block:
        """Give the block."""
        return self.block


def held(
    readings: Readings, context: Context | None = None, patients: int = BLOCK_PATIENTS
) -> list[Held]:
    """Cut readings that are at hand into parts."""
    return [Held(block) for block in blocks(readings, context or Context(), patients)]


def sweep(
    parts: Iterable[Part],
    rule_sets: Sequence[RuleSet],
    runner: str = HERE,
    since_us: int | None = None,
) -> list[Swept]:
    """Judge every reading of every part by every rule set.

    Parameters
    ----------
    runner
        ``none`` works here, one block after the other, without Dask; ``threads`` on as many
        threads as there are cores; else the address of a Dask scheduler, as ``tcp://host:8786``.
    since_us
        Readings before are history that rules look back on, and are not judged.

    Raises
    ------
    SweepError
        If Dask is not installed, or nobody answers at the address.
    """
    asked = list(parts)
    if runner == HERE:
        found = [work(part, rule_sets, since_us) for part in asked]
    elif runner == THREADS:
        found = _on_threads(asked, rule_sets, since_us)
    else:
        found = _on_cluster(runner, asked, rule_sets, since_us)
    return [
        added(rule_set, [tallies[at] for tallies in found]) for at, rule_set in enumerate(rule_sets)
    ]


def work(part: Part, rule_sets: Sequence[RuleSet], since_us: int | None) -> list[Tally]:
    """Judge one part by each rule set; what a thread or a worker does."""
    block = part.load()
    return [tally(block, rule_set, since_us) for rule_set in rule_sets]


def _on_threads(
    parts: Sequence[Part], rule_sets: Sequence[RuleSet], since_us: int | None
) -> list[list[Tally]]:
    dask = _dask()
    tasks = _tasks(dask, parts, rule_sets, since_us)
    return list(dask.compute(*tasks, scheduler="threads"))


def _on_cluster(
    address: str, parts: Sequence[Part], rule_sets: Sequence[RuleSet], since_us: int | None
) -> list[list[Tally]]:
    dask = _dask()
    try:
        distributed = import_module("distributed")
        client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SweepError(
            f"expected a Dask scheduler at {address}; found none ({error}). "
            "Start one (`dask scheduler`) and workers that have tele-kol installed."
        ) from error
    with client:
        return list(dask.compute(*_tasks(dask, parts, rule_sets, since_us), scheduler=client))


def _tasks(
    dask: Any, parts: Sequence[Part], rule_sets: Sequence[RuleSet], since_us: int | None
) -> list[Any]:
    asked = list(rule_sets)
    return [dask.delayed(work, pure=False)(dask.delayed(part, traverse=False), asked, since_us)
            for part in parts]  # fmt: skip


def _dask() -> Any:
    try:
        return import_module("dask")
    except ModuleNotFoundError:
        raise SweepError(
            "expected Dask for threads or a cluster; it is not installed. "
            "Install tele-kol[sweep], or use --scheduler none."
        ) from None
