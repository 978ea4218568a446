"""``telekol sweep``: rule sets over everybody, in blocks. Touches disk, database and terminal.

Owns options and output. Standard output is one JSON object.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from alerts import reading_table
from alerts.database_commands import database
from alerts.past.sweep import BLOCK_PATIENTS, HERE, Part, held, sweep
from alerts.past.sweep_store import stored_parts
from alerts.past.tallies import Swept
from alerts.reading_table import TableError
from alerts.rulesets import loading
from alerts.rulesets.model import RuleSet

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.command(
    name="sweep",
    epilog="Example: **telekol sweep readings.csv --rules kol-standard --rules mine.toml "
    "--scheduler threads**",
)
def sweep_everybody(
    readings: Annotated[
        Path | None,
        typer.Argument(
            metavar="[READINGS.csv]",
            help="A file as `telekol evaluate` reads it; without one, the database.",
            show_default=False,
        ),
    ] = None,
    *,
    rules: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FILE", help="A rule set; repeat it to compare several."),
    ] = None,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="none|threads|ADDRESS",
            help="Where blocks are worked on; a Dask scheduler as tcp://host:8786.",
        ),
    ] = HERE,
    block_patients: Annotated[
        int, typer.Option(min=1, max=100_000, help="Patients in a block.")
    ] = BLOCK_PATIENTS,
    days: Annotated[
        int | None, typer.Option(min=1, max=36600, help="Judge the last days only.")
    ] = None,
) -> None:
    """Judge every reading of everybody by one or more rule sets, and count.

    Prints for each rule set the patient-days, how many are yellow and red, how many readings each
    rule graded how, and a **digest** over every reading, severity and score: equal digests are
    equal answers, wherever and in whatever blocks they were found. With an ADDRESS the workers
    need tele-kol of the same version and, for the database, TELEKOL_DATABASE_URL of their own.
    What is printed names no patient.
    """
    rule_sets = [loading.load(name) for name in rules or [loading.STANDARD]]
    now = datetime.now(UTC)
    parts, last_us = _parts(readings, rule_sets, now, block_patients)
    since = None if days is None else last_us - round(timedelta(days=days).total_seconds() * 1e6)
    found = sweep(parts, rule_sets, scheduler, since)
    typer.echo(json.dumps([_document(each) for each in found], indent=1))


def _parts(
    readings: Path | None, rule_sets: list[RuleSet], now: datetime, patients: int
) -> tuple[list[Part], int]:
    """Give the parts, and the moment from which days are counted back."""
    if readings is None:
        with database("sweep") as connection:
            return list(stored_parts(connection, rule_sets, now, patients)), _us(now)
    try:
        content = readings.read_bytes()
    except OSError as error:
        raise TableError(
            f"{readings} cannot be read: {error.strerror}; expected a CSV file with the columns "
            f"{','.join(reading_table.COLUMNS)}"
        ) from None
    table = reading_table.parsed(content, str(readings)).readings
    return list(held(table, patients=patients)), int(table.measured_us.max(initial=0))


def _document(swept: Swept) -> dict[str, Any]:
    of = swept.patients.values()
    days, yellow, red = (sum(getattr(one, key) for one in of) for key in ("days", "yellow", "red"))
    return {
        "rule_set": swept.rule_set,
        "fingerprint": swept.fingerprint,
        "patients": len(swept.patients),
        "patient_days": days,
        "yellow": yellow,
        "red": red,
        "flagged_per_patient_day": round((yellow + red) / days, 5) if days else None,
        "readings": swept.readings,
        "left_out": list(swept.left_out),
        "digest": swept.digest,
    }


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
