"""``telekol validity``: readings that do not hold. Touches the process."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from ingest.operators import By, Json, Reason, database, person, print_json, print_table, said
from telekol import corrections
from telekol.corrections import Said

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Say that a reading does not hold, as when a cuff slipped, and take that back.\n\n"
        "It stays stored and is in no window and no baseline. Reads TELEKOL_DATABASE_URL."
    ),
)

Reading = Annotated[UUID, typer.Argument(help="Id of the reading.")]
Patient = Annotated[UUID, typer.Option(help="Whose it is.")]


@app.command("list")
def list_said(
    *,
    patient: Annotated[UUID | None, typer.Option(help="Only this patient's.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that hold after all.")
    ] = False,
    most: Annotated[int, typer.Option(min=0, max=10_000, help="How many are listed.")] = 200,
    as_json: Json = False,
) -> None:
    """List readings that somebody said do not hold, the newest first."""
    with database("validity") as connection:
        found = corrections.said_of(connection, patient, also_valid=everything, most=most)
    if as_json:
        print_json({"said": found})
        return
    print_table("Do not hold", found, "Every reading holds.")


@app.command()
def invalidate(
    reading: Reading,
    *,
    patient: Patient,
    counts: Annotated[
        bool,
        typer.Option(
            "--counts/--does-not-count",
            help="Whether the patient has done what was asked, though it is not used.",
        ),
    ],
    reason: Reason,
    by: By = None,
) -> None:
    """Say that a reading does not hold, and whether it still counts as submitted."""
    words = Said(person(by), said(reason))
    with database("validity") as connection:
        event = corrections.invalidate(connection, reading, patient, words, counts=counts)
    Console().print(f"Noted as {event}.", highlight=False)


@app.command()
def reinstate(reading: Reading, *, patient: Patient, reason: Reason, by: By = None) -> None:
    """Say that a reading holds after all."""
    words = Said(person(by), said(reason))
    with database("validity") as connection:
        event = corrections.reinstate(connection, reading, patient, words)
    Console().print(f"Noted as {event}.", highlight=False)
