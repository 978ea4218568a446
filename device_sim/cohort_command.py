"""``telekol sim cohort``: patient-years in files, with their truth.

Owns this command's options.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from device_sim.cohort import Order, write
from device_sim.errors import SimulatorError
from device_sim.patient import KINDS
from device_sim.physiology.habits import Cadence


def cohort(
    *,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for the files.")],
    patients: Annotated[int, typer.Option(min=1, max=9999, help="How many patients.")] = 200,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days each.")] = 365,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    cadence: Annotated[
        Cadence,
        typer.Option(help="Agreed days; an introduction is daily for 14 days, then the other."),
    ] = Cadence.DAILY,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First day, local.")
    ] = datetime(2025, 1, 1),  # noqa: DTZ001 - a day of the patients' calendar
    kit: Annotated[
        str, typer.Option(metavar="KIND,...", help="Devices of every patient.")
    ] = ",".join(KINDS),
) -> None:
    """Write the readings and answers of many patients, and the truth beside them.

    What a server would see: `readings.csv` (series, quantity, measured_at, value), `answers.csv`
    and `schedule.csv`. The truth, to score rules by: `truth.csv` (the true level behind each
    reading and what disturbed it), `days.csv` (each patient's state, day by day), `episodes.csv`
    (kind, onset, peak, end, severity) and `patients.csv`. docs/simulator.md describes every column
    and says how close the model is to the literature.

    Patients do not depend on each other: one more changes no line of the others. A cohort that is
    in the folder already is replaced.

    **Example:** 200 patient-years, in some seconds

        telekol sim cohort --patients 200 --days 365 --seed 7 --out cohort
    """
    kinds = tuple(kind.strip() for kind in kit.split(","))
    if strange := [kind for kind in kinds if kind not in KINDS]:
        raise SimulatorError(
            f"Expected --kit of {', '.join(KINDS)}; found {', '.join(map(repr, strange))}."
        )
    order = Order(
        patients=patients, days=days, seed=seed, cadence=cadence, start=start.date(), kit=kinds
    )
    if (out / "about.json").exists():
        typer.echo(f"Replaces the cohort that was in {out}.", err=True)
    for name, lines in write(order, out).items():
        typer.echo(f"{lines:>9}  {out / name}")
