"""``make chaos ROUNDS=n SEED=s``: break everything at random, and count.

JSON on standard output, progress on standard error. Ends with 0 only if nothing is missing,
nothing is doubled, no gap is open and no receipt came before its commit.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos.campaign import Order, is_sound, run


def main() -> int:
    order, keep = _order()
    console = Console(stderr=True)
    # Not below pytest's or a user's folder: as root, PostgreSQL runs as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="telekol-chaos-"))
    folder.chmod(0o755)
    console.print(f"seed {order.seed}; logs in {folder}")
    with Progress(
        TextColumn("round"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console,
    ) as progress:
        task = progress.add_task("starting the house", total=order.rounds)
        result = run(
            order,
            folder / "house",
            lambda number, what: progress.update(task, completed=number, description=what),
        )
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    for kind, why in result["left_out"].items():
        console.print(f"left out: {kind}, since {why}")
    if is_sound(result):
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        return 0
    console.print(
        f"FAILED. Logs: {folder}. Again with: "
        f"make chaos ROUNDS={order.rounds} SEED={order.seed} HOMES={order.homes}"
    )
    return 1


def _order() -> tuple[Order, bool]:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--homes", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep the logs when all is well too")
    given = parser.parse_args()
    seed = secrets.randbelow(2**31) if given.seed is None else given.seed
    return Order(seed, given.rounds, given.homes), given.keep


if __name__ == "__main__":
    sys.exit(main())
