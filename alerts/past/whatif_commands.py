"""``telekol whatif``: what changed limits would have flagged of stored readings.

Owns options and output. Touches the terminal and the database, and changes nothing.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from alerts.database_commands import database
from alerts.past import whatif_store
from alerts.past.stored_year import StoredYear
from alerts.rulesets import loading
from alerts.whatif import Difference, Totals
from telekol.errors import TelekolError

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)

MOST_DAYS_SHOWN: Final = 30
"""Days that are listed for a person; all are in the JSON."""


@app.command(
    epilog="Example: **telekol whatif --team team-akut --set spo2-below-usual.red_low=-5**"
)
def whatif(
    *,
    patient: Annotated[list[UUID] | None, typer.Option(help="A patient, by id; repeat it.")] = None,
    team: Annotated[str | None, typer.Option(help="All patients of a team.")] = None,
    changed: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="RULE.PARAMETER=NUMBER", help="Or =none for no limit."),
    ] = None,
    rules: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Another rule set instead.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How far back.")] = 365,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Say what other limits would have flagged over the last days, beside what is in force.

    Patient-days on which anything is flagged, by rule, and every day on which that differs.
    Questionnaires and schedules are left out on both sides. Reads TELEKOL_DATABASE_URL and changes
    nothing. What it prints is health data.
    """
    if (patient is None) == (team is None):
        raise TelekolError("expected --patient (once or more) or --team; give one of them")
    if (changed is None) == (rules is None):
        raise TelekolError("expected --set (once or more) or --rules; give one of them")
    numbers = _numbers(changed or [])
    other = None if rules is None else loading.load(rules)
    with database("whatif") as connection:
        whom = whatif_store.patients_of_team(connection, team) if team else list(patient or [])
        years = whatif_store.stored_years(connection, whom, days=days)
    found = [(year, year.with_own(numbers) if other is None else year.under(other))
             for year in years]  # fmt: skip
    if as_json:
        typer.echo(json.dumps([_document(*each) for each in found], indent=1))
        return
    for year, difference in found:
        _show(year, difference)


def _numbers(changed: list[str]) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for one in changed:
        place, _, value = one.partition("=")
        rule, _, name = place.partition(".")
        try:
            number = None if value == "none" else float(value)
        except ValueError:
            number = float("nan")
        if not rule or not name or math.isnan(number or 0.0):
            raise TelekolError(
                f"expected --set RULE.PARAMETER=NUMBER, as spo2-below-usual.red_low=-5; "
                f"found {one!r}"
            )
        found.setdefault(rule, {})[name] = number
    return found


def _document(year: StoredYear, difference: Difference) -> dict[str, object]:
    about = {"rule_set": year.rule_set.name, "version": year.rule_set.version}
    return about | {"patients": len(year.past.readings.names)} | difference.as_document()


def _show(year: StoredYear, difference: Difference) -> None:
    console = Console()
    console.print(
        f"{len(year.past.readings.names)} patients under {year.rule_set.name}, "
        f"{difference.before.days} patient-days with readings",
        markup=False,
    )
    table = Table("rule", "flagged", "of it red", "would be", "of it red")
    for name, (before, after) in difference.rules.items():
        table.add_row(name, *_cells(before), *_cells(after))
    table.add_row("any", *_cells(difference.before), *_cells(difference.after), style="bold")
    console.print(table)
    moved = [day for day in difference.days if day.before != day.after]
    console.print(f"{len(moved)} days would have another colour.")
    for day in moved[:MOST_DAYS_SHOWN]:
        rules = ", ".join(day.rules_after or day.rules_before)
        line = f"  {day.day}  {day.before} -> {day.after}  {day.series}  {rules}"
        console.print(line, markup=False, highlight=False)
    if difference.left_out:
        console.print(f"Not asked here: {', '.join(difference.left_out)}.", markup=False)


def _cells(totals: Totals | None) -> tuple[str, str]:
    return ("-", "-") if totals is None else (str(totals.flagged), str(totals.red))
