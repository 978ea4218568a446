"""`make evidence`: tries kol-standard on simulated patients and writes docs/evidence.

Owns the options and the files. Touches the disk.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from alerts.rulesets import loading
from benchmarks.evidence import page, plots
from benchmarks.evidence.standard import TUNING_SEED, trial
from benchmarks.evidence.trial import Asked

OUT: Final = Path(__file__).resolve().parents[2] / "docs" / "evidence"
SEED: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trial, write the results, the page and the pictures."""
    parser = argparse.ArgumentParser(prog="make evidence", description=__doc__)
    parser.add_argument("--patients", type=int, default=400, help="reported on, at each cadence")
    parser.add_argument("--tuning-patients", type=int, default=400)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--rules", default=loading.STANDARD, help="a shipped rule set, or a file")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(arguments)
    if asked.seed == TUNING_SEED:
        parser.error(
            f"expected a seed other than {TUNING_SEED}: on those patients limits are chosen"
        )
    results = trial(
        Asked(asked.patients, asked.days, asked.seed, asked.tuning_patients, TUNING_SEED),
        asked.rules,
    )
    write(results, asked.out)
    return 0


def write(results: dict[str, Any], folder: Path) -> None:
    """Write results.json, README.md and the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    said = json.dumps(results, indent=1) + "\n"
    (folder / "results.json").write_text(said, encoding="utf-8")
    # From what was written, so that the page cannot know more than the file does.
    again = json.loads(said)
    (folder / "README.md").write_text(page.text(again), encoding="utf-8")
    plots.draw(again, folder)


if __name__ == "__main__":
    sys.exit(main())
