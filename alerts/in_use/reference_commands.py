"""``telekol reference``: usual levels that wait for a physician. Touches the process."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from alerts.database_commands import database
from alerts.in_use import reference_store

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Usual levels of patients, as the engine proposes them from the intensive first period.\n\n"
        "A proposal is used at once, and every finding made with it says that nobody has approved "
        "it. Reads TELEKOL_DATABASE_URL. What it prints is health data."
    ),
)

Number = Annotated[int, typer.Argument(help="Number of the level, from `telekol reference list`.")]
By = Annotated[str, typer.Option(help="The physician, by clinician id.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


@app.command("list")
def list_proposals(
    *,
    patient: Annotated[UUID | None, typer.Option(help="Only of this patient, by id.")] = None,
    most: Annotated[int, typer.Option(min=1, help="How many of the oldest are listed.")] = 100,
    as_json: Json = False,
) -> None:
    """List proposed levels that wait for a physician, the oldest first."""
    with database("reference") as connection:
        waiting = reference_store.proposals(connection, patient, most)
    if as_json:
        typer.echo(json.dumps(waiting, indent=2, default=str))
        return
    table = Table("id", "patient", "quantity", "value", "readings", "since")
    for one in waiting:
        count = str((one["evidence"] or {}).get("n", ""))
        named = (one["id"], one["patient_id"], one["quantity"], one["value"])
        table.add_row(*(str(value) for value in named), count, f"{one['since']:%Y-%m-%d}")
    Console().print(table if waiting else "No proposal waits for a physician.")


@app.command()
def approve(number: Number, *, by: By) -> None:
    """Note that a physician approves a level; findings say from then on that it is."""
    with database("reference") as connection, connection.transaction():
        reference_store.approve(connection, number, by)
    typer.echo(f"Usual level {number} is approved by {by}.")


@app.command()
def refuse(number: Number, *, by: By) -> None:
    """End a proposal that is not the patient's usual level; a clinician writes another."""
    with database("reference") as connection, connection.transaction():
        reference_store.refuse(connection, number, by)
    typer.echo(f"Usual level {number} is ended by {by}.")
